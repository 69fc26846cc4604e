//! The disk against a simple model of the same contract, whole and cut short by crashes.

use crate::puppet::Puppet;
use labrpc::{CrashPoint, Disk, Network, Persister, World, Writes};
use proptest::prelude::*;
use std::ops::Range;

/// A write, as a value. Indexes are offsets from the end of the log or into it, so that they make
/// sense whatever came before.
#[derive(Clone, Debug)]
enum Write {
    State(Vec<u8>),
    Snapshot(Vec<u8>),
    Append { back: u64, record: Vec<u8> },
    Truncate { back: u64 },
    Trim { below: u64 },
    TrimPastTheEnd { by: u64 },
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..20)
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        1 => bytes().prop_map(Write::State),
        1 => bytes().prop_map(Write::Snapshot),
        6 => bytes().prop_map(|record| Write::Append { back: 0, record }),
        2 => (0..8_u64, bytes()).prop_map(|(back, record)| Write::Append { back, record }),
        2 => (0..8_u64).prop_map(|back| Write::Truncate { back }),
        2 => (0..8_u64).prop_map(|below| Write::Trim { below }),
        1 => (0..5_u64).prop_map(|by| Write::TrimPastTheEnd { by }),
    ]
}

/// The contract, in its simplest form.
#[derive(Clone, Debug)]
struct Model {
    state: Vec<u8>,
    snapshot: Vec<u8>,
    records: Vec<(u64, Vec<u8>)>,
    /// Where an empty log stands.
    start: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self { state: Vec::new(), snapshot: Vec::new(), records: Vec::new(), start: 1 }
    }
}

impl Model {
    fn log(&self) -> Range<u64> {
        self.start..self.records.last().map_or(self.start, |(index, _)| index + 1)
    }

    fn truncate(&mut self, from: u64) {
        self.records.retain(|&(index, _)| index < from);
    }

    /// Does the same write to the model and to a disk.
    fn write(&mut self, write: &Write, disk: &mut dyn Persister) {
        let Range { start, end } = self.log();
        match write {
            Write::State(bytes) => {
                disk.save_state(bytes);
                self.state.clone_from(bytes);
            }
            Write::Snapshot(bytes) => {
                disk.save_snapshot(bytes);
                self.snapshot.clone_from(bytes);
            }
            Write::Append { back, record } => {
                let index = end.saturating_sub(*back).max(1);
                disk.append(index, record);
                self.truncate(index);
                if self.records.is_empty() {
                    self.start = index;
                }
                self.records.push((index, record.clone()));
            }
            Write::Truncate { back } => {
                let from = (end + 1).saturating_sub(*back);
                disk.truncate(from);
                self.truncate(from);
            }
            Write::Trim { below } => {
                let below = (start + below).saturating_sub(1).min(end);
                disk.trim(below);
                self.records.retain(|&(index, _)| index >= below);
                self.start = start.max(below);
            }
            Write::TrimPastTheEnd { by } => {
                disk.trim(end + by);
                self.records.clear();
                self.start = end + by;
            }
        }
    }

    fn assert_equals(&self, disk: &dyn Persister) {
        assert_eq!(disk.state(), self.state);
        assert_eq!(disk.snapshot(), self.snapshot);
        assert_eq!(disk.log(), self.log());
        for (index, record) in &self.records {
            assert_eq!(disk.record(*index), record, "record {index}");
        }
        let bytes: usize = self.records.iter().map(|(_, record)| record.len()).sum();
        assert_eq!(disk.raft_state_bytes(), self.state.len() + bytes);
    }
}

