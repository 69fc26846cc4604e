//! Clients, groups, masters and Rafts that are up to no good: nothing panics or spins, what can be
//! told to be wrong is counted and noted, and a group's state is one that it could load again.
//!
//! That a lie may be believed is another matter: whoever takes the number of a client can do things
//! in its name, and who brings a shard that is awaited is believed to be the one who has it.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;
#[allow(dead_code, reason = "other tests use more of it")]
mod puppet;

use handmade::{SHARDS, history, servers};
use kvraft::kv;
use kvraft::rsm::{
    self, Answer, ClientId, ClientMessage, Config as RsmConfig, Request, Seq, Service,
};
use labgob::Bytes;
use labrpc::{Context, Disk, Instant, NodeId, Notes, Process, Rng};
use proptest::collection::vec;
use proptest::prelude::*;
use puppet::{Command, Order, Orders, Puppet};
use raft::Term;
use shardkv::{Clerk, Contents, Group, MasterServer, Message, Op, Reply, Store};
use shardmaster::{Config, ConfigNum, Gid, Master, Shard};
use std::time::Duration;

type Msg = Message<Orders>;

/// What happens next.
#[derive(Clone, Debug)]
enum Input {
    Message(u16, Msg),
    /// An answer to the latest question: to the master, or to another group.
    FromMaster(Answer<shardmaster::Reply>),
    FromGroup(Answer<Reply>),
    Bytes(u16, Vec<u8>),
    Wait(u64),
    Restart,
}

// ---- what is thrown at them --------------------------------------------------------------------

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0..5_u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn shard() -> impl Strategy<Value = Shard> {
    prop_oneof![8 => 0..SHARDS, 1 => any::<u16>()].prop_map(Shard::new)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[0-5]", Just(String::new()), "[xy]{1,2}"]
}

fn kv_op() -> impl Strategy<Value = kv::Op> {
    prop_oneof![
        text().prop_map(|key| kv::Op::Get { key }),
        (text(), text()).prop_map(|(key, value)| kv::Op::Append { key, value }),
    ]
}

/// What a master could have said, and what is nearly that.
fn config() -> impl Strategy<Value = Config> {
    const ROWS: [&str; 5] = ["1 1 2 2", "2 1 2 1", "- - 2 1", "1 2 2 -", "1 1 1 1"];
    let gid = || prop::option::of((0..4_u64).prop_map(Gid::new));
    let spoilt = (0..8_usize, 0..6_usize, gid(), number());
    (1..5_usize, prop::option::weighted(0.3, spoilt)).prop_map(|(num, spoil)| {
        let mut config = history(&ROWS[..num]).pop().expect("there is one");
        if let Some((how, place, gid, num)) = spoil {
            match how {
                0 => config.shards.truncate(place),
                1 => config.holders.truncate(place),
                2 => config.shards.resize(place, gid),
                3 => config.shards.iter_mut().skip(place).for_each(|owner| *owner = gid),
                4 => config.holders.iter_mut().skip(place).for_each(|holder| *holder = gid),
                5 => config.num = ConfigNum::new(num),
                6 => config.groups.clear(),
                _ => drop(config.groups.insert(gid.unwrap_or(Gid::new(0)), Vec::new())),
            }
        }
        config
    })
}

fn contents() -> impl Strategy<Value = Bytes> {
    let proper = vec(("[0-5]", "[xy]"), 0..3).prop_map(|values| {
        let values = values.into_iter().collect();
        labgob::encode(&Contents { values, ..Contents::default() })
    });
    let garbage = vec(any::<u8>(), 0..6);
    prop_oneof![3 => Just(vec![0, 0]), 6 => proper, 2 => garbage].prop_map(Bytes::from)
}

fn op() -> impl Strategy<Value = Op> {
    let install = (number(), shard(), contents()).prop_map(|(since, shard, contents)| {
        Op::Install { since: ConfigNum::new(since), shard, contents }
    });
    let dropped = (number(), shard())
        .prop_map(|(since, shard)| Op::Drop { since: ConfigNum::new(since), shard });
    prop_oneof![
        4 => kv_op().prop_map(Op::Client),
        3 => config().prop_map(Op::Configure),
        6 => install,
        2 => dropped,
    ]
}

fn request() -> impl Strategy<Value = Request<Op>> {
    (0..4_u64, number(), op()).prop_map(|(client, seq, op)| Request {
        client: ClientId::new(client),
        seq: Seq::new(seq),
        op,
    })
}

fn leader() -> impl Strategy<Value = Option<NodeId>> {
    prop::option::of((0..30_u16).prop_map(NodeId::new))
}

