//! The calls that led to a panic, as far as somebody can read them: places in the implementation under test.
//!
//! The standard library tells calls in its own words only, by `Debug`, and promises no form. Nothing is told
//! of what has another form than today's.

use std::backtrace::Backtrace;

/// How many calls are told at most.
const MOST: usize = 12;

/// Crates of which nothing is told, as their folders are called: the standard library's, and those that an
/// implementation is run by.
const OTHERS: [&str; 5] = ["alloc", "core", "labrpc", "std", "tests"];

/// The file that an implementation is run from. What is below it is nobody's matter.
const RUN: &str = "tests/src/run.rs";

/// Has the program's own tables read, which have the names and lines. They are read once; where files are out
/// of reach later, that has to be before.
#[cfg(feature = "judge")]
pub fn prepare() {
    let _ = told(&Backtrace::force_capture());
}

/// The calls, innermost first, one in each line: `lab2/src/raft.rs:12: on_message`. Without what a
/// debugger needs in the program there are none.
pub fn told(trace: &Backtrace) -> Vec<String> {
    let here = std::env::current_dir().unwrap_or_default();
    of_text(&format!("{trace:?}"), &here.to_string_lossy())
}

/// Reads what a program says that works in the folder `here`.
fn of_text(text: &str, here: &str) -> Vec<String> {
    let own = calls(text, here).take_while(|it| it.file != RUN).filter(|it| !it.is_of_others);
    own.map(|it| format!("{}:{}: {}", it.file, it.line, it.function)).take(MOST).collect()
}

fn calls<'a>(text: &'a str, here: &str) -> impl Iterator<Item = Call<'a>> {
    text.split("{ fn: \"").filter_map(move |it| Call::read(it, here))
}

#[derive(Debug, PartialEq, Eq)]
struct Call<'a> {
    /// Its last name, without what stands for types.
    function: &'a str,
    /// From the crate's folder on.
    file: String,
    line: u32,
    is_of_others: bool,
}

impl<'a> Call<'a> {
    /// Reads `NAME", file: "FILE", line: LINE }`.
    fn read(text: &'a str, here: &str) -> Option<Self> {
        let (name, rest) = text.split_once("\", file: \"")?;
        let (path, rest) = rest.split_once("\", line: ")?;
        let line = rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()?;
        let (above, path) = path.strip_prefix('.').map_or(("", path), |below| (here, below));
        let parts = [above, path].into_iter().flat_map(|it| it.split(['/', '\\']));
        let parts: Vec<&str> = parts.filter(|it| !it.is_empty()).collect();
        let folder = parts.iter().rposition(|it| *it == "src")?.checked_sub(1)?;
        let is_of_others = OTHERS.contains(&parts[folder])
            || ["rust", "rustc"].contains(&parts[0])
            || parts[..folder].contains(&"registry");
        Some(Self { function: last(name), file: parts[folder..].join("/"), line, is_of_others })
    }
}

/// The last part of a function's name.
fn last(name: &str) -> &str {
    let mut name = name;
    while let Some(before) = name.strip_suffix('>') {
        let mut depth = 1;
        let open = before.rfind(|it| {
            depth += match it {
                '>' => 1,
                '<' => -1,
                _ => 0,
            };
            depth == 0
        });
        match open {
            Some(at) if at > 0 => name = name[..at].trim_end_matches("::"),
            _ => break,
        }
    }
    match name.rsplit("::").next() {
        Some(part) if part.starts_with("{{closure}}") || part.starts_with("{closure#") => {
            "a closure"
        }
        Some(part) => part,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_tells_calls_as_they_are_read() {
        let text = format!("{:?}", Backtrace::force_capture());
        let line = line!() - 1;
        let folder = std::env::current_dir().unwrap();
        let calls: Vec<_> = calls(&text, &folder.to_string_lossy()).collect();
        let here = calls.iter().find(|it| it.file == "tests/src/panics/backtrace.rs").unwrap();
        assert_eq!(here.function, "the_standard_library_tells_calls_as_they_are_read", "{text}");
        assert_eq!(here.line, line);
        assert!(calls.iter().any(|it| it.file.starts_with("core/src/") && it.is_of_others));
    }

    #[test]
    fn only_an_implementation_s_own_calls_are_told() {
        let frame = |name: &str, place: &str| match place.split_once(':') {
            Some((file, line)) => format!("{{ fn: \"{name}\", file: \"{file}\", line: {line} }}"),
            None => format!("{{ fn: \"{name}\" }}"),
        };
        let frames = [
            frame("tests::panics::caught::{{closure}}", "/home/ann/labs/tests/src/panics.rs:20"),
            frame("core::panicking::panic", "/rustc/5980/library/core/src/panicking.rs:80"),
            frame("index<u8, alloc::Global>", "/rustc/5980/library/alloc/src/vec/mod.rs:3804"),
            frame("insert<u8, u8>", "/rust/deps/hashbrown-0.16.1/src/map.rs:1740"),
            frame("main::nowhere", ""),
            frame(
                "<lab2::Raft as raft::Consensus>::on_message::{{closure}}",
                "./lab2/src/lib.rs:5",
            ),
            frame("step<u8, lab2::{impl#0}::on::{closure_env#0}>", "./src/a/b.rs:6"),
            frame("lab2::f::<lab2::R<u8>>", "\\\\x\\\\lab2\\\\src\\\\c.rs:7"),
            frame("<u8 as serde::Serialize>::to", "/ann/registry/src/index/serde-1.0.9/src/a.rs:9"),
            frame("<raft::Raft as raft::Consensus>::boot", "labs/raft/src/raft.rs:8"),
            frame("labrpc::world::World<P>::step", "labs/labrpc/src/world.rs:1"),
            frame("tests::run::perform", "labs/tests/src/run.rs:144"),
            frame("lab2::a_test", "/x/lab2/src/lib.rs:99"),
        ];
        let expected = [
            "lab2/src/lib.rs:5: a closure",
            "lab2/src/a/b.rs:6: step",
            "lab2/src/c.rs:7: f",
            "raft/src/raft.rs:8: boot",
        ];
        assert_eq!(of_text(&format!("Backtrace [{}]", frames.join(", ")), "/x/src/lab2"), expected);
        let deep = frame("lab2::f", "/lab2/src/a.rs:1").repeat(100);
        assert_eq!(of_text(&deep, "").len(), MOST);
        for text in ["", "disabled backtrace", "{ fn: \"f\", file: \"/src/a.rs\", line: x }"] {
            assert_eq!(of_text(text, "/"), [""; 0]);
        }
    }
}