proptest! {
    #[test]
    fn a_disk_holds_what_the_model_holds(writes in prop::collection::vec(write(), 0..200)) {
        let (mut disk, mut model) = (Disk::default(), Model::default());
        for write in &writes {
            model.write(write, &mut disk);
            model.assert_equals(&disk);
        }
        prop_assert_eq!(disk.writes().count as usize, writes.len());
    }

    /// Whatever a step writes, and wherever a crash cuts it short: the process sees all of its own
    /// writes, and exactly the first of them survive.
    #[test]
    fn a_crash_leaves_a_prefix_of_the_writes(
        before in prop::collection::vec(write(), 0..30),
        step in prop::collection::vec(write(), 1..20),
        point in prop_oneof![
            Just(CrashPoint::Undone),
            (0..25_u32).prop_map(CrashPoint::AfterWrites),
            Just(CrashPoint::Unsent),
        ],
    ) {
        let mut world = World::new(1, Network::reliable());
        let node = world.add(|_| Puppet::default());
        let mut model = Model::default();
        world.poke(node, |_, cx| before.iter().for_each(|write| model.write(write, cx.disk)));
        world.crash(node, point);
        let mut whole = model.clone();
        let returned = world.poke(node, |_, cx| {
            for write in &step {
                whole.write(write, cx.disk);
                whole.assert_equals(cx.disk);
            }
        });
        prop_assert_eq!(returned, None);
        let survivors = match point {
            CrashPoint::AfterWrites(n) => n as usize,
            CrashPoint::Unsent => step.len(),
            _ => 0,
        };
        let (mut model, mut scratch) = (Model::default(), Disk::default());
        for write in before.iter().chain(step.iter().take(survivors)) {
            model.write(write, &mut scratch);
        }
        model.assert_equals(world.disk(node));
        world.restart(node).unwrap();
        model.assert_equals(world.disk(node));
    }
}

#[test]
fn the_writes_of_a_step_are_told_to_whoever_watches() {
    let mut world = World::new(1, Network::reliable());
    let node = world.add(|_| Puppet::default());
    world.poke(node, |_, cx| (1..=5).for_each(|index| cx.disk.append(index, b"x")));
    assert_eq!(world.disk(node).writes(), Writes { count: 5, snapshot: false, log_from: Some(1) });
    world.poke(node, |_, cx| {
        cx.disk.truncate(4);
        cx.disk.append(4, b"y");
        cx.disk.append(3, b"z");
        cx.disk.save_snapshot(b"s");
    });
    assert_eq!(world.disk(node).writes(), Writes { count: 4, snapshot: true, log_from: Some(3) });
    world.poke(node, |_, cx| cx.disk.trim(2));
    assert_eq!(world.disk(node).writes(), Writes { count: 1, snapshot: false, log_from: None });
    world.poke(node, |_, _| ());
    assert_eq!(world.disk(node).writes(), Writes::default());
}

#[test]
fn an_empty_log_can_begin_anywhere() {
    let mut disk = Disk::default();
    assert_eq!(disk.log(), 1..1);
    disk.append(7, b"x");
    assert_eq!(disk.log(), 7..8);
    disk.append(3, b"y");
    assert_eq!((disk.log(), disk.record(3)), (3..4, &b"y"[..]), "all that was is past it");
    disk.trim(100);
    assert_eq!((disk.log(), disk.raft_state_bytes()), (100..100, 0));
    disk.trim(50);
    assert_eq!(disk.log(), 100..100);
}

#[test]
#[should_panic(expected = "record 4 after a log that ends before 3")]
fn a_log_has_no_holes() {
    let mut disk = Disk::default();
    disk.append(1, b"a");
    disk.append(2, b"b");
    disk.append(4, b"d");
}

#[test]
#[should_panic(expected = "record 1 is not in the log 2..3")]
fn a_trimmed_record_is_gone() {
    let mut disk = Disk::default();
    disk.append(1, b"a");
    disk.append(2, b"b");
    disk.trim(2);
    disk.record(1);
}

#[test]
fn disks_are_equal_if_the_same_bytes_can_be_read_from_them() {
    let (mut a, mut b) = (Disk::default(), Disk::default());
    (1..=10).for_each(|index| a.append(index, b"same"));
    a.trim(10);
    b.append(10, b"same");
    assert_eq!(a, b);
    a.append(11, b"");
    assert_ne!(a, b);
}
