//! The log as a server keeps it in memory: which terms its entries are of. The entries themselves
//! are on the disk.
//!
//! Neighbouring entries mostly share their term, so the terms are kept as runs. That makes the log
//! small, and the two questions of the fast back-up (section 5.3) look-ups: where does the term of
//! this entry begin, and where does that term end.

use crate::{Index, LogId, Term};
use std::collections::VecDeque;
use std::ops::Range;

/// Neighbouring entries of one term, up to the next run or the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Run {
    from: Index,
    term: Term,
}

/// Invariants, asserted by [`Log::check`]: it begins no later than right after the snapshot, it
/// does not end before the snapshot, and terms never fall along it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    /// The first entry held.
    first: Index,
    /// One past the last entry held.
    end: Index,
    runs: VecDeque<Run>,
    /// The last entry that the snapshot covers.
    snapshot: LogId,
}

impl Log {
    pub fn starting_at(first: u64, snapshot: LogId) -> Self {
        let first = Index::new(first);
        Self { first, end: first, runs: VecDeque::new(), snapshot }
    }

    /// The entries held.
    pub fn held(&self) -> Range<Index> {
        self.first..self.end
    }

    pub fn snapshot(&self) -> LogId {
        self.snapshot
    }

    /// The last entry, held or covered by the snapshot.
    pub fn last(&self) -> LogId {
        match self.runs.back() {
            Some(run) => LogId { term: run.term, index: self.end.prev() },
            None => self.snapshot,
        }
    }

    /// The earliest entry whose term is known: nothing before it can be compared, or sent.
    pub fn earliest(&self) -> LogId {
        match self.runs.front() {
            Some(run) if self.snapshot.index >= self.first => {
                LogId { term: run.term, index: self.first }
            }
            _ => self.snapshot,
        }
    }

    fn run_at(&self, index: Index) -> Option<usize> {
        if !self.held().contains(&index) {
            return None;
        }
        // Most questions are about the end of the log.
        let last = self.runs.len() - 1;
        if self.runs[last].from <= index {
            return Some(last);
        }
        Some(self.runs.partition_point(|run| run.from <= index) - 1)
    }

    /// The term of an entry, if it is known.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.snapshot.index {
            return Some(self.snapshot.term);
        }
        self.run_at(index).map(|run| self.runs[run].term)
    }

    /// The entry at an index, if its term is known.
    pub fn id_at(&self, index: Index) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// The first entry held that is of the same term as this one, which is held.
    pub fn first_of_its_term(&self, index: Index) -> Index {
        self.run_at(index).map_or(index, |run| self.runs[run].from.max(self.first))
    }

    /// The last entry of `term`, if any is known.
    pub fn last_of_term(&self, term: Term) -> Option<Index> {
        match self.runs.partition_point(|run| run.term <= term).checked_sub(1) {
            Some(run) if self.runs[run].term == term => {
                Some(self.runs.get(run + 1).map_or(self.end, |next| next.from).prev())
            }
            _ => (self.snapshot.term == term).then_some(self.snapshot.index),
        }
    }

    /// A new entry at the end.
    pub fn push(&mut self, term: Term) -> LogId {
        let last = self.last();
        assert!(term >= last.term, "an entry of {term} after {last}");
        if self.runs.back().is_none_or(|run| run.term != term) {
            self.runs.push_back(Run { from: self.end, term });
        }
        let index = self.end;
        self.end = self.end.next();
        LogId { term, index }
    }

    /// Drops every entry at or past `from`.
    pub fn truncate(&mut self, from: Index) {
        self.end = self.end.min(from).max(self.first);
        while self.runs.back().is_some_and(|run| run.from >= self.end) {
            self.runs.pop_back();
        }
    }

    /// A snapshot covers everything up to `last`, which is held or right before the log, and
    /// entries before `keep_from` are dropped.
    pub fn compact(&mut self, last: LogId, keep_from: Index) {
        self.snapshot = last;
        self.first = self.first.max(keep_from.min(last.index.next()));
        while self.runs.get(1).is_some_and(|next| next.from <= self.first) {
            self.runs.pop_front();
        }
        if self.first >= self.end {
            self.runs.clear();
        }
    }

    /// A snapshot replaces the whole log.
    pub fn replace(&mut self, last: LogId) {
        *self = Self::starting_at(last.index.next().get(), last);
    }

    /// Asserts the invariants that can be seen in constant time.
    pub fn check(&self) {
        let Self { first, end, snapshot, .. } = self;
        assert!(*first <= snapshot.index.next(), "a gap from snapshot {snapshot} to entry {first}");
        assert!(end > &snapshot.index, "the log ends at {end}, before snapshot {snapshot}");
        assert!(self.runs.is_empty() == (first == end), "runs of entries {first}..{end}");
        if let Some(run) = self.runs.back() {
            assert!(run.from < *end && run.term >= snapshot.term, "last run {run:?} of {self:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::starting_at(1, LogId::BEFORE_FIRST);
        for &term in terms {
            log.push(Term::new(term));
            log.check();
        }
        log
    }

    #[test]
    fn terms_are_found_through_their_runs() {
        let log = log(&[1, 1, 1, 4, 4, 5, 5, 6, 6]);
        assert_eq!(log.last(), LogId::new(6, 9));
        assert_eq!(log.term_at(Index::new(5)), Some(Term::new(4)));
        assert_eq!(log.term_at(Index::BEFORE_FIRST), Some(Term::default()));
        assert_eq!(log.term_at(Index::new(10)), None);
        assert_eq!(log.first_of_its_term(Index::new(5)), Index::new(4));
        assert_eq!(log.last_of_term(Term::new(1)), Some(Index::new(3)));
        assert_eq!(log.last_of_term(Term::new(2)), None);
        assert_eq!(log.last_of_term(Term::new(6)), Some(Index::new(9)));
        assert_eq!(log.last_of_term(Term::new(7)), None);
    }

    #[test]
    fn a_log_behaves_as_a_list_of_terms() {
        // Against a plain list, through every truncation and every compaction.
        let terms = [1, 1, 2, 2, 2, 5, 7, 7];
        for cut in 1..=9 {
            let mut log = log(&terms);
            log.truncate(Index::new(cut));
            log.check();
            for index in 1..=9_u64 {
                let expected =
                    (index < cut).then(|| terms.get(index as usize - 1)).flatten().copied();
                assert_eq!(log.term_at(Index::new(index)).map(Term::get), expected);
            }
        }
        for covered in 1..=8_u64 {
            for keep in 1..=covered + 1 {
                let mut log = log(&terms);
                let last = log.id_at(Index::new(covered)).unwrap();
                log.compact(last, Index::new(keep));
                log.check();
                assert_eq!(log.held(), Index::new(keep)..Index::new(9));
                assert_eq!(log.last(), LogId::new(7, 8));
                for index in keep..=8 {
                    let term = log.term_at(Index::new(index)).unwrap();
                    assert_eq!(term.get(), terms[index as usize - 1]);
                    assert!(log.first_of_its_term(Index::new(index)) >= Index::new(keep));
                }
                let earliest = if keep <= covered { keep } else { covered };
                assert_eq!(log.earliest().index.get(), earliest);
            }
        }
    }
}
