//! What a `lab` says that is run in a process of its own.

use super::finding::{CRASH, MEMORY};
use super::format::Catcher;
use super::scratch::Scratch;
use crate::child::{End, Limits, Program};
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// What came of the process.
pub enum Answer<T> {
    /// It came to its end, and has written this.
    Wrote(T),
    /// It did not come to its end.
    TimedOut,
    /// It died: which property that is of, and what it said.
    Died(&'static str, String),
}

/// Has a `lab` run something for a catcher, with words that `--json` and a file are added to.
///
/// # Errors
/// If it ends with another status than these, which is not the mutant's fault.
pub fn ask<T: DeserializeOwned>(
    lab: &Path,
    scratch: &Scratch,
    catcher: &Catcher,
    mut arguments: Vec<OsString>,
    statuses: &[i32],
    limits: Limits,
) -> io::Result<Answer<T>> {
    let (json, err) = (scratch.file("json"), scratch.file("err"));
    arguments.extend(["--json".into(), json.clone().into_os_string()]);
    let (file, folder) = (lab.to_path_buf(), scratch.tree().to_path_buf());
    let program = Program { file, arguments, folder, out: None, err: err.clone() };
    let said = || fs::read_to_string(&err).unwrap_or_default().trim().to_string();
    match program.run(limits)? {
        End::Exited(status) if statuses.contains(&status) => {
            Ok(Answer::Wrote(serde_json::from_slice(&fs::read(&json)?)?))
        }
        End::Exited(101) | End::Died(_) => {
            let facts = said();
            let is_memory = facts.contains("memory allocation of");
            Ok(Answer::Died(if is_memory { MEMORY } else { CRASH }, facts))
        }
        End::Exited(status) => {
            Err(io::Error::other(format!("{catcher}: exit status {status}: {}", said())))
        }
        End::OutOfCpuTime | End::OutOfTime | End::StoodStill | End::TooLong => Ok(Answer::TimedOut),
    }
}
