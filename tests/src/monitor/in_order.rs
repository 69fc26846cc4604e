//! In each of its lives a server applies every entry once, in the order of the log: first its
//! snapshot if it has one, else index 1, then one after the other; a snapshot may leap forwards,
//! never back. (The Go suite accepts duplicates, and forgets gaps over a restart.)

use super::{Monitor, Step};
use crate::{Outcome, demand};

#[derive(Clone, Copy, Default)]
struct Last {
    life: u32,
    index: u64,
}

pub struct InOrder {
    last: Vec<Last>,
}

impl InOrder {
    pub fn new(servers: usize) -> Self {
        Self { last: vec![Last::default(); servers] }
    }
}

impl Monitor for InOrder {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let node = step.node;
        let last = &mut self.last[step.slot];
        if last.life != step.life {
            *last = Last { life: step.life, index: 0 };
        }
        for delivery in step.delivered {
            let index = delivery.id.index.get();
            if delivery.is_snapshot {
                demand!(
                    index > last.index,
                    "in-order apply",
                    "{node} was handed a snapshot up to {index} after entry {}",
                    last.index
                );
            } else {
                demand!(
                    index == last.index + 1,
                    "in-order apply",
                    "{node} applied entry {index} after entry {}",
                    last.index
                );
            }
            last.index = index;
        }
        let commit = step.status.commit.get();
        demand!(
            last.index <= commit,
            "apply only what is committed",
            "{node} applied entry {} and knows only {commit} to be committed",
            last.index
        );
        Ok(())
    }
}
