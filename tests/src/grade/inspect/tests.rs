use super::*;
use crate::grade::submission::Crate;
use std::path::Path as File;

const ALL: [Allow; 4] = [Allow::Unsafe, Allow::Environment, Allow::Threads, Allow::Reference];

fn of(lab: Lab, files: &[(&str, &str)]) -> Crate {
    let files = files.iter().map(|(name, text)| ((*name).to_string(), (*text).to_string()));
    Crate { lab, files: files.collect(), dependencies: BTreeSet::new() }
}

fn handed_in(crates: Vec<Crate>) -> Submission {
    Submission { name: "ann".to_string(), crates }
}

fn inspected(lab: Lab, text: &str) -> Vec<String> {
    inspect(&handed_in(vec![of(lab, &[("src/lib.rs", text)])]), &BTreeSet::new())
}

/// Line 3 of a source, which has it, is refused, and nothing else; and what is said has all of this.
fn refused(lab: Lab, line: &str, said: &[&str]) {
    let found = inspected(lab, &format!("// one\n/* two */\n{line}\n"));
    let place = format!("{}/src/lib.rs:3: `", lab.package());
    assert!(!found.is_empty(), "passes: {line}");
    for complaint in &found {
        assert!(complaint.starts_with(&place), "{line}: {complaint}");
    }
    for what in said {
        assert!(found.iter().any(|it| it.contains(what)), "{line}: {found:?} without {what}");
    }
}

fn passes(lab: Lab, text: &str) {
    assert_eq!(inspected(lab, text), [""; 0], "{text}");
}

#[test]
fn what_is_out_of_reach() {
    for (line, said) in [
        ("use std::fs;", "`std::fs`: files are out of reach"),
        ("use std::{fmt, fs as f};", "`std::fs`: files"),
        ("use r#std::r#fs::File;", "`std::fs::File`: files"),
        ("fn f() { std::fs::read(\"x\"); }", "`std::fs::read`: files"),
        ("fn f() { return ::std::fs::read(\"x\"); }", "`::std::fs::read`: files"),
        ("fn f() { if 1 > ::std::fs::X {} }", "`std::fs::X`: files"),
        ("use {crate::a, ::std::fs::{self, File}};", "`::std::fs`: files"),
        ("m!(a ::std::fs::read);", "files"),
        ("use std::net::TcpStream;", "the network"),
        ("use core::net;", "the network"),
        ("use std::os::unix::fs::symlink;", "the system"),
        ("fn f() { std::process::exit(0) }", "neither starts nor ends"),
        ("use std::env;", "the environment"),
        ("fn f() { std::env::args(); }", "the environment"),
        ("fn f() { std::thread::spawn(f); }", "one thread"),
        ("use std::io::{self, stdin};", "reads no input"),
        ("use std::io::Stdin;", "reads no input"),
        ("use std::panic::{catch_unwind, AssertUnwindSafe};", "the grader's to catch"),
        ("fn f() { std::panic::set_hook(b); std::panic::take_hook(); }", "the grader's to catch"),
        ("use std::alloc::System;", "safe Rust"),
        ("use std::arch::asm as a;", "safe Rust"),
        ("use serde::__private228::de;", "serde's own"),
        ("use std::path::{Path, PathBuf};", "`std::path::Path`: files are out of reach"),
        ("use std::path;", "`std::path`: files are out of reach"),
        ("fn f() { std::path::Path::new(\"x\").exists(); }", "whether they are there"),
        ("use std::io::{self, IsTerminal as _};", "where its output goes"),
        ("use std::io; fn f() { io::IsTerminal::is_terminal(&io::stdout()); }", "where its output"),
    ] {
        refused(Lab::Lab2, line, &[said]);
    }
}

