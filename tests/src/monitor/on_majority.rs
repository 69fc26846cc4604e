//! "A log entry is committed once the leader that created the entry has replicated it on a majority
//! of the servers" (section 5.3).
//!
//! When a commit index rises further than any before, a majority of all disks must hold that very
//! entry, or a snapshot that covers it. A server that is down counts as holding it, since nobody can
//! ask it.

use super::{Monitor, Step};
use crate::{Outcome, demand};
use labrpc::Persister;
use raft::{Index, LogId};

#[derive(Default)]
pub struct OnMajority {
    looked_at: Index,
}

impl Monitor for OnMajority {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let (commit, Some(view)) = (step.status.commit, step.view) else { return Ok(()) };
        if commit <= self.looked_at {
            return Ok(());
        }
        self.looked_at = commit;
        let Some((term, _)) = view.entry(step.disk as &dyn Persister, commit) else {
            return Ok(());
        };
        let id = LogId { term, index: commit };
        let holders = (step.holders)(id);
        demand!(
            2 * holders > step.servers,
            "committed on a majority",
            "{} takes {id} to be committed, and {holders} of {} servers hold it",
            step.node,
            step.servers
        );
        Ok(())
    }
}
