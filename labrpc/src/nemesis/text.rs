//! Faults and plans as text, one line for each fault, and back.

use super::{Fault, Plan};
use crate::time::{duration_text, parse_duration};
use crate::{CrashPoint, NodeId, SimTime};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { node, point } => match point {
                CrashPoint::Now => write!(f, "crash {node}"),
                CrashPoint::Undone => write!(f, "crash {node} undone"),
                CrashPoint::AfterWrites(n) => write!(f, "crash {node} after {n} writes"),
                CrashPoint::Unsent => write!(f, "crash {node} unsent"),
            },
            Self::Restart { node } => write!(f, "restart {node}"),
            Self::LoseDisk { node } => write!(f, "lose-disk {node}"),
            Self::Pause { node } => write!(f, "pause {node}"),
            Self::Resume { node } => write!(f, "resume {node}"),
            Self::Cut { from, to } => write!(f, "cut {from} -> {to}"),
            Self::Mend { from, to } => write!(f, "mend {from} -> {to}"),
            Self::Isolate { node } => write!(f, "isolate {node}"),
            Self::Rejoin { node } => write!(f, "rejoin {node}"),
            Self::Partition { groups } => {
                let groups: Vec<String> = groups.iter().map(|group| group_text(group)).collect();
                write!(f, "partition {}", groups.join(" | "))
            }
            Self::Heal => write!(f, "heal"),
            Self::Clog { from, to } => write!(f, "clog {from} -> {to}"),
            Self::Unclog { from, to } => write!(f, "unclog {from} -> {to}"),
            Self::ServiceTime { node, each } => {
                write!(f, "service {node} {}", duration_text(*each))
            }
            Self::Drift { node, ppm } => write!(f, "drift {node} {ppm}ppm"),
            Self::Network(network) => write!(f, "network {network}"),
        }
    }
}

fn group_text(group: &[NodeId]) -> String {
    if group.is_empty() {
        return "-".to_string();
    }
    group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A line that is no [`Fault`]; holds the line.
///
/// ```
/// use labrpc::{BadFault, Fault};
/// assert_eq!("crash it".parse::<Fault>(), Err(BadFault("crash it".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFault(pub String);

impl fmt::Display for BadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no fault", self.0)
    }
}

impl std::error::Error for BadFault {}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(line: &str) -> Result<Self, BadFault> {
        parse_fault(line).ok_or_else(|| BadFault(line.trim().to_string()))
    }
}

fn parse_fault(line: &str) -> Option<Fault> {
    let line = line.trim();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match verb {
        "network" => return Some(Fault::Network(rest.parse().ok()?)),
        "partition" => return Some(Fault::Partition { groups: parse_groups(rest)? }),
        _ => {}
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    let node = words.first().and_then(|name| NodeId::parse(name));
    Some(match (verb, words.as_slice()) {
        ("crash", [_, how @ ..]) => Fault::Crash { node: node?, point: parse_point(how)? },
        ("restart", [_]) => Fault::Restart { node: node? },
        ("lose-disk", [_]) => Fault::LoseDisk { node: node? },
        ("pause", [_]) => Fault::Pause { node: node? },
        ("resume", [_]) => Fault::Resume { node: node? },
        ("isolate", [_]) => Fault::Isolate { node: node? },
        ("rejoin", [_]) => Fault::Rejoin { node: node? },
        ("heal", []) => Fault::Heal,
        ("service", [_, each]) => Fault::ServiceTime { node: node?, each: parse_duration(each)? },
        ("drift", [_, ppm]) => {
            Fault::Drift { node: node?, ppm: ppm.strip_suffix("ppm")?.parse().ok()? }
        }
        (_, [_, "->", to]) => {
            let (from, to) = (node?, NodeId::parse(to)?);
            match verb {
                "cut" => Fault::Cut { from, to },
                "mend" => Fault::Mend { from, to },
                "clog" => Fault::Clog { from, to },
                "unclog" => Fault::Unclog { from, to },
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn parse_point(how: &[&str]) -> Option<CrashPoint> {
    match how {
        [] => Some(CrashPoint::Now),
        ["undone"] => Some(CrashPoint::Undone),
        ["unsent"] => Some(CrashPoint::Unsent),
        ["after", n, "writes"] => n.parse().ok().map(CrashPoint::AfterWrites),
        _ => None,
    }
}

fn parse_groups(text: &str) -> Option<Vec<Vec<NodeId>>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let group = |text: &str| match text.trim() {
        "-" => Some(Vec::new()),
        "" => None,
        names => names.split_whitespace().map(NodeId::parse).collect(),
    };
    text.split('|').map(group).collect()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(at, fault)| writeln!(f, "{at:>16} {fault}"))
    }
}

/// A text that is no [`Plan`], and where.
///
/// ```
/// use labrpc::{BadPlan, Plan};
/// let error = "5ms heal\n7ms heal n1".parse::<Plan>().unwrap_err();
/// assert_eq!(error, BadPlan { line: 2, text: "7ms heal n1".into() });
/// assert_eq!(error.to_string(), "line 2: `7ms heal n1` is no time and fault");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPlan {
    /// Which line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}` is no time and fault", self.line, self.text)
    }
}

impl std::error::Error for BadPlan {}

impl FromStr for Plan {
    type Err = BadPlan;

    fn from_str(text: &str) -> Result<Self, BadPlan> {
        let mut faults = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let parsed = || {
                let (at, fault) = text.split_once(char::is_whitespace)?;
                Some((SimTime::ZERO + parse_duration(at)?, parse_fault(fault)?))
            };
            faults.push(parsed().ok_or_else(|| BadPlan { line, text: text.to_string() })?);
        }
        Ok(Self::new(faults))
    }
}
