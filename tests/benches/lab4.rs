//! What lab 4 costs, everything on: monitors, codec, fingerprint, every history checked; and what a
//! sharded store achieves with more and more groups.

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use kvraft::rsm::Reads;
use raft::Raft;
use std::hint::black_box;
use std::time::Duration;
use tests::run::{self, Monitors, Options};
use tests::scale::{Scale, measure};
use tests::shard::Over;
use tests::suites;

/// One seed of all 17 scenarios of 4A and 4B, with reads through the log and by `ReadIndex`, and
/// with no monitors.
fn suite(c: &mut Criterion) {
    let mut group = c.benchmark_group("one seed of 4A-4B");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    let (masters, shards) = (suites::lab4a::<Over<Raft>>(), suites::lab4b::<Over<Raft>>());
    for (name, monitors, reads) in [
        ("reads through the log", Monitors::On, Reads::Log),
        ("reads by ReadIndex", Monitors::On, Reads::Index),
        ("reads through the log, no monitors", Monitors::Off, Reads::Log),
    ] {
        let options = Options { monitors, reads, ..Options::default() };
        let mut seed = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seed += 1;
                for entry in &masters {
                    black_box(run::run(entry, seed, &options).fingerprint);
                }
                for entry in &shards {
                    black_box(run::run(entry, seed, &options).fingerprint);
                }
            });
        });
    }
    group.finish();
}

/// A row of `lab scale` for each number of groups. The time is what it takes to simulate it; what
/// is simulated, which is the same each time, is printed beside it.
fn scale(c: &mut Criterion) {
    let mut group = c.benchmark_group("a store under load, by groups");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for groups in [1, 2, 4, 8, 16] {
        let (of_groups, mut figures) = (Scale::new(groups), None);
        group.bench_function(BenchmarkId::from_parameter(groups), |b| {
            b.iter(|| figures = Some(measure::<Over<Raft>>(of_groups, 0).expect("it runs")));
        });
        // A filter may have left it out.
        if let Some(figures) = figures {
            let ops = figures.ops_per_second;
            eprintln!("{groups} groups: {ops:.0} operations per simulated second");
        }
    }
    group.finish();
}

criterion_group!(benches, suite, scale);
criterion_main!(benches);
