//! Where the scripts are played: a group's server alone over a puppet, and a clerk alone.

pub mod clerk;
pub mod group;

use kvraft::kv;
use kvraft::rsm::{Answer, ClientMessage, Request};
use labrpc::NodeId;
use shardkv::{Message, Op, Reply};
use shardmaster::Config;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

/// What somebody wants to say, in a line.
fn shown<M: Debug>(to: NodeId, message: &Message<M>) -> String {
    match message {
        Message::Master(ClientMessage::Request(Request { seq, op, .. })) => match op {
            shardmaster::Op::Query { num: None } => format!("asks {to} for the latest ({seq:?})"),
            shardmaster::Op::Query { num: Some(num) } => format!("asks {to} for {num} ({seq:?})"),
            op => format!("asks {to} {op:?}"),
        },
        Message::Store(ClientMessage::Reply(reply)) => {
            format!("-> {to} {:?} {:?} {}", reply.client, reply.seq, text_of_answer(&reply.answer))
        }
        Message::Store(ClientMessage::Request(Request { seq, op, .. })) => {
            format!("-> {to} {} ({seq:?})", crate::puppet::text_of_op(op))
        }
        other => format!("-> {to} {other:?}"),
    }
}

fn text_of_answer(answer: &Answer<Reply>) -> String {
    match answer {
        Answer::Done(Reply::Client(reply)) => format!("done: {reply:?}"),
        Answer::Done(reply) => format!("done: {reply:?}"),
        Answer::Refused(reply) => format!("refused: {reply:?}"),
        Answer::NotLeader { .. } => "not the leader".into(),
    }
}

/// `get K`, `put K V`, `append K V`
fn op_of(words: &[String]) -> Result<kv::Op, Box<dyn Error>> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words[..] {
        ["get", key] => kv::Op::Get { key: key.into() },
        ["put", key, value] => kv::Op::Put { key: key.into(), value: value.into() },
        ["append", key, value] => kv::Op::Append { key: key.into(), value: value.into() },
        _ => return Err(format!("there is no operation {words:?}").into()),
    })
}

/// What a master may answer: a configuration, or the latest if there is no such yet, `elsewhere`,
/// or what makes no sense: `made`, `unsound`.
fn master_says(
    what: &str,
    history: &[Config],
) -> Result<Answer<shardmaster::Reply>, Box<dyn Error>> {
    let latest = history.last().ok_or("the master has no history")?;
    Ok(match what {
        "elsewhere" => Answer::NotLeader { leader: None },
        "made" => Answer::Done(shardmaster::Reply::Made(latest.num)),
        "unsound" => {
            let config = Config { groups: BTreeMap::new(), ..latest.clone() };
            Answer::Done(shardmaster::Reply::Config(config))
        }
        "latest" => Answer::Done(shardmaster::Reply::Config(latest.clone())),
        num => {
            let config = history.get(num.parse::<usize>()?).unwrap_or(latest);
            Answer::Done(shardmaster::Reply::Config(config.clone()))
        }
    })
}

/// What a group may answer.
fn group_says(words: &[String]) -> Result<Answer<Reply>, Box<dyn Error>> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words[..] {
        ["installed"] => Answer::Done(Reply::Installed),
        ["installed", "before"] => Answer::Refused(Reply::Installed),
        ["behind"] => Answer::Refused(Reply::Behind),
        ["invalid"] => Answer::Refused(Reply::Invalid),
        ["noted"] => Answer::Done(Reply::Noted),
        ["elsewhere"] => Answer::NotLeader { leader: None },
        ["stored"] => Answer::Done(Reply::Client(kv::Reply::Stored)),
        ["value", value] => Answer::Done(Reply::Client(kv::Reply::Value(Some(value.into())))),
        ["wrong", num] => {
            Answer::Refused(Reply::WrongGroup(shardmaster::ConfigNum::new(num.parse()?)))
        }
        ["not", "yet"] => Answer::Refused(Reply::NotYet),
        _ => return Err(format!("there is no answer {words:?}").into()),
    })
}

fn of_op(op: &Op) -> Option<shardmaster::Shard> {
    match op {
        Op::Install { shard, .. } => Some(*shard),
        _ => None,
    }
}
