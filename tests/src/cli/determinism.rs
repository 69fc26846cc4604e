//! `lab determinism`: everything twice.
//!
//! The second time on another number of threads and in the opposite order of seeds, so that nothing
//! that a run leaves behind can help the next one to the same end.

use super::diff::difference;
use super::pool::{Order, Plan, Progress, Run};
use super::text::{WIDTH, count, ranges, wrap};
use super::{Console, DEFAULT_DETERMINISM_SEEDS, DeterminismArguments, FAILED, Stop, WELL, choose};
use crate::catalogue::{Case, Catalogue};
use crate::run::Options;
use labrpc::{Fingerprint, Record, Trace};
use std::fmt::Write;

/// How often a run is made again with a trace, in search of a difference.
const ATTEMPTS: usize = 5;

pub fn determinism(
    catalogue: &Catalogue,
    arguments: &DeterminismArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let cases = choose(catalogue, &arguments.patterns, console)?.cases;
    let (seeds, jobs) = (arguments.seeds.range(DEFAULT_DETERMINISM_SEEDS), arguments.jobs.count());
    let other_jobs = if jobs == 1 { 2 } else { jobs - 1 };
    writeln!(
        console.out,
        "{}, seeds {}..{}: once on {}, then in the opposite order on {other_jobs}",
        count(cases.len(), "scenario"),
        seeds.start,
        seeds.end,
        count(jobs, "thread"),
    )?;
    console.out.flush()?;
    let name_width = cases.iter().map(|case| case.name().len()).max().unwrap_or_default();
    let first_plan = Plan { cases: &cases, seeds: seeds.clone(), jobs, order: Order::Ascending };
    let second_plan = Plan { cases: &cases, seeds, jobs: other_jobs, order: Order::Descending };
    let progress = Progress::new(2 * first_plan.runs(), console.progress);

    let mut first: Vec<Vec<Run>> = Vec::new();
    first_plan.run(&progress, |_, runs| {
        first.push(runs);
        Ok(())
    })?;
    let (mut digest, mut differing, mut failed) = (Fingerprint::default(), 0, 0);
    let mut once = first.into_iter();
    second_plan.run(&progress, |case, again| {
        let once = once.next().unwrap_or_default();
        digest.bytes(case.name().as_bytes());
        for run in &once {
            digest.word(run.fingerprint);
        }
        failed += once.iter().filter(|run| run.failure.is_some()).count();
        let pairs = || once.iter().zip(&again).filter(|(a, b)| !is_same(a, b));
        let verdict = match pairs().count() {
            0 => "the same".to_string(),
            unlike => format!("{unlike} DIFFER"),
        };
        differing += pairs().count();
        writeln!(console.out, "{:name_width$} {:>5} {verdict}", case.name(), once.len())?;
        if let Some((a, b)) = pairs().next() {
            let line = format!("seeds {}", ranges(pairs().map(|(run, _)| run.seed)));
            writeln!(console.out, "  {}", wrap(&line, WIDTH - 2, 8))?;
            write!(console.out, "{}", where_they_part(case, a, b))?;
        }
        Ok(console.out.flush()?)
    })?;
    drop(progress);
    if failed > 0 {
        writeln!(console.out, "{} failed; that is not looked at here", count(failed, "run"))?;
    }
    let verdict = match differing {
        0 => "each the same both times".to_string(),
        _ => format!("of which {differing} DIFFER from one time to the next"),
    };
    writeln!(console.out, "{}, {verdict}", count(first_plan.runs() as usize, "run"))?;
    writeln!(console.out, "fingerprints: {:016x}", digest.value())?;
    Ok(if differing == 0 { WELL } else { FAILED })
}

fn is_same(a: &Run, b: &Run) -> bool {
    (a.fingerprint, a.simulated, a.totals, a.commands, &a.failure)
        == (b.fingerprint, b.simulated, b.totals, b.commands, &b.failure)
}

/// Runs a seed again with a trace, until two traces differ.
fn where_they_part(case: &Case, a: &Run, b: &Run) -> String {
    let seed = a.seed;
    let mut text = format!(
        "  seed {seed}: the fingerprint is {:016x} the first time, {:016x} the second\n",
        a.fingerprint, b.fingerprint
    );
    let options = Options { trace: Trace::all(), ..Options::default() };
    let lines = |trace: Vec<Record>| trace.into_iter().map(|record| record.to_string());
    let one = case.run(seed, &options);
    for _ in 1..ATTEMPTS {
        let other = case.run(seed, &options);
        let names = ["once".to_string(), "again".to_string()];
        if let Some(found) =
            difference(lines(one.trace.clone()), lines(other.trace), "record", &names)
        {
            let _ = writeln!(
                text,
                "  two runs with traces: {}",
                found.replace('\n', "\n  ").trim_end()
            );
            return text;
        }
    }
    let _ = writeln!(
        text,
        "  {ATTEMPTS} more runs with traces show the same records: either what differs leaves no record, \
         or it depends on what ran before"
    );
    text
}
