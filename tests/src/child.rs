//! Programs that may never end, or take all memory: they are run with limits.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a real program takes real time")]
type Stopwatch = std::time::Instant;

/// What a program may use. On Unix none of the files that it writes may have more than a GiB.
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
    /// By a signal that it brought upon itself: this one.
    Died(i32),
    /// It was ended, as it took too much CPU time.
    OutOfCpuTime,
    /// It was ended, as it took too much real time.
    OutOfTime,
    /// It was ended, as it did nothing, and waited for what never came. Told on Linux only.
    StoodStill,
    /// It was ended, as it wrote too much.
    TooLong,
}

/// What a program was told, and what it said.
#[derive(Clone, Debug)]
pub struct Said {
    /// How it ended.
    pub end: End,
    /// What it wrote to its standard output, up to the limit.
    pub out: Vec<u8>,
    /// What it wrote to its standard error, up to the limit.
    pub err: Vec<u8>,
}

/// What the suites and the tests read from the environment, and a mutant's run must not.
const VARIABLES: [&str; 5] =
    ["LAB_SEED", "LAB_SEEDS", "UPDATE_GOLDENFILES", "RUST_BACKTRACE", "RUST_TEST_THREADS"];

/// How large a file may become that a program writes.
#[cfg(unix)]
const FILE: u64 = 1 << 30;

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
        let child = command.spawn().map_err(|error| about(&self.file, &error))?;
        let mut child = Guard { child, is_group: false };
        child.wait(limits, || None)
    }
}

/// Gives a program its input, and takes what it says, up to `most` bytes of each of its two outputs. If
/// it works `alone`, without processes of its own, it is ended when it stands still; if not, they are ended
/// with it.
///
/// # Errors
/// If it cannot be run.
pub fn converse(
    mut command: Command,
    input: &[u8],
    limits: Limits,
    most: usize,
    alone: bool,
) -> io::Result<Said> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !alone {
        in_a_group(&mut command);
    }
    let mut child = Guard { child: command.spawn()?, is_group: !alone };
    let pipes = (child.child.stdin.take(), child.child.stdout.take(), child.child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::Error::other("the program has no pipes"));
    };
    let too_long = &AtomicBool::new(false);
    thread::scope(|scope| {
        let out = scope.spawn(move || taken(stdout, most, too_long));
        let err = scope.spawn(move || taken(stderr, most, too_long));
        // Who does not want to hear it will not answer either.
        let _ = stdin.write_all(input);
        drop(stdin);
        let mut still = Still::of(&child.child);
        let end = child.wait(limits, || {
            let has_said_enough = too_long.load(Ordering::Relaxed).then_some(End::TooLong);
            has_said_enough.or_else(|| (alone && still.is_still()).then_some(End::StoodStill))
        });
        drop(child); // Then the pipes end, too.
        let join =
            |reader: thread::ScopedJoinHandle<'_, Vec<u8>>| reader.join().unwrap_or_default();
        let (out, err) = (join(out), join(err));
        let end = if too_long.load(Ordering::Relaxed) { End::TooLong } else { end? };
        Ok(Said { end, out, err })
    })
}

/// All there is in a pipe, or the first `most` bytes of it.
fn taken(mut pipe: impl Read, most: usize, too_long: &AtomicBool) -> Vec<u8> {
    let mut all = Vec::new();
    // What can't be read any more was not said.
    let _ = pipe.by_ref().take(most as u64).read_to_end(&mut all);
    if all.len() == most && matches!(pipe.read(&mut [0]), Ok(1)) {
        too_long.store(true, Ordering::Relaxed);
    }
    all
}

#[allow(clippy::disallowed_methods, reason = "a real program takes real time")]
fn sleep(time: Duration) {
    thread::sleep(time);
}

fn about(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot run {}: {error}", file.display()))
}

/// How long a process has to wait for something before it counts as standing still.
const STILL: Duration = Duration::from_secs(3);

/// Whether a process does nothing. On a busy machine one that would like to run has to wait, too, and does
/// not count.
struct Still {
    stat: PathBuf,
    ticks: String,
    since: Stopwatch,
}

impl Still {
    fn of(child: &Child) -> Self {
        let stat = format!("/proc/{}/stat", child.id()).into();
        Self { stat, ticks: String::new(), since: Stopwatch::now() }
    }

    /// Whether it has been waiting for long, and has used no CPU time.
    fn is_still(&mut self) -> bool {
        let stat = fs::read_to_string(&self.stat).unwrap_or_default();
        // The state and what follows stand behind the name, which is in brackets and may be anything.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let is_waiting = fields.next() == Some("S");
        let ticks: Vec<&str> = fields.skip(10).take(2).collect();
        let ticks = ticks.join(" ");
        if !is_waiting || ticks != self.ticks {
            (self.ticks, self.since) = (ticks, Stopwatch::now());
        }
        self.since.elapsed() > STILL
    }
}

/// Ends the program when nobody waits for it any more, and, if it is the first of a group, all of them.
struct Guard {
    child: Child,
    is_group: bool,
}

