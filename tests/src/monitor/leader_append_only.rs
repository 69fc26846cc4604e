//! "Leader append-only: a leader never overwrites or deletes entries in its log; it only appends new
//! entries" (figure 3, section 5.3).

use super::{Monitor, Step};
use crate::{Outcome, demand};
use labrpc::Persister;

pub struct LeaderAppendOnly;

impl Monitor for LeaderAppendOnly {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let Some(before) = step.before else { return Ok(()) };
        let leads_on = before.is_leader && step.status.is_leader && before.term == step.status.term;
        if !leads_on {
            return Ok(());
        }
        let (was, is) = (before.last, step.status.last);
        demand!(is >= was, "leader append-only", "{}'s log ended at {was}, now at {is}", step.node);
        let on_records = step.view.is_some_and(|view| view.log() == records(step));
        if let (true, Some(from)) = (on_records, step.disk.writes().log_from) {
            demand!(
                from > was.index.get(),
                "leader append-only",
                "{} leads {} and wrote over entry {from} of a log that ended at {was}",
                step.node,
                step.status.term
            );
        }
        Ok(())
    }
}

fn records(step: &Step<'_>) -> std::ops::Range<raft::Index> {
    let held = step.disk.log();
    raft::Index::new(held.start)..raft::Index::new(held.end)
}
