//! What a submission may not do, found in its sources before anything is built.
//!
//! Sources are looked at as tokens, so that comments and strings do not matter, and what a macro would
//! make is seen, too: names cannot be pasted together without a procedural macro, and a submission
//! has none but serde's. Every way to an item of another crate begins with that crate's name, or with
//! the name of a module that was brought in by `use`; so those are judged ([`rules`]), in all
//! branches ([`paths`]), and neither a crate nor a module can be renamed. What would let a macro
//! put a path together from pieces is refused.
//!
//! This is one fence of two. What gets through, or is no matter of names, meets the limits of the process
//! that a run is shut in. And a student who has written such a thing by mistake is told where.

mod culprits;
mod paths;
mod rules;
mod tokens;

pub use culprits::culprits;

use super::lab::Lab;
use super::submission::Submission;
use clap::ValueEnum;
use paths::{End, Path};
use rules::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use tokens::{Kind, Row, Token};

/// What a teacher can allow that is refused otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Allow {
    /// `unsafe`, foreign functions, assembly: then nothing can be ruled out by looking.
    Unsafe,
    /// `std::env` and `env!`.
    Environment,
    /// `std::thread`.
    Threads,
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
    let (sources, mut complaints) = sources(submission);
    let modules = modules(&sources, allowed);
    for source in &sources {
        let look = Look { source, allowed, modules: &modules };
        complaints
            .extend(look.complaints().into_iter().map(|(line, what)| (source.at(line), what)));
    }
    complaints.sort();
    complaints.dedup();
    let more = complaints.len().saturating_sub(COMPLAINTS);
    complaints.truncate(COMPLAINTS);
    let mut lines: Vec<_> = complaints.iter().map(|(at, what)| format!("{at}: {what}")).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// A place: the number of its source, and the line. And how it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    number: usize,
    line: usize,
    name: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.line)
    }
}

/// A file that can be looked at.
struct Source {
    number: usize,
    lab: Lab,
    name: String,
    row: Vec<Token>,
    paths: Vec<Path>,
}

impl Source {
    fn at(&self, line: usize) -> Place {
        Place { number: self.number, line, name: self.name.clone() }
    }
}

/// The files of a submission, and what is said of those that cannot be read.
fn sources(submission: &Submission) -> (Vec<Source>, Vec<(Place, String)>) {
    let (mut sources, mut complaints) = (Vec::new(), Vec::new());
    let files =
        submission.crates.iter().flat_map(|it| it.files.iter().map(move |file| (it.lab, file)));
    for (number, (lab, (file, text))) in files.enumerate() {
        let name = format!("{}/{file}", lab.package());
        match tokens::read(text) {
            Ok(row) => {
                let paths = paths::all(&row);
                sources.push(Source { number, lab, name, row, paths });
            }
            Err((line, why)) => complaints.push((Place { number, line, name }, why)),
        }
    }
    (sources, complaints)
}

/// The modules of other crates that a submission has brought in: what their names stand for.
type Modules = BTreeMap<String, BTreeSet<Vec<String>>>;

fn modules(sources: &[Source], allowed: &BTreeSet<Allow>) -> Modules {
    let mut modules = Modules::new();
    for source in sources {
        for path in source.paths.iter().filter(|path| path.is_use) {
            if rules::judge(path, source.lab, allowed) == Verdict::Module {
                let name = path.segments.last().cloned().unwrap_or_default();
                modules.entry(name).or_default().insert(path.segments.clone());
            }
        }
    }
    modules
}

/// A look at one source.
struct Look<'a> {
    source: &'a Source,
    allowed: &'a BTreeSet<Allow>,
    modules: &'a Modules,
}

