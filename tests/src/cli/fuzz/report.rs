//! What came of a campaign, as a file; and several such files as one.

use super::Share;
use super::campaign::{Campaign, Found, Outcome, Seeds};
use crate::cli::results::cannot;
use crate::cli::text::{WIDTH, count, stretch, thousands, wrap};
use crate::cli::{Console, FAILED, Stop, UNREACHED, WELL};
use crate::swarm::marks::{self, Marks};
use crate::swarm::shrink::Shrunk;
use crate::swarm::{System, Trial};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A campaign, or several. Whoever reads these files relies on the names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, with its name")]
pub struct CampaignReport {
    /// The first seed, and the one after the last.
    seeds: (u64, u64),
    /// Whether the seeds were those that there was time for.
    open_ended: bool,
    /// Which parts of the seeds these are, of how many.
    shards: Vec<u64>,
    of: u64,
    /// Whether it has come to its end: what an interrupted campaign leaves has not.
    complete: bool,
    /// Whether it went on after failures.
    keep_going: bool,
    /// Whether this is the implementation that the situations are about.
    has_marks: bool,
    systems: BTreeMap<System, Figures>,
    failures: Vec<ReportedFailure>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    trials: u64,
    failed: u64,
    simulated_seconds: f64,
    cpu_seconds: f64,
    messages: u64,
    operations: u64,
    /// The sum over all trials, in any order.
    fingerprint: String,
    marks: Marks,
}

/// A trial that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedFailure {
    system: System,
    seed: u64,
    reason: String,
    /// What is left of it, as `lab replay` reads it.
    shrunk: String,
    file: String,
}

impl ReportedFailure {
    pub fn new(found: &Found, shrunk: &Shrunk, path: &Path) -> Self {
        Self {
            system: found.system,
            seed: found.seed,
            reason: found.failure.to_string(),
            shrunk: shrunk.trial.to_text(),
            file: path.display().to_string(),
        }
    }
}

impl CampaignReport {
    /// What has come of a campaign that is not over yet: its failures are as they were drawn.
    pub fn partial(campaign: &Campaign<'_>, done: &Outcome) -> Self {
        let failures = done.found.iter().map(|found| ReportedFailure {
            system: found.system,
            seed: found.seed,
            reason: found.failure.to_string(),
            shrunk: Trial::draw(found.system, found.seed).to_text(),
            file: String::new(),
        });
        Self { complete: false, ..Self::new(campaign, done, failures.collect()) }
    }

    pub fn new(campaign: &Campaign<'_>, done: &Outcome, failures: Vec<ReportedFailure>) -> Self {
        let systems = done.tallies.iter().map(|(system, tally)| {
            let figures = Figures {
                trials: tally.runs,
                failed: tally.failed,
                simulated_seconds: tally.simulated.as_secs_f64(),
                cpu_seconds: tally.cpu.as_secs_f64(),
                messages: tally.messages,
                operations: tally.operations,
                fingerprint: format!("{:016x}", tally.fingerprints),
                marks: tally.marks.clone(),
            };
            (*system, figures)
        });
        Self {
            seeds: (done.seeds.start, done.seeds.end),
            open_ended: matches!(campaign.seeds, Seeds::For(_)),
            shards: vec![campaign.share.number],
            of: campaign.share.of,
            complete: true,
            keep_going: campaign.keep_going,
            has_marks: campaign.catalogue.is_reference(),
            systems: systems.collect(),
            failures,
        }
    }

    /// Writes it, at once or not at all. A device or a pipe gets only what is complete.
    pub fn write(&self, path: &Path) -> Result<(), Stop> {
        let text = serde_json::to_string_pretty(self).expect("a report has a text") + "\n";
        let write = || match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() && !self.complete => Ok(()),
            Ok(there) if !there.is_file() => fs::write(path, &text),
            Ok(_) => replace(&fs::canonicalize(path)?, &text),
            Err(_) => replace(path, &text),
        };
        write().map_err(|error| cannot(path, &error))
    }

    fn read(path: &Path) -> Result<Self, Stop> {
        let bad = |why: String| Stop::BadUse(format!("cannot read {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        let report: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if report.of > Share::MOST {
            return Err(bad(format!("there are at most {} parts", thousands(Share::MOST))));
        }
        if report.complete {
            return Ok(report);
        }
        let trials: u64 = report.systems.values().map(|it| it.trials).sum();
        let trials = count(trials as usize, "trial");
        Err(Stop::BadUse(format!(
            "{}: this part was interrupted, or is not at its end yet: it has {trials} of those that were \
             asked for; run it again",
            path.display()
        )))
    }

    /// Takes another part in.
    fn add(&mut self, other: Self, name: &Path) -> Result<(), Stop> {
        let bad = |why: &str| Err(Stop::BadUse(format!("{}: {why}", name.display())));
        if (self.of, self.open_ended) != (other.of, other.open_ended) {
            return bad("this is a part of another campaign: it was split in another way");
        }
        if !self.open_ended && self.seeds != other.seeds {
            return bad("this is a part of another campaign: its seeds are others");
        }
        if !self.systems.keys().eq(other.systems.keys()) {
            return bad("this is a part of another campaign: its systems are others");
        }
        if other.shards.iter().any(|shard| self.shards.contains(shard)) {
            return bad("this part is there already");
        }
        self.seeds.1 = self.seeds.1.max(other.seeds.1);
        self.shards.extend(other.shards);
        self.shards.sort_unstable();
        self.has_marks &= other.has_marks;
        for (system, more) in other.systems {
            self.systems.entry(system).or_default().add(more);
        }
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|failure| (failure.seed, failure.system));
        Ok(())
    }

    /// Whether it has stopped at a failure, whatever was left.
    fn ended_early(&self) -> bool {
        !self.keep_going && !self.failures.is_empty()
    }

    /// The parts that are not there.
    fn missing(&self) -> Vec<u64> {
        (0..self.of).filter(|shard| self.shards.binary_search(shard).is_err()).collect()
    }
}

