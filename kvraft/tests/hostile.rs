//! Clients, servers and Rafts that are up to no good: nothing panics, and what can be told to be
//! wrong is counted.
//!
//! That a lie may be believed is another matter: whoever takes the number of a client can do things
//! in its name, and a Raft that hands out other commands than it should gives another state.

mod puppet;
mod purse;

use kvraft::rsm::{
    Answer, Clerk, ClientId, ClientMessage, Config, Message, MessageOf, Reads, Reply, Request, Seq,
    Server, Service,
};
use labgob::Bytes;
use labrpc::{Context, Disk, Instant, NodeId, Notes, Process, Rng};
use proptest::collection::vec;
use proptest::prelude::*;
use puppet::{Order, Orders, Puppet};
use purse::{Command, Op, Purse};
use raft::{Index, LogId, Term};
use std::time::Duration;

type PurseMessage = MessageOf<Purse, Puppet>;

/// What happens to the server next.
#[derive(Clone, Debug)]
enum Input {
    Message(u16, PurseMessage),
    Bytes(u16, Vec<u8>),
    Own(Op),
    Wake,
    Restart,
}

// ---- what is thrown at them --------------------------------------------------------------------

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![10 => 0..6_u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        number().prop_map(Op::Put),
        number().prop_map(Op::Take),
        number().prop_map(Op::Gift),
        Just(Op::Look),
    ]
}

fn request() -> impl Strategy<Value = Request<Op>> {
    (0..3_u64, number(), op()).prop_map(|(client, seq, op)| Request {
        client: ClientId::new(client),
        seq: Seq::new(seq),
        op,
    })
}

fn answer() -> impl Strategy<Value = Answer<u64>> {
    prop_oneof![
        1 => number().prop_map(Answer::Done),
        1 => number().prop_map(Answer::Refused),
        4 => prop::option::of(0..6_u16)
            .prop_map(|leader| Answer::NotLeader { leader: leader.map(NodeId::new) }),
    ]
}

fn reply() -> impl Strategy<Value = Reply<u64>> {
    (1..3_u64, number(), answer()).prop_map(|(client, seq, answer)| Reply {
        client: ClientId::new(client),
        seq: Seq::new(seq),
        answer,
    })
}

fn command() -> impl Strategy<Value = Bytes> {
    let proper = prop_oneof![
        Just(Command::NoOp),
        request().prop_map(Command::Client),
        op().prop_map(Command::Own),
    ];
    prop_oneof![
        6 => proper.prop_map(|command| Bytes::from(labgob::encode(&command))),
        1 => vec(any::<u8>(), 0..8).prop_map(Bytes::from),
    ]
}

fn state() -> impl Strategy<Value = Bytes> {
    let proper = (number(), vec((0..3_u64, number(), number()), 0..3)).prop_map(|(coins, list)| {
        let mut purse = Purse { coins, ..Purse::default() };
        let list: std::collections::BTreeMap<_, _> =
            list.into_iter().map(|(client, seq, coins)| (client, (seq, coins))).collect();
        for (client, (seq, coins)) in list {
            purse.sessions.remember(ClientId::new(client), Seq::new(seq), coins);
        }
        Bytes::from(purse.save())
    });
    prop_oneof![12 => proper, 1 => vec(any::<u8>(), 0..8).prop_map(Bytes::from)]
}

/// Beyond this no Raft believes an index.
fn id() -> impl Strategy<Value = LogId> {
    let index = prop_oneof![12 => 0..6_u64, 1 => 0..=u64::MAX / 4];
    (0..5_u64, index).prop_map(|(term, index)| LogId::new(term, index))
}

fn order() -> impl Strategy<Value = Order> {
    let leader = || prop::option::of((0..4_u16).prop_map(NodeId::new));
    prop_oneof![
        4 => (0..5_u64).prop_map(|term| Order::Lead(Term::new(term))),
        2 => leader().prop_map(Order::Follow),
        6 => (id(), prop::option::weighted(0.5, command()))
            .prop_map(|(id, command)| Order::Commit(id, command)),
        1 => (id(), state()).prop_map(|(last, state)| Order::Install(last, state)),
        3 => (number(), number()).prop_map(|(id, index)| Order::Confirm(id, Index::new(index))),
        1 => (number(), leader()).prop_map(|(id, leader)| Order::Deny(id, leader)),
        1 => any::<bool>().prop_map(Order::TakeReads),
    ]
}

fn message() -> impl Strategy<Value = PurseMessage> {
    prop_oneof![
        6 => vec(order(), 0..4).prop_map(|orders| Message::Raft(Orders(orders))),
        4 => request().prop_map(|request| ClientMessage::Request(request).into()),
        1 => reply().prop_map(|reply| ClientMessage::Reply(reply).into()),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let garbled = (message(), vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)).prop_map(
        |(message, changes)| {
            let mut bytes = labgob::encode(&message);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        },
    );
    prop_oneof![
        20 => (0..6_u16, message()).prop_map(|(from, message)| Input::Message(from, message)),
        3 => (0..6_u16, garbled).prop_map(|(from, bytes)| Input::Bytes(from, bytes)),
        2 => op().prop_map(Input::Own),
        1 => Just(Input::Wake),
        1 => Just(Input::Restart),
    ]
}

// ---- the server --------------------------------------------------------------------------------

type Subject = Server<Purse, Puppet>;
type Cx<'a> = Context<'a, PurseMessage>;

struct Victim {
    server: Option<Subject>,
    disk: Disk,
    config: Config,
}

