//! The clerk: it stands between a client that wants one thing after another done, each once, and
//! servers of which at most one can do it, and nobody knows which (the dissertation, section 6.2).
//!
//! Every answer says which operation it is about. One that says that it is done, or that the
//! service has refused it, counts whoever gives it and whenever it comes. One that says "I don't
//! lead" counts only from the server that was asked last: the others were left for a reason.

use super::{Answer, ClientId, ClientMessage, Outcome, Reply, Request, Seq};
use labrpc::{Context, Instant, NodeId, Rng};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

/// How long a clerk waits for an answer before it asks another server. On the labs' unreliable
/// network a leader needs at most 34 ms for the question, 34 and 7 for an append and its answer,
/// and 7 for its own; if an append gets lost, its Raft sends it again after 50.
const PATIENCE: Duration = Duration::from_millis(150);

/// The longest that it waits, but for chance, for a server that has been silent again and again.
const MOST_PATIENCE: Duration = Duration::from_millis(600);

/// How long it waits when all servers have said that they do not lead: an election takes a while.
const PAUSE: Duration = Duration::from_millis(50);

/// After so many refusals in a row by one server it tries another.
const REFUSALS_BELIEVED: usize = 4;

/// A client's side of a replicated service, as a state machine that a driver steps.
///
/// It asks one server at a time. If that one does not lead, it asks the one that is said to lead at
/// once, or else the next; when there have been as many refusals as there are servers it makes a
/// pause of 50 ms first, and after each further round of as many. If it hears nothing for 150 ms,
/// it asks the next.
///
/// A server that is silent may be dead or cut off; or it has so much to do that it is not the
/// clerk's turn yet. Then to ask again is more to do, and if all clerks ask again before they are
/// answered, servers do nothing but tell copies from originals. So each server has a patience of its
/// own. It doubles with each silence about one operation, up to 600 ms, and a quarter more by chance,
/// and stays like that for the next, whose answer tells what it should have been: an answer from who
/// was not silent before makes it twice what it took, but no less than 150 ms. Silences about
/// different operations don't add up, because a network that loses messages is no reason to wait.
/// Who says that he does not lead is asked as patiently as at first.
///
/// Whenever it asks it waits anew. If instead the alarm for an earlier question moved it on, it
/// could circle for ever. Of three servers n1 leads; each takes 100 ms to answer, and n0 is not up
/// to date:
///
/// 1. it asks n0, with an alarm at 150 ms;
/// 2. at 100 ms n0 names n2, which it asks;
/// 3. at 150 ms the alarm makes it leave n2, for n0;
/// 4. at 200 ms n2 names n1; but n2 was not asked last;
/// 5. at 250 ms n0 names n2, as at 100 ms. It never asks n1.
///
/// It never gives up: whether an operation without an answer was done, nobody could say.
///
/// ```
/// use kvraft::kv;
/// use kvraft::rsm::{Answer, Clerk, ClientId, ClientMessage, Outcome, Reply};
/// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
///
/// let (mut rng, mut disk, mut notes) = (Rng::new(1), Disk::default(), Notes::off());
/// let mut outbox: Vec<(NodeId, ClientMessage<kv::Op, kv::Reply>)> = Vec::new();
/// let (me, server, now) = (NodeId::new(5), NodeId::new(0), Instant::ZERO);
/// let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
///
/// let client = ClientId::new(1);
/// let mut clerk = Clerk::new(client, vec![server]);
/// let seq = clerk.start(&mut cx, kv::Op::Get { key: "x".into() });
/// let answer = Answer::Done(kv::Reply::Value(None));
/// clerk.on_reply(&mut cx, server, Reply { client, seq, answer });
/// assert_eq!(clerk.take_reply(), Some(Outcome::Done(kv::Reply::Value(None))));
/// ```
#[derive(Clone, Debug)]
pub struct Clerk<O, T> {
    client: ClientId,
    servers: Vec<NodeId>,
    /// Whom it asks: the latest that was known to lead, or the next to try.
    target: usize,
    /// How far it is in trying one after the other. It is not the same: a hint may lead back to one
    /// who is silent, again and again, and everybody else must have their turn.
    cursor: usize,
    /// How long it waits for servers for which it waits longer than for others.
    patience: BTreeMap<NodeId, Duration>,
    seq: Seq,
    /// What it has asked for and has no answer to.
    call: Option<Call<O>>,
    /// What was refused, and how often in a row.
    refused: Option<(O, usize)>,
    reply: Option<Outcome<T>>,
}

