//! The clerk: it finds out which group serves a key, and who leads that group.
//!
//! It is two clerks of replicated services in one: one asks the master for the latest
//! configuration, the other asks a group, and is turned to another group when the key is served
//! there. The number of an operation goes with it from group to group, and so do sessions:
//!
//! 1. A does an append, and its answer gets lost;
//! 2. the shard moves to B, and the clerk hears of it;
//! 3. it asks B. Under another number, the append would be done again.

use crate::message::{Message, answers_client, answers_query};
use crate::shard::shard_of;
use crate::store::{Op, Reply};
use kvraft::kv;
use kvraft::rsm::{self, ClientId, ClientMessage, Outcome};
use labrpc::{Context, Instant, NodeId};
use shardmaster::{Config, Gid};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long to wait before a group is asked again that does not serve the key yet. After every
/// other time that it still does not it is twice as long, up to four times.
const PAUSE: Duration = Duration::from_millis(20);

/// How long an operation may go without an answer before the master is asked who serves the key
/// now; the group may have left. Each time that this changes nothing it is twice as long, up to four
/// times; and it is no less than five thirds of what the group itself is waited for, which are 250
/// ms for a group that answers as usual.
const REFRESH: Duration = Duration::from_millis(250);

/// A client's side of the store, which has one operation at a time and never gives up.
///
/// A group that says "not mine" sends it to the master, unless the group has not come to the
/// configuration that the clerk knows: then the master would only repeat it. Such a group, and one
/// that says "not yet", is asked again after 20 ms, and after 250 ms without an answer the master is
/// asked in any case: the group may be dead, and the key another's by now. The same is the pause
/// while no group serves the key at all. All pauses grow when nothing comes of them, so that clerks
/// do not keep a group or the master from what they wait for.
///
/// ```
/// use kvraft::kv;
/// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
/// use shardkv::{Clerk, Message};
///
/// let (mut rng, mut disk, mut notes) = (Rng::new(1), Disk::default(), Notes::off());
/// let mut outbox: Vec<(NodeId, Message<raft::Message>)> = Vec::new();
/// let (me, master, now) = (NodeId::new(5), NodeId::new(0), Instant::ZERO);
/// let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
///
/// let mut clerk = Clerk::new(&mut cx, vec![master]);
/// clerk.start(&mut cx, kv::Op::Get { key: "x".into() });
/// assert!(clerk.is_busy());
/// assert!(matches!(outbox[..], [(to, Message::Master(_))] if to == master));
/// ```
#[derive(Clone, Debug)]
pub struct Clerk {
    master: rsm::Clerk<shardmaster::Op, shardmaster::Reply>,
    store: rsm::Clerk<Op, Reply>,
    /// The latest configuration that it knows, if any.
    config: Option<Config>,
    /// Who led each group when it answered last.
    leaders: BTreeMap<Gid, NodeId>,
    call: Option<Call>,
    reply: Option<kv::Reply>,
    refused: u64,
}

/// An operation without an answer.
#[derive(Clone, Debug)]
struct Call {
    op: kv::Op,
    /// Which group was asked; `None`: none yet.
    asked: Option<Gid>,
    /// When to ask the master again.
    refresh: Instant,
    /// How often that time has come.
    refreshed: u32,
    /// How often a group has said that it does not serve the key yet.
    too_early: u32,
}

impl Clerk {
    /// A clerk that knows nothing but the master's servers.
    ///
    /// # Panics
    /// If the master has no servers.
    pub fn new<M>(cx: &mut Context<'_, M>, masters: Vec<NodeId>) -> Self {
        assert!(!masters.is_empty(), "a clerk needs a master");
        Self {
            master: rsm::Clerk::new(ClientId::random(cx.rng), masters.clone()),
            // It is turned to a group before it asks for anything.
            store: rsm::Clerk::new(ClientId::random(cx.rng), masters),
            config: None,
            leaders: BTreeMap::new(),
            call: None,
            reply: None,
            refused: 0,
        }
    }

    /// Sets out to have something done.
    ///
    /// # Panics
    /// If the operation before has not been answered.
    pub fn start<M>(&mut self, cx: &mut Context<'_, Message<M>>, op: kv::Op) {
        assert!(self.call.is_none(), "{:?} has not been answered", self.call);
        self.reply = None;
        let refresh = cx.now + REFRESH;
        self.call = Some(Call { op, asked: None, refresh, refreshed: 0, too_early: 0 });
        self.ask(cx);
    }

    /// The answer to the latest operation, once there is one.
    pub fn reply(&self) -> Option<&kv::Reply> {
        self.reply.as_ref()
    }

    /// Whether an operation is under way.
    pub fn is_busy(&self) -> bool {
        self.call.is_some()
    }

