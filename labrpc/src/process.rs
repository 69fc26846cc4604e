//! What a state machine is, and what a driver lends it for the length of one step.

use crate::{Instant, NodeId, Persister, Rng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;

/// Whether a message asks or answers; the network treats the two differently, as the labs' RPCs.
///
/// A request is tested once: sent over a link that is cut it is lost, and otherwise it arrives,
/// whatever becomes of the link. A reply is tested twice, when it is sent and when it arrives,
/// since a caller whose link was cut meanwhile has given up.
///
/// ```
/// use labrpc::Kind;
/// assert_ne!(Kind::Request, Kind::Reply);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks. Counted as one RPC.
    Request,
    /// Answers a request. A reply that answers nothing is counted as one RPC, like a request: it
    /// answers something if the receiver of the reply has sent more requests that were delivered
    /// than the sender of the reply has answered in its present life.
    Reply,
}

/// A message: what can go over the wire.
///
/// The simulator encodes every message when it is sent and decodes it when it is delivered, so a
/// type that does not survive the wire fails there and not in production.
///
/// ```
/// use labrpc::{Kind, Wire};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// enum Message { Ping(u64), Pong(u64) }
///
/// impl Wire for Message {
///     fn kind(&self) -> Kind {
///         match self { Message::Ping(_) => Kind::Request, Message::Pong(_) => Kind::Reply }
///     }
/// }
/// assert_eq!(Message::Pong(3).kind(), Kind::Reply);
/// ```
pub trait Wire: Clone + fmt::Debug + Serialize + DeserializeOwned {
    /// Whether this is a request or a reply.
    fn kind(&self) -> Kind;
}

/// The message that says nothing, for processes that send none.
impl Wire for () {
    fn kind(&self) -> Kind {
        Kind::Request
    }
}

/// What a node says of itself for whoever reads the trace. It never changes what happens.
///
/// ```
/// use labrpc::{Context, Disk, Instant, NodeId, Note, Notes, Rng};
///
/// let (mut rng, mut disk) = (Rng::new(1), Disk::default());
/// let (mut outbox, mut notes) = (Vec::<(NodeId, ())>::new(), Notes::on());
/// let mut cx =
///     Context::new(NodeId::new(0), Instant::ZERO, &mut rng, &mut disk, &mut outbox, &mut notes);
/// cx.note("became leader", format_args!("term {}", 3));
/// assert_eq!(
///     notes.drain().collect::<Vec<_>>(),
///     [Note { what: "became leader", detail: "term 3".into() }],
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What happened, in fixed words.
    pub what: &'static str,
    /// The particulars.
    pub detail: String,
}

/// Where the notes of a step are collected: nowhere, unless a trace is kept or they are counted.
///
/// ```
/// use labrpc::Notes;
/// assert_eq!(Notes::off().drain().count(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Notes {
    kept: Option<Vec<Note>>,
    counts: Option<BTreeMap<&'static str, u64>>,
}

impl Notes {
    /// Drops every note, unread and unformatted.
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps every note.
    pub fn on() -> Self {
        Self { kept: Some(Vec::new()), counts: None }
    }

    /// Keeps every note, or none of those that come from now on.
    pub fn keep(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
    }

    /// Counts what is noted from now on, by what happened; the particulars stay unformatted.
    ///
    /// ```
    /// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
    ///
    /// let (mut rng, mut disk) = (Rng::new(1), Disk::default());
    /// let (mut outbox, mut notes) = (Vec::<(NodeId, ())>::new(), Notes::off());
    /// notes.count();
    /// let me = NodeId::new(0);
    /// let mut cx = Context::new(me, Instant::ZERO, &mut rng, &mut disk, &mut outbox, &mut notes);
    /// cx.note("voted", format_args!("for n1"));
    /// cx.note("voted", format_args!("for n2"));
    /// assert_eq!(notes.counts().collect::<Vec<_>>(), [("voted", 2)]);
    /// ```
    pub fn count(&mut self) {
        self.counts.get_or_insert_default();
    }

