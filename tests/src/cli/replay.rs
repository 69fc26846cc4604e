//! `lab replay`: one run again, with its trace.

use super::results::cannot;
use super::text::{count, thousands};
use super::{Console, FAILED, ReplayArguments, Stop, WELL, explain};
use crate::catalogue::Catalogue;
use crate::linear::{DEFAULT_LIMIT, Kv, Verdict, check_kv, html, to_json_lines};
use crate::run::{Options, Report};
use labrpc::{Record, Trace};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub fn replay(
    catalogue: &Catalogue,
    arguments: &ReplayArguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let case = catalogue
        .resolve_one(&arguments.scenario)
        .map_err(|error| Stop::BadUse(error.to_string()))?;
    if let (Some(from), Some(until)) = (arguments.from, arguments.until)
        && from >= until
    {
        return Err(Stop::BadUse("--from must be before --until".to_string()));
    }
    let text = arguments.trace.as_deref().map(TraceFile::create).transpose()?;
    let json = arguments.json_trace.as_deref().map(TraceFile::create).transpose()?;
    let history = arguments.history.as_deref().map(TraceFile::create).transpose()?;
    let to_stdout = text.is_none() && json.is_none() && history.is_none();

    let report = case.run(arguments.seed, &Options { trace: Trace::all(), ..Options::default() });
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
    if let Some(path) = &arguments.timeline {
        draw(path, &report, console)?;
    }
    let Err(failure) = &report.outcome else { return Ok(WELL) };
    writeln!(console.out, "  reason:    {failure}")?;
    let replay = catalogue.replay_command(case.name(), report.seed);
    writeln!(console.out, "  replay:    {replay}")?;
    if !to_stdout {
        let lines: Vec<String> = report.trace.iter().map(ToString::to_string).collect();
        write!(console.out, "{}", explain::last_records(&lines))?;
    }
    Ok(FAILED)
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
        "{} with seed {}: {verdict}\n  {:.2} s simulated, {} servers, {} RPCs, {} bytes, {} commands{}, \
         {} steps, {} in the trace\n  fingerprint {:016x}\n",
        scenario.name,
        report.seed,
        report.simulated.as_secs_f64(),
        scenario.servers,
        thousands(totals.rpcs),
        thousands(totals.bytes),
        thousands(report.commands),
        if report.operations == 0 {
            String::new()
        } else {
            format!(", {} operations", thousands(report.operations))
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
