//! What it costs to check a history: it should grow as the history does.
//!
//! `cargo bench -p tests --bench linear`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use labrpc::Rng;
use std::hint::black_box;
use std::time::Duration;
use tests::linear::{
    DEFAULT_LIMIT, Kv, KvOperation, Verdict, check, check_kv, from_json_lines, to_json_lines,
};

#[path = "../tests/linear/simulate.rs"]
mod simulate;
use simulate::{Shape, history};

/// One key and fifty clients, of whom almost all have an operation open at any time.
const FIFTY: Shape =
    Shape { operations: 0, clients: 50, puts: 5, appends: 50, open: 0, values: 0, pace: 2 };

fn fifty(operations: usize) -> Vec<KvOperation> {
    history(&Shape { operations, ..FIFTY }, &mut Rng::new(1))
}

/// A history whose last get misses the write before it.
fn broken(operations: usize) -> Vec<KvOperation> {
    let mut history = fifty(operations);
    for (_, shown) in history.iter_mut().rev().filter_map(|it| it.end.as_mut()) {
        if !shown.is_empty() {
            shown.pop();
            break;
        }
    }
    history
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("one key, fifty clients, decoded");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for operations in [1_000, 10_000, 100_000, 1_000_000] {
        let history = fifty(operations);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_with_input(BenchmarkId::from_parameter(operations), &history, |b, history| {
            b.iter(|| assert_eq!(check_kv(black_box(history), 0).verdict, Verdict::Linearizable));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("the same, explained");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for operations in [1_000, 100_000] {
        let history = broken(operations);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_with_input(BenchmarkId::from_parameter(operations), &history, |b, history| {
            b.iter(|| assert_ne!(check_kv(black_box(history), 0).verdict, Verdict::Linearizable));
        });
    }
    group.finish();
}

/// One client, and a few: what histories with repeated values come to.
fn searching(c: &mut Criterion) {
    for clients in [1, 3] {
        let mut group = c.benchmark_group(format!("one key, clients: {clients}, searched"));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for operations in [1_000, 10_000, 100_000] {
            let shape = Shape { operations, clients, puts: 30, appends: 20, values: 3, ..FIFTY };
            let history = history(&shape, &mut Rng::new(1));
            group.throughput(Throughput::Elements(operations as u64));
            group.bench_with_input(
                BenchmarkId::from_parameter(operations),
                &history,
                |b, history| {
                    b.iter(|| {
                        let report = check(&Kv, black_box(history), DEFAULT_LIMIT);
                        assert_eq!(report.verdict, Verdict::Linearizable);
                    });
                },
            );
        }
        group.finish();
    }
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("lines of JSON, read");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    let lines = to_json_lines(&fifty(100_000));
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("100000", |b| {
        b.iter(|| from_json_lines(black_box(lines.as_bytes())).expect("a history").len());
    });
    group.finish();
}

criterion_group!(benches, decoding, searching, reading);
criterion_main!(benches);
