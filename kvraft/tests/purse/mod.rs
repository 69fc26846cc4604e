//! A service small enough for scripts: a purse with coins in it, from which no more can be taken
//! than there is.

use kvraft::rsm::{Outcome, Request, Service, Sessions};
use serde::{Deserialize, Serialize};

/// What can be asked of the purse. The answer is always how many coins are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Put(u64),
    /// Refused if there are not so many; a thousand or more already at the door.
    Take(u64),
    Look,
    /// One that has no session.
    Gift(u64),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    pub coins: u64,
    pub sessions: Sessions<u64>,
}

impl Service for Purse {
    type Op = Op;
    type Reply = u64;

    fn apply(&mut self, op: &Op) -> Outcome<u64> {
        match op {
            Op::Put(n) | Op::Gift(n) => self.coins = self.coins.saturating_add(*n),
            Op::Take(n) if *n > self.coins => return Outcome::Refused(self.coins),
            Op::Take(n) => self.coins -= n,
            Op::Look => {}
        }
        Outcome::Done(self.coins)
    }

    fn sessions(&mut self, op: &Op) -> Option<&mut Sessions<u64>> {
        (!matches!(op, Op::Gift(_))).then_some(&mut self.sessions)
    }

    fn is_read(op: &Op) -> bool {
        *op == Op::Look
    }

    fn refuses(&self, op: &Op) -> Option<u64> {
        matches!(op, Op::Take(1_000..)).then_some(self.coins).filter(|&coins| coins < 1_000)
    }

    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        labgob::decode(state).map(|loaded| *self = loaded)
    }
}

/// What servers put into the log, as anyone can who knows the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    NoOp,
    Client(Request<Op>),
    Own(Op),
}