#[test]
fn a_crate_or_module_has_one_name() {
    for line in [
        "use std as s;",
        "use ::std as s;",
        "use ::{std as s};",
        "use {std};",
        "use std::{self as s};",
        "use std::*;",
        "use ::std::*;",
        "use core::{self};",
        "use std::io as i;",
        "use std::io::*;",
        "use std::panic::{self as p};",
        "use raft::*;",
        "use raft as r;",
        "use tests::arena as a;",
        "use tests::arena::{self as a};",
        "use tests::arena::*;",
        "use tests::*;",
        "use labrpc::{self as l};",
    ] {
        refused(Lab::Lab2, line, &["name what you use of"]);
    }
    refused(Lab::Lab2, "extern crate std as s;", &["`extern crate`"]);
    refused(Lab::Lab2, "extern crate alloc;", &["`extern crate`"]);
    refused(
        Lab::Lab2,
        "use ::{{{std::prelude::v1::include_str as x}}};",
        &["`include_str`", "prelude"],
    );
    refused(Lab::Lab2, "use std::prelude::v1 as p;", &["`std::prelude::v1`"]);
    refused(Lab::Lab2, "use ::fs::x;", &["there is no crate `fs`"]);
    refused(Lab::Lab2, &format!("use {}x;", "a::".repeat(40)), &["nothing lies so deep"]);
}

#[test]
fn a_module_that_was_brought_in_is_known_in_all_files() {
    let crates = vec![
        of(
            Lab::Lab3,
            &[
                ("src/lib.rs", "mod a; use kvraft::rsm; pub use kvraft::kv; use std::io;"),
                ("src/a.rs", "use crate::rsm as r;\nuse super::rsm::*;\nuse crate::rsm::Clerk;"),
                ("src/b.rs", "fn f() {\nio::stdin();\nkv::Kv::default();\nkv::Op::x(); }"),
            ],
        ),
        of(Lab::Lab4A, &[("src/lib.rs", "use lab3::{kv::Op, rsm::{Config, Server}};")]),
    ];
    let found = inspect(&handed_in(crates), &BTreeSet::new());
    let places: Vec<_> = found.iter().filter_map(|it| it.split(": ").next()).collect();
    let expected = [
        "lab3/src/a.rs:1",
        "lab3/src/a.rs:2",
        "lab3/src/a.rs:3",
        "lab3/src/b.rs:2",
        "lab3/src/b.rs:3",
    ];
    assert_eq!(places, [&expected[..], &["lab4a/src/lib.rs:1"]].concat(), "{found:?}");
    assert!(found[5].contains("`lab3::rsm::Server`: the reference is not to be handed in"));
}

#[test]
fn macros_take_nothing_apart() {
    for line in [
        "macro_rules! m { ($a:ident x $c:tt y) => { $a $c fs } } m!(std x::y);",
        "macro_rules! m { (x $($c:tt)*) => { std $($c)* } } m!(x::fs::read(1));",
        "macro_rules! m { (x $($c:tt)*) => { n!(std $($c)*) } } m!(x::fs::read(1));",
        "macro_rules! m { ($h:tt [inline] $p:ident) => { $h [$p = \"x\"] mod x; } }",
        "macro_rules! m { ($d:tt) => { macro_rules! n { ($d a:ident) => { 1 } } } }",
        "macro_rules! m { ($($a:tt)*) => { $($a)* } }",
    ] {
        refused(Lab::Lab2, line, &["a `tt` can be anything"]);
    }
    for line in ["m!([use] [std as s]);", "m!(use x; std as s);", "m! { use a::b; }", "m!(use $);"]
    {
        let found = inspected(Lab::Lab2, line);
        assert!(!found.is_empty(), "passes: {line}");
    }
    for line in [
        "macro_rules! m { ($t:ident) => { macro_rules! n { ($a:$t) => { x!($a) } } } } m!(tt);",
        "m! { macro_rules! n { () => {} } }",
        "macro_rules! m { ($m:ident) => { $m! n { () => {} } } } m!(macro_rules);",
    ] {
        refused(Lab::Lab2, line, &["a macro that makes macros"]);
    }
    refused(Lab::Lab2, "m!(use x; std as s);", &["bring it in outside"]);
    refused(Lab::Lab2, "m!([use] [std as s]);", &["bring it in outside"]);
}

