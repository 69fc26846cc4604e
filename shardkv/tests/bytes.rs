//! The format: what is written out here is on the wire, in logs and in snapshots, and must still
//! decode.

#[allow(dead_code, reason = "other tests use more of it")]
mod handmade;

use handmade::{Subject, append, contents, history, pair};
use kvraft::kv;
use kvraft::rsm::{self, Answer, ClientId, ClientMessage, Request, Seq, Service};
use labgob::{Bytes, decode, encode};
use labrpc::{Kind, Wire};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shardkv::{Contents, Message, Op, Reply, State, Store};
use shardmaster::{ConfigNum, Gid, Shard};
use std::fmt::Debug;

type Msg = Message<u8>;

#[track_caller]
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    assert_eq!(encode(value), bytes, "encoding {value:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
}

fn about<T>(answer: Answer<T>) -> rsm::Reply<T> {
    rsm::Reply { client: ClientId::new(1), seq: Seq::new(2), answer }
}

fn request<O>(op: O) -> Request<O> {
    Request { client: ClientId::new(1), seq: Seq::new(2), op }
}

#[test]
fn a_message_is_rafts_or_about_the_master_or_a_group() {
    golden(&Msg::Raft(7), &[0, 7]);
    let query = shardmaster::Op::Query { num: None };
    golden(&Msg::from(ClientMessage::Request(request(query))), &[1, 0, 1, 2, 3, 0]);
    let made = Answer::Done(shardmaster::Reply::Made(ConfigNum::new(9)));
    golden(&Msg::from(ClientMessage::Reply(about(made))), &[1, 1, 1, 2, 0, 0, 9]);
    let get = Op::Client(kv::Op::Get { key: "k".into() });
    golden(&Msg::from(ClientMessage::Request(request(get))), &[2, 0, 1, 2, 0, 0, 1, b'k']);
    let not_yet = Answer::Refused(Reply::NotYet);
    golden(&Msg::from(ClientMessage::Reply(about(not_yet))), &[2, 1, 1, 2, 1, 2]);
}

#[test]
fn only_answers_are_replies() {
    type Raft = Message<raft::Message>;
    let query = request(shardmaster::Op::Query { num: None });
    assert_eq!(Raft::from(ClientMessage::Request(query)).kind(), Kind::Request);
    let get = request(Op::Client(kv::Op::Get { key: "k".into() }));
    assert_eq!(Raft::from(ClientMessage::Request(get)).kind(), Kind::Request);
    let made = about(Answer::Done(shardmaster::Reply::Made(ConfigNum::new(9))));
    assert_eq!(Raft::from(ClientMessage::Reply(made)).kind(), Kind::Reply);
    assert_eq!(
        Raft::from(ClientMessage::Reply(about(Answer::Done(Reply::Noted)))).kind(),
        Kind::Reply
    );
    let vote = raft::RequestVote { term: raft::Term::new(1), last: raft::LogId::BEFORE_FIRST };
    let vote = raft::Message::RequestVote(vote);
    assert_eq!(Raft::Raft(vote.clone()).kind(), vote.kind());
}

#[test]
fn what_is_in_a_log() {
    let (since, shard) = (ConfigNum::new(7), Shard::new(3));
    golden(&Op::Client(append("k", "v")), &[0, 2, 1, b'k', 1, b'v']);
    let config = shardmaster::Config::first(1);
    golden(&Op::Configure(config), &[1, 0, 1, 0, 1, 0, 0]);
    let contents = Bytes::from(b"xy");
    golden(&Op::Install { since, shard, contents }, &[2, 7, 3, 2, b'x', b'y']);
    golden(&Op::Drop { since, shard }, &[3, 7, 3]);
}

#[test]
fn what_a_group_says() {
    golden(&Reply::Client(kv::Reply::Stored), &[0, 0]);
    golden(&Reply::WrongGroup(ConfigNum::new(7)), &[1, 7]);
    golden(&Reply::NotYet, &[2]);
    golden(&Reply::Installed, &[3]);
    golden(&Reply::Behind, &[4]);
    golden(&Reply::Noted, &[5]);
    golden(&Reply::Invalid, &[6]);
}

#[test]
fn what_a_group_has_of_a_shard() {
    golden(&State::Serving(Contents::default()), &[0, 0, 0]);
    golden(&State::Awaited { from: Gid::new(9) }, &[1, 9]);
    let (to, since) = (Gid::new(9), ConfigNum::new(7));
    golden(&State::Leaving { to, since, contents: contents(&[]) }, &[2, 9, 7, 2, 0, 0]);
    golden(&State::Parked(Contents::default()), &[3, 0, 0]);
}

/// What travels is what is in a snapshot: values, then who has been served.
#[test]
fn a_shard_is_its_values_then_its_sessions() {
    let (mut one, _, all) = pair(&["1 2 2 2", "2 2 2 2"]);
    one.configure(&all[2]);
    assert_eq!(one.leaving(0)[..], [1, 1, b'0', 1, b'a', 1, 7, 1, 0, 0]);
}

#[test]
fn a_snapshot_is_the_group_its_configuration_and_its_shards() {
    let first = Subject::new(9);
    assert_eq!(first.0.save(), [9, 0, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]);
    let (one, _, all) = pair(&["1 2 2 -"]);
    let shards = [1, 0, 0, 1, 1, b'0', 1, b'a', 1, 7, 1, 0, 0];
    assert_eq!(one.0.save(), [&[1][..], &encode(&all[1]), &shards].concat());
    let mut other = Store::new(Gid::new(1), 4);
    assert_eq!(other.load(&one.0.save()), Ok(()));
    assert_eq!(history(&[])[0], *first.0.config());
}
