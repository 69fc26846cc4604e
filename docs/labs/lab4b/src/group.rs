//! A server of a group: a Raft, and the shards that it serves.

use crate::{MasterClerk, Message, Raft, Request};
use kvraft::rsm::Config;
use labrpc::{Context, Instant, NodeId, Process};
use raft::{Applied, Consensus};
use shardmaster::Gid;
use tests::arena::{self, Recorder};
use tests::not_written;
use tests::shard::{GroupServer, Holdings, LabServer, Place};

/// One server of a group.
pub struct Group {
    /// Which group it is.
    pub gid: Gid,
    /// How many shards there are.
    pub shards: u16,
    /// Asks the master for configurations, if this server leads.
    pub master: MasterClerk,
    /// Your Raft, with a record of what it commits, for the monitors.
    pub raft: Recorder<Raft>,
    /// How large the Raft state may become.
    pub max_raft_state: Option<usize>,
}

impl Group {
    /// Starts a server from what is on its disk.
    pub fn boot(cx: &mut Context<'_, Message>, place: &Place<'_>, config: &Config) -> Self {
        let raft =
            cx.within(Message::Raft, |cx| Recorder::boot(cx, place.servers, config.raft.clone()));
        let master = MasterClerk::new(cx, place.masters);
        let (gid, shards) = (place.gid, place.shards);
        let max_raft_state = config.max_raft_state;
        let mut server = Self { gid, shards, master, raft, max_raft_state };
        server.apply(cx);
        server
    }

    /// A clerk asks for something.
    fn on_request(&mut self, _cx: &mut Context<'_, Message>, _clerk: NodeId, _request: Request) {
        not_written!("lab 4B: propose the operation, or say who else is to be asked")
    }

    /// Applies what has been committed.
    fn apply(&mut self, cx: &mut Context<'_, Message>) {
        while let Some(applied) = self.raft.next_applied(&*cx.disk) {
            match applied {
                Applied::Command { .. } => {
                    not_written!("lab 4B: do what the command says, once, and answer who waits")
                }
                Applied::Snapshot { .. } => {
                    not_written!("lab 4B: put this state in the place of your own")
                }
            }
        }
        // When `cx.disk.raft_state_bytes()` is near `max_raft_state`, take a snapshot. If
        // this server leads, see that the group comes to the next configuration.
    }
}

// ---- what has to do with the simulator: little to be written below -------------------------------

impl Process for Group {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        match message {
            Message::Raft(message) => {
                cx.within(Message::Raft, |cx| self.raft.on_message(cx, from, message));
                self.apply(cx);
            }
            Message::Request(request) => self.on_request(cx, from, request),
            // An answer of the master.
            Message::Master(_) => self.master.on_message(cx, from, message),
            Message::Reply(_) => {}
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        if self.raft.next_wakeup().is_some_and(|at| at <= cx.now) {
            cx.within(Message::Raft, |cx| self.raft.on_wakeup(cx));
            self.apply(cx);
        }
        if self.master.next_wakeup().is_some_and(|at| at <= cx.now) {
            self.master.on_wakeup(cx);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.raft.next_wakeup().into_iter().chain(self.master.next_wakeup()).min()
    }
}

impl LabServer for Group {
    fn is_leader(&self) -> bool {
        self.raft.status().is_leader
    }

    fn replica(&self) -> Option<&dyn arena::Replica> {
        Some(&self.raft)
    }
}

impl GroupServer for Group {
    /// Leave it at `None` for as long as you like. With it monitors see which group has which shard
    /// after every step: that no two serve one, and that none is lost.
    fn holdings(&self) -> Option<Holdings<'_>> {
        None
    }
}
