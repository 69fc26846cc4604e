//! The run as the page reads it. Whoever changes a name here changes it in `page/data.js`.

use super::bands::{Band, Bands};
use super::messages::{Counted, LATE, Messages};
use crate::arena::film::{Film, Frame, LogChange, Role};
use crate::run::Report;
use labrpc::{Event, NodeId, Record, SimTime};
use serde::Serialize;
use std::collections::BTreeSet;

/// A run. Times are nanoseconds, nodes are numbers, and texts that occur often stand once in a
/// table.
#[derive(Serialize)]
pub struct Data<'a> {
    scenario: &'a str,
    about: &'a str,
    /// As text: the page's numbers have 53 bits.
    seed: String,
    fingerprint: String,
    command: &'a str,
    failure: Option<FailureData<'a>>,
    end: u64,
    late: u64,
    clusters: Vec<ClusterData>,
    nodes: usize,
    kinds: Vec<(String, u64)>,
    losses: Vec<(String, u64)>,
    events: Vec<String>,
    texts: Vec<String>,
    records: Records,
    bands: Vec<Band>,
    frames: Vec<FrameData>,
    commands: &'a [String],
    calls: Vec<CallData<'a>>,
}

#[derive(Serialize)]
struct FailureData<'a> {
    property: &'a str,
    facts: &'a str,
    event: u64,
    at: u64,
}

#[derive(Serialize)]
struct ClusterData {
    name: String,
    nodes: Vec<usize>,
}

/// The trace, a column for each field; -1 stands for nothing.
#[derive(Default, Serialize)]
struct Records {
    number: Vec<u64>,
    at: Vec<u64>,
    node: Vec<i64>,
    /// What happened, as the trace's JSON calls it.
    event: Vec<usize>,
    text: Vec<usize>,
    /// Of a message: who sent it, when, its kind, why it was lost, and whether it is one of two.
    from: Vec<i64>,
    sent: Vec<i64>,
    kind: Vec<i64>,
    loss: Vec<i64>,
    doubled: Vec<u8>,
}

/// A server after a step that changed it: event, node, role, term, vote, leader, commit, applied,
/// snapshot's index and term, log's last index and term; and what became of its log: the first index
/// that changed, and terms and commands from there, in turn.
#[derive(Serialize)]
struct FrameData(u64, [i64; 11], Option<(u64, Vec<u64>)>);

#[derive(Serialize)]
struct CallData<'a> {
    node: usize,
    from: u64,
    to: Option<u64>,
    text: &'a str,
}

impl<'a> Data<'a> {
    pub fn of(report: &'a Report, command: &'a str) -> Self {
        const NONE: &Film = &Film {
            clusters: Vec::new(),
            frames: Vec::new(),
            commands: Vec::new(),
            calls: Vec::new(),
        };
        let film = report.film.as_ref().unwrap_or(NONE);
        let end = u64::try_from(report.simulated.as_nanos()).unwrap_or(u64::MAX);
        let named = |record: &'a Record| match record.event {
            Event::Deliver { from, .. } | Event::Drop { from, .. } => [record.node, Some(from)],
            _ => [record.node, None],
        };
        let all: BTreeSet<NodeId> = report.trace.iter().flat_map(named).flatten().collect();
        let nodes = all.last().map_or(0, |last| last.index() + 1);
        let mut tables = Tables::default();
        let records = tables.records(&report.trace);
        let clusters = film.clusters.iter().map(|cluster| ClusterData {
            name: cluster.name.clone(),
            nodes: cluster.servers.iter().map(|id| id.index()).collect(),
        });
        let calls = film.calls.iter().map(|call| CallData {
            node: call.node.index(),
            from: call.began.as_nanos(),
            to: call.ended.map(SimTime::as_nanos),
            text: &call.what,
        });
        Self {
            scenario: report.scenario.name,
            about: report.scenario.about,
            seed: report.seed.to_string(),
            fingerprint: format!("{:016x}", report.fingerprint),
            command,
            failure: report.outcome.as_ref().err().map(|failure| FailureData {
                property: &failure.property,
                facts: &failure.facts,
                event: failure.event,
                at: failure.nanos,
            }),
            end,
            late: LATE.as_nanos() as u64,
            clusters: clusters.collect(),
            nodes,
            kinds: tables.kinds.names,
            losses: tables.losses.names,
            events: tables.events.into_names(),
            texts: tables.texts.into_names(),
            records,
            bands: Bands::of(&report.trace, &film.clusters, nodes, end),
            frames: film.frames.iter().map(FrameData::from).collect(),
            commands: &film.commands,
            calls: calls.collect(),
        }
    }
}