#[test]
fn macros_put_no_paths_together() {
    for line in [
        "macro_rules! m { ($a:ident) => { $a::fs } } m!(std);",
        "macro_rules! m { ($a:ident) => { use $a as x; } } m!(std);",
        "macro_rules! m { ($a:ident) => { use $a::*; } } m!(std);",
        "macro_rules! m { ($($a:ident)*) => { use x::$($a)::*; } }",
        "macro_rules! m { ($($a:ident)*) => { $($a)::+ } }",
        "macro_rules! m { ($($a:tt)*) => { $($a)* ::Raft } } m!(raft);",
        "macro_rules! m { ($a:tt $b:tt) => { $a $b Raft } } m!(raft ::);",
        "macro_rules! m { ($a:ident) => { $a!(\"x\") } } m!(include);",
        "macro_rules! m { ($($a:ident)*) => { $($a)*!(\"x\") } } m!(env);",
        "macro_rules! m { ($d:tt) => { macro_rules! n { ($d a:ident) => { $d a::fs } } } }",
        "macro_rules! m { ($d:tt) => { macro_rules! n { ($d a:ident) => { $d a!(\"x\") } } } }",
        "macro_rules! m { ($p:ident) => { #[$p = \"/etc/passwd\"] mod x; } } m!(path);",
        "macro_rules! m { ($s:literal) => { #[serde(default = $s)] } }",
        "macro_rules! m { ($p:ident) => { #[cfg_attr(all(), $p = \"x\")] mod x; } }",
    ] {
        let found = inspected(Lab::Lab2, &format!("\n{line}"));
        let is_told = |it: &String| {
            it.starts_with("lab2/src/lib.rs:2: `$`: ") && it.ends_with("write it out")
        };
        assert!(found.iter().any(is_told), "{line}: {found:?}");
    }
    for line in [
        "macro_rules! m { ($a:ident) => { use crate::$a as x; } } m!(rsm);",
        "macro_rules! m { ($a:ident) => { use std::{fmt, $a}; } } m!(fs);",
    ] {
        refused(Lab::Lab2, line, &["write the path out"]);
    }
    for line in ["std::$a", "std::io::$a", "labrpc::$a", "raft::$a"] {
        let line = format!("macro_rules! m {{ ($a:ident) => {{ {line} }} }}");
        let found = inspected(Lab::Lab2, &line);
        assert!(found.len() == 1 && found[0].contains("::…`: "), "{line}: {found:?}");
    }
    let alias = "use kvraft::rsm; macro_rules! m { ($a:ident) => { rsm::$a } } m!(Server);";
    refused(Lab::Lab3, alias, &["name what you use of `kvraft::rsm`"]);
    refused(Lab::Lab2, "m!(raft ; ::Raft);", &["there is no crate `Raft`"]);
    refused(Lab::Lab2, "m!(crate ::raft::Raft);", &["a macro can make `raft` the crate"]);
    refused(Lab::Lab2, "m!(x ::raft::Raft);", &["the reference"]);
    refused(Lab::Lab2, "m!(raft :: ; Raft);", &["`raft::…`"]);
}

#[test]
fn files_are_not_included() {
    for line in [
        "const X: &str = include_str!(\"/etc/passwd\");",
        "const X: &[u8] = core::include_bytes!(\"x\");",
        "m!(include_str);",
        "include!(\"x.rs\");",
        "fn f() { println!(\"{}\", include!{\"x.rs\"}); }",
        "#[doc = include_str!(\"x\")] struct X;",
    ] {
        refused(Lab::Lab2, line, &["files are out of reach"]);
    }
    for line in [
        "#[path = \"/x.rs\"] mod x;",
        "# [ path = \"/x.rs\" ] mod x;",
        "#[r#path = \"/x.rs\"] mod x;",
        "#[cfg_attr(all(), path = \"/x.rs\")] mod x;",
        "#[cfg_attr(all(), cfg_attr(all(), path = \"/x.rs\"))] mod x;",
        "m! { # [path = \"/x.rs\"] mod x; }",
    ] {
        refused(Lab::Lab2, line, &["`#[path]`"]);
    }
    refused(Lab::Lab2, "const X: &str = env!(\"HOME\");", &["`env!`: the environment"]);
    refused(Lab::Lab2, "const X: Option<&str> = option_env!(\"HOME\");", &["the environment"]);
    refused(Lab::Lab2, "use env as e;", &["call the macro by its name"]);
}

