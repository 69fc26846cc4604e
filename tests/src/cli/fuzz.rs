//! `lab fuzz`: a swarm of trials, over many seeds, on all cores.

mod campaign;
mod report;
mod share;

use share::Share;

use super::results::cannot;
use super::text::{count, parse_seconds, stretch, thousands};
use super::{Console, Jobs, Stop};
use crate::Failure;
use crate::catalogue::{Catalogue, nearest};
use crate::run::Options;
use crate::swarm::shrink::{ATTEMPTS, Shrunk, shrink};
use crate::swarm::{System, Trial};
use campaign::{Campaign, Found, Outcome, Seeds, Tally, progress};
use clap::{Args, value_parser};
use report::CampaignReport;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Args)]
pub struct MergeArguments {
    /// What `lab fuzz --shard I/N --json FILE` wrote, of every part
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Writes the whole to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn merge(arguments: &MergeArguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    report::merge(&arguments.files, arguments.json.as_deref(), console)
}

/// How many seeds of each system are run if nothing is said.
const DEFAULT_SEEDS: u64 = 500;

#[derive(Debug, Args)]
pub struct Arguments {
    /// raft, kv, shardmaster or shardkv; all, if none is given
    #[arg(value_name = "SYSTEM")]
    systems: Vec<String>,
    /// Runs the seeds 0 to N-1 of each system
    #[arg(long, value_name = "N", conflicts_with_all = ["seed_range", "duration"], value_parser = value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Runs the seeds A to B-1 of each system
    #[arg(long, value_name = "A..B", conflicts_with = "duration", value_parser = super::text::parse_range)]
    seed_range: Option<Range<u64>>,
    /// Runs seeds from 0 on for so long (60s)
    #[arg(long = "for", id = "duration", value_name = "T", value_parser = parse_seconds)]
    duration: Option<u64>,
    #[command(flatten)]
    jobs: Jobs,
    /// Runs every N-th seed, beginning with the I-th (from 0 on); without it, what the variables of
    /// a job array say, if they are set
    #[arg(long, value_name = "I/N")]
    shard: Option<Share>,
    /// Writes what came of it to a file, as `lab merge` reads it; while it runs, every ten seconds what
    /// has come of it so far
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Goes on after a failure
    #[arg(long)]
    keep_going: bool,
    /// Leaves failing trials as they are
    #[arg(long)]
    no_shrink: bool,
    /// Where trials that fail are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub fn fuzz(
    catalogue: &Catalogue,
    arguments: &Arguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let systems = chosen(catalogue, &arguments.systems)?;
    let share = match arguments.shard {
        Some(share) => share,
        None => Share::from_environment(|name| std::env::var(name).ok()).map_err(Stop::BadUse)?,
    };
    if !arguments.out.is_dir() {
        return Err(Stop::BadUse(format!("{} is no folder", arguments.out.display())));
    }
    let seeds = if let Some(nanos) = arguments.duration {
        Seeds::For(Duration::from_nanos(nanos))
    } else {
        let range = arguments.seed_range.clone();
        Seeds::Range(range.unwrap_or(0..arguments.seeds.unwrap_or(DEFAULT_SEEDS)))
    };
    let campaign = Campaign {
        catalogue,
        systems: systems.clone(),
        seeds,
        share,
        jobs: arguments.jobs.count(),
        keep_going: arguments.keep_going,
        report_every: Duration::from_secs(10),
    };
    let report = |report: &CampaignReport| match &arguments.json {
        Some(path) => report.write(path),
        None => Ok(()),
    };
    let meanwhile = |done: &Outcome| report(&CampaignReport::partial(&campaign, done));
    // Whether it can be written is known before the campaign, and not after it.
    meanwhile(&Outcome::new(&campaign))?;
    writeln!(console.out, "{campaign}")?;
    console.out.flush()?;
    let done = campaign.run(console.progress, meanwhile)?;
    meanwhile(&done)?;
    write_figures(&done.tallies, console)?;
    let mut failures = Vec::new();
    for found in &done.found {
        let (shrunk, path) = investigate(catalogue, found, arguments, console)?;
        failures.push(report::ReportedFailure::new(found, &shrunk, &path));
    }
    let whole = CampaignReport::new(&campaign, &done, failures);
    report(&whole)?;
    report::verdict(&whole, console)
}

/// The systems that were asked for.
fn chosen(catalogue: &Catalogue, names: &[String]) -> Result<Vec<System>, Stop> {
    let there = catalogue.systems();
    if there.is_empty() {
        return Err(Stop::BadUse("there is nothing to try here".to_string()));
    }
    if names.is_empty() {
        return Ok(there);
    }
    let mut systems = Vec::new();
    for name in names {
        let Some(system) = there.iter().find(|it| it.name().eq_ignore_ascii_case(name)) else {
            let known: Vec<&str> = there.iter().map(|it| it.name()).collect();
            let like = nearest(&name.to_lowercase(), known.iter().copied());
            let hint = if like.is_empty() { known.join(", ") } else { like.join(", ") };
            return Err(Stop::BadUse(format!("no system is called `{name}`; there is {hint}")));
        };
        systems.push(*system);
    }
    systems.sort_unstable();
    systems.dedup();
    Ok(systems)
}

/// A row for each system.
fn write_figures(tallies: &[(System, Tally)], console: &mut Console<'_>) -> Result<(), Stop> {
    writeln!(
        console.out,
        "{:<11} {:>8} {:>7} {:>14} {:>12} {:>11} {:>14} {:>10}",
        "system", "seeds", "failed", "simulated", "messages", "operations", "messages/CPU-s", "CPU",
    )?;
    for (system, tally) in tallies {
        writeln!(
            console.out,
            "{:<11} {:>8} {:>7} {:>14} {:>12} {:>11} {:>14} {:>10}",
            system.name(),
            thousands(tally.runs),
            thousands(tally.failed),
            stretch(tally.simulated),
            thousands(tally.messages),
            thousands(tally.operations),
            thousands(tally.messages_per_cpu_second()),
            stretch(tally.cpu),
        )?;
    }
    Ok(console.out.flush()?)
}

/// Shrinks a trial that failed, shows it, and writes it to a file.
fn investigate(
    catalogue: &Catalogue,
    found: &Found,
    arguments: &Arguments,
    console: &mut Console<'_>,
) -> Result<(Shrunk, PathBuf), Stop> {
    let whole = Trial::draw(found.system, found.seed);
    let bar = progress(None, console.progress);
    let fails = |trial: &Trial| {
        let failure = failure_of(catalogue, trial);
        bar.inc(1);
        bar.set_message(format!("shrinking; tries {}", count(trial.plan.0.len(), "fault")));
        failure
    };
    writeln!(console.out, "\n{} with seed {} failed: {}", found.system, found.seed, found.failure)?;
    console.out.flush()?;
    let attempts = if arguments.no_shrink { 0 } else { ATTEMPTS };
    let shrunk = shrink(&whole, &found.failure, attempts, fails);
    bar.finish_and_clear();
    let (before, after) = (whole.plan.0.len(), shrunk.trial.plan.0.len());
    if !arguments.no_shrink {
        let (attempts, before) = (count(shrunk.attempts, "attempt"), count(before, "fault"));
        writeln!(
            console.out,
            "shrunk in {attempts}, from {before} to {after}; with what is left:"
        )?;
    }
    let reason = shrunk.failure.to_string().replace('\n', "\n# ");
    let heading = format!("# {} with seed {}: {reason}\n", found.system, found.seed);
    let are = if after == 1 { "is" } else { "are" };
    let text = format!(
        "# {} of {before} {are} left.\n\n{}",
        count(after, "fault"),
        shrunk.trial.to_text(),
    );
    let path = arguments.out.join(format!("fuzz-{}-{}.toml", found.system, found.seed));
    let file = heading + &text;
    fs::write(&path, &file).map_err(|error| cannot(&path, &error))?;
    // What has been said already is not said again.
    let shown_text = if shrunk.failure == found.failure { &text } else { &file };
    for line in shown_text.lines() {
        writeln!(console.out, "  {line}")?;
    }
    let replay = format!("{} replay {}", catalogue.program(), shown(&path));
    writeln!(console.out, "replay: {replay}")?;
    writeln!(console.out, "a picture: {replay} --html {}", shown(&path.with_extension("html")))?;
    console.out.flush()?;
    Ok((shrunk, path))
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}

fn failure_of(catalogue: &Catalogue, trial: &Trial) -> Option<Failure> {
    catalogue.try_out(trial, &Options::default()).and_then(|report| report.outcome.err())
}
