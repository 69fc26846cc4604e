//! What the leader of a group does besides leading: it asks the master for the next configuration,
//! and gives away the shards that are another group's.
//!
//! To the group that a shard goes to it is a client like any other: it asks for the shard to be
//! installed until it is told that this is done, and then has its own group drop it. Nothing of
//! this need survive, since whether a shard is leaving is in the log; and to ask twice does no
//! harm, since whether it has arrived is in the other group's log.
//!
//! Two groups that exchange shards do not wait for each other:
//!
//! 1. A and B come to a configuration in which each has a shard of the other's;
//! 2. each asks the other to install, and waits for that before it goes on to the next;
//! 3. each installs what it is asked to, whatever it waits for itself: all that takes is its log.

use crate::message::Message;
use crate::store::{Op, Reply, Store};
use kvraft::rsm::{self, Clerk, ClientId, Outcome};
use labrpc::{Context, Instant, NodeId};
use raft::{Index, Term};
use shardmaster::{Config, ConfigNum, Shard};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How often the master is asked whether there is a next configuration. A change takes half of it
/// to be noticed on average; and it is what an idle group costs the master.
const POLL: Duration = Duration::from_millis(80);

/// How long to wait before a group is asked again that is behind: it has been told that there is
/// something to catch up with, and needs about two round trips for it.
const PAUSE: Duration = Duration::from_millis(20);

/// What a leader does besides, in one term.
#[derive(Clone, Debug)]
pub(crate) struct Duties {
    term: Term,
    master: Clerk<shardmaster::Op, shardmaster::Reply>,
    /// When to ask the master next; `None` while it is asked.
    poll: Option<Instant>,
    /// Everything up to here was looked at.
    seen: Option<Index>,
    /// The configuration that the group has come to, and whether it can go on from there.
    config: ConfigNum,
    settled: bool,
    /// The latest configuration that was proposed in this term.
    proposed: Option<ConfigNum>,
    /// Shards on their way to another group.
    transfers: BTreeMap<Shard, Transfer>,
    /// What is to be put into the log.
    proposals: VecDeque<Op>,
}

#[derive(Clone, Debug)]
struct Transfer {
    since: ConfigNum,
    client: ClientId,
    clerk: Clerk<Op, Reply>,
}

impl Duties {
    /// A term begins.
    pub fn take_up<M>(cx: &mut Context<'_, M>, term: Term, masters: &[NodeId]) -> Self {
        Self {
            term,
            master: Clerk::new(ClientId::random(cx.rng), masters.to_vec()),
            poll: Some(cx.now),
            seen: None,
            config: ConfigNum::FIRST,
            settled: false,
            proposed: None,
            transfers: BTreeMap::new(),
            proposals: VecDeque::new(),
        }
    }

    /// The term in which it leads.
    pub fn term(&self) -> Term {
        self.term
    }

    /// Looks at how far the group has come, and does what follows. The answer is something to put
    /// into the log.
    pub fn next<M>(
        &mut self,
        cx: &mut Context<'_, Message<M>>,
        store: &Store,
        applied: Index,
    ) -> Option<Op> {
        if self.seen != Some(applied) {
            self.seen = Some(applied);
            self.settled = store.is_settled();
            if self.config != store.config().num {
                self.config = store.config().num;
                self.poll_now(cx);
            }
            self.transfers.retain(|shard, it| {
                store.leaving().any(|(left, _, since, _)| (left, since) == (*shard, it.since))
            });
            self.begin_transfers(cx, store);
        }
        if self.poll.is_some_and(|due| due <= cx.now) && self.settled {
            self.poll = None;
            let num = Some(self.config.next());
            self.master.start(cx, shardmaster::Op::Query { num });
        }
        self.proposals.pop_front()
    }

    fn begin_transfers<M>(&mut self, cx: &mut Context<'_, Message<M>>, store: &Store) {
        for (shard, to, since, contents) in store.leaving() {
            if self.transfers.contains_key(&shard) {
                continue;
            }
            let Some(servers) = store.config().groups.get(&to) else { continue };
            let client = ClientId::random(cx.rng);
            let mut clerk = Clerk::new(client, servers.clone());
            clerk.start(cx, Op::Install { since, shard, contents: contents.clone() });
            cx.note("gives away", format_args!("{shard} to {to}, of {since}"));
            self.transfers.insert(shard, Transfer { since, client, clerk });
        }
    }

    /// Asks the master as soon as the group can go on.
    pub fn poll_now<M>(&mut self, cx: &Context<'_, M>) {
        if let Some(due) = &mut self.poll {
            *due = cx.now.min(*due);
        }
    }

    /// The master has answered.
    pub fn on_master_reply<M>(
        &mut self,
        cx: &mut Context<'_, Message<M>>,
        store: &Store,
        from: NodeId,
        reply: rsm::Reply<shardmaster::Reply>,
    ) {
        self.master.on_reply(cx, from, reply);
        let Some(answer) = self.master.take_reply() else { return };
        self.poll = Some(cx.now + POLL);
        // If there is no next one yet, it is the latest that there is.
        if let Outcome::Done(shardmaster::Reply::Config(config)) = answer
            && config.follows(store.config())
            && self.proposed != Some(config.num)
        {
            self.propose_config(cx, config);
        }
    }

    fn propose_config<M>(&mut self, cx: &mut Context<'_, M>, config: Config) {
        cx.note("goes on to", format_args!("{config:?}"));
        self.proposed = Some(config.num);
        self.proposals.push_back(Op::Configure(config));
    }

    /// Another group has answered.
    pub fn on_store_reply<M>(
        &mut self,
        cx: &mut Context<'_, Message<M>>,
        from: NodeId,
        reply: rsm::Reply<Reply>,
    ) {
        let of_client = |(_, it): &(&Shard, &mut Transfer)| it.client == reply.client;
        let Some((&shard, transfer)) = self.transfers.iter_mut().find(of_client) else { return };
        transfer.clerk.on_reply(cx, from, reply);
        match transfer.clerk.take_reply() {
            // It was installed now, or has been before. Not before this may it be deleted here:
            //
            // 1. A deletes what it has sent;
            // 2. B's leader has put it into its log, and crashes before it is committed;
            // 3. nobody has it any more.
            Some(Outcome::Done(Reply::Installed) | Outcome::Refused(Reply::Installed)) => {
                cx.note("is acknowledged", format_args!("{shard}, of {}", transfer.since));
                self.proposals.push_back(Op::Drop { since: transfer.since, shard });
            }
            Some(Outcome::Refused(_)) => {
                cx.note("waits for who is behind", format_args!("{shard}, of {}", transfer.since));
                transfer.clerk.ask_again(cx, PAUSE);
            }
            // There is no other that gets through the door.
            Some(Outcome::Done(_)) | None => {}
        }
    }

    /// The time that [`next_wakeup`](Self::next_wakeup) asked for has come.
    pub fn on_wakeup<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        self.master.on_wakeup(cx);
        for transfer in self.transfers.values_mut() {
            transfer.clerk.on_wakeup(cx);
        }
    }

    /// When to be woken next.
    pub fn next_wakeup(&self) -> Option<Instant> {
        let clerks = self.transfers.values().filter_map(|it| it.clerk.next_wakeup());
        let poll = self.poll.filter(|_| self.settled);
        clerks.chain(self.master.next_wakeup()).chain(poll).min()
    }
}
