//! What no correct server sends, and how it is refused.
//!
//! Most of it can be told from the message alone, in [`Raft::vet`]. What can only be told in the
//! light of this server's log or of what it has sent, the rule that it belongs to refuses.

use crate::message::{Appended, Message};
use crate::raft::Raft;
use crate::{Index, LogId, Malformed};
use labrpc::NodeId;

/// Why a message is refused: no correct server can have sent it. It is counted and noted, and
/// changes nothing; where that is seen late, nothing but what its term alone demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The sender is no member of the cluster.
    Stranger,
    /// A term so high that it cannot have been counted up to.
    TermOutOfRange,
    /// A place in the log that cannot exist: an index without a term, or beyond counting.
    ImpossiblePlace,
    /// A candidate or leader whose log is from the future of its own term.
    EntryFromLaterTerm,
    /// Entries whose bytes are none, or whose terms fall.
    MalformedEntries,
    /// A second leader in the term of this leader.
    SecondLeader,
    /// An entry that contradicts a committed one.
    ContradictsCommitted,
    /// An acknowledgement of entries that this leader does not have, a conflict after the place
    /// that was asked about, or the echo of a round that has not begun.
    ImpossibleReply,
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::MalformedEntries
    }
}

/// Beyond this no term or index is believed; it leaves room to count on.
const HIGHEST: u64 = u64::MAX / 4;

impl Raft {
    /// Refuses what no correct server can have sent, as far as that can be seen before it is looked
    /// at in the light of this server's log. The answer is the sender's place among the peers.
    pub(crate) fn vet(&self, from: NodeId, message: &Message) -> Result<usize, Refusal> {
        let slot = self.node.slot(from).ok_or(Refusal::Stranger)?;
        let term = message.term();
        if term.get() == 0 || term.get() > HIGHEST {
            return Err(Refusal::TermOutOfRange);
        }
        let place = |id: LogId| {
            let nowhere = (id.term.get() == 0) != (id.index.get() == 0);
            if nowhere || id.index.get() > HIGHEST {
                Err(Refusal::ImpossiblePlace)
            } else if id.term > term {
                Err(Refusal::EntryFromLaterTerm)
            } else {
                Ok(())
            }
        };
        match message {
            Message::RequestVote(m) => {
                place(m.last)?;
                // A candidate has just begun its term, and nobody has made an entry in it.
                if m.last.term == m.term {
                    return Err(Refusal::EntryFromLaterTerm);
                }
            }
            Message::AppendEntries(m) => {
                place(m.prev)?;
                let mut before = m.prev.term;
                for entry in m.entries.iter() {
                    let entry = entry?;
                    if entry.term < before || entry.term.get() == 0 {
                        return Err(Refusal::MalformedEntries);
                    }
                    before = entry.term;
                }
                if before > m.term {
                    return Err(Refusal::EntryFromLaterTerm);
                }
            }
            Message::InstallSnapshot(m) => {
                place(m.last)?;
                if m.last.index == Index::BEFORE_FIRST {
                    return Err(Refusal::ImpossiblePlace);
                }
            }
            Message::AppendEntriesReply(m) => {
                if let Appended::Conflict { first, .. } = m.outcome
                    && (first.get() == 0 || first > m.prev)
                {
                    return Err(Refusal::ImpossibleReply);
                }
            }
            Message::RequestVoteReply(_) | Message::InstallSnapshotReply(_) => {}
        }
        Ok(slot)
    }
}
