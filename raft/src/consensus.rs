//! What a service and a suite need of a Raft. The reference, a student's and a broken one are the
//! same to them.

use crate::{Config, Index, LogId, NotLeader, ReadId, Status, Term};
use labrpc::{Context, Instant, NodeId, Persister, Wire};
use std::ops::Range;

/// A replica of a replicated log, as a state machine that a driver steps.
///
/// The driver calls [`on_message`](Consensus::on_message) and [`on_wakeup`](Consensus::on_wakeup)
/// as of a [`Process`](labrpc::Process). The service above calls [`propose`](Consensus::propose)
/// and [`snapshot`](Consensus::snapshot), and after every step pulls what has been committed with
/// [`next_applied`](Consensus::next_applied), until there is no more. If it asks for
/// [reads](Consensus::read), it pulls those that are decided with
/// [`next_read`](Consensus::next_read) too.
///
/// ```
/// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
/// use raft::{Applied, Config, Consensus, Raft};
///
/// /// Any Raft, alone in its cluster, can do this.
/// fn commits_alone<R: Consensus>() -> bool {
///     let (mut rng, mut disk, me) = (Rng::new(1), Disk::default(), NodeId::new(0));
///     let (mut outbox, mut notes, now) = (Vec::new(), Notes::off(), Instant::ZERO);
///     let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
///     let mut raft = R::boot(&mut cx, &[me], Config::default());
///     while !raft.status().is_leader {
///         cx.now = raft.next_wakeup().expect("a follower loses patience");
///         raft.on_wakeup(&mut cx);
///     }
///     let id = raft.propose(&mut cx, b"x = 1").expect("it leads");
///     raft.next_applied(&disk) == Some(Applied::Command { id, command: b"x = 1" })
/// }
/// assert!(commits_alone::<Raft>());
/// ```
pub trait Consensus: Sized + Clone {
    /// What replicas send each other.
    type Message: Wire;

    /// Starts a replica from what is on its disk, which is empty the first time. `peers` are all
    /// replicas, this one among them, in the same order everywhere.
    fn boot(cx: &mut Context<'_, Self::Message>, peers: &[NodeId], config: Config) -> Self;

    /// A message has arrived.
    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        message: Self::Message,
    );

    /// The time that [`next_wakeup`](Consensus::next_wakeup) asked for has come.
    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>);

    /// When to be woken next; see [`Process::next_wakeup`](labrpc::Process::next_wakeup).
    fn next_wakeup(&self) -> Option<Instant>;

    /// The labs' `Start`: asks for `command` to be committed. The answer comes at once and says
    /// where the command will be if it ever is; it may be lost if this leader is deposed.
    fn propose(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        command: &[u8],
    ) -> Result<LogId, NotLeader>;

    /// The labs' `applyCh`, pulled: the next thing for the service to apply, in the order of the
    /// log and each once in a life. After a boot over a snapshot, that snapshot comes first.
    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>>;

    /// The labs' `Snapshot`: the service has put everything up to `upto`, which it has applied,
    /// into `state`; the log up to there is no longer needed.
    fn snapshot(&mut self, cx: &mut Context<'_, Self::Message>, upto: Index, state: &[u8]);

    /// A linearizable read without an entry in the log: `ReadIndex`, section 6.4 of Ongaro's
    /// dissertation. Asks up to where the service has to apply before it may look at its own state;
    /// the answer comes from [`next_read`](Consensus::next_read), perhaps in the same step. It may
    /// be long in coming: from a leader that is cut off, until it hears of a later term; from a new
    /// one, until something of its term is committed.
    ///
    /// `None`: this Raft has no such thing, and reads go through the log, as commands.
    ///
    /// ```
    /// use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
    /// use raft::{Config, Consensus, Index, NotLeader, Raft};
    ///
    /// let (mut rng, mut disk, me) = (Rng::new(1), Disk::default(), NodeId::new(0));
    /// let (mut outbox, mut notes, now) = (Vec::new(), Notes::off(), Instant::ZERO);
    /// let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
    /// let mut raft = Raft::boot(&mut cx, &[me], Config::default());
    /// assert_eq!(raft.read(&mut cx), Some(Err(NotLeader { leader: None })));
    ///
    /// cx.now = raft.next_wakeup().expect("a follower loses patience");
    /// raft.on_wakeup(&mut cx);
    /// let read = raft.read(&mut cx).expect("it takes reads").expect("it leads");
    /// // What is committed is not known in a new term, until something of that term is.
    /// assert_eq!(raft.next_read(), None);
    /// raft.propose(&mut cx, b"x = 1").expect("it leads");
    /// assert_eq!(raft.next_read(), Some((read, Ok(Index::new(1)))));
    /// ```
    fn read(&mut self, cx: &mut Context<'_, Self::Message>) -> Option<Result<ReadId, NotLeader>> {
        let _ = cx;
        None
    }

    /// The next read that is decided, in the order in which they were asked for; pulled after every
    /// step, as [`next_applied`](Consensus::next_applied) is.
    ///
    /// `Ok`: leadership was confirmed after the read was asked for; once the service has applied
    /// everything up to the index, its state may be read. `Err`: leadership was lost; ask
    /// elsewhere.
    fn next_read(&mut self) -> Option<(ReadId, Result<Index, NotLeader>)> {
        None
    }

    /// The labs' `GetState`, and a little more.
    fn status(&self) -> Status;

    /// The inside, for monitors. Without it only what can be seen from outside is checked; a grade
    /// wants it.
    fn view(&self) -> Option<&dyn View> {
        None
    }
}

