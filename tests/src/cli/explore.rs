//! `lab explore`: every order of events, within bounds.

use super::text::{count, stretch, thousands};
use super::{Console, FAILED, Stop, UNDECIDED, WELL};
use crate::explore::{
    self, Bounds, Limits, MOST_COMMANDS, MOST_SERVERS, Progress, Report, Verdict,
};
use clap::{Args, value_parser};
use raft::Raft;
use std::num::NonZeroUsize;

#[allow(clippy::disallowed_types, reason = "a search takes real time")]
type Stopwatch = std::time::Instant;

#[derive(Debug, Args)]
pub struct Arguments {
    /// How many servers there are
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u8).range(1..=MOST_SERVERS as i64))]
    servers: u8,
    /// Nobody stands for election in a later term
    #[arg(long, value_name = "N", default_value_t = 2)]
    terms: u8,
    /// How many commands are proposed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u8).range(..=i64::from(MOST_COMMANDS)))]
    commands: u8,
    /// How many crashes there are, each followed by a boot
    #[arg(long, value_name = "N", default_value_t = 0)]
    crashes: u8,
    /// How many snapshots are taken
    #[arg(long, value_name = "N", default_value_t = 0)]
    snapshots: u8,
    /// How many elections are begun; without it, any number
    #[arg(long, value_name = "N")]
    elections: Option<u8>,
    /// How often the alarms of leaders ring; without it, any number of times
    #[arg(long, value_name = "N")]
    heartbeats: Option<u8>,
    /// How many messages of a link are in flight, what is older being lost; without it, all
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    in_flight: Option<u8>,
    /// Does not take servers that nothing has happened to for interchangeable
    #[arg(long)]
    no_symmetry: bool,
    /// Counts states one by one, and leaves none out that another covers
    #[arg(long)]
    no_covering: bool,
    /// Gives up when there are more states; stateright when it has made so many, those that it has made
    /// before among them
    #[arg(long, value_name = "N", default_value_t = Limits::default().states, value_parser = at_least_one)]
    states: usize,
    /// Has stateright search instead, which knows of no covering; it shows no steps
    #[arg(long)]
    stateright: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number: Option<NonZeroUsize> = text.parse().ok();
    number.map(NonZeroUsize::get).ok_or_else(|| "a number of states is wanted".to_string())
}

impl Arguments {
    fn bounds(&self) -> Bounds {
        Bounds {
            servers: self.servers,
            terms: self.terms,
            commands: self.commands,
            crashes: self.crashes,
            snapshots: self.snapshots,
            elections: self.elections,
            heartbeats: self.heartbeats,
            in_flight: self.in_flight,
            symmetry: !self.no_symmetry,
            covering: !(self.no_covering || self.stateright),
        }
    }
}

pub fn explore(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let bounds = arguments.bounds();
    writeln!(console.out, "the Raft of this workspace: {bounds}")?;
    console.out.flush()?;
    let began = Stopwatch::now();
    let outcome = if arguments.stateright {
        by_stateright(bounds, arguments.states)
    } else {
        let limits = Limits { states: arguments.states };
        let is_shown = console.progress;
        explore::explore::<Raft>(bounds, limits, &mut |progress| {
            if is_shown {
                let Progress { states, looked_at, depth, .. } = progress;
                let (states, looked_at) = (thousands(states as u64), thousands(looked_at as u64));
                console.say(format_args!("{states} states, {looked_at} looked at, depth {depth}"));
            }
        })
        .map(|report| told(&report))
    };
    let (status, text) = outcome.unwrap_or_else(|failure| (FAILED, format!("FAILED: {failure}\n")));
    writeln!(console.out, "{text}{} of real time", stretch(began.elapsed()))?;
    Ok(status)
}

/// The exit status, and what is said.
fn told(report: &Report) -> (u8, String) {
    let Report { verdict, progress, servers, steps } = report;
    let text = format!(
        "{}, of which {} were looked at; {} transitions; depth {}\n\
         {} of a server, which made {}\n",
        count(progress.states, "distinct state"),
        thousands(progress.looked_at as u64),
        thousands(progress.transitions),
        progress.depth,
        count(*servers, "state"),
        count(*steps, "different step"),
    );
    match verdict {
        Verdict::Holds => (WELL, format!("{text}exhausted: every property holds in all of them\n")),
        Verdict::Undecided => {
            (UNDECIDED, format!("{text}given up: there are more states than --states allows\n"))
        }
        Verdict::Violated(found) => (FAILED, format!("{found}\n{text}")),
    }
}

fn by_stateright(bounds: Bounds, most: usize) -> Result<(u8, String), crate::Failure> {
    let opinion = explore::second_opinion::<Raft>(bounds, NonZeroUsize::new(most))?;
    let states = count(opinion.states, "distinct state");
    Ok(match (opinion.holds, opinion.is_exhausted) {
        (false, _) => (FAILED, format!("stateright: VIOLATED, after {states}\n")),
        (true, false) => {
            let why = "it has made as many as --states allows, counting those that came up again";
            (UNDECIDED, format!("stateright: given up after {states}: {why}\n"))
        }
        (true, true) => {
            let depth = opinion.depth;
            (WELL, format!("stateright: every property holds in {states}; depth {depth}\n"))
        }
    })
}
