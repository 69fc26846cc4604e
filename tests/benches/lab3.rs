//! What lab 3 costs, everything on: monitors, codec, fingerprint, every history checked.

use criterion::{Criterion, criterion_group, criterion_main};
use kvraft::rsm::Reads;
use raft::Raft;
use std::hint::black_box;
use std::time::Duration;
use tests::kv::Over;
use tests::run::{self, Monitors, Options};
use tests::suites;

/// One seed of all 23 scenarios of 3A and 3B, with reads through the log and by `ReadIndex`, and
/// with no monitors.
fn suite(c: &mut Criterion) {
    let mut group = c.benchmark_group("one seed of 3A-3B");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    let entries = suites::lab3::<Over<Raft>>();
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
                for entry in &entries {
                    black_box(run::run(entry, seed, &options).fingerprint);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, suite);
criterion_main!(benches);
