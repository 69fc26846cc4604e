//! What is to be seen of messages: their kind, and whether the network did something to them.

use labrpc::{Event, NodeId, Record, SimTime};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What took longer than this is drawn as late: an unreliable network delivers within 34 ms, unless
/// it holds something back.
pub const LATE: Duration = Duration::from_millis(34);

/// A message from a node to another, sent at a time.
type Way = (NodeId, NodeId, SimTime);

/// What can be told of the messages of a run only if all of it is known.
pub struct Messages<'a> {
    /// Those that the network copied, and what they say.
    copied: BTreeSet<(Way, &'a str)>,
    /// When a node handled a heartbeat, and whose: what it sends back then is an answer to it.
    heartbeats: BTreeSet<Way>,
}

impl<'a> Messages<'a> {
    pub fn of(trace: &'a [Record]) -> Self {
        let (mut copied, mut heartbeats) = (BTreeSet::new(), BTreeSet::new());
        for record in trace {
            let Some(to) = record.node else { continue };
            match &record.event {
                Event::Copy { from, message } => {
                    copied.insert(((*from, to, record.at), message.as_str()));
                }
                Event::Deliver { from, message, .. } if is_heartbeat(message) => {
                    heartbeats.insert((to, *from, record.at));
                }
                _ => {}
            }
        }
        Self { copied, heartbeats }
    }

    /// Whether the network made two of it.
    pub fn is_doubled(&self, from: NodeId, to: NodeId, sent: SimTime, message: &'a str) -> bool {
        self.copied.contains(&((from, to, sent), message))
    }

    /// What it is called, for those who want to see some kinds only.
    pub fn kind(&self, from: NodeId, to: NodeId, sent: SimTime, message: &str) -> String {
        if is_heartbeat(message) {
            "heartbeat".to_string()
        } else if self.heartbeats.contains(&(from, to, sent)) {
            "heartbeat reply".to_string()
        } else {
            name(message)
        }
    }
}

/// Whether it is an append without entries, as far as its text tells.
fn is_heartbeat(message: &str) -> bool {
    message.contains("AppendEntries {") && message.contains("entries: []")
}

/// The names that a message's text begins with: `Client(Request(Request { ..` is a client request.
/// What Raft says goes by its own name.
fn name(message: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut rest = message;
    loop {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !word.starts_with(char::is_uppercase) || names.len() == 2 {
            break;
        }
        if names.last() != Some(&word) {
            names.push(word);
        }
        match after.strip_prefix('(') {
            Some(inner) => rest = inner,
            None => break,
        }
    }
    match names[..] {
        [] => "message".to_string(),
        ["Raft", name] | [name] => name.to_string(),
        _ => names.join(" "),
    }
}

/// Names in the order in which they are first seen, and how often.
#[derive(Default)]
pub struct Counted {
    numbers: BTreeMap<String, usize>,
    pub names: Vec<(String, u64)>,
}

impl Counted {
    /// The names alone.
    pub fn into_names(self) -> Vec<String> {
        self.names.into_iter().map(|(name, _)| name).collect()
    }

    /// The number of a name.
    pub fn number(&mut self, name: &str) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(name.to_string()).or_insert(next);
        if number == next {
            self.names.push((name.to_string(), 0));
        }
        self.names[number].1 += 1;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_messages() {
        for (message, expected) in [
            ("RequestVote { term: t3, last: 9@t2 }", "RequestVote"),
            ("Raft(AppendEntriesReply { term: t3 })", "AppendEntriesReply"),
            ("Client(Request(Request { client: c1, op: Get { key: \"k\" } }))", "Client Request"),
            ("Store(Reply(Reply { answer: Done(Value(Some(1))) }))", "Store Reply"),
            ("Ping(7)", "Ping"),
            ("Ping(Some(7))", "Ping Some"),
            ("()", "message"),
            ("", "message"),
            ("7 bytes that are no message", "message"),
        ] {
            assert_eq!(name(message), expected, "{message}");
        }
    }

    #[test]
    fn answers_to_heartbeats_are_known_by_the_step_that_sends_them() {
        let (a, b) = (NodeId::new(0), NodeId::new(1));
        let at = SimTime::from_nanos;
        let deliver = |from: NodeId, to: NodeId, sent, arrives, message: &str| Record {
            number: arrives,
            at: at(arrives),
            node: Some(to),
            event: Event::Deliver { from, sent: at(sent), message: message.to_string() },
        };
        let trace = [
            deliver(a, b, 1, 5, "AppendEntries { term: t1, entries: [], commit: 0 }"),
            deliver(b, a, 5, 9, "AppendEntriesReply { term: t1 }"),
            deliver(a, b, 9, 12, "AppendEntries { term: t1, entries: [t1 \"x\"], commit: 0 }"),
            deliver(b, a, 12, 15, "AppendEntriesReply { term: t1 }"),
        ];
        let messages = Messages::of(&trace);
        let kinds: Vec<String> = trace
            .iter()
            .map(|record| match &record.event {
                Event::Deliver { from, sent, message } => {
                    messages.kind(*from, record.node.unwrap(), *sent, message)
                }
                _ => unreachable!("all are messages"),
            })
            .collect();
        assert_eq!(kinds, ["heartbeat", "heartbeat reply", "AppendEntries", "AppendEntriesReply"]);
    }
}