#[test]
fn serde_takes_paths_out_of_strings() {
    for (line, said) in [
        ("#[serde(default = \"std::process::abort\")]", "neither starts nor ends"),
        ("#[cfg_attr(all(), serde(with = \"std::env\"))]", "the environment"),
        ("#[serde(from = r#\"raft::Raft\"#)]", "the reference"),
        ("#[serde(default = \"\\x73td::process::abort\")]", "without backslashes"),
        ("#[serde(default = \"std::process::abort(\")]", "without backslashes"),
    ] {
        refused(Lab::Lab2, line, &[said]);
    }
    passes(
        Lab::Lab2,
        "#[serde(rename_all = \"snake_case\", bound = \"T: Clone\", default)] struct X;",
    );
}

#[test]
fn brackets_of_any_kind_and_attributes_of_any_length() {
    refused(Lab::Lab2, "#[serde[default = \"std::process::id\"]] struct X;", &["neither starts"]);
    refused(Lab::Lab2, "#[serde{default = \"std::process::id\"}] struct X;", &["neither starts"]);
    let long = format!("#[derive({})] struct X;", "Clone, ".repeat(200));
    refused(Lab::Lab2, &long, &["so long an attribute"]);
}

#[test]
fn what_servers_could_share() {
    for line in [
        "static LOG: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());",
        "fn f() { static ONCE: u8 = 0; }",
        "std::thread_local! { pub const X: u8 = 0; }",
        "use std::thread_local as t;",
        "macro_rules! m { () => { static X: u8 = 0; } }",
    ] {
        refused(Lab::Lab2, line, &["servers share nothing"]);
    }
    passes(Lab::Lab2, "const NAMES: [&'static str; 1] = [\"static\"]; fn f(_: &'static str) {}");
}

#[test]
fn what_is_not_safe() {
    for line in [
        "unsafe fn f() {}",
        "fn f() { unsafe { g() } }",
        "macro_rules! m { () => { unsafe {} } }",
        "extern \"C\" { fn f(); }",
        "pub extern fn f() {}",
        "#[no_mangle] pub fn malloc() {}",
        "#[unsafe(no_mangle)] pub fn malloc() {}",
        "#[unsafe(link_section = \".init_array\")] static X: fn() = f;",
        "#[export_name = \"x\"] fn f() {}",
        "core::arch::asm!(\"nop\");",
        "global_asm!(\"nop\");",
        "#[global_allocator] static A: B = B;",
    ] {
        refused(Lab::Lab2, line, &["a submission is safe Rust"]);
    }
}

