//! What survives a crash.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// A disk as a state machine sees it: bytes, not types.
///
/// Three places: a small *state*, replaced whole; a *snapshot*, replaced whole; and a *log* of
/// numbered records, which is written at its end, so that a save costs the entry and not the log.
/// Every write is atomic, and the driver makes all writes of a step durable when the step is over,
/// before any message of the step leaves. A crash may cut a step short **between any two writes**:
/// a process has to boot from every prefix of a step's writes.
///
/// ```
/// use labrpc::{Disk, Persister};
/// let mut disk = Disk::default();
/// disk.save_state(b"term 3, voted for n1");
/// disk.append(1, b"x = 1");
/// disk.append(2, b"x = 2");
/// disk.append(2, b"x = 3"); // replaces record 2 and drops whatever came after it
/// assert_eq!((disk.log(), disk.record(2)), (1..3, &b"x = 3"[..]));
/// disk.trim(2);
/// assert_eq!(disk.log(), 2..3);
/// assert_eq!(disk.raft_state_bytes(), 20 + 5);
/// ```
pub trait Persister {
    /// The state last saved; empty on a new disk.
    fn state(&self) -> &[u8];

    /// Replaces the state, whole.
    fn save_state(&mut self, bytes: &[u8]);

    /// The snapshot last saved; empty on a new disk.
    fn snapshot(&self) -> &[u8];

    /// Replaces the snapshot, whole; the log stays as it is.
    fn save_snapshot(&mut self, bytes: &[u8]);

    /// The numbers of the records that the log holds; `1..1` on a new disk.
    fn log(&self) -> Range<u64>;

    /// One record.
    ///
    /// # Panics
    /// If `index` is not in [`log`](Persister::log).
    fn record(&self, index: u64) -> &[u8];

    /// Writes record `index` and drops every record that was at or past it. A log that is empty, or
    /// becomes so, can begin anywhere.
    ///
    /// # Panics
    /// If the log is not empty and a record would be missing before this one.
    fn append(&mut self, index: u64, record: &[u8]);

    /// Drops every record at or past `from`; nothing, if there is none.
    fn truncate(&mut self, from: u64);

    /// Drops every record before `below`; past the end, it leaves an empty log that starts there.
    /// Before the start it changes nothing.
    fn trim(&mut self, below: u64);

    /// The bytes of state and records together: what all limits on Raft's state look at.
    fn raft_state_bytes(&self) -> usize;
}

/// The records of a log, one after another in one buffer: an append copies bytes and allocates
/// nothing, and a clone is two copies of memory.
#[derive(Clone)]
struct Records {
    first: u64,
    /// Where each record begins, counted from the first byte ever written.
    starts: VecDeque<u64>,
    bytes: Vec<u8>,
    /// How many bytes were written before `bytes[0]`.
    before: u64,
}

impl Records {
    fn end(&self) -> u64 {
        self.first + self.starts.len() as u64
    }