#[derive(Clone, Debug)]
struct Call<O> {
    op: O,
    /// How often somebody who was asked has said that he does not lead.
    refusals: usize,
    /// How often a service has refused it in a row.
    refused: usize,
    /// Whom it has asked, when it did so last, and how often he has been silent. If he was, nobody
    /// could say which question an answer answers.
    asked: BTreeMap<NodeId, (Instant, u32)>,
    due: Due,
}

impl<O> Call<O> {
    fn new(op: O, refused: usize, now: Instant) -> Self {
        Self { op, refusals: 0, refused, asked: BTreeMap::new(), due: Due::Ask(now) }
    }
}

/// What happens when nothing happens.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// It has asked, and asks another then.
    Silence(Instant),
    /// It has not asked yet, and does so then.
    Ask(Instant),
}

impl<O: Clone + Debug, T: Clone + Debug> Clerk<O, T> {
    /// A clerk of these servers, which it tries in this order as long as it knows no better. No
    /// other clerk may ever have the same `client`, not even this one after a restart.
    ///
    /// # Panics
    /// If there are no servers.
    pub fn new(client: ClientId, servers: Vec<NodeId>) -> Self {
        assert!(!servers.is_empty(), "a clerk needs servers");
        Self {
            client,
            servers,
            target: 0,
            cursor: 0,
            patience: BTreeMap::new(),
            seq: Seq::default(),
            call: None,
            refused: None,
            reply: None,
        }
    }

    /// Sets out to have something done; the answer is its number.
    ///
    /// # Panics
    /// If the operation before has not been answered: a session has one at a time.
    pub fn start<M: From<ClientMessage<O, T>>>(&mut self, cx: &mut Context<'_, M>, op: O) -> Seq {
        assert!(self.call.is_none(), "{:?} has not been answered", self.call);
        self.seq = self.seq.next();
        self.reply = None;
        self.refused = None;
        self.call = Some(Call::new(op, 0, cx.now));
        self.ask(cx);
        self.seq
    }

    /// Asks for what was refused once more, under the same number, after `pause`; for what is under
    /// way, only sooner or later than it would have.
    ///
    /// # Panics
    /// If there is neither.
    pub fn ask_again<M: From<ClientMessage<O, T>>>(
        &mut self,
        cx: &mut Context<'_, M>,
        pause: Duration,
    ) {
        self.reply = None;
        if let Some((op, times)) = self.refused.take() {
            // It may have been refused by one who is not the leader any more.
            if times.is_multiple_of(REFUSALS_BELIEVED) {
                self.target = self.next_server();
            }
            self.call = Some(Call::new(op, times, cx.now));
        }
        let call = self.call.as_mut().expect("there is something to ask for");
        if pause.is_zero() {
            self.ask(cx);
        } else {
            call.due = Due::Ask(cx.now + pause);
        }
    }

    /// Turns to other servers. What is under way, or was refused, it asks them for when it next
    /// asks: a service whose state moves between groups of servers must move the session with it.
    ///
    /// # Panics
    /// If there are no servers.
    pub fn turn_to(&mut self, servers: Vec<NodeId>) {
        assert!(!servers.is_empty(), "a clerk needs servers");
        (self.servers, self.target, self.cursor) = (servers, 0, 0);
        // None of these has been asked, so none is to be passed over for its silence.
        if let Some(call) = &mut self.call
            && let Due::Silence(due) = call.due
        {
            call.due = Due::Ask(due);
        }
    }

    /// Whom it asks next: right after an answer, the one who gave it.
    pub fn target(&self) -> NodeId {
        self.servers[self.target]
    }

    /// How long it waits for the one whom it asks next.
    pub fn patience(&self) -> Duration {
        self.patience.get(&self.target()).copied().unwrap_or(PATIENCE)
    }

    /// Whether the latest operation was refused, and nothing is under way.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether an operation is under way.
    pub fn is_busy(&self) -> bool {
        self.call.is_some()
    }

    /// The answer to the latest operation, once there is one.
    pub fn reply(&self) -> Option<&Outcome<T>> {
        self.reply.as_ref()
    }

    /// Takes the answer out.
    pub fn take_reply(&mut self) -> Option<Outcome<T>> {
        self.reply.take()
    }

