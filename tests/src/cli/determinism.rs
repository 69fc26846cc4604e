//! `lab determinism`: everything twice, scenarios and trials of the [swarm](crate::swarm).
//!
//! The second time on another number of threads and in the opposite order of seeds, so that nothing
//! that a run leaves behind can help the next one to the same end.

use super::diff::between_runs;
use super::pool::{Order, Plan, Progress, Run};
use super::text::{WIDTH, count, ranges, wrap};
use super::{Console, DEFAULT_DETERMINISM_SEEDS, DeterminismArguments, FAILED, Stop, WELL, choose};
use crate::catalogue::{Case, Catalogue};
use crate::run::Options;
use crate::suites::Scenario;
use crate::swarm::{System, Trial};
use labrpc::{Fingerprint, Trace};
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

/// How often a run is made again with a trace, in search of a difference.
const ATTEMPTS: usize = 5;

pub fn determinism(
    catalogue: &Catalogue,
    arguments: &DeterminismArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let (scenarios, trials) = chosen(catalogue, &arguments.patterns, console)?;
    let cases: Vec<&Case> = scenarios.iter().copied().chain(&trials).collect();
    let (seeds, jobs) = (arguments.seeds.range(DEFAULT_DETERMINISM_SEEDS), arguments.jobs.count());
    let other_jobs = if jobs == 1 { 2 } else { jobs - 1 };
    writeln!(
        console.out,
        "{}, seeds {}..{}: once on {}, then in the opposite order on {other_jobs}",
        what_is_run(scenarios.len(), trials.len()),
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
    let (mut differing, mut failed) = (0, 0);
    let (mut of_scenarios, mut of_trials) = (Fingerprint::default(), Fingerprint::default());
    let mut once = first.into_iter();
    second_plan.run(&progress, |case, again| {
        let once = once.next().unwrap_or_default();
        let digest = if is_swarm(case.name()) { &mut of_trials } else { &mut of_scenarios };
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
        let failed = count(failed, "run");
        writeln!(
            console.out,
            "{failed} FAILED, which is no difference: see `lab run` and `lab fuzz`"
        )?;
    }
    let verdict = match differing {
        0 => "each the same both times".to_string(),
        _ => format!("of which {differing} DIFFER from one time to the next"),
    };
    writeln!(console.out, "{}, {verdict}", count(first_plan.runs() as usize, "run"))?;
    if !trials.is_empty() {
        writeln!(console.out, "fingerprints of the swarm: {:016x}", of_trials.value())?;
    }
    if !scenarios.is_empty() {
        writeln!(console.out, "fingerprints: {:016x}", of_scenarios.value())?;
    }
    Ok(if differing == 0 { WELL } else { FAILED })
}

/// What patterns stand for: scenarios, and the swarm's systems, each as if it were one; everything, if
/// there are no patterns.
fn chosen<'a>(
    catalogue: &'a Catalogue,
    patterns: &[String],
    console: &mut Console<'_>,
) -> Result<(Vec<&'a Case>, Vec<Case>), Stop> {
    let (swarm, others): (Vec<String>, Vec<String>) =
        patterns.iter().cloned().partition(|pattern| is_swarm(&pattern.trim().to_lowercase()));
    let is_wanted = |pattern: &str, system: System| {
        ["swarm", swarm_name(system)].iter().any(|it| pattern.trim().eq_ignore_ascii_case(it))
    };
    let there = catalogue.systems();
    for pattern in &swarm {
        if !there.iter().any(|system| is_wanted(pattern, *system)) {
            let names: Vec<&str> = there.iter().copied().map(swarm_name).collect();
            let hint = match &names[..] {
                [] => "nothing can be tried here".to_string(),
                _ => format!("there is swarm, which is {}", names.join(", ")),
            };
            return Err(Stop::BadUse(format!("nothing is called `{pattern}`; {hint}")));
        }
    }
    let scenarios = match (&swarm[..], &others[..]) {
        ([_, ..], []) => Vec::new(),
        _ => choose(catalogue, &others, console)?.cases,
    };
    let is_wanted =
        |system: &System| patterns.is_empty() || swarm.iter().any(|it| is_wanted(it, *system));
    let trials = there.into_iter().filter(is_wanted).map(|system| trials(catalogue, system));
    Ok((scenarios, trials.collect()))
}

fn what_is_run(scenarios: usize, systems: usize) -> String {
    match (scenarios, systems) {
        (_, 0) => count(scenarios, "scenario"),
        (0, _) => format!("{} of the swarm", count(systems, "system")),
        _ => format!("{}, {} of the swarm", count(scenarios, "scenario"), count(systems, "system")),
    }
}

fn is_swarm(name: &str) -> bool {
    name == "swarm" || name.starts_with("swarm/")
}

fn swarm_name(system: System) -> &'static str {
    match system {
        System::Raft => "swarm/raft",
        System::Kv => "swarm/kv",
        System::ShardMaster => "swarm/shardmaster",
        System::ShardKv => "swarm/shardkv",
    }
}

/// The trials of a system, each by its seed, as `lab fuzz` runs them.
fn trials(catalogue: &Catalogue, system: System) -> Case {
    let scenario = Scenario { name: swarm_name(system), ..system.scenario() };
    let catalogue = catalogue.clone();
    Case::new(
        scenario,
        Arc::new(|_| serde_json::Value::Null),
        Arc::new(move |seed, options| {
            let trial = Trial::draw(system, seed);
            catalogue.try_out(&trial, options).expect("the system is there")
        }),
    )
}

fn is_same(a: &Run, b: &Run) -> bool {
    (a.fingerprint, a.simulated, a.totals, a.commands, a.operations, &a.failure)
        == (b.fingerprint, b.simulated, b.totals, b.commands, b.operations, &b.failure)
}

/// Runs a seed again with a trace, until two traces differ.
fn where_they_part(case: &Case, a: &Run, b: &Run) -> String {
    let seed = a.seed;
    let mut text = format!(
        "  seed {seed}: the fingerprint is {:016x} the first time, {:016x} the second\n",
        a.fingerprint, b.fingerprint
    );
    let options = Options { trace: Trace::all(), ..Options::default() };
    let trace = || {
        let records = case.run(seed, &options).trace;
        Ok::<_, Infallible>(records.iter().map(ToString::to_string).collect())
    };
    let Ok(found) = between_runs(ATTEMPTS - 1, trace);
    if let Some(found) = found {
        let found = found.replace('\n', "\n  ");
        let _ = writeln!(text, "  two runs with traces: {}", found.trim_end());
        return text;
    }
    let _ = writeln!(
        text,
        "  {ATTEMPTS} more runs with traces show the same records: either what differs leaves no record, \
         or it depends on what ran before"
    );
    text
}
