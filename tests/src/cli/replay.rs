//! `lab replay`: one run again, with its trace.

use super::results::cannot;
use super::text::{count, thousands};
use super::watchdog::Watched;
use super::{Console, FAILED, ReplayArguments, Stop, WELL, explain};
use crate::catalogue::{Case, Catalogue};
use crate::linear::{DEFAULT_LIMIT, Kv, Verdict, check_kv, html, to_json_lines};
use crate::run::{Options, Report};
use crate::swarm::Trial;
use crate::viewer;
use labrpc::{Record, Trace};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

pub fn replay(
    catalogue: &Catalogue,
    arguments: &ReplayArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let run = Subject::of(catalogue, arguments)?;
    if let (Some(from), Some(until)) = (arguments.from, arguments.until)
        && from >= until
    {
        return Err(Stop::BadUse("--from must be before --until".to_string()));
    }
    let text = arguments.trace.as_deref().map(TraceFile::create).transpose()?;
    let json = arguments.json_trace.as_deref().map(TraceFile::create).transpose()?;
    let history = arguments.history.as_deref().map(TraceFile::create).transpose()?;
    let page = arguments.html.as_deref().map(TraceFile::create).transpose()?;
    let to_stdout = text.is_none() && json.is_none() && history.is_none() && page.is_none();

    let film = page.is_some();
    let options = Options { trace: Trace::all(), film, ..Options::default() };
    let report = run
        .watched()
        .run(&options, Duration::from_secs(arguments.patience))
        .map_err(|error| Stop::BadUse(format!("cannot start a thread: {error}")))?;
    let shown: Vec<&Record> =
        report.trace.iter().filter(|record| is_wanted(record, arguments)).collect();
    for number in &arguments.node {
        if !report.trace.iter().any(|it| it.node.is_some_and(|node| node.index() == *number)) {
            console.say(format_args!("nothing happened at n{number}: is there such a node?"));
        }
    }
    if to_stdout {
        for record in &shown {
            writeln!(console.out, "{record}")?;
        }
        writeln!(console.out)?;
    }
    let mut written = Vec::new();
    if let Some(file) = text {
        let lines = shown.iter().map(ToString::to_string);
        written.push(file.write(lines)?);
    }
    if let Some(file) = json {
        let lines = shown.iter().map(|it| serde_json::to_string(it).unwrap_or_default());
        written.push(file.write(lines)?);
    }
    write!(console.out, "{}", summary(&report))?;
    for path in written {
        writeln!(console.out, "  {} in {path}", count(shown.len(), "record"))?;
    }
    if let Some(file) = history {
        let path = file.write(to_json_lines(&report.history).lines().map(str::to_string))?;
        writeln!(console.out, "  {} in {path}", count(report.history.len(), "operation"))?;
    }
    if let Some(file) = page {
        let path = file.write_text(&viewer::html(&report, &run.command(catalogue)))?;
        writeln!(console.out, "  the picture in {path}")?;
    }
    if let Some(path) = &arguments.timeline {
        draw(path, &report, console)?;
    }
    let Err(failure) = &report.outcome else { return Ok(WELL) };
    write!(console.out, "{}", explain::reason(failure))?;
    write!(console.out, "{}", explain::backtrace(&report.backtrace))?;
    let replay = run.command(catalogue);
    writeln!(console.out, "  replay:    {replay}")?;
    if !to_stdout {
        let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
        write!(console.out, "{}", explain::last_records(&lines))?;
    }
    Ok(FAILED)
}

/// What is run again.
enum Subject<'a> {
    /// A scenario with a seed.
    Scenario(&'a Case, u64),
    /// A trial that was written to a file.
    Trial(&'a Catalogue, Box<Trial>, &'a str),
}