/// Something for the service to apply.
///
/// ```
/// use raft::{Applied, LogId};
///
/// /// A service that counts its commands, and can be set back by a snapshot.
/// fn apply(count: &mut u64, applied: Applied<'_>) {
///     match applied {
///         Applied::Command { .. } => *count += 1,
///         Applied::Snapshot { state, .. } => *count = u64::from(state[0]),
///     }
/// }
/// let mut count = 0;
/// apply(&mut count, Applied::Snapshot { last: LogId::new(2, 9), state: &[9] });
/// apply(&mut count, Applied::Command { id: LogId::new(2, 10), command: b"x = 1" });
/// assert_eq!(count, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied<'a> {
    /// A committed command.
    Command {
        /// Where it is in the log.
        id: LogId,
        /// The command.
        command: &'a [u8],
    },
    /// A state that replaces the service's own.
    Snapshot {
        /// The last entry it covers.
        last: LogId,
        /// The state.
        state: &'a [u8],
    },
}

/// The inside of a replica, as monitors look at it after every step.
///
/// The entries may be on the disk, which is why it is an argument.
///
/// ```
/// use raft::{Index, View};
/// use labrpc::Persister;
///
/// /// Whether two servers have the same entry at an index, as far as both hold it.
/// fn agree(one: &dyn View, other: &dyn View, disks: [&dyn Persister; 2], at: Index) -> bool {
///     match (one.entry(disks[0], at), other.entry(disks[1], at)) {
///         (Some(one), Some(other)) => one == other,
///         _ => true,
///     }
/// }
/// # use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
/// # use raft::{Config, Consensus, Raft};
/// # let (mut rng, mut disk, me) = (Rng::new(1), Disk::default(), NodeId::new(0));
/// # let (mut outbox, mut notes, now) = (Vec::new(), Notes::off(), Instant::ZERO);
/// # let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
/// # let raft = Raft::boot(&mut cx, &[me], Config::default());
/// assert!(agree(&raft, &raft.clone(), [&disk, &disk], Index::new(1)));
/// ```
pub trait View {
    /// Whom it voted for in its present term.
    fn voted_for(&self) -> Option<NodeId>;

    /// The indexes whose entries it holds, from the first to one past the last; `i..i`, if it holds none
    /// and the next will be `i`.
    fn log(&self) -> Range<Index>;

    /// The last entry that its snapshot covers; [`LogId::BEFORE_FIRST`] without one.
    fn covered(&self) -> LogId;

    /// One entry that it holds: its term and its command.
    fn entry<'a>(&'a self, disk: &'a dyn Persister, index: Index) -> Option<(Term, &'a [u8])>;
}
