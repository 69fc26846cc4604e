//! The `lab` command, as a library: it runs the scenarios of whatever [`Catalogue`] it is given.
//!
//! A crate with a Raft of its own gets the whole command for it with one line:
//!
//! ```no_run
//! # use raft::Raft as MyRaft;
//! fn main() -> std::process::ExitCode {
//!     tests::cli::main(&tests::catalogue::Catalogue::of_raft::<MyRaft>())
//! }
//! ```
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | all is well |
//! | 1 | a run failed, or two runs or traces differ |
//! | 2 | bad use, or a file that cannot be read or written |
//! | 3 | whether a history is linearizable was not decided within the limit; or a situation that a campaign should have come to never came about |
//! | 141 | standard output was closed, as by `head`; the command ended there |

mod bar;
mod check_history;
mod determinism;
pub(crate) mod diff;
mod explain;
#[cfg(feature = "exhaustive")]
mod explore;
mod fuzz;
#[cfg(feature = "grade")]
mod grade;
mod list;
mod mutants;
mod pool;
mod replay;
mod results;
mod run;
mod scale;
pub mod testing;
mod text;
mod watchdog;
mod workspace;

use crate::catalogue::{Catalogue, Selection, Unknown, nearest};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser};
use kvraft::rsm::Reads;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

/// How many seeds of each scenario are run if nothing is said: half a minute of CPU time for all of them.
pub const DEFAULT_SEEDS: u64 = 50;

/// How many seeds of each scenario are run twice if nothing is said.
pub const DEFAULT_DETERMINISM_SEEDS: u64 = 20;

/// The exit status when all is well.
pub const WELL: u8 = 0;
/// The exit status when a run failed, or two things differ.
pub const FAILED: u8 = 1;
/// The exit status after bad use.
pub const BAD_USE: u8 = 2;
/// The exit status when a search came to its limit before its end.
pub const UNDECIDED: u8 = 3;
/// The exit status when a campaign was long enough for every situation, and one never came about.
pub const UNREACHED: u8 = 3;
/// The exit status when standard output was closed: what a shell says of a program that SIGPIPE
/// ended.
pub const CLOSED: u8 = 141;

/// Runs the scenarios of the labs in a simulated world: deterministic, and as fast as it will go.
#[derive(Debug, Parser)]
#[command(name = "lab", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios over many seeds, on all cores (the default)
    Run(RunArguments),
    /// Runs one scenario with one seed again, and shows its trace
    Replay(ReplayArguments),
    /// Finds the first difference between two traces
    Diff(DiffArguments),
    /// Lists parts, scenarios, and the Go tests that they stand for
    List(ListArguments),
    /// Tries what nobody has written: random systems, loads and faults, with every property watched
    Fuzz(fuzz::Arguments),
    /// Joins what the parts of a campaign of `lab fuzz` have written
    Merge(fuzz::MergeArguments),
    /// Measures the throughput and latency of a sharded store by its number of groups
    Scale(scale::Arguments),
    /// Runs everything twice and compares, trials of the swarm included
    ///
    /// The second time the seeds come in the opposite order, on another number of threads. Compared are
    /// the fingerprint of all that happened, simulated time, traffic, commands, operations and the
    /// failure, if there is one; where two runs differ, so are their traces. The exit status is 1 if two
    /// runs differ. A run that fails both times in the same way is no difference, and the status is 0:
    /// how many there are is said, and `lab run` and `lab fuzz` say why.
    Determinism(DeterminismArguments),
    /// Says whether a recorded history of a key/value store is linearizable
    CheckHistory(check_history::Arguments),
    /// Grades submissions: each under the suites, shut in, over visible and hidden seeds
    #[cfg(feature = "grade")]
    Grade(grade::Arguments),
    /// Plants bugs in a copy of the sources, and says which the suites catch
    Mutants(mutants::Arguments),
    /// Tries all orders of events in the reference Raft, within bounds
    #[cfg(feature = "exhaustive")]
    Explore(explore::Arguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// A part (2a), a lab (2), a scenario, or a Go test of any year; all, if none is given
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    #[command(flatten)]
    seeds: Seeds,
    #[command(flatten)]
    jobs: Jobs,
    /// Writes an array with one object for each scenario and seed
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Stops at the first run that fails: the least seed of the first scenario that has one
    #[arg(long)]
    fail_fast: bool,
    #[command(flatten)]
    manner: MannerArguments,
}

