//! Asking a [judge](super::judge): a process for each run, and a reason for each end that it can come to.

use super::protocol::{Answer, Request, Want};
use super::result::Reason;
use crate::child::{self, End, Limits, Said};
use std::hash::BuildHasher;
use std::io;
use std::path::PathBuf;

/// How many bytes a run may print.
const PRINTED: usize = 1 << 20;

/// How many bytes there may be of a trace or a picture.
const DRAWN: usize = 1 << 28;

/// How many bytes are shown of what a run printed.
const SHOWN: usize = 4_000;

/// A program that makes runs of one submission's code.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The program.
    pub program: PathBuf,
    /// The folder that it works in.
    pub folder: PathBuf,
    /// What a run may use.
    pub limits: Limits,
    /// Whether the code may start threads.
    pub threads: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The judge's answer, or why there is none.
    pub answer: Result<Answer, Reason>,
    /// What the code printed, cut where it is long; of a process that died, what it said of that.
    pub printed: String,
}

impl Judge {
    /// Has a scenario run with a seed.
    ///
    /// # Errors
    /// If the judge can't be run at all, which is not the submission's fault.
    pub fn ask(&self, scenario: &str, seed: u64, want: Want) -> io::Result<Heard> {
        let most = if want == Want::Verdict { PRINTED } else { DRAWN };
        let (scenario, threads, secret) = (scenario.to_string(), self.threads, secret());
        let request = Request { secret, scenario, seed, want, threads };
        let mut command = child::limited(&self.program, self.limits);
        command.current_dir(&self.folder).env_clear();
        let line = serde_json::to_vec(&request)?;
        let said = child::converse(command, &line, self.limits, most, true)?;
        heard(&said, &request.secret)
    }
}

/// What nobody can know before. The one place where chance is wanted: it decides nothing.
#[allow(clippy::disallowed_types, reason = "a secret has to be random")]
fn secret() -> String {
    let word = || std::collections::hash_map::RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", word(), word())
}

fn heard(said: &Said, secret: &str) -> io::Result<Heard> {
    let (out, err) = (String::from_utf8_lossy(&said.out), String::from_utf8_lossy(&said.err));
    let is_answer = |line: &&str| line.starts_with(secret);
    let mut answers = out.lines().filter_map(|line| line.strip_prefix(secret));
    let (answer, another) = (answers.next(), answers.next());
    let printed = out.lines().filter(|line| !is_answer(line)).map(str::to_string);
    let printed = shown(printed.chain(err.lines().map(without_number)));
    let answer = match (said.end, answer) {
        (End::TooLong, _) => Err(Reason::Output),
        // The judge answers once: somebody else knows the secret.
        _ if another.is_some() => Err(Reason::Forbidden),
        (End::Exited(0), Some(json)) => Ok(serde_json::from_str(json)?),
        (End::Exited(126 | 127), None) if out.is_empty() => {
            return Err(io::Error::other(format!("the judge cannot be run: {err}")));
        }
        (end, _) => Err(reason(end, &err)),
    };
    Ok(Heard { answer, printed })
}

/// Why a process ended without an answer.
fn reason(end: End, err: &str) -> Reason {
    /// A system call that is not allowed, on Linux.
    const SIGSYS: i32 = 31;
    match end {
        End::OutOfCpuTime | End::OutOfTime => Reason::Time,
        End::StoodStill => Reason::StoodStill,
        End::TooLong => Reason::Output,
        End::Died(SIGSYS) => Reason::Forbidden,
        _ if err.contains("memory allocation of") => Reason::Memory,
        _ if err.contains("has overflowed its stack") => Reason::StackOverflow,
        End::Died(_) | End::Exited(_) => Reason::Ended,
    }
}

/// A line of what Rust says of a thread that dies, without the thread's number: it is another in each run.
fn without_number(line: &str) -> String {
    const MAIN: &str = "thread 'main' (";
    let parts =
        line.split_once(MAIN).and_then(|(before, rest)| Some((before, rest.split_once(')')?)));
    match parts {
        Some((before, (number, rest))) if number.bytes().all(|it| it.is_ascii_digit()) => {
            format!("{before}thread 'main'{rest}")
        }
        _ => line.to_string(),
    }
}

fn shown(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if text.len() + line.len() > SHOWN {
            let left = line.char_indices().map(|(at, _)| at);
            let cut = left.take_while(|at| text.len() + at <= SHOWN).last().unwrap_or_default();
            return text + &line[..cut] + "…\n";
        }
        text += &line;
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(end: End, out: &str, err: &str) -> Said {
        Said { end, out: out.into(), err: err.into() }
    }

    #[test]
    fn only_a_line_with_the_secret_is_an_answer() {
        let answer = Answer { digest: (1, 2, 3), ..Answer::default() };
        let json = serde_json::to_string(&answer).unwrap();
        let out = format!("hello\nguess {json}\nhalf a line\n5ec4e7 {json}\n");
        let it = heard(&said(End::Exited(0), &out, "oh\n"), "5ec4e7").unwrap();
        assert_eq!(it.answer, Ok(answer));
        assert_eq!(it.printed, format!("hello\nguess {json}\nhalf a line\noh\n"));
        let twice = out.clone() + &format!("5ec4e7 {json}\n");
        let it = heard(&said(End::Exited(0), &twice, ""), "5ec4e7").unwrap();
        assert_eq!(it.answer, Err(Reason::Forbidden));
        let it = heard(&said(End::Exited(0), &out, ""), "another").unwrap();
        assert_eq!(it.answer, Err(Reason::Ended));
    }

    #[test]
    fn every_end_has_its_reason() {
        let why = |end, err| heard(&said(end, "x", err), "5ec4e7").unwrap().answer.unwrap_err();
        assert_eq!(why(End::OutOfCpuTime, ""), Reason::Time);
        assert_eq!(why(End::OutOfTime, ""), Reason::Time);
        assert_eq!(why(End::StoodStill, ""), Reason::StoodStill);
        assert_eq!(why(End::TooLong, ""), Reason::Output);
        assert_eq!(why(End::Died(31), ""), Reason::Forbidden);
        assert_eq!(why(End::Died(9), ""), Reason::Ended);
        assert_eq!(why(End::Exited(0), ""), Reason::Ended);
        assert_eq!(why(End::Died(6), "memory allocation of 99 bytes failed"), Reason::Memory);
        let err =
            "\nthread 'main' (7) has overflowed its stack\nfatal runtime error: stack overflow";
        assert_eq!(why(End::Died(6), err), Reason::StackOverflow);
    }

    #[test]
    fn what_differs_from_process_to_process_is_taken_out() {
        let it = without_number("thread 'main' (4711) has overflowed its stack");
        assert_eq!(it, "thread 'main' has overflowed its stack");
        for line in ["thread 'main' has (7)", "thread 'main' (x) panicked", "thread 'main' (7", ""]
        {
            assert_eq!(without_number(line), line);
        }
    }

    #[test]
    fn what_is_printed_is_cut() {
        let long = "é".repeat(SHOWN);
        let text = shown(["short", "", &long].into_iter().map(str::to_string));
        assert!(text.len() <= SHOWN + 10 && text.starts_with("short\né") && text.ends_with("é…\n"));
    }
}
