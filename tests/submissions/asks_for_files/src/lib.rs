//! Prints the calls above it each time a server boots. Inspection lets that pass, and the standard library reads
//! their names from files.
//!
//! Expected: no points, "tried to reach a file": the system call is not allowed.

use labrpc::{Context, Instant, Kind, NodeId, Persister, Wire};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, View};
use serde::{Deserialize, Serialize};
use tests::not_written;

/// What your servers send each other: one variant for each of the paper's RPCs and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// 2A: asks for a vote.
    RequestVote {},
    /// 2A: the answer.
    RequestVoteReply {},
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::RequestVote {} => Kind::Request,
            Self::RequestVoteReply {} => Kind::Reply,
        }
    }
}

/// One server.
#[derive(Clone, Debug)]
pub struct Raft {
    /// This server.
    pub me: NodeId,
    /// All servers, this one among them.
    pub peers: Vec<NodeId>,
    /// The timeouts to keep to, and more.
    pub config: Config,
}

impl Consensus for Raft {
    type Message = Message;

    fn boot(cx: &mut Context<'_, Message>, peers: &[NodeId], config: Config) -> Self {
        // 2A: an election timer, and term and vote from `cx.disk`. 2B: the log. 2D: the snapshot.
        println!("{}", std::backtrace::Backtrace::force_capture());
        Self { me: cx.me, peers: peers.to_vec(), config }
    }

    fn on_message(&mut self, _cx: &mut Context<'_, Message>, _from: NodeId, message: Message) {
        match message {
            Message::RequestVote {} => not_written!("lab 2A: grant or deny a vote"),
            Message::RequestVoteReply {} => not_written!("lab 2A: count a vote"),
        }
    }

    fn on_wakeup(&mut self, _cx: &mut Context<'_, Message>) {
        not_written!("lab 2A: campaign when the election timer has run out")
    }

    fn next_wakeup(&self) -> Option<Instant> {
        not_written!("lab 2A: say when the next timer runs out")
    }

    fn propose(
        &mut self,
        _cx: &mut Context<'_, Message>,
        _command: &[u8],
    ) -> Result<LogId, NotLeader> {
        not_written!("lab 2B: a leader takes the command into its log")
    }

    fn next_applied<'a>(&'a mut self, _disk: &'a dyn Persister) -> Option<Applied<'a>> {
        // 2B: what is committed and was not handed up yet.
        None
    }

    fn snapshot(&mut self, _cx: &mut Context<'_, Message>, _upto: Index, _state: &[u8]) {
        not_written!("lab 2D: keep the snapshot, and drop the log that it covers")
    }

    fn status(&self) -> Status {
        not_written!("lab 2A: say which term it is, and whether this server leads it")
    }

    /// Leave it at `None` for as long as you like. With it monitors look inside your servers after
    /// every step, and tell of most mistakes where they happen, and not where they come to light.
    fn view(&self) -> Option<&dyn View> {
        None
    }
}
