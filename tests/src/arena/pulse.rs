//! Where a run is, for somebody on another thread; and how it is stopped there when it is made once more.
//!
//! A run is a row of moves: whatever the arena has the world do, each with one step at most. A [`Pulse`]
//! counts their beginnings and ends. A count that stands still for long is a call of the code under test that
//! does not come back. The same run made again comes to the same count: there it is stopped before the step is
//! taken, and has a trace that ends with it. What the count has to do with a clock is not decided here.

use super::Subject;
use crate::{ENDLESS, Failure};
use labrpc::{Event, Record, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is shown of a message that a server does not come back from.
const SHOWN: usize = 160;

/// A place in a run: so many beginnings and ends of moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u64);

impl Place {
    /// Before the first move that is counted: the first servers boot.
    pub const START: Self = Self(0);
    /// After the script, where nothing is counted any more.
    pub const OVER: Self = Self(u64::MAX);
}

/// Says where one run is. Clones are of the same run.
///
/// ```
/// use tests::arena::pulse::{Place, Pulse};
/// use tests::catalogue::Catalogue;
/// use tests::run::Options;
/// let pulse = Pulse::default();
/// assert_eq!(pulse.place(), Place::START);
/// let catalogue = Catalogue::reference();
/// let options = Options { pulse: Some(pulse.clone()), ..Options::default() };
/// catalogue.find("initial_election_2a").unwrap().run(1, &options);
/// assert_eq!(pulse.place(), Place::OVER);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    beats: Arc<AtomicU64>,
    stop: Option<Place>,
}

impl Pulse {
    /// For a run that is to stop there: it fails as an endless loop.
    pub fn stopping_at(place: Place) -> Self {
        Self { stop: Some(place), ..Self::default() }
    }

    /// Where the run is.
    pub fn place(&self) -> Place {
        Place(self.beats.load(Ordering::Relaxed))
    }

    /// A move begins or ends; whether the run is to stop here.
    pub(super) fn beat(&self) -> bool {
        let before = self.beats.fetch_add(1, Ordering::Relaxed);
        self.stop == Some(Place(before + 1))
    }

    /// The script is over.
    pub(crate) fn end(&self) {
        self.beats.store(Place::OVER.0, Ordering::Relaxed);
    }
}

/// What is wrong with a run that is stopped here: the world has halted before a step, or none is under way.
pub(super) fn stopped<P: Subject>(world: &World<P>) -> Failure {
    let facts = match (world.halted(), world.trace().records().next_back()) {
        (None, _) => {
            "between two steps something does not come back, such as `status` or `view`".to_string()
        }
        (Some(_), Some(record)) => in_words(record),
        (Some(why), None) => format!("a step does not come back; the world was stopped: {why}"),
    };
    let (event, nanos) = (world.events(), world.now().as_nanos());
    Failure { event, nanos, ..Failure::new(ENDLESS, facts) }
}

/// Which step it is that a node does not come back from.
fn in_words(record: &Record) -> String {
    let step = match &record.event {
        Event::Boot { life } => format!("its boot (life {life})"),
        Event::Wake => "its wake-up".to_string(),
        Event::Poke => "a call of the script's, such as a proposal".to_string(),
        Event::Deliver { from, message, .. } => {
            let shown: String = message.chars().take(SHOWN).collect();
            let rest = if shown.len() < message.len() { " ..." } else { "" };
            format!("a message from {from}: {shown}{rest}")
        }
        other => other.to_string(),
    };
    let node = record.node.map_or_else(|| "a node".to_string(), |node| node.to_string());
    format!("{node} does not come back from {step}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrpc::{NodeId, SimTime};

    #[test]
    fn a_run_is_stopped_where_it_stood_still() {
        let pulse = Pulse::default();
        assert_eq!([pulse.beat(), pulse.beat(), pulse.beat()], [false; 3]);
        let again = Pulse::stopping_at(pulse.place());
        assert_eq!(
            [again.beat(), again.beat(), again.beat(), again.beat()],
            [false, false, true, false]
        );
        again.clone().end();
        assert_eq!(again.place(), Place::OVER);
    }

    #[test]
    fn a_long_message_is_cut() {
        let (from, sent) = (NodeId::new(1), SimTime::ZERO);
        let event = Event::Deliver { from, sent, message: "é".repeat(SHOWN + 1) };
        let words = in_words(&Record { number: 7, at: sent, node: Some(NodeId::new(0)), event });
        let expected =
            format!("n0 does not come back from a message from n1: {} ...", "é".repeat(SHOWN));
        assert_eq!(words, expected);
    }
}
