//! The five properties of figure 3, as facts about what servers show.

use super::server::Server;
use crate::{Outcome, demand};
use labrpc::{NodeId, Persister};
use raft::{Consensus, Index};

/// What is to be seen of a server. Steps that change nothing of it are not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Facts {
    pub me: NodeId,
    pub term: u64,
    pub leads: bool,
    pub refused: u64,
    /// How many entries its snapshot covers.
    pub covered: u64,
    /// The index of the first entry of its log, and the entries: term and command.
    first: u64,
    log: Vec<(u64, u8)>,
    /// Whether it shows its log.
    is_open: bool,
    /// What its service has applied.
    pub applied: Vec<u8>,
}

/// What may still happen; `None`: any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub elections: Option<u8>,
    pub heartbeats: Option<u8>,
    pub crashes: u8,
    pub snapshots: u8,
}

/// What has been so far, and what may still be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chronicle {
    /// Who has led each term, from 1 on.
    leaders: Vec<Option<NodeId>>,
    /// What has been applied by anybody, and the least term in which somebody knew it to be committed.
    applied: Vec<(u8, u64)>,
    /// How many commands have been proposed.
    pub proposed: u8,
    pub left: Budget,
}

impl Budget {
    /// Whether it allows all that another does.
    fn covers(self, other: Self) -> bool {
        let left = |it: Option<u8>| it.unwrap_or(u8::MAX);
        left(self.elections) >= left(other.elections)
            && left(self.heartbeats) >= left(other.heartbeats)
            && self.crashes >= other.crashes
            && self.snapshots >= other.snapshots
    }
}

impl Facts {
    pub fn of<C: Consensus>(server: &Server<C>) -> Self {
        let (status, view) = (server.raft.status(), server.raft.view());
        let mut facts = Self {
            me: server.me,
            term: status.term.get(),
            leads: status.is_leader,
            refused: status.refused,
            covered: 0,
            first: 1,
            log: Vec::new(),
            is_open: view.is_some(),
            applied: server.applied.clone(),
        };
        if let Some(view) = view {
            let disk = &server.disk as &dyn Persister;
            let held = view.log();
            (facts.covered, facts.first) = (view.covered().index.get(), held.start.get());
            facts.log = Index::span(held.start, held.end.prev())
                .map_while(|index| view.entry(disk, index))
                .map(|(term, command)| (term.get(), command.first().copied().unwrap_or(b'?')))
                .collect();
        }
        facts
    }

    fn entry(&self, index: u64) -> Option<(u64, u8)> {
        self.log.get(usize::try_from(index.checked_sub(self.first)?).ok()?).copied()
    }

    fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    /// As people read it: `[1@t1 a, 2@t3 b]`.
    fn log_text(&self) -> String {
        let entry = |(index, (term, command)): (u64, &(u64, u8))| {
            format!("{index}@t{term} {}", char::from(*command))
        };
        let entries: Vec<String> = (self.first..).zip(&self.log).map(entry).collect();
        format!("[{}]", entries.join(", "))
    }
}

impl Chronicle {
    /// The beginning, with terms up to this one.
    pub fn new(terms: u8, left: Budget) -> Self {
        let leaders = vec![None; terms.into()];
        Self { leaders, applied: Vec::new(), proposed: 0, left }
    }

    /// Whether whatever goes wrong after `other` goes wrong after this, too: as much may still happen,
    /// and all is known that something may be at odds with.
    pub fn covers(&self, other: &Self) -> bool {
        let mut leaders = self.leaders.iter().zip(&other.leaders);
        let mut applied = self.applied.iter().zip(&other.applied);
        self.proposed == other.proposed
            && self.left.covers(other.left)
            && leaders.all(|(it, other)| other.is_none() || it == other)
            && self.applied.len() >= other.applied.len()
            && applied.all(|(it, other)| it.0 == other.0 && it.1 <= other.1)
    }

    /// Whether a server has led any term.
    pub fn has_led(&self, server: NodeId) -> bool {
        self.leaders.contains(&Some(server))
    }

