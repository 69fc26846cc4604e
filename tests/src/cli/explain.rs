//! What is said of a failure: the same text from the command and from `cargo test`.

use super::pool::Run;
use super::text::{WIDTH, clip, count, ranges, wrap};
use crate::catalogue::{Case, Catalogue};
use crate::run::Options;
use crate::{Failure, NOT_WRITTEN, Outcome};
use labrpc::Trace;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many records of the trace are shown of a run that failed.
pub const LAST_RECORDS: usize = 12;

/// The longest line that is shown of a trace.
const LINE: usize = 240;

/// All failures of one case: which seeds failed, by property, and the first of them in full. `runs`
/// are in the order of their seeds; `None`, if all passed.
pub fn failures(catalogue: &Catalogue, case: &Case, runs: &[Run]) -> Option<String> {
    let failed = || runs.iter().filter_map(|run| run.failure.as_ref().map(|why| (run, why)));
    let (first, why) = failed().next()?;
    if why.property == NOT_WRITTEN {
        return Some(format!("{}: {NOT_WRITTEN}: {}\n", case.name(), why.facts));
    }
    let mut by_property: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (run, failure) in failed() {
        by_property.entry(&failure.property).or_default().push(run.seed);
    }
    let mut groups: Vec<_> = by_property.into_iter().collect();
    groups.sort_by_key(|(_, seeds)| seeds[0]);

    let mut text =
        format!("{} failed {} of {}\n", case.name(), failed().count(), count(runs.len(), "run"));
    for (property, seeds) in groups {
        let s = if seeds.len() == 1 { "" } else { "s" };
        let line = format!("{property}: seed{s} {}", ranges(seeds));
        let _ = writeln!(text, "  {}", wrap(&line, WIDTH - 2, 6));
    }
    text.push_str(&one(catalogue, case, first));
    Some(text)
}

/// How a run ended, in words.
pub fn ending(outcome: &Outcome) -> String {
    match outcome {
        Ok(()) => "passed".to_string(),
        Err(why) => format!("failed: {why}"),
    }
}

/// One failure in full; the seed is run again for the end of its trace.
fn one(catalogue: &Catalogue, case: &Case, run: &Run) -> String {
    let (name, seed) = (case.name(), run.seed);
    let options = Options { trace: Trace::last(LAST_RECORDS), ..Options::default() };
    // One that was stopped would not come back.
    let again = run.stopped.is_none().then(|| case.run(seed, &options));
    let calls = again.as_ref().map(|it| it.backtrace.as_slice()).unwrap_or_default();
    let replay = catalogue.replay_command(name, seed);
    let mut text = format!("  scenario:  {name}\n  seed:      {seed}\n");
    text.extend(run.failure.as_ref().map(reason));
    text.push_str(&backtrace(calls));
    let _ = writeln!(text, "  replay:    {replay}");
    let _ = writeln!(text, "  the trace: {replay} --trace {name}-{seed}.txt");
    let _ = writeln!(text, "  a picture: {replay} --html {name}-{seed}.html");
    if let Some(again) = &again
        && (again.fingerprint != run.fingerprint
            || again.outcome.as_ref().err() != run.failure.as_ref())
    {
        let end = ending(&again.outcome);
        let _ = writeln!(
            text,
            "  This run is not deterministic: its fingerprint was {:016x}, and {:016x} when it was run \
             again ({end}).\n  `{} determinism {name}` shows where they part.",
            run.fingerprint,
            again.fingerprint,
            catalogue.program(),
        );
    }
    let lines = match &again {
        Some(again) => again.trace.iter().map(ToString::to_string).collect(),
        None => run.stopped.clone().unwrap_or_default(),
    };
    text.push_str(&last_records(&lines));
    text
}

/// Why it failed. A panic may be told in several lines.
pub fn reason(failure: &Failure) -> String {
    format!("  reason:    {}\n", failure.to_string().replace('\n', "\n             "))
}

/// The calls that led to a panic, if they are known.
pub fn backtrace(calls: &[String]) -> String {
    if calls.is_empty() {
        return String::new();
    }
    format!("  backtrace: {}\n", calls.join("\n             "))
}

/// The end of a trace, indented.
pub fn last_records(lines: &[String]) -> String {
    let last = &lines[lines.len().saturating_sub(LAST_RECORDS)..];
    if last.is_empty() {
        return "  There is no trace: it failed before anything happened.\n".to_string();
    }
    let mut text = format!("  the last {} of its trace:\n", count(last.len(), "record"));
    for line in last {
        let _ = writeln!(text, "  {}", clip(line, LINE));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_in_several_lines_stays_in_its_column() {
        let failure = Failure::new("panic", "at src/lib.rs:7:5: not equal\nleft: 1");
        let lines = "  reason:    panic: at src/lib.rs:7:5: not equal\n             \
                     left: 1 (event 0, at 0.000000 s)\n";
        assert_eq!(reason(&failure), lines);
    }
}