impl Look<'_> {
    fn complaints(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for path in &self.source.paths {
            if let Some(why) = self.against(path) {
                found.push((path.line, format!("`{}`: {why}", path.text())));
            }
        }
        for (at, token) in self.source.row.iter().enumerate() {
            if let Some(what) = self.token(at) {
                found.push((token.line, what));
            }
            found.extend(self.serde_strings(at));
        }
        found
    }

    /// What is to be said against a path.
    fn against(&self, path: &Path) -> Option<String> {
        let first = path.segments.first().map(String::as_str);
        let is_known = first.is_some_and(rules::is_crate);
        if first.is_none() || (path.end == End::Open && !is_known && path.is_global) {
            return Some("write the path out".to_string());
        }
        if path.is_global && !is_known && first.and_then(Lab::of_package).is_none() {
            return Some(format!("there is no crate `{}`", first.unwrap_or_default()));
        }
        if path.is_use && path.segments.len() == 1 && first.is_some_and(is_builtin) {
            return Some("call it by its name".to_string());
        }
        if is_known {
            return self.refusal(path);
        }
        // What begins with a name of the submission's own.
        (0..path.segments.len()).find_map(|from| {
            let (head, tail) = (&path.segments[from], &path.segments[from + 1..]);
            // A macro can take the beginning away.
            let is_hidden =
                from > 0 && rules::is_crate(head) && (path.is_in_macro || rules::is_std(head));
            let rest = |segments: Vec<String>| Path { segments, ..path.clone() };
            if is_hidden && !tail.is_empty() {
                return self.refusal(&rest(path.segments[from..].to_vec()));
            }
            let mut meanings = self.modules.get(head)?.iter();
            let first = |it: &Vec<String>| self.refusal(&rest([it, tail].concat()));
            let why = first(meanings.next()?)?;
            meanings.all(|it| first(it).is_some()).then_some(why)
        })
    }

    fn refusal(&self, path: &Path) -> Option<String> {
        match rules::judge(path, self.source.lab, self.allowed) {
            Verdict::Refused(why) => Some(why),
            Verdict::Fine | Verdict::Module => None,
        }
    }

    /// What is to be said against what is here, whatever path it is in.
    fn token(&self, at: usize) -> Option<String> {
        let row = &self.source.row[..];
        let is_allowed = |it| self.allowed.contains(&it);
        let is_call = row.is(at + 1, '!') && row.is_open(at + 2);
        match row.kind(at)? {
            Kind::Word(word) => match word.as_str() {
                "extern" if row.word(at + 1) == Some("crate") => {
                    Some("`extern crate`: the crates that there are can be named without it".into())
                }
                "unsafe" | "extern" | "no_mangle" | "export_name" | "link_section"
                | "global_allocator" | "global_asm" | "naked_asm"
                    if !is_allowed(Allow::Unsafe) =>
                {
                    Some(format!("`{word}`: {}", rules::UNSAFE))
                }
                "asm" if is_call && !is_allowed(Allow::Unsafe) => {
                    Some(format!("`asm!`: {}", rules::UNSAFE))
                }
                "include_str" | "include_bytes" => Some(format!("`{word}!`: {}", rules::FILES)),
                "include" if is_call => Some(format!("`include!`: {}", rules::FILES)),
                "option_env" if !is_allowed(Allow::Environment) => {
                    Some(format!("`option_env!`: {}", rules::ENVIRONMENT))
                }
                "env" if is_call && !is_allowed(Allow::Environment) => {
                    Some(format!("`env!`: {}", rules::ENVIRONMENT))
                }
                "cfg_attr" | "serde" if self.has_variable(at + 1) => Some(pieces("an attribute")),
                "cfg_attr" if self.has_path(at + 1) => Some(is_path()),
                "use" if row.is(at + 1, '$') && row.word(at + 2) != Some("crate") => {
                    Some(pieces("a `use`"))
                }
                _ if row.is_behind_variable(at) && (row.is_sep(at + 1) || is_call) => {
                    Some(pieces("a path"))
                }
                _ => None,
            },
            Kind::Sep if row.is_behind_variable(at) => Some(pieces("a path")),
            Kind::Sign('!', _) if row.is_open(at + 1) && row.is_behind_variable(at) => {
                Some(pieces("a macro's name"))
            }
            Kind::Sign('#', _) => {
                let open = at + 1 + usize::from(row.is(at + 1, '!'));
                let is_doc = row.word(open + 1) == Some("doc");
                (!is_doc && self.has_variable(open)).then(|| pieces("an attribute"))
            }
            Kind::Open('[', _) if row.word(at + 1) == Some("path") && row.is(at + 2, '=') => {
                Some(is_path())
            }
            _ => None,
        }
    }

    /// Whether a macro's variable is in the group that begins here, if one does.
    fn has_variable(&self, open: usize) -> bool {
        let Some(Kind::Open(_, end)) = self.source.row[..].kind(open) else { return false };
        (open..*end).any(|at| self.source.row[..].is(at, '$'))
    }

    /// Whether `path =` is in the group that begins here, if one does.
    fn has_path(&self, open: usize) -> bool {
        let row = &self.source.row[..];
        let Some(Kind::Open(_, end)) = row.kind(open) else { return false };
        (open..*end).any(|at| row.word(at) == Some("path") && row.is(at + 1, '='))
    }

    /// What is to be said against what serde takes out of strings: they are paths and types.
    fn serde_strings(&self, at: usize) -> Vec<(usize, String)> {
        let row = &self.source.row[..];
        let group = row.group(at + 1, '(').filter(|_| row.word(at) == Some("serde"));
        let inside = group.map_or(&[][..], |end| &row[at + 1..end]);
        let mut found = Vec::new();
        for token in inside {
            let Kind::Literal(literal) = &token.kind else { continue };
            found.extend(self.serde_string(literal).into_iter().map(|what| (token.line, what)));
        }
        found
    }

    fn serde_string(&self, literal: &str) -> Vec<String> {
        let text = literal.trim_start_matches(['r', '#']).trim_end_matches('#').trim_matches('"');
        let Some(row) = tokens::read(text).ok().filter(|_| !literal.contains('\\')) else {
            return vec![format!("`serde({literal})`: write it without quotes and backslashes")];
        };
        let source = Source {
            number: self.source.number,
            lab: self.source.lab,
            name: String::new(),
            paths: paths::all(&row),
            row,
        };
        let look = Look { source: &source, ..*self };
        look.source
            .paths
            .iter()
            .filter_map(|path| Some(format!("`{}`: {}", path.text(), look.against(path)?)))
            .collect()
    }
}

/// A macro that is everywhere without being brought in, and reaches out of the program.
fn is_builtin(name: &str) -> bool {
    ["asm", "env", "include", "include_bytes", "include_str", "option_env"].contains(&name)
}

fn pieces(what: &str) -> String {
    format!("`$`: {what} that a macro puts together can lead anywhere: write it out")
}

fn is_path() -> String {
    "`#[path]`: a module's file has the module's name: take the attribute out".to_string()
}