    /// What was noted, and how often, in the order of the words.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().flatten().map(|(what, times)| (*what, *times))
    }

    /// Takes out what was noted since the last time.
    pub fn drain(&mut self) -> impl Iterator<Item = Note> + '_ {
        self.kept.iter_mut().flat_map(|kept| kept.drain(..))
    }
}

/// What a driver lends a process for the length of one step.
///
/// The process reads the clock, throws the dice, writes to the disk and hands messages over; when
/// the step is over the driver makes the writes durable, *then* lets the messages leave, then asks
/// [`Process::next_wakeup`]. A process can therefore answer in the line after the write: what it
/// has promised is durable before anyone hears of it.
pub struct Context<'a, M> {
    /// The node that takes the step.
    pub me: NodeId,
    /// Its clock, which stands still for the length of the step.
    pub now: Instant,
    /// Its dice: one stream per node and life.
    pub rng: &'a mut Rng,
    /// Its disk.
    pub disk: &'a mut dyn Persister,
    outbox: &'a mut Vec<(NodeId, M)>,
    notes: &'a mut Notes,
}

impl<'a, M> Context<'a, M> {
    /// A context for one step, for who drives a process by hand.
    ///
    /// ```
    /// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
    ///
    /// let (mut rng, mut disk) = (Rng::new(1), Disk::default());
    /// let (mut outbox, mut notes) = (Vec::new(), Notes::off());
    /// let (me, now) = (NodeId::new(0), Instant::ZERO);
    /// let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
    /// cx.send(NodeId::new(1), "hello");
    /// assert_eq!(outbox, [(NodeId::new(1), "hello")]);
    /// ```
    pub fn new(
        me: NodeId,
        now: Instant,
        rng: &'a mut Rng,
        disk: &'a mut dyn Persister,
        outbox: &'a mut Vec<(NodeId, M)>,
        notes: &'a mut Notes,
    ) -> Self {
        Self { me, now, rng, disk, outbox, notes }
    }

    /// Sends `message` to `to` once the step is over and its writes are durable. What one sends to
    /// oneself takes the way over the network, too: it arrives later, or not at all.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.outbox.push((to, message));
    }

    /// Tells the trace, if there is one: `cx.note("became leader", format_args!("term {term}"))`.
    pub fn note(&mut self, what: &'static str, detail: fmt::Arguments<'_>) {
        if let Some(counts) = &mut self.notes.counts {
            *counts.entry(what).or_default() += 1;
        }
        if let Some(kept) = &mut self.notes.kept {
            kept.push(Note { what, detail: detail.to_string() });
        }
    }

    /// The same step for a state machine inside this one, whose messages are of another type: what it
    /// sends is wrapped and sent on.
    ///
    /// ```
    /// use labrpc::{Context, Instant, Kind, NodeId, Process, Wire};
    /// use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Debug, Serialize, Deserialize)]
    /// # struct Inner(u64);
    /// # impl Wire for Inner { fn kind(&self) -> Kind { Kind::Request } }
    /// # struct Core;
    /// # impl Core {
    /// #     fn on_message(&mut self, cx: &mut Context<'_, Inner>, from: NodeId, message: Inner) {
    /// #         cx.send(from, message);
    /// #     }
    /// # }
    ///
    /// #[derive(Clone, Debug, Serialize, Deserialize)]
    /// enum Outer { Core(Inner), Client(String) }
    /// # impl Wire for Outer { fn kind(&self) -> Kind { Kind::Request } }
    ///
    /// struct Server { core: Core }
    /// impl Process for Server {
    ///     type Message = Outer;
    ///     fn on_message(&mut self, cx: &mut Context<'_, Outer>, from: NodeId, message: Outer) {
    ///         if let Outer::Core(message) = message {
    ///             cx.within(Outer::Core, |cx| self.core.on_message(cx, from, message));
    ///         }
    ///     }
    ///     fn on_wakeup(&mut self, _: &mut Context<'_, Outer>) {}
    ///     fn next_wakeup(&self) -> Option<Instant> { None }
    /// }
    /// # use labrpc::{Disk, Notes, Rng};
    /// # let (mut rng, mut disk, me) = (Rng::new(1), Disk::default(), NodeId::new(0));
    /// # let (mut outbox, mut notes) = (Vec::new(), Notes::off());
    /// # let mut cx = Context::new(me, Instant::ZERO, &mut rng, &mut disk, &mut outbox, &mut notes);
    /// # Server { core: Core }.on_message(&mut cx, me, Outer::Core(Inner(7)));
    /// # assert!(matches!(outbox[..], [(to, Outer::Core(Inner(7)))] if to == me));
    /// ```
    pub fn within<N, T>(
        &mut self,
        wrap: impl Fn(N) -> M,
        step: impl FnOnce(&mut Context<'_, N>) -> T,
    ) -> T {
        let mut outbox = Vec::new();
        let out = step(&mut self.nested(&mut outbox));
        self.outbox.extend(outbox.into_iter().map(|(to, message)| (to, wrap(message))));
        out
    }

    /// As [`within`](Context::within), with an outbox of the caller's own, who looks through it, or keeps
    /// it from step to step.
    pub fn nested<'b, N>(&'b mut self, outbox: &'b mut Vec<(NodeId, N)>) -> Context<'b, N> {
        Context {
            me: self.me,
            now: self.now,
            rng: &mut *self.rng,
            disk: &mut *self.disk,
            outbox,
            notes: &mut *self.notes,
        }
    }
}