    /// How many messages were refused because no correct node can have sent them.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The latest configuration that it knows, if any.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Asks the group that serves the key, or the master who that is.
    fn ask<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        let Some(call) = &mut self.call else { return };
        let found = self.config.as_ref().and_then(|config| {
            let gid = config.owner(shard_of(call.op.key(), config.shards.len()))?;
            let mut servers = config.groups.get(&gid)?.clone();
            if let Some(leader) = self.leaders.get(&gid)
                && let Some(at) = servers.iter().position(|server| server == leader)
            {
                servers.rotate_left(at);
            }
            Some((gid, servers))
        });
        let Some((gid, servers)) = found else { return self.refresh(cx) };
        match call.asked {
            Some(asked) if asked == gid => return self.ask_later(cx),
            Some(before) => {
                cx.note("takes it to another group", format_args!("from {before} to {gid}"));
                self.store.turn_to(servers);
                self.store.ask_again(cx, Duration::ZERO);
            }
            None => {
                self.store.turn_to(servers);
                self.store.start(cx, Op::Client(call.op.clone()));
            }
        }
        call.asked = Some(gid);
        call.refresh = refresh_at(cx, call, &self.store);
    }

    /// Asks the same group again, in a while.
    fn ask_later<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        let Some(call) = &mut self.call else { return };
        let pause = doubled(cx, PAUSE, call.too_early / 2);
        call.too_early += 1;
        self.store.ask_again(cx, pause);
    }

    /// Asks the master for the latest configuration.
    fn refresh<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        if let Some(call) = &mut self.call {
            call.refresh = refresh_at(cx, call, &self.store);
        }
        if !self.master.is_busy() {
            self.master.start(cx, shardmaster::Op::Query { num: None });
        }
    }

    /// A message has arrived. What is about something else than what is under way is ignored, and
    /// what no correct node can have sent is refused.
    pub fn on_message<M>(
        &mut self,
        cx: &mut Context<'_, Message<M>>,
        from: NodeId,
        message: Message<M>,
    ) {
        match message {
            Message::Master(ClientMessage::Reply(reply)) if answers_query(&reply.answer) => {
                self.master.on_reply(cx, from, reply);
                self.on_config(cx);
            }
            Message::Store(ClientMessage::Reply(reply)) if answers_client(&reply.answer) => {
                self.store.on_reply(cx, from, reply);
                self.on_answer(cx);
            }
            _ => {
                self.refused += 1;
                cx.note("refused", format_args!("no answer to anything, from {from}"));
            }
        }
    }

    fn on_config<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        let Some(Outcome::Done(shardmaster::Reply::Config(config))) = self.master.take_reply()
        else {
            return;
        };
        if self.config.as_ref().is_none_or(|known| known.num < config.num) {
            self.config = Some(config);
        }
        let Some(call) = &self.call else { return };
        let config = self.config.as_ref().expect("it has just come");
        let owner = config.owner(shard_of(call.op.key(), config.shards.len()));
        // A group that is being asked and may answer is left to do so; where there is none, the
        // master is asked again in a while.
        if owner.is_some() && (owner != call.asked || self.store.is_refused()) {
            self.ask(cx);
        }
    }

    fn on_answer<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        match self.store.take_reply() {
            Some(Outcome::Done(Reply::Client(reply))) => {
                let asked = self.call.take().and_then(|call| call.asked);
                self.leaders.extend(asked.map(|gid| (gid, self.store.target())));
                self.reply = Some(reply);
            }
            Some(Outcome::Refused(Reply::WrongGroup(num))) => {
                cx.note("asked the wrong group", format_args!("which has come to {num}"));
                if self.config.as_ref().is_some_and(|known| known.num > num) {
                    self.ask_later(cx);
                } else {
                    self.refresh(cx);
                }
            }
            Some(Outcome::Refused(_)) => {
                cx.note("asked too early", format_args!("the shard has not come"));
                self.ask_later(cx);
            }
            // There is no other that gets through the door.
            Some(Outcome::Done(_)) | None => {}
        }
    }

    /// The time that [`next_wakeup`](Clerk::next_wakeup) asked for has come.
    pub fn on_wakeup<M>(&mut self, cx: &mut Context<'_, Message<M>>) {
        self.master.on_wakeup(cx);
        self.store.on_wakeup(cx);
        if let Some(call) = self.call.as_mut().filter(|call| call.refresh <= cx.now) {
            call.refreshed += 1;
            self.refresh(cx);
        }
    }

    /// When to be woken next.
    pub fn next_wakeup(&self) -> Option<Instant> {
        let refresh = self.call.as_ref().map(|call| call.refresh);
        [self.master.next_wakeup(), self.store.next_wakeup(), refresh].into_iter().flatten().min()
    }
}

/// When the master is asked in any case.
fn refresh_at<M>(cx: &mut Context<'_, M>, call: &Call, store: &rsm::Clerk<Op, Reply>) -> Instant {
    cx.now + doubled(cx, REFRESH, call.refreshed).max(5 * store.patience() / 3)
}

/// A pause that has been made so often: twice as long each time, up to four times, and then a
/// quarter more by chance, so that not all who wait for the same come back at once.
fn doubled<M>(cx: &mut Context<'_, M>, pause: Duration, times: u32) -> Duration {
    let longer = pause * (1 << times.min(2));
    if times == 0 { pause } else { cx.rng.duration(&(longer..longer + longer / 4)) }
}
