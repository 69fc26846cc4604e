//! A disk that tells what is written, and can lose the end of a step.

use labrpc::{Disk, NodeId, Persister};
use raft::{LogId, Term};
use std::ops::Range;

/// The process sees all its writes; of an armed step only the first few survive.
pub struct Recorder<'a> {
    seen: &'a mut Disk,
    survives: Option<(Disk, u32)>,
    lines: Vec<String>,
}

impl<'a> Recorder<'a> {
    pub fn new(seen: &'a mut Disk, armed: Option<u32>) -> Self {
        let survives = armed.map(|writes| (seen.clone(), writes));
        Self { seen, survives, lines: Vec::new() }
    }

    /// What was written, and what is left of it if the step ends in a crash.
    pub fn finish(self) -> (Vec<String>, Option<Disk>) {
        (self.lines, self.survives.map(|(disk, _)| disk))
    }

    fn write(&mut self, line: String, write: impl Fn(&mut Disk)) {
        write(self.seen);
        let lost = match &mut self.survives {
            Some((_, 0)) => " (lost)",
            Some((disk, left)) => {
                write(disk);
                *left -= 1;
                ""
            }
            None => "",
        };
        self.lines.push(line + lost);
    }
}

impl Persister for Recorder<'_> {
    fn state(&self) -> &[u8] {
        self.seen.state()
    }
    fn save_state(&mut self, bytes: &[u8]) {
        self.write(text_of_state(bytes), |disk| disk.save_state(bytes));
    }
    fn snapshot(&self) -> &[u8] {
        self.seen.snapshot()
    }
    fn save_snapshot(&mut self, bytes: &[u8]) {
        self.write(text_of_snapshot(bytes), |disk| disk.save_snapshot(bytes));
    }
    fn log(&self) -> Range<u64> {
        self.seen.log()
    }
    fn record(&self, index: u64) -> &[u8] {
        self.seen.record(index)
    }
    fn append(&mut self, index: u64, record: &[u8]) {
        let line = format!("entry {index} {}", text_of_record(record));
        self.write(line, |disk| disk.append(index, record));
    }
    fn truncate(&mut self, from: u64) {
        self.write(format!("drop entries from {from} on"), |disk| disk.truncate(from));
    }
    fn trim(&mut self, below: u64) {
        self.write(format!("drop entries before {below}"), |disk| disk.trim(below));
    }
    fn raft_state_bytes(&self) -> usize {
        self.seen.raft_state_bytes()
    }
}

/// An entry as it is on the disk: its term, and its command if it is not empty.
pub fn text_of_record(record: &[u8]) -> String {
    let (term, command) = labgob::decode_prefix::<Term>(record).expect("a record is an entry");
    if command.is_empty() {
        return term.to_string();
    }
    format!("{term} \"{}\"", command.escape_ascii())
}

pub fn text_of_state(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "no state".to_string();
    }
    let (term, vote): (Term, Option<NodeId>) = labgob::decode(bytes).expect("a term and a vote");
    match vote {
        Some(vote) => format!("state {term} vote {vote}"),
        None => format!("state {term} vote -"),
    }
}

pub fn text_of_snapshot(bytes: &[u8]) -> String {
    let (last, state) = labgob::decode_prefix::<LogId>(bytes).expect("it begins with its last");
    format!("snapshot up to {last} \"{}\"", state.escape_ascii())
}
