//! What a submission may use of the crates that it stands on.
//!
//! | | of | may be used |
//! |---|---|---|
//! | all labs | `labgob`, `serde` | everything |
//! | | `std` | everything but [`DENIED`] |
//! | | `labrpc`, `tests` | what the skeletons need: [`LABRPC`], [`TESTS`] |
//! | 2 | `raft` | everything but its `Raft` |
//! | 3, 4A | `raft` | everything |
//! | | `kvraft` | operations and configurations: [`KVRAFT`] |
//! | 4A | `shardmaster` | configurations and operations: [`SHARDMASTER`] |
//! | 4B | `raft`, `kvraft`, `shardmaster` | everything: the master is the reference's |
//! | | `shardkv` | [`SHARDKV`] |
//!
//! A lab can stand on earlier ones. So none may use what a later one may not, or the later would have it
//! from there.

use super::Allow;
use super::paths::{End, Path};
use crate::grade::lab::Lab;
use clap::ValueEnum;
use std::collections::BTreeSet;

/// What is said of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// Its parts are judged where they are used.
    Module,
    Refused(String),
}

/// What is refused of the standard library, wherever in it.
pub const DENIED: [(&str, &str, Option<Allow>); 26] = [
    ("thread_local", SHARED, Some(Allow::Statics)),
    ("fs", FILES, None),
    ("path", PATHS, None),
    ("IsTerminal", TERMINAL, None),
    ("net", "the network is out of reach of a submission", None),
    ("os", "the system is out of reach of a submission", None),
    ("process", "a submission neither starts nor ends processes", None),
    ("env", ENVIRONMENT, Some(Allow::Environment)),
    ("option_env", ENVIRONMENT, Some(Allow::Environment)),
    (
        "thread",
        "a submission has one thread: a server is called when something happens",
        Some(Allow::Threads),
    ),
    ("include", FILES, None),
    ("include_str", FILES, None),
    ("include_bytes", FILES, None),
    ("stdin", INPUT, None),
    ("Stdin", INPUT, None),
    ("StdinLock", INPUT, None),
    ("pipe", "a submission has no pipes", None),
    ("set_hook", PANICS, None),
    ("take_hook", PANICS, None),
    ("update_hook", PANICS, None),
    ("catch_unwind", PANICS, None),
    ("arch", UNSAFE, Some(Allow::Unsafe)),
    ("asm", UNSAFE, Some(Allow::Unsafe)),
    ("global_asm", UNSAFE, Some(Allow::Unsafe)),
    ("naked_asm", UNSAFE, Some(Allow::Unsafe)),
    ("System", UNSAFE, Some(Allow::Unsafe)),
];

pub const FILES: &str = "files are out of reach of a submission";
pub const ENVIRONMENT: &str = "the environment is out of reach of a submission";
pub const UNSAFE: &str = "a submission is safe Rust: do without";
pub const SHARED: &str = "servers share nothing, and keep nothing over a crash but what is on the disk: \
                          keep it in the server, or make it a `const`";
const PATHS: &str = "files are out of reach of a submission, and whether they are there cannot be asked: a \
                     path is of no use";
const TERMINAL: &str = "where its output goes is nothing that a submission can ask";
const INPUT: &str = "nobody answers: a submission reads no input";
const PANICS: &str = "panics are the grader's to catch";

/// The modules of the standard library in which something is [`DENIED`].
const MIXED: [&str; 2] = ["io", "panic"];

const LABRPC: [&str; 9] =
    ["Context", "Disk", "Instant", "Kind", "NodeId", "Persister", "Process", "Rng", "Wire"];

const TESTS: [&str; 22] = [
    "not_written",
    "raft_tests",
    "raft_tests_2x",
    "kv_tests",
    "kv_tests_3x",
    "master_tests",
    "shard_tests",
    "shard_tests_4x",
    "arena::Deliveries",
    "arena::Delivery",
    "arena::Recorder",
    "arena::Replica",
    "kv::KvClerk",
    "kv::KvServer",
    "kv::Lab3",
    "shard::GroupServer",
    "shard::Holdings",
    "shard::Lab4A",
    "shard::Lab4B",
    "shard::LabServer",
    "shard::MasterClerk",
    "shard::Place",
];

/// What of `tests` is the reference's, and the traits that a submission is to implement instead.
const REFERENCE: [(&str, &str); 5] = [
    ("kv::Over", "kv::Lab3"),
    ("kv::ClerkNode", "kv::KvClerk"),
    ("shard::Over", "shard::Lab4A` or `tests::shard::Lab4B"),
    ("shard::ClerkNode", "kv::KvClerk"),
    ("shard::MasterClerkNode", "shard::MasterClerk"),
];

const KVRAFT: [&str; 6] =
    ["kv::Op", "kv::Reply", "rsm::ClientId", "rsm::Config", "rsm::Reads", "rsm::Seq"];

const SHARDMASTER: [&str; 8] =
    ["Config", "ConfigNum", "Gid", "Op", "Problem", "Reply", "SHARDS", "Shard"];

const SHARDKV: [&str; 2] = ["Phase", "shard_of"];

/// What may be used of a crate.
enum Use {
    All,
    /// All but this one.
    AllBut(&'static str),
    Only(&'static [&'static str]),
}

