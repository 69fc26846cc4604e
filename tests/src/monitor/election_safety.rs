//! "Election safety: at most one leader can be elected in a given term" (figure 3, section 5.2).

use super::{Monitor, Step};
use crate::{Outcome, fail};
use labrpc::NodeId;
use raft::Term;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct ElectionSafety {
    leaders: BTreeMap<Term, NodeId>,
}

impl Monitor for ElectionSafety {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let status = step.status;
        let is_new = |before: raft::Status| !before.is_leader || before.term != status.term;
        if !status.is_leader || !step.before.is_none_or(is_new) {
            return Ok(());
        }
        let leader = *self.leaders.entry(status.term).or_insert(step.node);
        if leader != step.node {
            fail!(
                "election safety",
                "{leader} and {} are both leaders of term {}",
                step.node,
                status.term.get()
            );
        }
        Ok(())
    }
}
