//! Terms never fall, not even over a crash; a vote is never changed within a term; the commit index
//! never falls within a life (figure 2).

use super::{Monitor, Step};
use crate::{Outcome, demand};
use labrpc::NodeId;
use raft::{Index, Term};

#[derive(Clone, Copy, Default)]
struct Last {
    life: u32,
    term: Term,
    voted_for: Option<NodeId>,
    commit: Index,
}

pub struct Monotone {
    last: Vec<Last>,
}

impl Monotone {
    pub fn new(servers: usize) -> Self {
        Self { last: vec![Last::default(); servers] }
    }
}

impl Monitor for Monotone {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let (node, status) = (step.node, step.status);
        let last = &mut self.last[step.slot];
        let (was, is) = (last.term, status.term);
        demand!(is >= was, "monotone term", "{node} fell from term {was} to {is}");
        let voted_for = step.view.and_then(raft::View::voted_for);
        if step.view.is_some()
            && is == was
            && let Some(before) = last.voted_for
        {
            demand!(
                voted_for == Some(before),
                "one vote per term",
                "{node} voted for {before} in {is}, and now says that it voted for {}",
                voted_for.map_or("nobody".to_string(), |id| id.to_string())
            );
        }
        if last.life == step.life {
            let (was, is) = (last.commit, status.commit);
            demand!(is >= was, "monotone commit index", "{node} fell from {was} to {is}");
        }
        *last = Last { life: step.life, term: is, voted_for, commit: status.commit };
        Ok(())
    }
}
