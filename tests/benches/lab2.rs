//! What the suites and an open load cost. Times are wall-clock and this machine's; the ratios
//! between rows of one run are what to compare.
//!
//! `cargo bench -p tests`

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use raft::{Config, Raft};
use std::hint::black_box;
use std::time::Duration;
use tests::load::{self, Load};
use tests::run::{self, Monitors, Options};
use tests::suites;

/// One seed of all 28 scenarios of 2A to 2D, with and without monitors.
fn suite(c: &mut Criterion) {
    let mut group = c.benchmark_group("one seed of 2A-2D");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let entries = suites::lab2::<Raft>();
    for (name, monitors) in [("all monitors", Monitors::On), ("no monitors", Monitors::Off)] {
        let options = Options { monitors, ..Options::default() };
        let mut seed = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seed += 1;
                for entry in &entries {
                    black_box(run::run(entry, seed, &options).fingerprint);
                }
            });
        });
    }
    group.finish();
}

/// 20,000 commands of an open load: five servers, a thousand 16-byte proposals a second, unreliable.
fn open_load(c: &mut Criterion) {
    const COMMANDS: u64 = 20_000;
    let one_at_a_time = Config::default();
    let pipelined = Config { max_entries: 6, max_in_flight: 16, ..Config::default() };
    for (name, config) in
        [("one append in flight", one_at_a_time), ("six entries, 16 in flight", pipelined)]
    {
        let mut group = c.benchmark_group(format!("open load, {name}"));
        group.sample_size(10).measurement_time(Duration::from_secs(5));
        let load = Load::standard(config);
        let cost = load::run::<Raft>(&load, 1, &[COMMANDS]).expect("the load runs")[0];
        for (unit, amount) in [("commands", cost.commands), ("messages", cost.messages)] {
            group.throughput(Throughput::Elements(amount));
            group.bench_function(unit, |b| {
                b.iter(|| load::run::<Raft>(&load, 1, &[COMMANDS]).expect("the load runs"));
            });
        }
        group.finish();
    }
}

/// A thousand commands early in a log, and a thousand late; the ratio is what growth costs.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("commands up to a mark, no snapshots");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let load = Load::standard(Config::default());
    for mark in [10_000, 100_000] {
        group.throughput(Throughput::Elements(mark));
        group.bench_function(mark.to_string(), |b| {
            b.iter_batched(
                || load.clone(),
                |load| load::run::<Raft>(&load, 1, &[mark]).expect("the load runs"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, suite, open_load, growth);
criterion_main!(benches);
