//! The Raft consensus algorithm as a synchronous state machine.

mod consensus;
mod election;
mod log;
mod message;
mod raft;
mod replication;
mod snapshot;
mod storage;
mod types;

pub use consensus::{Applied, Consensus, View};
pub use message::{
    AppendEntries, AppendEntriesReply, Appended, Entries, InstallSnapshot, InstallSnapshotReply,
    Malformed, Message, RequestVote, RequestVoteReply,
};
pub use raft::Raft;
pub use storage::Entry;
pub use types::{Config, Index, LogId, NotLeader, Status, Term};
