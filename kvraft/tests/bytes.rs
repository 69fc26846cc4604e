//! The format: what is written out here is on the wire, in logs and in snapshots, and must still
//! decode. And whatever is said survives the wire.

mod purse;

use kvraft::kv::{self, Kv};
use kvraft::rsm::{
    Answer, ClientId, ClientMessage, Message, Past, Reply, Request, Seq, Service, Sessions,
};
use labgob::{decode, encode};
use labrpc::{Kind, NodeId, Wire};
use proptest::prelude::*;
use purse::{Command, Op, Purse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

type KvMessage = Message<u8, kv::Op, kv::Reply>;

#[track_caller]
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    assert_eq!(encode(value), bytes, "encoding {value:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
}

fn request<O>(client: u64, seq: u64, op: O) -> Request<O> {
    Request { client: ClientId::new(client), seq: Seq::new(seq), op }
}

fn reply<T>(client: u64, seq: u64, answer: Answer<T>) -> Reply<T> {
    Reply { client: ClientId::new(client), seq: Seq::new(seq), answer }
}

#[test]
fn a_message_is_rafts_or_a_clients() {
    let raft: KvMessage = Message::Raft(7);
    golden(&raft, &[0, 7]);
    let op = kv::Op::Put { key: "k".into(), value: "v".into() };
    let message: KvMessage = ClientMessage::Request(request(300, 2, op)).into();
    golden(&message, &[1, 0, 251, 44, 1, 2, 1, 1, b'k', 1, b'v']);
    let get = kv::Op::Get { key: "k".into() };
    let message: KvMessage = ClientMessage::Request(request(1, 2, get)).into();
    golden(&message, &[1, 0, 1, 2, 0, 1, b'k']);
    let append = kv::Op::Append { key: String::new(), value: "v".into() };
    let message: KvMessage = ClientMessage::Request(request(1, 2, append)).into();
    golden(&message, &[1, 0, 1, 2, 2, 0, 1, b'v']);
}

#[test]
fn an_answer_says_what_it_is_about() {
    let about = |answer| -> KvMessage { ClientMessage::Reply(reply(1, 2, answer)).into() };
    golden(&about(Answer::Done(kv::Reply::Stored)), &[1, 1, 1, 2, 0, 0]);
    golden(&about(Answer::Done(kv::Reply::Value(None))), &[1, 1, 1, 2, 0, 1, 0]);
    let empty = kv::Reply::Value(Some(String::new()));
    golden(&about(Answer::Done(empty)), &[1, 1, 1, 2, 0, 1, 1, 0]);
    golden(&about(Answer::Refused(kv::Reply::Stored)), &[1, 1, 1, 2, 1, 0]);
    golden(&about(Answer::NotLeader { leader: None }), &[1, 1, 1, 2, 2, 0]);
    let leader = Some(NodeId::new(3));
    golden(&about(Answer::NotLeader { leader }), &[1, 1, 1, 2, 2, 1, 3]);
}

#[test]
fn only_answers_are_replies() {
    let get = kv::Op::Get { key: "k".into() };
    let ask: Message<raft::Message, _, kv::Reply> =
        ClientMessage::Request(request(1, 2, get)).into();
    assert_eq!(ask.kind(), Kind::Request);
    let answer: Message<raft::Message, kv::Op, kv::Reply> =
        ClientMessage::Reply(reply(1, 2, Answer::NotLeader { leader: None })).into();
    assert_eq!(answer.kind(), Kind::Reply);
    let vote = raft::RequestVote { term: raft::Term::new(1), last: raft::LogId::BEFORE_FIRST };
    let vote = raft::Message::RequestVote(vote);
    let raft: Message<_, kv::Op, kv::Reply> = Message::Raft(vote.clone());
    assert_eq!(raft.kind(), vote.kind());
}

/// The scripts show that the server writes these very bytes, and reads them.
#[test]
fn an_entry_of_the_log_is_nothing_or_a_clients_or_the_services_own() {
    golden(&Command::NoOp, &[0]);
    golden(&Command::Client(request(1, 2, Op::Put(5))), &[1, 1, 2, 0, 5]);
    golden(&Command::Own(Op::Take(300)), &[2, 1, 251, 44, 1]);
}

#[test]
fn a_snapshot_of_the_store_is_its_values_then_its_sessions() {
    let mut kv = Kv::default();
    assert_eq!(kv.save(), [0, 0]);
    let put = kv::Op::Put { key: "k".into(), value: "v".into() };
    kv.apply(&put);
    let sessions = kv.sessions(&put).expect("it has sessions");
    sessions.remember(ClientId::new(9), Seq::new(4), kv::Reply::Stored);
    assert_eq!(kv.save(), [1, 1, b'k', 1, b'v', 1, 9, 4, 0]);

    let mut restored = Kv::default();
    assert_eq!(restored.load(&kv.save()), Ok(()));
    assert_eq!(restored, kv);
    let sessions = restored.sessions(&put).expect("it has sessions");
    let past = sessions.recall(ClientId::new(9), Seq::new(4));
    assert_eq!(past, Past::Done(&kv::Reply::Stored));
}

#[test]
fn a_snapshot_that_is_none_changes_nothing() {
    let mut purse = Purse { coins: 5, ..Purse::default() };
    let bytes = purse.save();
    for cut in 0..bytes.len() {
        purse.load(&bytes[..cut]).expect_err("it is too short");
    }
    purse.load(&[&bytes[..], &[0]].concat()).expect_err("it is too long");
    assert_eq!(purse.coins, 5);
}

/// What a client hears may differ from what another does, but all of it is in the state.
#[test]
fn equal_states_have_equal_bytes() {
    let sessions = |order: &[u64]| {
        let mut sessions = Sessions::default();
        for &client in order {
            sessions.remember(ClientId::new(client), Seq::new(1), client);
        }
        encode(&sessions)
    };
    assert_eq!(sessions(&[1, 2, 3]), sessions(&[3, 1, 2]));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]{1,3}", any::<String>()]
}

