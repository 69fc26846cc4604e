//! Programs that may never end, or take all memory: they are run with limits.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a real program takes real time")]
type Stopwatch = std::time::Instant;

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time. Only on Unix.
    pub cpu: Duration,
    /// Real time, which a busy machine takes more of.
    pub real: Duration,
    /// Bytes of address space. Only on Unix, where the system has such a limit.
    pub memory: u64,
}

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The folder that it works in.
    pub folder: PathBuf,
    /// Where its standard output goes; nowhere, if that is not said.
    pub out: Option<PathBuf>,
    /// Where its standard error goes.
    pub err: PathBuf,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that it brought upon itself.
    Died,
    /// It was ended, as it took too long.
    TimedOut,
}

/// What the suites and the tests read from the environment, and a mutant's run must not.
const VARIABLES: [&str; 5] =
    ["LAB_SEED", "LAB_SEEDS", "UPDATE_GOLDENFILES", "RUST_BACKTRACE", "RUST_TEST_THREADS"];

/// How often it is looked whether a program has ended: at first, and at last.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

impl Program {
    /// Runs it to its end, or to a limit.
    pub fn run(&self, limits: Limits) -> io::Result<End> {
        let mut command = limited(&self.file, limits);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(match &self.out {
            Some(path) => File::create(path)?.into(),
            None => Stdio::null(),
        });
        command.stderr(File::create(&self.err)?);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let mut child = Guard(command.spawn().map_err(|error| about(&self.file, &error))?);
        let (began, mut pause) = (Stopwatch::now(), LOOK.0);
        loop {
            if let Some(status) = child.0.try_wait()? {
                return Ok(end(status));
            }
            if began.elapsed() > limits.real {
                return Ok(End::TimedOut); // The guard ends it.
            }
            sleep(pause);
            pause = (2 * pause).min(LOOK.1);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a real program takes real time")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}

fn about(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot run {}: {error}", file.display()))
}

/// Ends the program when nobody waits for it any more.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // After its end neither does anything.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The shell sets the limits and makes way for the program, which has the shell's number then. A
/// system without one of the limits does without.
#[cfg(unix)]
fn limited(file: &Path, limits: Limits) -> Command {
    let (seconds, kilobytes) = (limits.cpu.as_secs().max(1), limits.memory / 1024);
    let script = format!(
        "ulimit -c 0; ulimit -S -t {seconds}; ulimit -v {kilobytes} 2>/dev/null; exec \"$0\" \"$@\""
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(file);
    command
}

#[cfg(not(unix))]
fn limited(file: &Path, _: Limits) -> Command {
    Command::new(file)
}

#[cfg(unix)]
fn end(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    /// What comes of the limit on CPU time, on every Unix.
    const SIGXCPU: i32 = 24;
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(SIGXCPU)) => End::TimedOut,
        (None, _) => End::Died,
    }
}

#[cfg(not(unix))]
fn end(status: ExitStatus) -> End {
    status.code().map_or(End::Died, End::Exited)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { cpu: Duration::from_secs(5), real: Duration::from_secs(30), memory: 1 << 30 };

    fn sh(script: &str, limits: Limits) -> (End, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let (out, err) = (folder.path().join("out"), folder.path().join("err"));
        let program = Program {
            file: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: folder.path().into(),
            out: Some(out.clone()),
            err: err.clone(),
        };
        let end = program.run(limits).unwrap();
        let read = |path| std::fs::read_to_string(path).unwrap();
        (end, read(out), read(err))
    }

    #[test]
    fn a_program_ends_by_itself_or_by_a_limit() {
        let (end, out, err) = sh("echo out; echo err >&2; exit 3", LIMITS);
        assert_eq!((end, &*out, &*err), (End::Exited(3), "out\n", "err\n"));
        assert_eq!(sh("kill -6 $$", LIMITS).0, End::Died);
        let short = Limits { real: Duration::from_millis(50), ..LIMITS };
        assert_eq!(sh("sleep 600", short).0, End::TimedOut);
        let short = Limits { cpu: Duration::from_secs(1), ..LIMITS };
        assert_eq!(sh("while :; do :; done", short).0, End::TimedOut);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_or_fails() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            file: folder.path().join("nothing"),
            arguments: Vec::new(),
            folder: folder.path().into(),
            out: None,
            err: folder.path().join("err"),
        };
        assert!(matches!(program.run(LIMITS), Ok(End::Exited(126 | 127)) | Err(_)));
    }
}
