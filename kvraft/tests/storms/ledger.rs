//! A service in which nothing can be done twice without being seen: every addition has a number of
//! its own, and the ledger counts how often it was made.

use kvraft::rsm::{Outcome, Service, Sessions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Adds one. No two of a storm have the same number.
    Add(u64),
    Total,
}

/// The answer is how many additions there are, the own one included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub times: BTreeMap<u64, u64>,
    pub total: u64,
    pub sessions: Sessions<u64>,
}

impl Service for Ledger {
    type Op = Op;
    type Reply = u64;

    fn apply(&mut self, op: &Op) -> Outcome<u64> {
        if let Op::Add(number) = op {
            *self.times.entry(*number).or_default() += 1;
            self.total += 1;
        }
        Outcome::Done(self.total)
    }

    fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<u64>> {
        Some(&mut self.sessions)
    }

    fn is_read(op: &Op) -> bool {
        *op == Op::Total
    }

    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        labgob::decode(state).map(|loaded| *self = loaded)
    }
}