fn from_master() -> impl Strategy<Value = Answer<shardmaster::Reply>> {
    let num = || number().prop_map(ConfigNum::new);
    prop_oneof![
        8 => config().prop_map(|config| Answer::Done(shardmaster::Reply::Config(config))),
        1 => num().prop_map(|num| Answer::Done(shardmaster::Reply::Made(num))),
        1 => num().prop_map(|num| Answer::Refused(shardmaster::Reply::Unchanged(num))),
        1 => leader().prop_map(|leader| Answer::NotLeader { leader }),
    ]
}

fn from_group() -> impl Strategy<Value = Answer<Reply>> {
    let reply = prop_oneof![
        4 => Just(Reply::Installed),
        1 => Just(Reply::Behind),
        1 => Just(Reply::Invalid),
        1 => Just(Reply::Noted),
        2 => Just(Reply::NotYet),
        3 => number().prop_map(|num| Reply::WrongGroup(ConfigNum::new(num))),
        1 => Just(Reply::Client(kv::Reply::Stored)),
        1 => text().prop_map(|value| Reply::Client(kv::Reply::Value(Some(value)))),
    ];
    (reply, 0..5, leader()).prop_map(|(reply, which, leader)| match which {
        0 | 1 => Answer::Done(reply),
        2 | 3 => Answer::Refused(reply),
        _ => Answer::NotLeader { leader },
    })
}

fn order() -> impl Strategy<Value = Order> {
    let command = prop_oneof![
        1 => Just(Command::NoOp),
        3 => request().prop_map(Command::Client),
        4 => op().prop_map(Command::Own),
    ];
    let command = command.prop_map(|command| Bytes::from(labgob::encode(&command)));
    let garbage = vec(any::<u8>(), 0..8).prop_map(Bytes::from);
    let state = {
        let gid = prop_oneof![8 => Just(1_u64), 1 => 0..3_u64].prop_map(Gid::new);
        // A store, as it is encoded.
        let shards = vec((shard(), prop_oneof![Just(0_u8), Just(3)]), 0..5);
        (gid, config(), shards).prop_map(|(gid, config, shards)| {
            let shards: std::collections::BTreeMap<Shard, (u8, [u8; 2])> =
                shards.into_iter().map(|(shard, phase)| (shard, (phase, [0, 0]))).collect();
            Bytes::from(labgob::encode(&(gid, config, shards)))
        })
    };
    prop_oneof![
        4 => (1..5_u64).prop_map(|term| Order::Lead(Term::new(term))),
        1 => Just(Order::Follow),
        1 => any::<bool>().prop_map(Order::Hold),
        2 => Just(Order::Commit),
        4 => command.prop_map(Order::Replace),
        1 => garbage.prop_map(Order::Replace),
        1 => state.prop_map(Order::Install),
    ]
}