    /// Looks at a step by which the facts of one server changed. `others` are all servers but that one.
    pub fn judge<'a>(
        &mut self,
        before: &Facts,
        after: &'a Facts,
        others: impl Iterator<Item = &'a Facts> + Clone,
    ) -> Outcome {
        let me = after.me;
        demand!(
            after.refused == 0,
            "no message refused",
            "{me} has refused {} messages",
            after.refused
        );
        self.election_safety(after)?;
        leader_append_only(before, after)?;
        self.state_machine_safety(after)?;
        for other in others.clone() {
            log_matching(after, other)?;
        }
        for leader in others.chain([after]).filter(|it| it.leads && it.is_open) {
            self.leader_completeness(leader)?;
        }
        Ok(())
    }

    /// "At most one leader can be elected in a given term."
    fn election_safety(&mut self, after: &Facts) -> Outcome {
        if !after.leads {
            return Ok(());
        }
        let term = usize::try_from(after.term).unwrap_or(usize::MAX);
        let Some(led) = term.checked_sub(1).and_then(|term| self.leaders.get_mut(term)) else {
            demand!(term > 0, "election safety", "{} leads t0, without an election", after.me);
            // It has left out terms, and so the bound behind it.
            return Ok(());
        };
        let leader = *led.get_or_insert(after.me);
        demand!(
            leader == after.me,
            "election safety",
            "{leader} and {} are both leaders of term {}",
            after.me,
            after.term
        );
        Ok(())
    }

    /// "If a server has applied a log entry at a given index to its state machine, no other server will
    /// ever apply a different log entry for the same index."
    fn state_machine_safety(&mut self, after: &Facts) -> Outcome {
        for (index, &command) in (1..).zip(&after.applied) {
            let proposed = (b'a'..b'a' + self.proposed).contains(&command);
            demand!(
                proposed,
                "state machine safety",
                "{} applied what nobody has proposed",
                after.me
            );
            let Some((first, term)) = self.applied.get_mut(index - 1) else {
                self.applied.push((command, after.term));
                continue;
            };
            demand!(
                *first == command,
                "state machine safety",
                "{} applied {} at index {index}, where {} was applied before",
                after.me,
                char::from(command),
                char::from(*first)
            );
            *term = after.term.min(*term);
        }
        Ok(())
    }

    /// "If a log entry is committed in a given term, then that entry will be present in the logs of the
    /// leaders for all higher-numbered terms."
    fn leader_completeness(&self, leader: &Facts) -> Outcome {
        for (index, &(command, term)) in (1..).zip(&self.applied) {
            let has = index <= leader.covered
                || leader.entry(index).is_some_and(|(_, there)| there == command);
            demand!(
                has || leader.term <= term,
                "leader completeness",
                "{} leads t{} without entry {index}, {}, which was applied in t{term}; its log is {}",
                leader.me,
                leader.term,
                char::from(command),
                leader.log_text()
            );
        }
        Ok(())
    }
}

/// "A leader never overwrites or deletes entries in its log; it only appends new entries."
fn leader_append_only(before: &Facts, after: &Facts) -> Outcome {
    if !(before.leads && after.leads && before.term == after.term) {
        return Ok(());
    }
    let kept = (before.first.max(after.first)..before.end())
        .all(|index| before.entry(index) == after.entry(index));
    demand!(
        kept,
        "leader append-only",
        "{} leads t{}, and its log, which was {}, is {}",
        after.me,
        after.term,
        before.log_text(),
        after.log_text()
    );
    Ok(())
}

/// "If two logs contain an entry with the same index and term, then the logs are identical in all
/// entries up through the given index."
fn log_matching(a: &Facts, b: &Facts) -> Outcome {
    let both = a.first.max(b.first)..a.end().min(b.end());
    let term = |facts: &Facts, index| facts.entry(index).map(|(term, _)| term);
    let Some(agreed) = both.clone().rfind(|&index| term(a, index) == term(b, index)) else {
        return Ok(());
    };
    demand!(
        (both.start..=agreed).all(|index| a.entry(index) == b.entry(index)),
        "log matching",
        "{}'s log is {}, {}'s is {}",
        a.me,
        a.log_text(),
        b.me,
        b.log_text()
    );
    Ok(())
}