fn op() -> impl Strategy<Value = kv::Op> {
    prop_oneof![
        text().prop_map(|key| kv::Op::Get { key }),
        (text(), text()).prop_map(|(key, value)| kv::Op::Put { key, value }),
        (text(), text()).prop_map(|(key, value)| kv::Op::Append { key, value }),
    ]
}

fn answer() -> impl Strategy<Value = Answer<kv::Reply>> {
    let value = || {
        let value = prop::option::of(text()).prop_map(kv::Reply::Value);
        prop_oneof![Just(kv::Reply::Stored), value]
    };
    let leader = prop::option::of(any::<u16>().prop_map(NodeId::new));
    prop_oneof![
        value().prop_map(Answer::Done),
        value().prop_map(Answer::Refused),
        leader.prop_map(|leader| Answer::NotLeader { leader }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_survives_the_wire(
        client in any::<u64>(), seq in any::<u64>(), op in op(), answer in answer(),
    ) {
        let ask: KvMessage = ClientMessage::Request(request(client, seq, op)).into();
        prop_assert_eq!(decode(&encode(&ask)), Ok(ask));
        let told: KvMessage = ClientMessage::Reply(reply(client, seq, answer)).into();
        prop_assert_eq!(decode(&encode(&told)), Ok(told));
    }

    #[test]
    fn a_state_survives_its_snapshot(ops in prop::collection::vec((0..4_u64, op()), 0..20)) {
        let mut kv = Kv::default();
        for (seq, (client, op)) in (1..).zip(&ops) {
            let reply = kv.apply(op).reply().clone();
            let sessions = kv.sessions(op).expect("it has sessions");
            sessions.remember(ClientId::new(*client), Seq::new(seq), reply);
        }
        let mut restored = Kv::default();
        prop_assert_eq!(restored.load(&kv.save()), Ok(()));
        prop_assert_eq!(restored, kv);
    }
}