#[test]
fn what_can_be_allowed() {
    let found = inspected(Lab::Lab2, "const X: &str = env!(\"X\"); use std::thread;");
    assert!(found[0].contains("`--allow environment`") && found[1].contains("`--allow threads`"));
    let text = "unsafe fn f() { core::arch::asm!(\"nop\") }\n#[unsafe(no_mangle)] extern \"C\" fn g() {}\n\
                const X: &str = env!(\"X\");\nfn h() { std::env::var(\"X\"); option_env!(\"Y\"); }\n\
                use std::thread;\nfn i() { std::thread::spawn(f); }";
    let submission = handed_in(vec![of(Lab::Lab2, &[("src/lib.rs", text)])]);
    let lines = |allowed: &[Allow]| {
        let found = inspect(&submission, &allowed.iter().copied().collect());
        let line = |it: &String| it.split(':').nth(1).unwrap().parse::<usize>().unwrap();
        found.iter().map(line).collect::<BTreeSet<_>>()
    };
    assert_eq!(lines(&[]), BTreeSet::from([1, 2, 3, 4, 5, 6]));
    assert_eq!(lines(&[Allow::Unsafe]), BTreeSet::from([3, 4, 5, 6]));
    assert_eq!(lines(&[Allow::Environment]), BTreeSet::from([1, 2, 5, 6]));
    assert_eq!(lines(&[Allow::Threads]), BTreeSet::from([1, 2, 3, 4]));
    assert_eq!(lines(&ALL), BTreeSet::new());
    let reference = "pub use raft::Raft; use tests::kv::Over as Lab; use labrpc::World;";
    let reference = handed_in(vec![of(Lab::Lab2, &[("src/lib.rs", reference)])]);
    assert_eq!(inspect(&reference, &BTreeSet::new()).len(), 3);
    assert_eq!(inspect(&reference, &BTreeSet::from([Allow::Reference])), [""; 0]);
    let files = handed_in(vec![of(Lab::Lab2, &[("src/lib.rs", "use std::fs;")])]);
    assert_eq!(inspect(&files, &BTreeSet::from(ALL)).len(), 1);
}

#[test]
fn the_reference_is_not_handed_in() {
    use Lab::{Lab2, Lab3, Lab4A, Lab4B};
    const REFERENCE: &str = "the reference is not to be handed in";
    for (lab, line, said) in [
        (Lab2, "pub use raft::Raft;", REFERENCE),
        (Lab2, "use raft::{Config, Raft as Mine};", REFERENCE),
        (Lab2, "pub type Raft = ::raft::Raft;", REFERENCE),
        (Lab2, "use kvraft::rsm::Config;", "this lab does without `kvraft`"),
        (Lab2, "use shardkv::shard_of;", "this lab does without `shardkv`"),
        (Lab3, "use kvraft::Clerk;", REFERENCE),
        (Lab3, "use kvraft::kv::{Kv, Op};", REFERENCE),
        (Lab3, "type S = kvraft::rsm::Server<X, Y>;", REFERENCE),
        (Lab3, "use kvraft::rsm::{Config, Sessions};", REFERENCE),
        (Lab3, "pub type Lab = tests::kv::Over<raft::Raft>;", "what `tests::kv::Lab3` asks for"),
        (Lab3, "use tests::kv; pub type Lab = kv::Over<R>;", "`--allow reference`"),
        (Lab3, "type Clerk = tests::kv::ClerkNode<raft::Raft>;", REFERENCE),
        (Lab3, "use shardmaster::Master;", "this lab does without `shardmaster`"),
        (Lab4A, "use shardmaster::{Config, Master};", REFERENCE),
        (Lab4A, "use shardmaster::balance;", REFERENCE),
        (Lab4A, "use kvraft::rsm::Server;", REFERENCE),
        (Lab4A, "use tests::shard::{Lab4A, Over};", "what `tests::shard::Lab4A` or"),
        (Lab4A, "use shardkv::MasterServer;", "this lab does without `shardkv`"),
        (Lab4B, "use shardkv::{Group, shard_of};", REFERENCE),
        (Lab4B, "use shardkv::Clerk;", REFERENCE),
        (Lab4B, "type S = shardkv::Store;", REFERENCE),
        (Lab4B, "pub type Lab = tests::shard::Over<raft::Raft>;", REFERENCE),
        (Lab2, "use labrpc::World;", "scenarios are run by the grader"),
        (Lab2, "use tests::cli::main;", "scenarios are run by the grader"),
        (Lab3, "use tests::catalogue::Catalogue;", "scenarios are run by the grader"),
        (Lab3, "fn f() { tests::mutants::x(); tests::grade::y(); }", "scenarios are run"),
        (Lab4B, "use tests::{run, shard::Place};", "scenarios are run by the grader"),
    ] {
        refused(lab, line, &[said]);
    }
}