impl<'a> Subject<'a> {
    fn of(catalogue: &'a Catalogue, arguments: &'a ReplayArguments) -> Result<Self, Stop> {
        let name = arguments.scenario.as_str();
        let bad = |why: String| Err(Stop::BadUse(why));
        if Path::new(name).extension().is_some_and(|it| it.eq_ignore_ascii_case("toml")) {
            let text = match fs::read_to_string(name) {
                Ok(text) => text,
                Err(error) => return bad(format!("cannot read {name}: {error}")),
            };
            let trial = match Trial::from_text(&text) {
                Ok(trial) => trial,
                Err(error) => return bad(format!("{name} is no trial: {error}")),
            };
            if arguments.seed.is_some() {
                return bad("the seed of a trial is in its file".to_string());
            }
            if !catalogue.systems().contains(&trial.system) {
                return bad(format!("no {} can be tried here", trial.system));
            }
            return Ok(Self::Trial(catalogue, Box::new(trial), name));
        }
        let case = catalogue.resolve_one(name).map_err(|error| Stop::BadUse(error.to_string()))?;
        match arguments.seed {
            Some(seed) => Ok(Self::Scenario(case, seed)),
            None => bad(format!("which run of {}? Say --seed N", case.name())),
        }
    }

    fn watched(&self) -> Watched {
        match self {
            Self::Scenario(case, seed) => Watched::of(case, *seed),
            Self::Trial(catalogue, trial, _) => {
                let blank = Report::blank(trial.system.scenario(), trial.seed);
                let (catalogue, trial) = ((*catalogue).clone(), trial.clone());
                Watched::new(blank, move |options| {
                    catalogue.try_out(&trial, options).expect("the system is there")
                })
            }
        }
    }

    /// What one types for it.
    fn command(&self, catalogue: &Catalogue) -> String {
        match self {
            Self::Scenario(case, seed) => catalogue.replay_command(case.name(), *seed),
            Self::Trial(_, _, file) => format!("{} replay {file}", catalogue.program()),
        }
    }
}

/// Draws the history, if there is something wrong with it.
fn draw(path: &Path, report: &Report, console: &mut Console<'_>) -> Result<(), Stop> {
    let Verdict::NotLinearizable(violation) = check_kv(&report.history, DEFAULT_LIMIT).verdict
    else {
        console.say(format_args!("the history is linearizable: {} is not written", path.display()));
        return Ok(());
    };
    fs::write(path, html(&Kv, &report.history, &violation))
        .map_err(|error| cannot(path, &error))?;
    writeln!(console.out, "  timeline in {}", path.display())?;
    Ok(())
}

/// What happened to all nodes is always shown, at whichever nodes one looks.
fn is_wanted(record: &Record, arguments: &ReplayArguments) -> bool {
    let at = record.at.as_nanos();
    arguments.from.is_none_or(|from| at >= from)
        && arguments.until.is_none_or(|until| at < until)
        && (arguments.node.is_empty()
            || record.node.is_none_or(|node| arguments.node.contains(&node.index())))
}

/// What came of the run. It says nothing that changes from one time to the next.
fn summary(report: &Report) -> String {
    let Report { scenario, totals, .. } = report;
    let verdict = if report.outcome.is_ok() { "passed" } else { "FAILED" };
    format!(
        "{} with seed {}: {verdict}\n  {:.2} s simulated, {}, {} RPCs, {} bytes, {}{}, \
         {} steps, {} in the trace\n  fingerprint {:016x}\n",
        scenario.name,
        report.seed,
        report.simulated.as_secs_f64(),
        count(scenario.servers, "server"),
        thousands(totals.rpcs),
        thousands(totals.bytes),
        count(report.commands as usize, "command"),
        if report.operations == 0 {
            String::new()
        } else {
            format!(", {}", count(report.operations as usize, "operation"))
        },
        thousands(totals.steps),
        count(report.trace.len(), "record"),
        report.fingerprint,
    )
}

/// A file for a trace, which can be written: that is known before the run.
struct TraceFile<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> TraceFile<'a> {
    fn create(path: &'a Path) -> Result<Self, Stop> {
        let file = File::create(path).map_err(|error| cannot(path, &error))?;
        Ok(Self { path, file })
    }

    fn write_text(mut self, text: &str) -> Result<String, Stop> {
        self.file.write_all(text.as_bytes()).map_err(|error| cannot(self.path, &error))?;
        Ok(self.path.display().to_string())
    }

    fn write(self, lines: impl Iterator<Item = String>) -> Result<String, Stop> {
        let mut out = BufWriter::new(self.file);
        let write = || -> io::Result<()> {
            for line in lines {
                writeln!(out, "{line}")?;
            }
            out.flush()
        };
        write().map_err(|error| cannot(self.path, &error))?;
        Ok(self.path.display().to_string())
    }
}