/// Whether this is the name of a crate that is there.
pub fn is_crate(name: &str) -> bool {
    is_std(name) || of_crate(name, Lab::Lab2).is_some()
}

/// Whether this is the standard library, or a part of it.
pub fn is_std(name: &str) -> bool {
    ["std", "core", "alloc", "proc_macro", "test"].contains(&name)
}

fn of_crate(name: &str, lab: Lab) -> Option<Use> {
    Some(match (name, lab) {
        ("labrpc", _) => Use::Only(&LABRPC),
        ("tests", _) => Use::Only(&TESTS),
        ("raft", Lab::Lab2) => Use::AllBut("Raft"),
        ("labgob" | "serde" | "raft", _) | ("kvraft" | "shardmaster", Lab::Lab4B) => Use::All,
        ("kvraft", Lab::Lab3 | Lab::Lab4A) => Use::Only(&KVRAFT),
        ("shardmaster", Lab::Lab4A) => Use::Only(&SHARDMASTER),
        ("shardkv", Lab::Lab4B) => Use::Only(&SHARDKV),
        ("kvraft" | "shardmaster" | "shardkv", _) => Use::Only(&[]),
        _ => return None,
    })
}

/// Judges a path that begins with a crate.
pub fn judge(path: &Path, lab: Lab, allowed: &BTreeSet<Allow>) -> Verdict {
    let Some((root, rest)) = path.segments.split_first() else { return Verdict::Fine };
    if is_std(root) {
        return judge_std(path, rest, allowed);
    }
    match of_crate(root, lab) {
        Some(_) if allowed.contains(&Allow::Reference) => Verdict::Fine,
        Some(Use::All) if root == "serde" && rest.iter().any(|it| it.starts_with("__")) => {
            refused("this is of nobody's use but serde's own")
        }
        None | Some(Use::All) => Verdict::Fine,
        Some(Use::AllBut(name)) => match rest.first() {
            Some(it) if it == name => {
                reference("a module of your own is `crate::raft` or `self::raft`")
            }
            Some(_) => Verdict::Fine,
            None => whole(root),
        },
        Some(Use::Only(names)) => judge_only(path, root, rest, names),
    }
}

fn judge_std(path: &Path, rest: &[String], allowed: &BTreeSet<Allow>) -> Verdict {
    if rest.first().is_some_and(|it| it == "prelude") {
        return refused("what is in it is there without it: take this out");
    }
    let denied = |segment: &String| DENIED.iter().find(|(name, ..)| name == segment);
    let is_open = |by: &Option<Allow>| by.is_some_and(|it| allowed.contains(&it));
    let mut found = rest.iter().filter_map(denied).filter(|(_, _, by)| !is_open(by));
    if let Some((_, why, by)) = found.next() {
        return Verdict::Refused(unless(why, *by));
    }
    match (rest.last(), &path.end) {
        (None, _) => whole(&path.segments[0]),
        (Some(_), End::Open) => refused("write the path out"),
        (Some(last), _) if !MIXED.contains(&last.as_str()) => Verdict::Fine,
        (Some(_), End::Plain) => Verdict::Module,
        (Some(last), _) => whole(last),
    }
}

fn judge_only(path: &Path, root: &str, rest: &[String], names: &[&str]) -> Verdict {
    let is_prefix = |of: &[String], name: &str| {
        let mut parts = of.iter();
        name.split("::").all(|part| parts.next().is_some_and(|it| it == part))
    };
    if names.iter().any(|name| is_prefix(rest, name)) {
        return Verdict::Fine;
    }
    let module = rest.join("::") + "::";
    if !rest.is_empty() && names.iter().any(|name| name.starts_with(&module)) {
        return if path.end == End::Plain {
            Verdict::Module
        } else {
            whole(&path.segments.join("::"))
        };
    }
    let reference_of = |(name, it): &(&str, &'static str)| is_prefix(rest, name).then_some(*it);
    if let Some(it) = REFERENCE.iter().find_map(reference_of).filter(|_| root == "tests") {
        return reference(&format!("write what `tests::{it}` asks for"));
    }
    let had = if names.len() > 10 { "what the skeletons use".into() } else { names.join(", ") };
    match (root, names) {
        (_, []) => refused(&format!("this lab does without `{root}`")),
        (_, _) if rest.is_empty() => whole(root),
        ("tests" | "labrpc", _) => {
            refused(&format!("scenarios are run by the grader; of `{root}` a submission has {had}"))
        }
        _ => reference(&format!("of `{root}` this lab has {had}")),
    }
}

/// Why something is refused, and what allows it, if anything does.
pub fn unless(why: &str, by: Option<Allow>) -> String {
    match by.and_then(|it| it.to_possible_value()) {
        Some(it) => format!("{why} (with `--allow {}` it passes)", it.get_name()),
        None => why.to_string(),
    }
}

fn reference(what: &str) -> Verdict {
    refused(&format!(
        "the reference is not to be handed in; {what} (`--allow reference` lets it pass, to see what \
         the reference is graded)"
    ))
}

fn whole(name: &str) -> Verdict {
    refused(&format!("name what you use of `{name}`, under its own name"))
}

fn refused(why: &str) -> Verdict {
    Verdict::Refused(why.to_string())
}
