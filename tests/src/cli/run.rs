//! `lab run`: everything, over many seeds, on all cores.

use super::pool::{Order, Plan, Progress, Run};
use super::results::ResultsFile;
use super::text::{count, stretch, thousands};
use super::{Console, DEFAULT_SEEDS, FAILED, RunArguments, Stop, WELL, choose, explain};
use crate::catalogue::{Case, Catalogue};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "the command says how long it took")]
type Stopwatch = std::time::Instant;

pub fn run(
    catalogue: &Catalogue,
    arguments: &RunArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let selection = choose(catalogue, &arguments.patterns, console)?;
    let (seeds, jobs) = (arguments.seeds.range(DEFAULT_SEEDS), arguments.jobs.count());
    let mut json = arguments.json.as_deref().map(ResultsFile::create).transpose()?;
    let plan = Plan { cases: &selection.cases, seeds, jobs, order: Order::Ascending };
    let seeds = plan.seeds.end - plan.seeds.start;
    let names = catalogue.cases().iter().map(|case| case.name().len());
    let table = Table { name: names.max().unwrap_or_default() };

    writeln!(
        console.out,
        "{}, seeds {}..{}, on {}; a row's figures are means per seed",
        count(selection.cases.len(), "scenario"),
        plan.seeds.start,
        plan.seeds.end,
        count(jobs, "thread"),
    )?;
    writeln!(console.out, "{}", table.head())?;
    console.out.flush()?;

    let began = Stopwatch::now();
    let (mut all, mut failures, mut scenarios) = (Sum::default(), Vec::new(), 0);
    let progress = Progress::new(plan.runs(), console.progress);
    let finished = |case: &Case, runs: Vec<Run>| {
        scenarios += 1;
        if let Some(json) = &mut json {
            json.add(case, &runs)?;
        }
        let sum = Sum::of(&runs);
        writeln!(console.out, "{}", table.row(case, &sum))?;
        all.add(&sum);
        failures.extend(explain::failures(catalogue, case, &runs));
        Ok(console.out.flush()?)
    };
    if arguments.fail_fast {
        plan.run_to_first_failure(&progress, finished)?;
    } else {
        plan.run(&progress, finished)?;
    }
    drop(progress);
    let real = began.elapsed();

    for failure in &failures {
        write!(console.out, "\n{failure}")?;
    }
    if let Some(json) = json {
        json.finish()?;
    }
    writeln!(console.out, "\n{}", total(scenarios, seeds, &all, failures.len(), real))?;
    Ok(if all.failed == 0 { WELL } else { FAILED })
}

fn total(scenarios: usize, seeds: u64, all: &Sum, failing: usize, real: Duration) -> String {
    let verdict = if all.failed == 0 {
        "all passed".to_string()
    } else {
        format!("{} FAILED in {}", thousands(all.failed), count(failing, "scenario"))
    };
    let per_seed = |number: u64| thousands(number / seeds.max(1));
    let checking = 100.0 * all.checking.as_secs_f64() / all.cpu.as_secs_f64().max(1e-9);
    let clients = if all.operations == 0 {
        String::new()
    } else {
        format!(
            "\n{} client operations and {} RPCs per seed; to check histories took {checking:.1} % of the CPU \
             time",
            per_seed(all.operations),
            per_seed(all.rpcs),
        )
    };
    let factor = all.simulated.as_secs_f64() / real.as_secs_f64().max(1e-9);
    #[allow(clippy::cast_sign_loss, reason = "times are not negative")]
    let factor = thousands(factor as u64);
    format!(
        "{}, {}: {verdict}{clients}\n{} of simulated time in {} ({factor} times as fast as real time), {} \
         of CPU time",
        count(scenarios, "scenario"),
        count(all.runs as usize, "run"),
        stretch(all.simulated),
        stretch(real),
        stretch(all.cpu),
    )
}

/// The figures of several runs, added up.
#[derive(Default)]
struct Sum {
    runs: u64,
    failed: u64,
    simulated: Duration,
    cpu: Duration,
    rpcs: u64,
    bytes: u64,
    commands: u64,
    operations: u64,
    steps: u64,
    checking: Duration,
}

impl Sum {
    fn of(runs: &[Run]) -> Self {
        let mut sum = Self::default();
        for run in runs {
            sum.add(&Self {
                runs: 1,
                failed: run.failure.is_some().into(),
                simulated: run.simulated,
                cpu: run.cpu,
                rpcs: run.totals.rpcs,
                bytes: run.totals.bytes,
                commands: run.commands,
                operations: run.operations,
                checking: run.checking,
                steps: run.totals.steps,
            });
        }
        sum
    }

    fn add(&mut self, more: &Self) {
        self.runs += more.runs;
        self.failed += more.failed;
        self.simulated += more.simulated;
        self.cpu += more.cpu;
        self.rpcs += more.rpcs;
        self.bytes += more.bytes;
        self.commands += more.commands;
        self.operations += more.operations;
        self.checking += more.checking;
        self.steps += more.steps;
    }
}

/// One row for each scenario, in columns.
struct Table {
    /// How wide the column of names is.
    name: usize,
}

impl Table {
    fn head(&self) -> String {
        format!(
            "{:name$} {:>6} {:>5} {:>6} {:>8} {:>6} {:>8} {:>7} {:>7} {:>7}",
            "scenario",
            "sim s",
            "peers",
            "RPCs",
            "bytes",
            "ops",
            "commands",
            "steps",
            "CPU ms",
            "seeds",
            name = self.name,
        )
    }

    fn row(&self, case: &Case, sum: &Sum) -> String {
        let runs = sum.runs.max(1);
        let runs_u32 = u32::try_from(runs).unwrap_or(u32::MAX);
        let mean = |time: Duration| (time / runs_u32).as_secs_f64();
        let verdict = if sum.failed == 0 {
            "passed".to_string()
        } else {
            format!("FAILED: {}", thousands(sum.failed))
        };
        format!(
            "{:name$} {:>6.2} {:>5} {:>6} {:>8} {:>6} {:>8} {:>7} {:>7.2} {:>7} {verdict}",
            case.name(),
            mean(sum.simulated),
            case.scenario.servers,
            sum.rpcs / runs,
            sum.bytes / runs,
            sum.operations / runs,
            sum.commands / runs,
            sum.steps / runs,
            mean(sum.cpu) * 1e3,
            sum.runs,
            name = self.name,
        )
    }
}