#[derive(Debug, Args)]
struct ReplayArguments {
    /// A scenario, a Go test that stands for exactly one, or a file that `lab fuzz` has written
    scenario: String,
    /// Which run of a scenario
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Writes the trace to a file, one line of text for each record
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Writes the trace to a file, one line of JSON for each record
    #[arg(long, value_name = "FILE")]
    json_trace: Option<PathBuf>,
    /// Writes a picture of the run to a file, a page for a browser: the whole run, whatever --from,
    /// --until and --node say
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes what clients did to a file, as `lab check-history` reads it
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Draws a history that is not linearizable: a page for a browser
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Leaves out what happened before, in simulated seconds (1.5)
    #[arg(long, value_name = "T", value_parser = text::parse_seconds)]
    from: Option<u64>,
    /// Leaves out what happened then or later, in simulated seconds
    #[arg(long, value_name = "T", value_parser = text::parse_seconds)]
    until: Option<u64>,
    /// Leaves out what happened to other nodes (1, or n1); may be repeated
    #[arg(long, value_name = "N", value_parser = text::parse_node)]
    node: Vec<usize>,
    /// How many seconds a step may take before it counts as one without an end
    #[arg(long, value_name = "S", hide = true, value_parser = value_parser!(u64).range(1..))]
    #[arg(default_value_t = watchdog::PATIENCE.as_secs())]
    patience: u64,
    #[command(flatten)]
    manner: MannerArguments,
}

#[derive(Debug, Args)]
struct DiffArguments {
    /// A trace, as text or as lines of JSON
    a: PathBuf,
    /// Another
    b: PathBuf,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// What to list; everything, if nothing is given
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Prints an array with one object for each scenario
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reads: ReadsArgument,
}

#[derive(Debug, Args)]
struct DeterminismArguments {
    /// A part, a lab, a scenario or a Go test, as for `lab run`; `swarm/raft`, `swarm/kv`,
    /// `swarm/shardmaster`, `swarm/shardkv`, or `swarm`, which is all four, for trials of `lab fuzz`;
    /// everything, if none is given
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    #[command(flatten)]
    seeds: Seeds,
    #[command(flatten)]
    jobs: Jobs,
    #[command(flatten)]
    reads: ReadsArgument,
}

/// How scenarios are run.
#[derive(Debug, Args)]
struct MannerArguments {
    /// Looks at scenarios as a grade does: servers have to show the inside of their Rafts, what groups show of
    /// shards is left alone, and in 2A and 2B what is on a disk
    #[arg(long)]
    graded: bool,
    #[command(flatten)]
    reads: ReadsArgument,
}

impl MannerArguments {
    fn catalogue(&self, catalogue: &Catalogue) -> Catalogue {
        let catalogue = self.reads.catalogue(catalogue);
        if self.graded { catalogue.graded() } else { catalogue }
    }
}

#[derive(Debug, Args)]
struct ReadsArgument {
    /// How the servers of labs 3 and 4 serve reads: through the log, or by the index of a commit
    #[arg(long, value_name = "HOW", value_enum, default_value_t = HowToRead::Log)]
    reads: HowToRead,
}

/// [`Reads`], as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HowToRead {
    Log,
    Index,
}

impl ReadsArgument {
    fn how(&self) -> Reads {
        match self.reads {
            HowToRead::Log => Reads::Log,
            HowToRead::Index => Reads::Index,
        }
    }

    fn catalogue(&self, catalogue: &Catalogue) -> Catalogue {
        catalogue.clone().with_reads(self.how())
    }
}

#[derive(Debug, Args)]
struct Seeds {
    /// Runs the seeds 0 to N-1 of each scenario
    #[arg(long, value_name = "N", conflicts_with = "seed_range", value_parser = value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Runs the seeds A to B-1 of each scenario
    #[arg(long, value_name = "A..B", value_parser = text::parse_range)]
    seed_range: Option<Range<u64>>,
}

impl Seeds {
    fn range(&self, default: u64) -> Range<u64> {
        self.seed_range.clone().unwrap_or(0..self.seeds.unwrap_or(default))
    }
}

#[derive(Debug, Args)]
struct Jobs {
    /// Runs on so many threads; without it, on all cores
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(cores, usize::from)
    }
}

/// Where a command writes.
pub struct Console<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Complaints and remarks.
    pub err: &'a mut dyn Write,
    /// Whether to draw a progress bar on standard error.
    pub progress: bool,
}