    fn end_offset(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    fn live_bytes(&self) -> usize {
        self.starts.front().map_or(0, |&start| (self.end_offset() - start) as usize)
    }

    fn get(&self, index: u64) -> &[u8] {
        let range = self.first..self.end();
        assert!(range.contains(&index), "record {index} is not in the log {range:?}");
        let at = (index - self.first) as usize;
        let start = self.starts[at];
        let end = self.starts.get(at + 1).copied().unwrap_or_else(|| self.end_offset());
        &self.bytes[(start - self.before) as usize..(end - self.before) as usize]
    }

    fn append(&mut self, index: u64, record: &[u8]) {
        self.truncate(index);
        if self.starts.is_empty() {
            self.first = index;
        }
        assert!(index == self.end(), "record {index} after a log that ends before {}", self.end());
        self.starts.push_back(self.end_offset());
        self.bytes.extend_from_slice(record);
    }

    fn truncate(&mut self, from: u64) {
        let keep = from.saturating_sub(self.first) as usize;
        if let Some(&start) = self.starts.get(keep) {
            self.bytes.truncate((start - self.before) as usize);
            self.starts.truncate(keep);
        }
    }

    fn trim(&mut self, below: u64) {
        if below >= self.end() {
            (self.first, self.before) = (below.max(self.first), 0);
            self.starts.clear();
            self.bytes.clear();
            return;
        }
        let gone = below.saturating_sub(self.first);
        self.starts.drain(..gone as usize);
        self.first += gone;
        // Move the rest down once the dead bytes outweigh the living: constant cost per record.
        let dead = self.bytes.len() - self.live_bytes();
        if dead > self.live_bytes() {
            self.bytes.drain(..dead);
            self.before += dead as u64;
        }
    }
}

/// What the latest step wrote, for monitors that look only at what has changed.
///
/// ```
/// use labrpc::{Network, Persister, World, Writes};
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|_| ());
/// world.poke(node, |(), cx| {
///     cx.disk.append(1, b"a");
///     cx.disk.append(2, b"b");
/// });
/// assert_eq!(
///     world.disk(node).writes(),
///     Writes { count: 2, snapshot: false, log_from: Some(1) },
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// How many writes there were: calls, be it that they changed anything or not.
    pub count: u32,
    /// Whether the snapshot was replaced.
    pub snapshot: bool,
    /// The lowest index at which the log was written or its end dropped; a trim is neither.
    pub log_from: Option<u64>,
}

/// The in-memory disk of a simulated node.
///
/// Two disks are equal if the same bytes can be read from them.
///
/// ```
/// use labrpc::{Disk, Persister};
/// let (mut a, mut b) = (Disk::default(), Disk::default());
/// a.append(1, b"x");
/// b.append(1, b"y");
/// assert_ne!(a, b);
/// b.append(1, b"x");
/// assert_eq!(a, b);
/// ```
#[derive(Clone)]
pub struct Disk {
    state: Vec<u8>,
    snapshot: Vec<u8>,
    records: Records,
    writes: Writes,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            state: Vec::new(),
            snapshot: Vec::new(),
            records: Records { first: 1, starts: VecDeque::new(), bytes: Vec::new(), before: 0 },
            writes: Writes::default(),
        }
    }
}

impl Disk {
    /// What the latest step wrote.
    pub fn writes(&self) -> Writes {
        self.writes
    }

    /// Forgets what was written: a new step begins.
    pub fn begin_step(&mut self) {
        self.writes = Writes::default();
    }

    fn wrote_log(&mut self, from: u64) {
        self.writes.count += 1;
        self.writes.log_from = Some(self.writes.log_from.map_or(from, |lowest| lowest.min(from)));
    }
}

impl Persister for Disk {
    fn state(&self) -> &[u8] {
        &self.state
    }

    fn save_state(&mut self, bytes: &[u8]) {
        self.writes.count += 1;
        self.state.clear();
        self.state.extend_from_slice(bytes);
    }

    fn snapshot(&self) -> &[u8] {
        &self.snapshot
    }

    fn save_snapshot(&mut self, bytes: &[u8]) {
        self.writes.count += 1;
        self.writes.snapshot = true;
        self.snapshot.clear();
        self.snapshot.extend_from_slice(bytes);
    }

    fn log(&self) -> Range<u64> {
        self.records.first..self.records.end()
    }

    fn record(&self, index: u64) -> &[u8] {
        self.records.get(index)
    }

    fn append(&mut self, index: u64, record: &[u8]) {
        self.wrote_log(index);
        self.records.append(index, record);
    }

    fn truncate(&mut self, from: u64) {
        self.wrote_log(from);
        self.records.truncate(from);
    }

    fn trim(&mut self, below: u64) {
        self.writes.count += 1;
        self.records.trim(below);
    }

    fn raft_state_bytes(&self) -> usize {
        self.state.len() + self.records.live_bytes()
    }
}

