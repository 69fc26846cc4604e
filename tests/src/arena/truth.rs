//! Whether a server shows its inside, and whether that is true as far as is quickly seen.
//!
//! What monitors see of a Raft's inside is what it says of itself. One that hides it, or that shows a log
//! without entries, passes where another is found out; a grade does not let it.

use super::Replica;
use crate::{Outcome, demand, fail};
use labrpc::{Disk, NodeId, Persister};
use raft::LogId;

/// Something is not shown at all.
fn nothing_shown(id: NodeId, what: &str) -> Outcome {
    fail!("view", "{id} does not show its inside, and a grade looks at it: {what} has to")
}

/// Compares what a server shows with what it says of itself, and with its disk.
pub fn look(id: NodeId, replica: Option<&dyn Replica>, disk: &Disk) -> Outcome {
    let Some(replica) = replica else { return nothing_shown(id, "`replica`") };
    let Some(view) = replica.view() else { return nothing_shown(id, "`Consensus::view`") };
    let (status, held, covered) = (replica.status(), view.log(), view.covered());
    let last = status.last;
    demand!(
        held.start <= held.end && held.end == last.index.next(),
        "view",
        "{id} shows entries {}..{} and says that its last is {last}",
        held.start,
        held.end
    );
    demand!(
        held.start <= covered.index.next(),
        "view",
        "{id} shows entries from {} on and a snapshot up to {covered}: what is between?",
        held.start
    );
    demand!(
        covered == LogId::BEFORE_FIRST || !disk.snapshot().is_empty(),
        "view",
        "{id} shows a snapshot up to {covered}, and there is none on its disk"
    );
    if held.start < held.end {
        let term = view.entry(disk, last.index).map(|(term, _)| term);
        let shown = term.map_or("nothing".to_string(), |term| format!("an entry of {term}"));
        demand!(term == Some(last.term), "view", "{id} shows {shown} where its last is {last}");
    }
    demand!(
        !status.is_leader || view.voted_for() == Some(id),
        "view",
        "{id} leads {}, and does not show that it has voted for itself",
        status.term
    );
    Ok(())
}