fn message() -> impl Strategy<Value = Msg> {
    let about = || (0..3_u64, number()).prop_map(|(c, s)| (ClientId::new(c), Seq::new(s)));
    let query = number().prop_map(|num| shardmaster::Op::Query { num: Some(ConfigNum::new(num)) });
    prop_oneof![
        4 => vec(order(), 0..4).prop_map(|orders| Message::Raft(Orders(orders))),
        6 => request().prop_map(|request| Message::Store(ClientMessage::Request(request))),
        1 => (about(), from_group()).prop_map(|((client, seq), answer)| {
            Message::Store(ClientMessage::Reply(rsm::Reply { client, seq, answer }))
        }),
        1 => (about(), from_master()).prop_map(|((client, seq), answer)| {
            Message::Master(ClientMessage::Reply(rsm::Reply { client, seq, answer }))
        }),
        1 => (about(), query).prop_map(|((client, seq), op)| {
            Message::Master(ClientMessage::Request(Request { client, seq, op }))
        }),
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
    let from = || prop_oneof![1..3_u16, 10..13_u16, 20..23_u16];
    prop_oneof![
        12 => (from(), message()).prop_map(|(from, message)| Input::Message(from, message)),
        8 => from_master().prop_map(Input::FromMaster),
        5 => from_group().prop_map(Input::FromGroup),
        2 => (from(), garbled).prop_map(|(from, bytes)| Input::Bytes(from, bytes)),
        3 => (0..200_u64).prop_map(Input::Wait),
        1 => Just(Input::Restart),
    ]
}

// ---- a group -----------------------------------------------------------------------------------

/// What it has asked for: whom, and under which number.
type Asked = Option<(NodeId, ClientId, Seq)>;

struct Victim {
    group: Option<Group<Puppet>>,
    disk: Disk,
    rng: Rng,
    now: Instant,
    query: Asked,
    install: Asked,
}

type Cx<'a> = Context<'a, Msg>;

impl Victim {
    fn new() -> Self {
        let (rng, now, disk) = (Rng::new(1), Instant::ZERO, Disk::default());
        let mut victim = Self { group: None, disk, rng, now, query: None, install: None };
        victim.boot();
        victim
    }

    fn group(&self) -> &Group<Puppet> {
        self.group.as_ref().expect("it is up")
    }

    /// One step. The answer is whether it said anything.
    fn step(&mut self, f: impl FnOnce(&mut Option<Group<Puppet>>, &mut Cx<'_>)) -> bool {
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let (me, now) = (NodeId::new(10), self.now);
        let mut cx = Context::new(me, now, &mut self.rng, &mut self.disk, &mut outbox, &mut notes);
        let before = self.group.as_ref().map_or(0, Group::refused);
        f(&mut self.group, &mut cx);
        let refused = notes.drain().filter(|note| note.what == "refused").count() as u64;
        let counted = self.group().refused() - before;
        assert_eq!(counted, refused, "counted and noted");
        let speaks = !outbox.is_empty();
        for (to, message) in outbox {
            match message {
                Message::Master(ClientMessage::Request(it)) => {
                    self.query = Some((to, it.client, it.seq));
                }
                Message::Store(ClientMessage::Request(it)) => {
                    assert!(matches!(it.op, Op::Install { .. }), "{it:?}");
                    self.install = Some((to, it.client, it.seq));
                }
                Message::Store(ClientMessage::Reply(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        let server = self.group().server();
        let mut other = Store::new(Gid::new(1), SHARDS);
        assert_eq!(other.load(&server.service().save()), Ok(()), "{:?}", server.service());
        assert!(!server.has_stopped() || server.leads().is_none());
        speaks
    }

    fn boot(&mut self) {
        let (masters, servers) = ([1, 2].map(NodeId::new), servers(1));
        self.group = None;
        // What it refuses of its own disk is counted anew.
        let (mut outbox, mut notes) = (Vec::new(), Notes::off());
        let (me, now) = (NodeId::new(10), self.now);
        let mut cx = Context::new(me, now, &mut self.rng, &mut self.disk, &mut outbox, &mut notes);
        let config = RsmConfig { max_raft_state: Some(200), ..RsmConfig::default() };
        let group = Group::boot(&mut cx, Gid::new(1), &servers, &masters, SHARDS, config);
        self.group = Some(group);
    }

    fn hear(&mut self, from: NodeId, message: Msg) {
        self.step(|group, cx| group.as_mut().expect("it is up").on_message(cx, from, message));
    }

    fn take(&mut self, input: Input) {
        let node = NodeId::new;
        match input {
            Input::Message(from, message) => self.hear(node(from), message),
            Input::FromMaster(answer) => {
                if let Some((from, client, seq)) = self.query {
                    let reply = rsm::Reply { client, seq, answer };
                    self.hear(from, Message::Master(ClientMessage::Reply(reply)));
                }
            }
            Input::FromGroup(answer) => {
                if let Some((from, client, seq)) = self.install {
                    let reply = rsm::Reply { client, seq, answer };
                    self.hear(from, Message::Store(ClientMessage::Reply(reply)));
                }
            }
            Input::Bytes(from, bytes) => {
                if let Ok(message) = labgob::decode(&bytes) {
                    self.hear(node(from), message);
                }
            }
            Input::Wait(ms) => self.wait(Duration::from_millis(ms)),
            Input::Restart => self.boot(),
        }
    }

    /// Its alarms ring; each brings something, or the next one is later.
    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.group().next_wakeup().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let speaks = self.step(|group, cx| group.as_mut().expect("it is up").on_wakeup(cx));
            let next = self.group().next_wakeup();
            assert!(speaks || next.is_none_or(|next| next > self.now), "it spins");
        }
        self.now = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn nobody_makes_a_group_panic(inputs in vec(input(), 1..60)) {
        let mut victim = Victim::new();
        victim.take(Input::Message(11, Message::Raft(Orders(vec![Order::Lead(Term::new(1))]))));
        for input in inputs {
            victim.take(input);
        }
    }

    /// Nor a server of the master, to which all that is not for it is nothing.
    #[test]
    fn nobody_makes_a_master_panic(messages in vec(message(), 1..30)) {
        let (mut rng, mut disk, now) = (Rng::new(1), Disk::default(), Instant::ZERO);
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let me = NodeId::new(1);
        let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
        let mut server =
            MasterServer::<Puppet>::boot(&mut cx, &[me], Master::new(4), RsmConfig::default());
        let orders = Orders(vec![Order::Lead(Term::new(1))]);
        server.on_message(&mut cx, me, Message::Raft(orders));
        for message in messages {
            // What is in its log and its snapshots is its Raft's affair.
            if !matches!(message, Message::Raft(_)) {
                server.on_message(&mut cx, NodeId::new(20), message);
            }
        }
        let refused = notes.drain().filter(|note| note.what == "refused").count() as u64;
        prop_assert_eq!(server.refused(), refused);
        prop_assert_eq!(server.server().service().configs().len(), 1);
    }
}

/// What a client may not ask for changes nothing, whoever leads, and costs no entry.
#[test]
fn no_client_can_have_a_shard_served_twice_or_deleted() {
    let all = history(&["1 1 1 1", "2 1 1 1", "1 1 1 1"]);
    let mut victim = Victim::new();
    victim.take(Input::Message(11, Message::Raft(Orders(vec![Order::Lead(Term::new(1))]))));
    for config in &all[1..3] {
        let reply = shardmaster::Reply::Config(config.clone());
        victim.take(Input::FromMaster(Answer::Done(reply)));
    }
    let before = victim.group().server().service().clone();
    let (applied, since) = (victim.group().server().applied(), ConfigNum::new(2));
    let ops = [
        Op::Configure(all[3].clone()),
        Op::Drop { since, shard: Shard::new(0) },
        // Nor does it take a shard that it does not wait for.
        Op::Install { since, shard: Shard::new(0), contents: handmade::contents(&[]) },
        Op::Install { since, shard: Shard::new(1), contents: handmade::contents(&[]) },
        Op::Install { since, shard: Shard::new(4), contents: handmade::contents(&[]) },
    ];
    for (seq, op) in (1..).zip(ops) {
        let (client, seq) = (ClientId::new(66), Seq::new(seq));
        let request = Request { client, seq, op };
        victim.hear(NodeId::new(66), Message::Store(ClientMessage::Request(request)));
        assert_eq!(*victim.group().server().service(), before);
        assert_eq!(victim.group().server().applied(), applied, "there is no entry");
    }
    assert_eq!(victim.group().refused(), 3);
}

// ---- a clerk -----------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// And as long as something is under way it wants to be woken.
    #[test]
    fn nobody_makes_a_clerk_panic_or_spin_or_sleep(inputs in vec(input(), 1..60)) {
        let (mut rng, mut disk, mut now) = (Rng::new(1), Disk::default(), Instant::ZERO);
        let (mut query, mut asked): (Asked, Asked) = (None, None);
        let mut clerk: Option<Clerk> = None;
        for input in inputs {
            let (mut outbox, mut notes) = (Vec::new(), Notes::on());
            if let Input::Wait(ms) = input {
                now = now + Duration::from_millis(ms);
            }
            let me = NodeId::new(99);
            let mut cx: Cx<'_> =
                Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
            let clerk = clerk.get_or_insert_with(|| {
                Clerk::new(&mut cx, [1, 2].map(NodeId::new).to_vec())
            });
            let before = clerk.refused();
            if !clerk.is_busy() {
                clerk.start(&mut cx, kv::Op::Append { key: "1".into(), value: "x".into() });
            }
            match input {
                Input::Message(from, message) => {
                    clerk.on_message(&mut cx, NodeId::new(from), message);
                }
                Input::FromMaster(answer) => if let Some((from, client, seq)) = query {
                    let reply = rsm::Reply { client, seq, answer };
                    clerk.on_message(&mut cx, from, Message::Master(ClientMessage::Reply(reply)));
                },
                Input::FromGroup(answer) => if let Some((from, client, seq)) = asked {
                    let reply = rsm::Reply { client, seq, answer };
                    clerk.on_message(&mut cx, from, Message::Store(ClientMessage::Reply(reply)));
                },
                _ => clerk.on_wakeup(&mut cx),
            }
            let refused = notes.drain().filter(|note| note.what == "refused").count() as u64;
            prop_assert_eq!(clerk.refused() - before, refused);
            prop_assert!(outbox.len() <= 4, "it spins: {:?}", outbox);
            prop_assert_eq!(clerk.is_busy(), clerk.reply().is_none());
            prop_assert!(!clerk.is_busy() || clerk.next_wakeup().is_some(), "it sleeps");
            prop_assert!(clerk.config().is_none_or(Config::is_sound));
            for (to, message) in outbox {
                match message {
                    Message::Master(ClientMessage::Request(it)) => {
                        query = Some((to, it.client, it.seq));
                    }
                    Message::Store(ClientMessage::Request(it)) => {
                        asked = Some((to, it.client, it.seq));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
