//! "State machine safety: if a server has applied a log entry at a given index to its state machine,
//! no other server will ever apply a different log entry for the same index" (figure 3, 5.4.3).
//!
//! Two commands at one index are seen when the ledger is written, whether or not monitors look. Here
//! the entries are compared: the same command from a leader of another term is another entry.

use super::{Monitor, Step};
use crate::{Outcome, fail};

pub struct StateMachineSafety;

impl Monitor for StateMachineSafety {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        for delivery in step.delivered {
            // What came in a snapshot is compared command by command when the ledger is written.
            if delivery.is_snapshot {
                continue;
            }
            let index = delivery.id.index.get();
            let first = step.ledger.get(index).expect("what was applied is in the ledger");
            if first.id.is_some_and(|id| id != delivery.id) {
                fail!(
                    "state machine safety",
                    "{} applied another entry at index {index}, of term {}, than was applied before, \
                     which was {:?}: {}",
                    step.node,
                    delivery.id.term.get(),
                    first.id,
                    step.ledger.command(index).map_or_else(String::new, |command| {
                        format!("{}", command.escape_ascii())
                    })
                );
            }
        }
        Ok(())
    }
}
