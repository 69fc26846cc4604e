//! The store against the simplest store there is, and the words of its clerk.

use kvraft::Clerk;
use kvraft::kv::{Kv, Op, Reply};
use kvraft::rsm::{self, Answer, ClientId, ClientMessage, Outcome, Request, Service};
use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
use proptest::collection::vec;
use proptest::prelude::*;

fn op() -> impl Strategy<Value = Op> {
    let key = || "[ab]?".prop_map(String::from);
    let value = || "[xy]{0,2}".prop_map(String::from);
    prop_oneof![
        key().prop_map(|key| Op::Get { key }),
        (key(), value()).prop_map(|(key, value)| Op::Put { key, value }),
        (key(), value()).prop_map(|(key, value)| Op::Append { key, value }),
    ]
}

/// What a key's value is, from everything that was ever done: the puts and appends to it, from the
/// last put on.
fn value_of(history: &[Op], wanted: &str) -> Option<String> {
    let mut value = None;
    for op in history.iter().filter(|op| op.key() == wanted) {
        value = match (op, value) {
            (Op::Get { .. }, before) => before,
            (Op::Put { value, .. }, _) | (Op::Append { value, .. }, None) => Some(value.clone()),
            (Op::Append { value, .. }, Some(before)) => Some(before + value),
        };
    }
    value
}

proptest! {
    #[test]
    fn a_key_has_what_was_put_last_and_appended_since(ops in vec(op(), 1..30)) {
        let mut kv = Kv::default();
        for (done, op) in ops.iter().enumerate() {
            let expected = match op {
                Op::Get { key } => Reply::Value(value_of(&ops[..done], key)),
                _ => Reply::Stored,
            };
            let before = kv.clone();
            prop_assert_eq!(kv.apply(op), Outcome::Done(expected));
            prop_assert!(!Kv::is_read(op) || kv == before, "a read changes something");
            prop_assert_eq!(Kv::is_read(op), matches!(op, Op::Get { .. }));
        }
        for key in ["", "a", "b"] {
            prop_assert_eq!(kv.get(key).map(String::from), value_of(&ops, key));
        }
    }
}

#[test]
#[should_panic(expected = "has not been answered")]
fn a_clerk_does_one_thing_at_a_time() {
    let (mut rng, mut disk, mut notes) = (Rng::new(1), Disk::default(), Notes::off());
    let mut outbox: Vec<(NodeId, ClientMessage<Op, Reply>)> = Vec::new();
    let (me, now) = (NodeId::new(9), Instant::ZERO);
    let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
    let mut clerk = Clerk::new(ClientId::new(1), vec![NodeId::new(0)]);
    clerk.get(&mut cx, "a");
    clerk.get(&mut cx, "b");
}

#[test]
fn the_clerk_asks_what_it_is_asked_and_tells_missing_from_empty() {
    let (mut rng, mut disk, mut notes) = (Rng::new(1), Disk::default(), Notes::off());
    let (server, client, now) = (NodeId::new(0), ClientId::new(1), Instant::ZERO);
    let mut clerk = Clerk::new(client, vec![server]);
    let text = |text: &str| Some(text.to_string());
    let mut ask = |which: usize, answer: Answer<Reply>| {
        let mut outbox: Vec<(NodeId, ClientMessage<Op, Reply>)> = Vec::new();
        let me = NodeId::new(9);
        let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
        let seq = match which {
            0 => clerk.get(&mut cx, "k"),
            1 => clerk.put(&mut cx, "k", "v"),
            _ => clerk.append(&mut cx, "k", "v"),
        };
        assert_eq!((clerk.answer(), clerk.value(), clerk.is_busy()), (None, None, true));
        assert!(clerk.next_wakeup() > Some(now));
        clerk.on_reply(&mut cx, server, rsm::Reply { client, seq, answer });
        assert_eq!((clerk.next_wakeup(), clerk.is_busy()), (None, false));
        let Some((_, ClientMessage::Request(Request { op, .. }))) = outbox.pop() else {
            panic!("it asks");
        };
        let answer = clerk.answer().cloned().expect("it has an answer");
        (op, answer, clerk.value().expect("it has an answer").to_string())
    };

    let (key, value) = ("k".to_string(), "v".to_string());
    let get = Op::Get { key: key.clone() };
    for (found, read) in [(None, ""), (text(""), ""), (text("v"), "v")] {
        let found = Reply::Value(found);
        assert_eq!(ask(0, Answer::Done(found.clone())), (get.clone(), found, read.into()));
    }
    let put = Op::Put { key: key.clone(), value: value.clone() };
    assert_eq!(ask(1, Answer::Done(Reply::Stored)), (put, Reply::Stored, String::new()));
    let append = Op::Append { key, value };
    assert_eq!(ask(2, Answer::Done(Reply::Stored)), (append, Reply::Stored, String::new()));
    // No store says these, but who knows.
    assert_eq!(ask(0, Answer::Done(Reply::Stored)).2, "");
    assert_eq!(ask(0, Answer::Refused(Reply::Value(text("v")))).2, "v");
}