impl Guard {
    /// Waits for the program's end, for a limit, or until it is to be ended.
    fn wait(&mut self, limits: Limits, mut enough: impl FnMut() -> Option<End>) -> io::Result<End> {
        let (began, mut pause) = (Stopwatch::now(), LOOK.0);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(end(status));
            }
            if let Some(end) = enough() {
                return Ok(end); // The guard ends it.
            }
            if began.elapsed() > limits.real {
                return Ok(End::OutOfTime);
            }
            sleep(pause);
            pause = (2 * pause).min(LOOK.1);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // After its end neither does anything.
        if self.is_group {
            end_group(self.child.id());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a program the first of a group of processes.
#[cfg(unix)]
fn in_a_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn in_a_group(_: &mut Command) {}

/// Ends a group of processes, whoever of it is left.
#[cfg(unix)]
fn end_group(first: u32) {
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", "kill -s KILL -- -$0 2>/dev/null", &first.to_string()]);
    let _ = kill.status();
}

#[cfg(not(unix))]
fn end_group(_: u32) {}

/// A command for a program with limits on CPU time, memory and the size of files.
///
/// The shell sets the limits and makes way for the program, which has the shell's number then. A
/// system without one of the limits does without.
#[cfg(unix)]
pub fn limited(file: &Path, limits: Limits) -> Command {
    let (seconds, kilobytes) = (limits.cpu.as_secs().max(1), limits.memory / 1024);
    let blocks = FILE / 512;
    let script = format!(
        "ulimit -c 0; ulimit -s 8192; ulimit -S -t {seconds}; ulimit -v {kilobytes} 2>/dev/null; \
         ulimit -f {blocks}; exec \"$0\" \"$@\""
    );
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(file);
    command
}

#[cfg(not(unix))]
pub fn limited(file: &Path, _: Limits) -> Command {
    Command::new(file)
}

#[cfg(unix)]
fn end(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    /// What comes of the limit on CPU time, on every Unix.
    const SIGXCPU: i32 = 24;
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(SIGXCPU)) => End::OutOfCpuTime,
        (None, signal) => End::Died(signal.unwrap_or_default()),
    }
}

#[cfg(not(unix))]
fn end(status: ExitStatus) -> End {
    status.code().map_or(End::Died(0), End::Exited)
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
        let read = |path| fs::read_to_string(path).unwrap();
        (end, read(out), read(err))
    }

    #[test]
    fn a_program_ends_by_itself_or_by_a_limit() {
        let (end, out, err) = sh("echo out; echo err >&2; exit 3", LIMITS);
        assert_eq!((end, &*out, &*err), (End::Exited(3), "out\n", "err\n"));
        assert_eq!(sh("kill -6 $$", LIMITS).0, End::Died(6));
        let short = Limits { real: Duration::from_millis(50), ..LIMITS };
        assert_eq!(sh("sleep 600", short).0, End::OutOfTime);
        let short = Limits { cpu: Duration::from_secs(1), ..LIMITS };
        assert_eq!(sh("while :; do :; done", short).0, End::OutOfCpuTime);
    }

    #[test]
    fn no_file_becomes_too_large() {
        const SIGXFSZ: i32 = 25;
        let last_byte = |at: u64| format!("exec dd if=/dev/zero of=it bs=1 count=1 seek={at}");
        assert_eq!(sh(&last_byte(FILE - 1), LIMITS).0, End::Exited(0));
        assert_eq!(sh(&last_byte(FILE), LIMITS).0, End::Died(SIGXFSZ));
    }

    #[test]
    fn a_conversation_ends_when_enough_is_said() {
        let say = |script: &str, input: &str| {
            let mut command = limited(Path::new("/bin/sh"), LIMITS);
            command.args(["-c", script]);
            let said = converse(command, input.as_bytes(), LIMITS, 1_000, false).unwrap();
            (said.end, String::from_utf8(said.out).unwrap(), String::from_utf8(said.err).unwrap())
        };
        let heard = (End::Exited(0), "what\n".to_string(), "else\n".to_string());
        assert_eq!(say("read it; echo $it; echo else >&2", "what\n"), heard);
        assert_eq!(say("exit 3", &"nobody listens".repeat(100_000)).0, End::Exited(3));
        let (end, out, _) = say("while :; do echo and so on; done", "");
        assert_eq!((end, out.len()), (End::TooLong, 1_000));
        assert_eq!(say("while :; do echo and so on >&2; done", "").0, End::TooLong);
    }

    #[test]
    fn who_has_started_others_is_ended_with_them() {
        let mut command = limited(Path::new("/bin/sh"), LIMITS);
        command.args(["-c", "sleep 600 & sleep 600"]);
        let short = Limits { real: Duration::from_millis(200), ..LIMITS };
        // The pipes are at their end only when nobody has them.
        let said = converse(command, &[], short, 1_000, false).unwrap();
        assert_eq!(said.end, End::OutOfTime);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_waits_for_nothing_stands_still_and_who_works_does_not() {
        let end = |script: &str| {
            let mut command = limited(Path::new("/bin/sh"), LIMITS);
            command.args(["-c", script]);
            converse(command, &[], LIMITS, 1_000, true).unwrap().end
        };
        assert_eq!(end("exec sleep 600"), End::StoodStill);
        assert_eq!(end("while :; do :; done"), End::OutOfCpuTime);
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
