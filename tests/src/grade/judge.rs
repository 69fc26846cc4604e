//! The program around a submission: it reads a [`Request`], shuts itself in, makes one run, and answers.

use super::confine;
use super::protocol::{Answer, Request, Want};
use crate::catalogue::Catalogue;
use crate::run::{Monitors, Options, Report};
use crate::{panics, viewer};
use labrpc::Trace;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// The whole program.
pub fn main(catalogue: &Catalogue) -> ExitCode {
    match obey(catalogue) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn obey(catalogue: &Catalogue) -> io::Result<()> {
    let mut line = String::new();
    io::stdin().read_to_string(&mut line)?;
    let Request { secret, scenario, seed, want, threads } = serde_json::from_str(&line)?;
    // From here on nothing is left in memory of what the code must not know but in this function.
    drop(line);
    let is_traced = want != Want::Nothing && want != Want::Verdict;
    if is_traced {
        panics::prepare();
    }
    let missing = confine::run(threads);
    let mut answer = Answer { missing, ..Answer::default() };
    if want != Want::Nothing {
        let case = catalogue.find(&scenario);
        let case = case.ok_or_else(|| io::Error::other(format!("no scenario `{scenario}`")))?;
        let trace = if is_traced { Trace::all() } else { Trace::off() };
        let film = matches!(want, Want::Picture(_));
        let report = case
            .run(seed, &Options { trace, film, monitors: Monitors::Graded, ..Options::default() });
        answer.text = text(&report, &want);
        answer.digest = digest(&report);
        answer.backtrace.clone_from(&report.backtrace);
        answer.failure = report.outcome.err().map(|it| (it.property.clone(), it.to_string()));
    }
    let mut out = io::stdout();
    writeln!(out, "\n{secret} {}", serde_json::to_string(&answer)?)?;
    out.flush()
}

fn digest(report: &Report) -> (u64, u64, u64) {
    (report.fingerprint, report.simulated.as_nanos() as u64, report.totals.steps)
}

fn text(report: &Report, want: &Want) -> String {
    match want {
        Want::Nothing | Want::Verdict => String::new(),
        Want::Picture(command) => viewer::html(report, command),
        Want::Trace => report.trace.iter().fold(String::new(), |mut text, record| {
            let _ = writeln!(text, "{record}");
            text
        }),
    }
}
