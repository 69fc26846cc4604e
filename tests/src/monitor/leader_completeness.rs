//! "Leader completeness: if a log entry is committed in a given term, then that entry will be present
//! in the logs of the leaders for all higher-numbered terms" (figure 3, section 5.4.3).
//!
//! Looked at from both sides: when a server becomes leader, it must have the last entry known to be
//! committed in an earlier term; when one learns of a further commit, the log of each leader of a later
//! term must have ended no earlier than that entry when it was elected (its entries are not looked at
//! again: if one is missing, the next leader, or what it applies, shows it). By log matching, who has the last committed entry has all of them.

use super::{Monitor, Step};
use crate::{Outcome, demand, fail};
use labrpc::{NodeId, Persister};
use raft::{Index, LogId, Term};
use std::cmp::Ordering;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct LeaderCompleteness {
    /// The last entry known to be committed, and the least term in which it is known to be.
    committed: Option<(LogId, Term)>,
    /// The leader of each term, and the last entry it had when it was elected.
    leaders: BTreeMap<Term, (NodeId, LogId)>,
}

/// Which entry a server has at an index: its term, or that a snapshot covers it.
enum Has {
    Entry(Term),
    Covered,
    Nothing,
}

fn at(step: &Step<'_>, index: Index) -> Has {
    let Some(view) = step.view else { return Has::Nothing };
    if let Some((term, _)) = view.entry(step.disk as &dyn Persister, index) {
        return Has::Entry(term);
    }
    let snapshot = view.covered();
    match index.cmp(&snapshot.index) {
        Ordering::Less => Has::Covered,
        Ordering::Equal => Has::Entry(snapshot.term),
        Ordering::Greater => Has::Nothing,
    }
}

impl Monitor for LeaderCompleteness {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        if step.view.is_none() {
            return Ok(());
        }
        let (before, status) = (step.before, step.status);
        if before.is_none_or(|before| before.commit < status.commit) {
            self.learn(step)?;
        }
        if status.is_leader && before.is_none_or(|b| !b.is_leader || b.term != status.term) {
            self.elected(step)?;
        }
        Ok(())
    }
}

impl LeaderCompleteness {
    fn elected(&mut self, step: &Step<'_>) -> Outcome {
        let status = step.status;
        if let Some((id, committed_in)) = self.committed
            && committed_in < status.term
        {
            let has = match at(step, id.index) {
                Has::Covered => None,
                Has::Entry(term) if term == id.term => None,
                Has::Entry(term) => Some(format!("one of term {term} there")),
                Has::Nothing => Some(format!("a log that ends at {}", status.last)),
            };
            if let Some(has) = has {
                fail!(
                    "leader completeness",
                    "{} leads {} without entry {id}, committed in {committed_in}: it has {has}",
                    step.node,
                    status.term
                );
            }
        }
        self.leaders.insert(status.term, (step.node, status.last));
        Ok(())
    }

    /// A server knows more to be committed than before.
    fn learn(&mut self, step: &Step<'_>) -> Outcome {
        let commit = step.status.commit;
        if self.committed.is_some_and(|(id, _)| commit <= id.index) {
            return Ok(());
        }
        let Has::Entry(term) = at(step, commit) else { return Ok(()) };
        let (id, now) = (LogId { term, index: commit }, step.status.term);
        self.committed = Some((id, now));
        // A leader of a later term that was elected with a log which cannot have the entry.
        for (&term, &(leader, last)) in self.leaders.range(now.next()..) {
            demand!(
                last >= id,
                "leader completeness",
                "{} commits {id} in {now}, and {leader} was elected in {term} with a log that ended at \
                 {last}",
                step.node
            );
        }
        Ok(())
    }
}