impl Console<'_> {
    /// A complaint or a remark. If nobody can hear it, there is nobody to tell.
    fn say(&mut self, what: impl fmt::Display) {
        let _ = writeln!(self.err, "{what}");
        let _ = self.err.flush();
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
enum Stop {
    /// What was asked for cannot be done.
    BadUse(String),
    /// Standard output cannot be written.
    Output(io::Error),
}

fn bad(what: String) -> Stop {
    Stop::BadUse(what)
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Unknown> for Stop {
    fn from(unknown: Unknown) -> Self {
        Self::BadUse(unknown.to_string())
    }
}

/// The whole command: reads the command line of the process and does what it says.
pub fn main(catalogue: &Catalogue) -> ExitCode {
    // Neither is locked for long: what is under test may want to print, too.
    let mut console = Console {
        out: &mut io::BufWriter::new(io::stdout()),
        err: &mut io::stderr(),
        progress: io::stderr().is_terminal(),
    };
    ExitCode::from(main_with(catalogue, std::env::args_os(), &mut console))
}

/// The whole command with a command line of one's own, of which the first word is the program's
/// name. The answer is the exit status.
///
/// ```
/// use tests::catalogue::Catalogue;
/// use tests::cli::{Console, main_with};
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let mut console = Console { out: &mut out, err: &mut err, progress: false };
/// let status = main_with(&Catalogue::reference(), ["lab", "run", "2a", "--seeds", "3"], &mut console);
/// assert_eq!(status, 0);
/// assert!(String::from_utf8(out).unwrap().contains("3 scenarios, 9 runs: all passed"));
/// ```
pub fn main_with(
    catalogue: &Catalogue,
    command_line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    console: &mut Console<'_>,
) -> u8 {
    let matches = command(catalogue).try_get_matches_from(command_line);
    let outcome = match matches.and_then(|it| Arguments::from_arg_matches(&it)) {
        Ok(arguments) => obey(catalogue, arguments, console),
        Err(error) if error.use_stderr() => {
            let _ = write!(console.err, "{}", error.render());
            return BAD_USE;
        }
        Err(help) => write!(console.out, "{}", help.render()).map(|()| WELL).map_err(Stop::from),
    };
    let outcome = outcome.and_then(|status| {
        console.out.flush()?;
        Ok(status)
    });
    match outcome {
        Ok(status) => status,
        Err(Stop::BadUse(why)) => {
            console.say(format_args!("error: {why}"));
            BAD_USE
        }
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => CLOSED,
        Err(Stop::Output(error)) => {
            console.say(format_args!("error: cannot write to standard output: {error}"));
            BAD_USE
        }
    }
}

/// The command line's grammar. What is about this workspace's own sources is not shown to who comes with
/// an implementation of their own, nor what it has no scenarios for.
fn command(catalogue: &Catalogue) -> clap::Command {
    let mut command = Arguments::command();
    let has = |command: &clap::Command, name| command.find_subcommand(name).is_some();
    for name in ["mutants", "explore", "grade"] {
        if !catalogue.is_reference() && has(&command, name) {
            command = command.mut_subcommand(name, |it| it.hide(true));
        }
    }
    if catalogue.scale().is_none() {
        command = command.mut_subcommand("scale", |it| it.hide(true));
    }
    command
}

fn obey(
    catalogue: &Catalogue,
    arguments: Arguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    match arguments.command {
        None => {
            // The first word may be meant for a subcommand.
            if let Some(first) = arguments.run.patterns.first()
                && let Err(Unknown { pattern, nearest: like }) = catalogue.resolve(&[first])
            {
                let commands = [
                    "run",
                    "replay",
                    "diff",
                    "list",
                    "fuzz",
                    "merge",
                    "determinism",
                    "scale",
                    "check-history",
                    "grade",
                    "mutants",
                ];
                let nearest = [nearest(&pattern.to_lowercase(), commands), like].concat();
                return Err(Unknown { pattern, nearest }.into());
            }
            run::run(&arguments.run.manner.catalogue(catalogue), &arguments.run, console)
        }
        Some(Command::Run(run)) => run::run(&run.manner.catalogue(catalogue), &run, console),
        Some(Command::Replay(replay)) => {
            replay::replay(&replay.manner.catalogue(catalogue), &replay, console)
        }
        Some(Command::Diff(diff)) => diff::diff(&diff, console),
        Some(Command::List(list)) => list::list(&list.reads.catalogue(catalogue), &list, console),
        Some(Command::Fuzz(it)) => fuzz::fuzz(catalogue, &it, console),
        Some(Command::Merge(it)) => fuzz::merge(&it, console),
        Some(Command::Scale(it)) => scale::scale(catalogue, &it, console),
        Some(Command::Determinism(it)) => {
            determinism::determinism(&it.reads.catalogue(catalogue), &it, console)
        }
        Some(Command::CheckHistory(it)) => check_history::check_history(&it, console),
        #[cfg(feature = "grade")]
        Some(Command::Grade(it)) => grade::grade(&it, console),
        Some(Command::Mutants(it)) => mutants::mutants(&it, console),
        #[cfg(feature = "exhaustive")]
        Some(Command::Explore(it)) => explore::explore(&it, console),
    }
}

/// The cases that were asked for; says so where a name stands for several.
fn choose<'a>(
    catalogue: &'a Catalogue,
    patterns: &[String],
    console: &mut Console<'_>,
) -> Result<Selection<'a>, Stop> {
    let selection = catalogue.resolve(patterns)?;
    for note in &selection.notes {
        console.say(note);
    }
    Ok(selection)
}
