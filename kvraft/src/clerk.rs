//! The clerk of the key/value store: the labs' `Get`, `Put` and `Append`, in types.

use crate::kv::{Op, Reply};
use crate::rsm::{self, ClientId, ClientMessage, Seq};
use labrpc::{Context, Instant, NodeId};

/// A client's side of the key/value store: an [`rsm::Clerk`] that knows what can be asked.
///
/// It does one thing at a time, and never gives up. The answer comes in two words: that of the
/// store, in which a key without a value differs from an empty one ([`answer`](Clerk::answer)), and
/// that of the labs, in which it does not ([`value`](Clerk::value)).
///
/// ```
/// use kvraft::Clerk;
/// use kvraft::kv::Reply;
/// use kvraft::rsm::{self, Answer, ClientId, ClientMessage};
/// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
///
/// let (mut rng, mut disk, mut notes) = (Rng::new(1), Disk::default(), Notes::off());
/// let mut outbox: Vec<(NodeId, ClientMessage<_, _>)> = Vec::new();
/// let (me, server, now) = (NodeId::new(5), NodeId::new(0), Instant::ZERO);
/// let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
///
/// let client = ClientId::new(1);
/// let mut clerk = Clerk::new(client, vec![server]);
/// for value in [None, Some(String::new())] {
///     let seq = clerk.get(&mut cx, "x");
///     assert_eq!((clerk.is_busy(), clerk.answer()), (true, None));
///     let answer = Answer::Done(Reply::Value(value.clone()));
///     clerk.on_reply(&mut cx, server, rsm::Reply { client, seq, answer });
///     assert_eq!(clerk.answer(), Some(&Reply::Value(value)));
///     assert_eq!(clerk.value(), Some(""), "to the labs it is all the same");
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Clerk {
    clerk: rsm::Clerk<Op, Reply>,
}

impl Clerk {
    /// A clerk of these servers, which it tries in this order as long as it knows no better.
    ///
    /// # Panics
    /// If there are no servers.
    pub fn new(client: ClientId, servers: Vec<NodeId>) -> Self {
        Self { clerk: rsm::Clerk::new(client, servers) }
    }

    /// Sets out to read the value of a key.
    ///
    /// # Panics
    /// As [`start`](Clerk::start) does.
    pub fn get<M>(&mut self, cx: &mut Context<'_, M>, key: impl Into<String>) -> Seq
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.start(cx, Op::Get { key: key.into() })
    }

    /// Sets out to set the value of a key.
    ///
    /// # Panics
    /// As [`start`](Clerk::start) does.
    pub fn put<M>(
        &mut self,
        cx: &mut Context<'_, M>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Seq
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.start(cx, Op::Put { key: key.into(), value: value.into() })
    }

    /// Sets out to add to the end of a key's value.
    ///
    /// # Panics
    /// As [`start`](Clerk::start) does.
    pub fn append<M>(
        &mut self,
        cx: &mut Context<'_, M>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Seq
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.start(cx, Op::Append { key: key.into(), value: value.into() })
    }

    /// Sets out to have something done; the answer is its number.
    ///
    /// # Panics
    /// If what was asked for before has not been answered.
    pub fn start<M>(&mut self, cx: &mut Context<'_, M>, op: Op) -> Seq
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.clerk.start(cx, op)
    }

    /// Whether something is under way.
    pub fn is_busy(&self) -> bool {
        self.clerk.is_busy()
    }

    /// The store's answer to what was asked for last, once there is one.
    pub fn answer(&self) -> Option<&Reply> {
        // The store refuses nothing, so whatever comes is an answer.
        self.clerk.reply().map(rsm::Outcome::reply)
    }

    /// The labs' answer to what was asked for last, once there is one: to a get the value, and to
    /// the others the empty string. A key without a value reads as the empty string, too.
    pub fn value(&self) -> Option<&str> {
        Some(match self.answer()? {
            Reply::Stored | Reply::Value(None) => "",
            Reply::Value(Some(value)) => value,
        })
    }

    /// An answer has arrived.
    pub fn on_reply<M>(&mut self, cx: &mut Context<'_, M>, from: NodeId, reply: rsm::Reply<Reply>)
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.clerk.on_reply(cx, from, reply);
    }

    /// The time that [`next_wakeup`](Clerk::next_wakeup) asked for has come.
    pub fn on_wakeup<M>(&mut self, cx: &mut Context<'_, M>)
    where
        M: From<ClientMessage<Op, Reply>>,
    {
        self.clerk.on_wakeup(cx);
    }

    /// When to be woken next; `None` if nothing is under way.
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.clerk.next_wakeup()
    }
}