    /// An answer has arrived. If it is from somebody else than its servers, or about something else
    /// than what is under way, it is ignored.
    pub fn on_reply<M: From<ClientMessage<O, T>>>(
        &mut self,
        cx: &mut Context<'_, M>,
        from: NodeId,
        reply: Reply<T>,
    ) {
        let Some(call) = &mut self.call else { return };
        let Some(slot) = self.servers.iter().position(|&server| server == from) else { return };
        if (reply.client, reply.seq) != (self.client, self.seq) {
            return;
        }
        let leader = match reply.answer {
            Answer::Done(reply) => return self.finish(cx.now, slot, Outcome::Done(reply)),
            Answer::Refused(reply) => return self.finish(cx.now, slot, Outcome::Refused(reply)),
            Answer::NotLeader { leader } => leader,
        };
        self.patience.remove(&from);
        call.asked.remove(&from);
        // Who was not asked last says nothing about who was.
        if slot != self.target || matches!(call.due, Due::Ask(_)) {
            return;
        }
        call.refusals += 1;
        // An election takes a while; and two servers that each take the other for the leader would
        // have it run to and fro between them for ever, and as fast as the network.
        let weary = call.refusals.is_multiple_of(self.servers.len());
        let hint = leader.and_then(|leader| self.servers.iter().position(|&it| it == leader));
        self.target = match hint {
            Some(hint) if hint != slot && !weary => {
                cx.note("is sent to the leader", format_args!("{}", self.servers[hint]));
                hint
            }
            _ => self.next_server(),
        };
        if weary {
            cx.note("nobody leads", format_args!("{:?}", self.seq));
            let call = self.call.as_mut().expect("there is a call");
            call.due = Due::Ask(cx.now + PAUSE);
        } else {
            self.ask(cx);
        }
    }

    /// The time that [`next_wakeup`](Clerk::next_wakeup) asked for has come.
    pub fn on_wakeup<M: From<ClientMessage<O, T>>>(&mut self, cx: &mut Context<'_, M>) {
        match self.call.as_ref().map(|call| call.due) {
            Some(Due::Silence(due)) if due <= cx.now => {
                cx.note("hears nothing", format_args!("from {}", self.servers[self.target]));
                self.has_been_silent();
                self.target = self.next_server();
                self.ask(cx);
            }
            Some(Due::Ask(due)) if due <= cx.now => self.ask(cx),
            _ => {}
        }
    }

    /// When to be woken next; `None` if nothing is under way.
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.call.as_ref().map(|call| match call.due {
            Due::Silence(due) | Due::Ask(due) => due,
        })
    }

    fn next_server(&mut self) -> usize {
        let after = |slot: usize| (slot + 1) % self.servers.len();
        self.cursor = after(self.cursor);
        if self.cursor == self.target {
            self.cursor = after(self.cursor);
        }
        self.cursor
    }

    fn ask<M: From<ClientMessage<O, T>>>(&mut self, cx: &mut Context<'_, M>) {
        let (target, patience) = (self.target(), self.patience());
        let call = self.call.as_mut().expect("there is something to ask for");
        call.due = Due::Silence(cx.now + with_jitter(cx.rng, patience));
        call.asked.entry(target).or_insert((cx.now, 0)).0 = cx.now;
        let request = Request { client: self.client, seq: self.seq, op: call.op.clone() };
        cx.send(target, ClientMessage::Request(request).into());
    }

    fn has_been_silent(&mut self) {
        let (target, patience) = (self.target(), self.patience());
        let call = self.call.as_mut().expect("it is asked for something");
        if let Some((_, silences)) = call.asked.get_mut(&target) {
            *silences += 1;
            let doubled = PATIENCE * (1 << (*silences).min(8));
            self.patience.insert(target, doubled.clamp(patience, MOST_PATIENCE));
        }
    }

    fn finish(&mut self, now: Instant, slot: usize, outcome: Outcome<T>) {
        let call = self.call.take().expect("it answers something");
        let server = self.servers[slot];
        if let Some((at, 0)) = call.asked.get(&server) {
            let patience = MOST_PATIENCE.min(2 * now.since(*at));
            self.patience.insert(server, patience.max(PATIENCE));
        }
        if matches!(outcome, Outcome::Refused(_)) {
            self.refused = Some((call.op, call.refused + 1));
        }
        (self.target, self.cursor) = (slot, slot);
        self.reply = Some(outcome);
    }
}

/// What a clerk waits that has been patient: all that have waited for the same server should not
/// come back at once.
fn with_jitter(rng: &mut Rng, patience: Duration) -> Duration {
    if patience <= PATIENCE {
        return patience;
    }
    rng.duration(&(patience..patience + patience / 4))
}
