//! "Log matching: if two logs contain an entry with the same index and term, then the logs are
//! identical in all entries up through the given index" (figure 3, section 5.3).
//!
//! It holds for all logs, at all times, if and only if every entry that was ever written at some
//! index in some term had the same command and the same term before it. So a table of all entries
//! is enough, and each is looked at when it is written.

use super::{Digest, Monitor, Step, digest};
use crate::{Outcome, demand, fail};
use labrpc::NodeId;
use raft::{Index, LogId, Term};
use std::collections::BTreeMap;

#[derive(Clone, Copy)]
struct Fact {
    term: Term,
    digest: Digest,
    /// The term of the entry before, once somebody was seen who has it.
    before: Option<Term>,
    witness: NodeId,
}

#[derive(Default)]
pub struct LogMatching {
    /// The first entry seen at each index …
    first: Vec<Option<Fact>>,
    /// … and those of other terms, which are few.
    others: BTreeMap<LogId, Fact>,
}

impl LogMatching {
    fn fact(&mut self, id: LogId, new: Fact) -> &mut Fact {
        let at = id.index.get() as usize;
        if self.first.len() <= at {
            self.first.resize(at + 1, None);
        }
        let first = self.first[at].get_or_insert(new);
        if first.term == id.term { first } else { self.others.entry(id).or_insert(new) }
    }
}

impl Monitor for LogMatching {
    fn after(&mut self, step: &Step<'_>) -> Outcome {
        let Some(view) = step.view else { return Ok(()) };
        let Some(from) = step.log_changed_from() else { return Ok(()) };
        let held = view.log();
        let start = held.start.max(Index::new(from));
        let snapshot = view.covered();
        let mut before = if start > held.start {
            view.entry(step.disk, start.prev()).map(|(term, _)| term)
        } else {
            (snapshot.index.next() == start).then_some(snapshot.term)
        };
        for index in Index::span(start, held.end.prev()) {
            let Some((term, command)) = view.entry(step.disk, index) else {
                fail!("log matching", "{} has no entry {index} of {held:?}", step.node);
            };
            let id = LogId { term, index };
            let digest = digest(command);
            let fact = self.fact(id, Fact { term, digest, before, witness: step.node });
            demand!(
                fact.digest == digest,
                "log matching",
                "{} and {} have different commands in entry {id}",
                fact.witness,
                step.node
            );
            if let Some(term) = before {
                let known = *fact.before.get_or_insert(term);
                demand!(
                    known == term,
                    "log matching",
                    "before entry {id}, {} has one of term {known}, and {} one of term {term}",
                    fact.witness,
                    step.node
                );
            }
            before = Some(term);
        }
        Ok(())
    }
}