#[test]
fn the_skeletons_pass() {
    let labs = File::new(env!("CARGO_MANIFEST_DIR")).join("../docs/labs");
    let submission = Submission::read(&labs).unwrap();
    assert_eq!(submission.crates.len(), 4);
    assert_eq!(inspect(&submission, &BTreeSet::new()), [""; 0]);
    assert_eq!(culprits(&submission), [""; 0]);
}

#[test]
fn what_only_looks_alike_passes() {
    for text in [
        "mod fs { pub fn read() {} } fn f() { fs::read(); self::fs::read(); crate::fs::read(); }",
        "mod path; use self::path::Path; fn f(p: &Path) -> bool { p.exists() && p.metadata().is_file() }",
        "struct PathBuf; trait IsTerminal {} fn f(path: PathBuf) { path::read_dir(path).canonicalize(); }",
        "mod env; use self::env::Env; pub use crate::env as e; use super::env::{self, x};",
        "fn f(process: u8, std: u8, core: u8, path: &str) -> bool { let r#env = 1; process > std }",
        "fn f() { let mut path = \"x\"; path = \"y\"; let x = [path]; g(x, env != 1); }",
        "// std::fs, unsafe\n/* include!(\"x\") */ const X: &str = \"std::fs::read unsafe\";",
        "/// Reads no `std::fs`, and is not `unsafe`.\nfn f() { println!(\"{}\", \"std::process\"); }",
        "fn f(unsafe_: u8, asm: u8) {} struct S<'env> { thread: &'env u8, include: u8 }",
        "mod raft; pub use crate::raft::Raft; use self::raft::{Raft as R, Node}; use super::raft::*;",
        "use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Status, View, Entry};",
        "use std::{cmp, collections::*, fmt::{self, Write as _}, mem, rc::Rc, time};",
        "use std::io::{self, Write}; fn f() { io::stdout().flush(); eprintln!(); }",
        "use std::{backtrace::Backtrace, io::stderr, panic::{AssertUnwindSafe, panic_any}};",
        "use labrpc::{Context, Instant, Kind, NodeId, Persister, Rng, Wire}; use labgob as gob;",
        "use serde::*; use tests::{arena::{self, Deliveries, Recorder}, not_written};",
        "fn f(r: &dyn arena::Replica) { tests::not_written!(\"2A\"); Vec::<u8>::new(); }",
        "#[cfg(test)] mod tests { use super::*; use labrpc::World; use std::fs; }",
        "#[cfg(test)] tests::raft_tests!(crate::Raft);",
        "macro_rules! m { ($x:expr, $t:ty) => { { let v = <$t>::new($x); $crate::f!(v); v != $x } } }",
        "macro_rules! m { ($($x:expr),*) => { $(g($x);)* Vec::new() } }",
        "#[derive(Clone)] #[doc = \"std::fs\"] #[cfg_attr(test, derive(Debug))] struct S;",
        "macro_rules! m { ($s:literal) => { #[doc = $s] struct S; } }",
        "macro_rules! log { ($cx:expr, $($a:tt)*) => { if X { $cx.note(\"x\", format_args!($($a)*)) } } }",
        "macro_rules! log { ($($a:tt)+) => { eprintln!(\"{} {}\", 1, $($a)+); } } fn f() { log!(\"{}\", raft.x); }",
        "macro_rules! m { ($v:ident) => { (Message::$v { .. }, Self::$v, raft::Message::$v) } }",
        "use std::io::prelude::*; fn f(a: bool) { if !a { use std::fmt; } }",
        "impl<T> S<T> { fn f() -> impl Sized + use<T> { Self::g(<T as Into<u8>>::into(1)) } }",
    ] {
        passes(Lab::Lab2, text);
    }
    let text = "use kvraft::{kv::{Op, Reply}, rsm::{ClientId, Config, Reads, Seq}}; use raft::*;\n\
                use tests::kv::{self, Lab3}; impl kv::KvServer for S {} type R = raft::Raft;\n\
                mod rsm; use self::rsm::Server;";
    passes(Lab::Lab3, text);
    let text = "use shardmaster::{Config, ConfigNum, Gid, Op, Problem, Reply, SHARDS, Shard};";
    passes(Lab::Lab4A, text);
    passes(Lab::Lab4B, "use kvraft::*; use shardmaster::Master; use shardkv::{Phase, shard_of};");
}

