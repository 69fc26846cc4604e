//! What a submission may not do, found in its sources before anything is built.
//!
//! Sources are looked at as tokens, so that comments and strings do not matter, and what a macro would
//! make is seen, too: names cannot be pasted together without a procedural macro, and a submission
//! has none but serde's. Every way to an item of another crate begins with that crate's name, or with
//! the name of a module that was brought in by `use`; so those are judged (`inspect/rules.rs`), in all
//! branches (`inspect/paths.rs`), and neither a crate nor a module can be renamed. What would let a macro
//! put a path together from pieces is refused (`inspect/look.rs`, `loose.rs`).
//!
//! This is one fence of two. What gets through, or is no matter of names, meets the limits of the process
//! that a run is shut in. And a student who has written such a thing by mistake is told where.

mod culprits;
mod look;
mod loose;
mod paths;
mod rules;
mod tokens;

pub use culprits::culprits;

use super::lab::Lab;
use super::submission::Submission;
use clap::ValueEnum;
use look::Look;
use paths::Path;
use rules::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use tokens::Token;

/// What a teacher can allow that is refused otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Allow {
    /// `unsafe`, foreign functions, assembly: then nothing can be ruled out by looking.
    Unsafe,
    /// `std::env` and `env!`.
    Environment,
    /// `std::thread`.
    Threads,
    /// `static` and `thread_local!`, by which servers could agree without a message.
    Statics,
    /// Hidden seeds where runs can't be shut in.
    Unconfined,
    /// The workspace's own solutions: to see what they are graded.
    Reference,
}

/// How many complaints there are at most.
const COMPLAINTS: usize = 50;

/// What is not allowed in a submission: lines for its author, by file and line.
///
/// A line reads `lab2/src/lib.rs:12: std::fs: files are out of reach of a submission`, with the name in
/// backticks.
pub fn inspect(submission: &Submission, allowed: &BTreeSet<Allow>) -> Vec<String> {
    let modules = modules(submission, allowed);
    let mut lines = Vec::new();
    for source in sources(submission) {
        let mut found = match &source.text {
            Ok(text) => Look { text, lab: source.lab, allowed, modules: &modules }.complaints(),
            Err(why) => vec![why.clone()],
        };
        found.sort();
        found.dedup();
        lines.extend(found.iter().map(|(line, what)| format!("{}:{line}: {what}", source.name)));
        if lines.len() > COMPLAINTS {
            lines.truncate(COMPLAINTS);
            lines.push("and more of the kind".to_string());
            break;
        }
    }
    lines
}

/// A file.
struct Source {
    lab: Lab,
    name: String,
    /// What is in it, or where and why it cannot be read.
    text: Result<Text, (usize, String)>,
}

/// What is in a file.
struct Text {
    row: Vec<Token>,
    paths: Vec<Path>,
}

impl Text {
    fn read(text: &str) -> Result<Self, (usize, String)> {
        let row = tokens::read(text)?;
        Ok(Self { paths: paths::all(&row), row })
    }
}

/// The files of a submission, of which only one is in memory as tokens.
fn sources(submission: &Submission) -> impl Iterator<Item = Source> + '_ {
    let files =
        submission.crates.iter().flat_map(|it| it.files.iter().map(move |file| (it.lab, file)));
    files.map(|(lab, (file, text))| Source {
        lab,
        name: format!("{}/{file}", lab.package()),
        text: Text::read(text),
    })
}

/// The modules of other crates that a submission has brought in: what their names stand for.
type Modules = BTreeMap<String, BTreeSet<Vec<String>>>;

fn modules(submission: &Submission, allowed: &BTreeSet<Allow>) -> Modules {
    let mut modules = Modules::new();
    for source in sources(submission) {
        let paths = source.text.map_or(Vec::new(), |text| text.paths);
        for path in paths.into_iter().filter(|path| path.is_use) {
            if rules::judge(&path, source.lab, allowed) == Verdict::Module {
                let name = path.segments.last().cloned().unwrap_or_default();
                modules.entry(name).or_default().insert(path.segments);
            }
        }
    }
    modules
}

#[cfg(test)]
mod tests;
