//! Where runs that differ usually come from.

use super::tokens::{Kind, Row, Token};
use super::{Submission, Text, sources};
use std::collections::BTreeMap;

/// How many lines are told of one file and one thing.
const LINES: usize = 8;

/// How many tokens of a type are looked at.
const TYPE: usize = 64;

const ORDER: &str =
    "its order differs from process to process: take a BTreeMap or a BTreeSet, or sort";
const CLOCK: &str = "a clock differs from run to run: take `cx.now`";
const STAYS: &str = "it outlives a run: keep it in the server";

/// What in a submission can make two runs of the same seed differ: lines for its author, by file.
///
/// Nothing here need be wrong: a map whose order nobody sees does no harm.
pub fn culprits(submission: &Submission) -> Vec<String> {
    let mut lines = Vec::new();
    for source in sources(submission) {
        let Ok(Text { row, .. }) = source.text else { continue };
        let mut found: BTreeMap<(String, &str), Vec<usize>> = BTreeMap::new();
        for at in 0..row.len() {
            if let Some((name, why)) = culprit(&row, at) {
                found.entry((name, why)).or_default().push(row[at].line);
            }
        }
        for ((name, why), mut places) in found {
            places.dedup();
            let rest = if places.len() > LINES { ", …" } else { "" };
            places.truncate(LINES);
            let places: Vec<_> = places.iter().map(ToString::to_string).collect();
            lines.push(format!("{}:{}{rest}: `{name}`: {why}", source.name, places.join(", ")));
        }
    }
    lines
}

fn culprit(row: &[Token], at: usize) -> Option<(String, &'static str)> {
    let word = row.word(at)?;
    let why = match word {
        "HashMap" | "HashSet" | "hash_map" | "hash_set" | "RandomState" => ORDER,
        "Instant" if row.is_sep(at + 1) && row.word(at + 2) == Some("now") => {
            return Some(("Instant::now".to_string(), CLOCK));
        }
        "SystemTime" => CLOCK,
        "thread_local" => STAYS,
        "thread" if row.is_sep(at + 1) => "threads run as the system likes: do without",
        "static" if is_mutable(row, at) => STAYS,
        _ => return None,
    };
    Some((word.to_string(), why))
}

/// Whether a `static` can change: its type tells.
fn is_mutable(row: &[Token], at: usize) -> bool {
    let is_end = |it: &Kind| matches!(it, Kind::Sign('=' | ';', _));
    let of_type = row[at..].iter().take(TYPE).map(|token| &token.kind).take_while(|it| !is_end(it));
    let mut words = of_type.filter_map(|it| match it {
        Kind::Word(word) => Some(word.as_str()),
        _ => None,
    });
    words.any(|it| {
        it.starts_with("Atomic")
            || ["mut", "Mutex", "RwLock", "OnceLock", "LazyLock", "Once"].contains(&it)
    })
}
