//! What a server shows to those who watch it.

use crate::Failure;
use raft::{LogId, Status, View};
use std::ops::Range;

/// A server of a replicated log, as monitors see it.
pub trait Replica {
    /// What its Raft says of itself.
    fn status(&self) -> Status;

    /// The inside of its Raft, if it shows it.
    fn view(&self) -> Option<&dyn View>;

    /// What its Raft has handed up.
    fn deliveries(&self) -> &Deliveries;

    /// How many messages, commands or snapshots it has refused because no correct node can have
    /// made them.
    fn refused(&self) -> u64 {
        self.status().refused
    }

    /// What the service found wrong with what it was handed.
    fn complaint(&self) -> Option<&Failure> {
        None
    }

    /// The commands that a snapshot stands for, element 0 being index 1, if it keeps them all.
    fn commands_in(&self, _snapshot: &[u8]) -> Option<Vec<Vec<u8>>> {
        None
    }
}

/// Something that a Raft handed up. The bytes are in [`Deliveries`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which entry; of a snapshot, the last that it covers.
    pub id: LogId,
    /// Whether it is a snapshot.
    pub is_snapshot: bool,
    bytes: Range<usize>,
}

/// What a Raft handed up in its latest steps, numbered from the start of its life.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// The number of the first that is still here.
    first: u64,
    kept: Vec<Delivery>,
    buffer: Vec<u8>,
}

impl Deliveries {
    /// Forgets what is here; the numbers go on.
    pub fn clear(&mut self) {
        self.first += self.kept.len() as u64;
        self.kept.clear();
        self.buffer.clear();
    }

    /// Adds one.
    pub fn push(&mut self, id: LogId, is_snapshot: bool, bytes: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.kept.push(Delivery { id, is_snapshot, bytes: start..self.buffer.len() });
    }

    /// What came at this number or later, as far as it is here.
    pub fn since(&self, number: u64) -> &[Delivery] {
        let skip = number.saturating_sub(self.first).min(self.kept.len() as u64);
        &self.kept[skip as usize..]
    }

    /// The number of the next.
    pub fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// The bytes of one that is here.
    pub fn bytes(&self, delivery: &Delivery) -> &[u8] {
        &self.buffer[delivery.bytes.clone()]
    }
}