impl Victim {
    /// One step; the answers that it sent, and whether something was noted as refused.
    fn step(
        &mut self,
        f: impl FnOnce(&mut Option<Subject>, &mut Cx<'_>),
    ) -> (Vec<Reply<u64>>, usize) {
        let (mut rng, mut outbox, mut notes) = (Rng::new(1), Vec::new(), Notes::on());
        let (me, now) = (NodeId::new(0), Instant::ZERO);
        let mut cx = Context::new(me, now, &mut rng, &mut self.disk, &mut outbox, &mut notes);
        f(&mut self.server, &mut cx);
        let answers = outbox.into_iter().map(|(_, message)| match message {
            Message::Client(ClientMessage::Reply(reply)) => reply,
            other => panic!("the puppet sends nothing, and clients are only answered: {other:?}"),
        });
        (answers.collect(), notes.drain().filter(|note| note.what == "refused").count())
    }

    fn boot(&mut self) {
        let (config, servers) = (self.config.clone(), [0, 1, 2].map(NodeId::new));
        self.step(|server, cx| {
            *server = Some(Server::boot(cx, &servers, Purse::default(), config));
        });
    }

    fn take(&mut self, input: Input) {
        let before = self.server.clone().expect("it is up");
        let (answers, refused) = match input {
            Input::Restart => return self.boot(),
            Input::Message(from, message) => self.hear(from, message),
            Input::Bytes(from, bytes) => match labgob::decode(&bytes) {
                Ok(message) => self.hear(from, message),
                Err(_) => return,
            },
            Input::Own(op) => self.step(|server, cx| {
                let _ = server.as_mut().expect("it is up").propose_own(cx, &op);
            }),
            Input::Wake => self.step(|server, cx| server.as_mut().expect("it is up").on_wakeup(cx)),
        };
        let after = self.server.as_ref().expect("it is up");
        assert_eq!(after.refused() - before.refused(), refused as u64, "counted and noted");
        if before.has_stopped() {
            assert!(answers.is_empty() && after.has_stopped(), "it is as good as crashed");
            assert_eq!((after.service(), after.applied()), (before.service(), before.applied()));
        }
        if after.has_stopped() {
            assert_eq!((after.waiting(), after.next_wakeup(), after.leads()), (0, None, None));
        }
    }

    fn hear(&mut self, from: u16, message: PurseMessage) -> (Vec<Reply<u64>>, usize) {
        self.step(|server, cx| {
            server.as_mut().expect("it is up").on_message(cx, NodeId::new(from), message);
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_client_and_no_raft_makes_a_server_panic(
        max_raft_state in prop::option::of(prop_oneof![Just(1_usize), 2..40_usize]),
        index in any::<bool>(),
        alone in any::<bool>(),
        inputs in vec(input(), 1..40),
    ) {
        let reads = if index { Reads::Index } else { Reads::Log };
        let config = Config { max_raft_state, reads, ..Config::default() };
        let mut victim = Victim { server: None, disk: Disk::default(), config };
        victim.boot();
        let mut orders = vec![Order::Lead(Term::new(1))];
        orders.extend(alone.then_some(Order::BeAlone));
        victim.take(Input::Message(1, Message::Raft(Orders(orders))));
        for input in inputs {
            victim.take(input);
        }
    }
}

// ---- the clerk ---------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Said {
    Reply(u16, Reply<u64>),
    /// About what is under way.
    Fitting(u16, Answer<u64>),
    Wait(u64),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        2 => (0..6_u16, reply()).prop_map(|(from, reply)| Said::Reply(from, reply)),
        6 => (0..6_u16, answer()).prop_map(|(from, answer)| Said::Fitting(from, answer)),
        3 => (0..200_u64).prop_map(Said::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// And it neither spins nor falls asleep: a refusal brings a question or a pause, and as long
    /// as something is under way it wants to be woken.
    #[test]
    fn no_server_makes_a_clerk_panic_or_spin(
        servers in 1..5_u16, everything in vec(said(), 1..60),
    ) {
        let client = ClientId::new(1);
        let mut clerk = Clerk::<Op, u64>::new(client, (0..servers).map(NodeId::new).collect());
        let (mut now, mut seq, mut asked_since) = (Instant::ZERO, Seq::default(), 0);
        for said in everything {
            let (mut rng, mut disk) = (Rng::new(1), Disk::default());
            let (mut outbox, mut notes) = (Vec::new(), Notes::off());
            if let Said::Wait(ms) = said {
                now = now + Duration::from_millis(ms);
                asked_since = 0;
            }
            let mut cx =
                Context::new(NodeId::new(9), now, &mut rng, &mut disk, &mut outbox, &mut notes);
            if clerk.is_busy() {
                match said {
                    Said::Reply(from, reply) => clerk.on_reply(&mut cx, NodeId::new(from), reply),
                    Said::Fitting(from, answer) => {
                        let reply = Reply { client, seq, answer };
                        clerk.on_reply(&mut cx, NodeId::new(from), reply);
                    }
                    Said::Wait(_) => clerk.on_wakeup(&mut cx),
                }
            } else {
                clerk.take_reply();
                seq = clerk.start(&mut cx, Op::Look);
                asked_since = 0;
            }
            prop_assert!(outbox.len() <= 1, "{outbox:?}");
            asked_since += outbox.len();
            prop_assert!(asked_since <= usize::from(servers), "it spins");
            let fits = |message: &ClientMessage<Op, u64>| match message {
                ClientMessage::Request(it) => (it.client, it.seq) == (client, seq),
                ClientMessage::Reply(_) => false,
            };
            prop_assert!(outbox.iter().all(|(to, it)| to.index() < 5 && fits(it)), "{outbox:?}");
            prop_assert_eq!(clerk.is_busy(), clerk.next_wakeup().is_some());
            prop_assert_eq!(clerk.is_busy(), clerk.reply().is_none());
            prop_assert!(clerk.next_wakeup() <= Some(now + Duration::from_millis(750)));
        }
    }
}