/// Gives a file a new text; whoever reads it meanwhile sees the old or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
    beside.push(".tmp");
    let beside = path.with_file_name(beside);
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

impl Figures {
    fn add(&mut self, more: Self) {
        self.trials += more.trials;
        self.failed += more.failed;
        self.simulated_seconds += more.simulated_seconds;
        self.cpu_seconds += more.cpu_seconds;
        self.messages += more.messages;
        self.operations += more.operations;
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or_default();
        let sum = number(&self.fingerprint).wrapping_add(number(&more.fingerprint));
        self.fingerprint = format!("{sum:016x}");
        for (mark, times) in more.marks {
            *self.marks.entry(mark).or_default() += times;
        }
    }
}

/// Which situations came about, what failed, and what that means.
pub fn verdict(report: &CampaignReport, console: &mut Console<'_>) -> Result<u8, Stop> {
    let out = &mut console.out;
    let mut dark = 0;
    if report.has_marks {
        writeln!(out, "\nsituations:")?;
        for (system, figures) in &report.systems {
            for mark in marks::of(*system) {
                let times = figures.marks.get(mark.what).copied().unwrap_or_default();
                let is_due = figures.trials >= mark.within;
                dark += u64::from(times == 0 && is_due);
                let shown = match times {
                    0 if is_due => "NEVER".to_string(),
                    0 => "-".to_string(),
                    times => thousands(times),
                };
                let line = format!("{}: {}", mark.what, mark.meaning);
                writeln!(out, "{shown:>12} {:<11} {}", system.name(), wrap(&line, WIDTH - 25, 27))?;
            }
        }
    }
    let total = |of: fn(&Figures) -> f64| report.systems.values().map(of).sum::<f64>();
    #[allow(clippy::cast_sign_loss, reason = "none of these is negative")]
    let trials = total(|it| it.trials as f64) as usize;
    let failed: u64 = report.systems.values().map(|it| it.failed).sum();
    let verdict = match failed {
        0 => "none failed".to_string(),
        failed => format!("{} FAILED", thousands(failed)),
    };
    let seconds = |seconds: f64| stretch(Duration::from_secs_f64(seconds));
    writeln!(
        out,
        "\n{}, {verdict}: {} of simulated time in {} of CPU time",
        count(trials, "trial"),
        seconds(total(|it| it.simulated_seconds)),
        seconds(total(|it| it.cpu_seconds)),
    )?;
    for (system, figures) in &report.systems {
        writeln!(out, "fingerprints of {system}: {}", figures.fingerprint)?;
    }
    let missing = report.missing();
    if dark > 0 {
        writeln!(out, "{} never came about: see NEVER above", count(dark as usize, "situation"))?;
    }
    Ok(if failed > 0 {
        FAILED
    } else if dark > 0 && missing.is_empty() {
        UNREACHED
    } else {
        WELL
    })
}

/// Joins the files of several parts.
pub fn merge(
    paths: &[PathBuf],
    json: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let mut reports = paths.iter().map(|path| CampaignReport::read(path).map(|it| (path, it)));
    let (_, mut whole) = reports.next().expect("there is at least one file")?;
    let mut ended_early = u64::from(whole.ended_early());
    for report in reports {
        let (path, report) = report?;
        ended_early += u64::from(report.ended_early());
        whole.add(report, path)?;
    }
    for failure in &whole.failures {
        writeln!(console.out, "{} with seed {}: {}", failure.system, failure.seed, failure.reason)?;
        for line in failure.shrunk.lines() {
            writeln!(console.out, "  {line}")?;
        }
    }
    if let Some(path) = json {
        whole.write(path)?;
    }
    let status = verdict(&whole, console)?;
    if ended_early > 0 {
        let parts = count(ended_early as usize, "part");
        writeln!(
            console.out,
            "{parts} without --keep-going ended at the first failure, before the last seed"
        )?;
    }
    let missing = whole.missing();
    if !missing.is_empty() {
        let of = whole.of;
        let missing: Vec<String> =
            missing.into_iter().map(|number| Share { number, of }.to_string()).collect();
        return Err(Stop::BadUse(format!("not the whole: {} is missing", missing.join(", "))));
    }
    Ok(status)
}