#[test]
fn what_cannot_be_read_is_not_overlooked() {
    refused_at(4, "one\ntwo\nthree\nfn f() {", "this cannot be read as Rust");
    refused_at(1, "#!/bin/sh \" '\nuse std::fs;", "a library has no line for a shell");
}

fn refused_at(line: usize, text: &str, said: &str) {
    let found = inspected(Lab::Lab2, text);
    assert!(found[0].starts_with(&format!("lab2/src/lib.rs:{line}: ")), "{found:?}");
    assert!(found[0].contains(said), "{found:?}");
}

#[test]
fn who_asks_for_much_gets_an_answer_soon() {
    let many = inspected(Lab::Lab2, &"use std::fs;\n".repeat(60_000));
    assert_eq!((many.len(), many[50].as_str()), (51, "and more of the kind"));
    let nested = format!("{}{}", "#[serde(".repeat(60_000), ")]".repeat(60_000));
    assert_eq!(inspected(Lab::Lab2, &nested).len(), 1, "an attribute of this size is none");
    for text in ["x::std::".repeat(60_000), "static ".repeat(60_000), "$($a)* ".repeat(60_000)] {
        let submission = handed_in(vec![of(Lab::Lab2, &[("src/lib.rs", &text)])]);
        assert!(inspect(&submission, &BTreeSet::new()).len() <= 51);
        assert_eq!(culprits(&submission), [""; 0]);
    }
}

#[test]
fn culprits_are_named_with_their_places() {
    let text = "use std::collections::{HashMap, BTreeMap};\nuse std::time::{Instant, SystemTime};\n\
                fn f(x: &'static HashMap<u8, u8>) { std::time::Instant::now(); thread::yield_now(); }\n\
                static X: AtomicU64 = AtomicU64::new(0);\nstatic Y: OnceLock<u8> = OnceLock::new();\n\
                thread_local! { static Z: u8 = 0; }\nstatic NAME: &str = \"Mutex\";\n// HashSet\n";
    let found = culprits(&handed_in(vec![of(Lab::Lab3, &[("src/a.rs", text)])]));
    assert_eq!(
        found,
        [
            "lab3/src/a.rs:1, 3: `HashMap`: its order differs from process to process: take a BTreeMap \
             or a BTreeSet, or sort",
            "lab3/src/a.rs:3: `Instant::now`: a clock differs from run to run: take `cx.now`",
            "lab3/src/a.rs:2: `SystemTime`: a clock differs from run to run: take `cx.now`",
            "lab3/src/a.rs:4, 5: `static`: it outlives a run: keep it in the server",
            "lab3/src/a.rs:3: `thread`: threads run as the system likes: do without",
            "lab3/src/a.rs:6: `thread_local`: it outlives a run: keep it in the server",
        ]
    );
}

/// A program of a student's size: the reference's Raft says in one place only what lab 2 may not.
#[test]
fn a_whole_raft_is_looked_through() {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("../raft/src");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_string_lossy();
            files.push((format!("src/{name}"), std::fs::read_to_string(&path).unwrap()));
        }
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (&name[..], &text[..])).collect();
    let submission = handed_in(vec![of(Lab::Lab2, &files)]);
    let found = inspect(&submission, &BTreeSet::new());
    assert!(files.len() > 5 && found.len() == 1, "{found:?}");
    assert!(found[0].contains("`raft::Raft`: the reference is not to be handed in; a module of"));
    assert_eq!(culprits(&submission), [""; 0]);
}