impl PartialEq for Disk {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
            && self.snapshot == other.snapshot
            && self.log() == other.log()
            && self.log().all(|index| self.record(index) == other.record(index))
    }
}

impl Eq for Disk {}

impl Hash for Disk {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
        self.snapshot.hash(hasher);
        self.log().hash(hasher);
        for index in self.log() {
            self.record(index).hash(hasher);
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("state", &self.state)
            .field("snapshot_bytes", &self.snapshot.len())
            .field("log", &self.log())
            .finish_non_exhaustive()
    }
}

/// A disk on which a crash will cut the step short: the process sees all of its own writes, and
/// only the first few of them will be there after the crash.
pub(crate) struct CutShort<'a> {
    /// What the process sees.
    pub seen: &'a mut Disk,
    /// What survives.
    pub survives: Disk,
    /// How many further writes survive.
    pub left: u32,
}

impl CutShort<'_> {
    fn write(&mut self, write: impl Fn(&mut Disk)) {
        write(self.seen);
        if self.left > 0 {
            self.left -= 1;
            write(&mut self.survives);
        }
    }
}

impl Persister for CutShort<'_> {
    fn state(&self) -> &[u8] {
        self.seen.state()
    }
    fn save_state(&mut self, bytes: &[u8]) {
        self.write(|disk| disk.save_state(bytes));
    }
    fn snapshot(&self) -> &[u8] {
        self.seen.snapshot()
    }
    fn save_snapshot(&mut self, bytes: &[u8]) {
        self.write(|disk| disk.save_snapshot(bytes));
    }
    fn log(&self) -> Range<u64> {
        self.seen.log()
    }
    fn record(&self, index: u64) -> &[u8] {
        self.seen.record(index)
    }
    fn append(&mut self, index: u64, record: &[u8]) {
        self.write(|disk| disk.append(index, record));
    }
    fn truncate(&mut self, from: u64) {
        self.write(|disk| disk.truncate(from));
    }
    fn trim(&mut self, below: u64) {
        self.write(|disk| disk.trim(below));
    }
    fn raft_state_bytes(&self) -> usize {
        self.seen.raft_state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that a trim moves down are no more than those that it frees, and those that it
    /// leaves lying about no more than those that are alive.
    #[test]
    fn a_million_records_that_are_appended_and_trimmed_stay_cheap_and_small() {
        const KEPT: u64 = 32;
        let mut disk = Disk::default();
        let (mut moved, mut freed) = (0, 0);
        for index in 1..=1_000_000_u64 {
            disk.append(index, &index.to_le_bytes()[..(index % 9) as usize]);
            let before = disk.records.before;
            disk.trim(index.saturating_sub(KEPT));
            if disk.records.before != before {
                moved += disk.records.bytes.len() as u64;
                freed += disk.records.before - before;
            }
            let (bytes, alive) = (disk.records.bytes.len(), disk.records.live_bytes());
            assert!(bytes <= 2 * alive, "{bytes} bytes for {alive}");
        }
        assert!(moved <= freed, "{moved} bytes moved for {freed}");
        assert_eq!(disk.records.starts.len() as u64, KEPT + 1);
        assert!(disk.records.bytes.capacity() < 2048 && disk.records.starts.capacity() < 128);
    }

    #[test]
    fn a_log_that_is_trimmed_rarely_moves_each_byte_once_at_most() {
        let mut disk = Disk::default();
        let mut moved = 0;
        for index in 1..=100_000_u64 {
            disk.append(index, b"8 bytes.");
            if index % 1000 == 0 {
                disk.trim(index - 100);
                moved += disk.records.bytes.len();
            }
        }
        assert!(moved <= 100 * 101 * 8, "{moved} bytes moved");
        disk.truncate(0);
        disk.trim(0);
        assert_eq!((disk.records.bytes.len(), disk.raft_state_bytes()), (0, 0));
    }
}