#[derive(Default)]
struct Tables {
    events: Counted,
    texts: Counted,
    kinds: Counted,
    losses: Counted,
}

impl Tables {
    fn records(&mut self, trace: &[Record]) -> Records {
        let messages = Messages::of(trace);
        let mut out = Records::default();
        for record in trace {
            out.number.push(record.number);
            out.at.push(record.at.as_nanos());
            out.node.push(of_node(record.node));
            let (event, text) = told(&record.event);
            out.event.push(self.events.number(event));
            out.text.push(self.texts.number(&text));
            let mut doubled = false;
            let (mut from, mut sent, mut kind) = (None, None, None);
            if let Some((sender, time, message)) = way(record)
                && let Some(to) = record.node
            {
                let name = messages.kind(sender, to, time, message);
                doubled = messages.is_doubled(sender, to, time, message);
                (from, sent, kind) =
                    (Some(sender), Some(time.as_nanos()), Some(self.kinds.number(&name) as u64));
            }
            let loss = match &record.event {
                Event::Drop { why, .. } => Some(self.losses.number(&format!("{why:?}")) as u64),
                _ => None,
            };
            out.from.push(of_node(from));
            out.sent.push(or_none(sent));
            out.kind.push(or_none(kind));
            out.loss.push(or_none(loss));
            out.doubled.push(u8::from(doubled));
        }
        out
    }
}

/// Who sent a message that arrived or was lost, and when.
fn way(record: &Record) -> Option<(NodeId, SimTime, &str)> {
    match &record.event {
        Event::Deliver { from, sent, message } | Event::Drop { from, sent, message, .. } => {
            Some((*from, *sent, message))
        }
        _ => None,
    }
}

/// A number, or -1 for nothing.
fn or_none(number: Option<u64>) -> i64 {
    number.map_or(-1, u64::cast_signed)
}

fn of_node(id: Option<NodeId>) -> i64 {
    or_none(id.map(|id| id.index() as u64))
}

/// What happened, in a word; and the rest of it.
fn told(event: &Event) -> (&'static str, String) {
    match event {
        Event::Boot { life } => ("boot", format!("life {life}")),
        Event::Deliver { message, .. } => ("deliver", message.clone()),
        Event::Drop { message, .. } => ("drop", message.clone()),
        Event::Copy { from, message } => ("copy", format!("from {from}: {message}")),
        Event::Wake => ("wake", String::new()),
        Event::Poke => ("poke", String::new()),
        Event::Note { what, detail } => ("note", format!("{what}: {detail}")),
        Event::Crash { point } => ("crash", point.clone()),
        Event::DiskLost => ("disk lost", "for ever".to_string()),
        Event::Link { to, now } => ("link", format!("to {to}: {now}")),
        Event::Isolate => ("isolate", String::new()),
        Event::Rejoin => ("rejoin", String::new()),
        Event::Partition { groups } => ("partition", groups.clone()),
        Event::Heal => ("heal", String::new()),
        Event::Pause => ("pause", String::new()),
        Event::Resume => ("resume", String::new()),
        Event::Tune { now } => ("tune", now.clone()),
        Event::Network { now } => ("network", now.clone()),
    }
}

impl From<&Frame> for FrameData {
    fn from(frame: &Frame) -> Self {
        let state = &frame.state;
        let log = frame.log.as_ref().map(|LogChange { from, entries }| {
            let flat = entries.iter().flat_map(|(term, command)| [term.get(), *command as u64]);
            (from.get(), flat.collect())
        });
        let role = match state.role {
            Role::Follower => 0,
            Role::Candidate => 1,
            Role::Leader => 2,
        };
        let fields = [
            of_node(Some(frame.node)),
            role,
            state.term.get().cast_signed(),
            of_node(state.vote),
            of_node(state.leader),
            state.commit.get().cast_signed(),
            state.applied.get().cast_signed(),
            state.covered.index.get().cast_signed(),
            state.covered.term.get().cast_signed(),
            state.last.index.get().cast_signed(),
            state.last.term.get().cast_signed(),
        ];
        Self(frame.event, fields, log)
    }
}