/// A deterministic state machine: everything it knows of the world comes through its arguments.
///
/// There is one alarm, asked for after every step and never cancelled: a process that changes its
/// mind answers [`next_wakeup`](Process::next_wakeup) differently. Nothing blocks, nothing is
/// shared, and the same calls with the same arguments do the same.
///
/// ```
/// use labrpc::{Context, Instant, Network, NodeId, Process, World};
/// use std::time::Duration;
///
/// /// Counts seconds.
/// struct Counter { seconds: u64, next: Instant }
///
/// impl Process for Counter {
///     type Message = ();
///     fn on_message(&mut self, _: &mut Context<'_, ()>, _: NodeId, _: ()) {}
///     fn on_wakeup(&mut self, cx: &mut Context<'_, ()>) {
///         self.seconds += 1;
///         self.next = cx.now + Duration::from_secs(1);
///     }
///     fn next_wakeup(&self) -> Option<Instant> { Some(self.next) }
/// }
///
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|cx| Counter { seconds: 0, next: cx.now + Duration::from_secs(1) });
/// world.run_for(Duration::from_secs(60));
/// assert_eq!(world.node(node).unwrap().seconds, 60);
/// ```
pub trait Process {
    /// What it sends and receives.
    type Message: Wire;

    /// A message has arrived. `from` is who sent it, as far as the network knows.
    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        message: Self::Message,
    );

    /// The time that [`next_wakeup`](Process::next_wakeup) asked for has come.
    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>);

    /// When to call [`on_wakeup`](Process::on_wakeup), by this node's clock; `None`: not before
    /// something else happens. A time that has passed means at once; the end of time never comes.
    fn next_wakeup(&self) -> Option<Instant>;
}

/// The process that does nothing: a node to look at, or to try a world with.
///
/// ```
/// use labrpc::{Network, World};
/// let mut world = World::new(1, Network::reliable());
/// let node = world.add(|_| ());
/// assert_eq!((node.to_string(), world.step()), ("n0".into(), false));
/// ```
impl Process for () {
    type Message = ();

    fn on_message(&mut self, _: &mut Context<'_, ()>, _: NodeId, (): ()) {}

    fn on_wakeup(&mut self, _: &mut Context<'_, ()>) {}

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}
