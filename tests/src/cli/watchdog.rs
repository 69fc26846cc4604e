//! A run under watch: code under test that does not come back is a failure with a place, and not silence.
//!
//! The run is on a thread of its own, which is left to itself when it stands still, and ends with the process.
//! Then the same run is made once more and [stopped](crate::arena::pulse) before the step that did not come
//! back. A run may take as long as it likes; it is one step that may not.

use super::explain::{LAST_RECORDS, ending};
use crate::arena::pulse::{Place, Pulse};
use crate::catalogue::Case;
use crate::run::{Options, Report};
use crate::{ENDLESS, Failure};
use crossbeam_channel::{RecvTimeoutError, bounded};
use labrpc::Trace;
use std::io;
use std::panic;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a step may take before it counts as one without an end; steps take microseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// In how many looks in a row nothing has moved, when that time is over. A process that was stopped in between,
/// as by a debugger, has one of them behind it, and not all.
const LOOKS: u32 = 10;

/// A run that can be made again and again.
pub struct Watched {
    /// What is known of it before it is made.
    blank: Report,
    run: Arc<dyn Fn(&Options) -> Report + Send + Sync>,
}

impl Watched {
    pub fn new(blank: Report, run: impl Fn(&Options) -> Report + Send + Sync + 'static) -> Self {
        Self { blank, run: Arc::new(run) }
    }

    pub fn of(case: &Case, seed: u64) -> Self {
        let blank = Report::blank(case.scenario, seed);
        let case = case.clone();
        Self::new(blank, move |options| case.run(seed, options))
    }

    /// Makes the run. If a step takes longer than `patience`, it fails as an endless loop there.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn run(&self, options: &Options, patience: Duration) -> io::Result<Report> {
        let place = match self.attempt(options, &Pulse::default(), patience)? {
            Ok(report) => return Ok(report),
            Err(place) => place,
        };
        if place == Place::START {
            let facts =
                "a server does not come back from its boot, or from the first question after it";
            return Ok(failed(self.blank.clone(), facts.to_string()));
        }
        let is_traced = options.trace.is_on();
        let trace = if is_traced { options.trace.clone() } else { Trace::last(LAST_RECORDS) };
        let traced = Options { trace, ..options.clone() };
        let again = self.attempt(&traced, &Pulse::stopping_at(place), patience)?;
        Ok(match again {
            Ok(report) if is_endless(&report) => report,
            Ok(report) => {
                let end = ending(&report.outcome);
                let facts = format!(
                    "a step did not come back; made again, the run {end} before it got there: it is not \
                     deterministic"
                );
                failed(report, facts)
            }
            Err(_) => {
                let facts = "a step did not come back, and the run made again stood still before it could be \
                             stopped there: it is not deterministic, or what prints a message hangs";
                failed(self.blank.clone(), facts.to_string())
            }
        })
    }

    /// Makes the run on another thread; the error is where it stands still.
    fn attempt(
        &self,
        options: &Options,
        pulse: &Pulse,
        patience: Duration,
    ) -> io::Result<Result<Report, Place>> {
        let options = Options { pulse: Some(pulse.clone()), ..options.clone() };
        let (tell, told) = bounded(1);
        let run = Arc::clone(&self.run);
        let thread = thread::Builder::new().name("run".into()).spawn(move || {
            let _ = tell.send(run(&options)); // If nobody waits any more, nobody wants it.
        })?;
        let (mut last, mut looks) = (Place::OVER, 0);
        loop {
            match told.recv_timeout(patience / LOOKS) {
                Ok(report) => return Ok(Ok(report)),
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Err(panicked) => panic::resume_unwind(panicked),
                    Ok(()) => unreachable!("it ends with a report or a panic"),
                },
                Err(RecvTimeoutError::Timeout) => {
                    let place = pulse.place();
                    looks = if place == last { looks + 1 } else { 0 };
                    last = place;
                    if looks == LOOKS && place != Place::OVER {
                        return Ok(Err(place));
                    }
                }
            }
        }
    }
}

/// Whether a run was stopped where it would not have come back.
pub fn is_endless(report: &Report) -> bool {
    report.outcome.as_ref().is_err_and(|why| why.property == ENDLESS)
}

fn failed(report: Report, facts: String) -> Report {
    Report { outcome: Err(Failure::new(ENDLESS, facts)), ..report }
}
