//! `lab grade`: what shuts a run and a build in, and the command as far as nothing is built.
//!
//! `grade_all` builds and grades every submission in `tests/submissions`; it takes minutes, and `.ci/run`
//! runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a compiler takes real time")]
type Stopwatch = std::time::Instant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn lab(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).args(words).output().expect("lab runs");
    said(&output)
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Runs that are shut in, each in a process of its own: these tests start their own program once more.
#[cfg(target_os = "linux")]
mod shut_in {
    use super::*;
    use std::io;
    use std::os::unix::process::ExitStatusExt;
    use std::thread;
    use tests::grade::confine;

    /// The variable that says what the child is to try.
    const TRY: &str = "LAB_TEST_TRIES";

    /// What a run could try, and whether it is let.
    const TRIES: [(&str, bool); 9] = [
        ("to compute", true),
        ("to panic", true),
        ("to read", false),
        ("to write", false),
        ("to look into a folder", false),
        ("to start a process", false),
        ("to start a thread", false),
        ("to listen", false),
        ("to send", false),
    ];

    #[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "that is what is tried")]
    fn do_it(what: &str) {
        match what {
            "to compute" => {
                let squares: std::collections::HashMap<u64, u64> =
                    (0..100_000).map(|it| (it, it * it)).collect();
                assert_eq!(squares[&300], 90_000);
            }
            "to panic" => {
                let caught = std::panic::catch_unwind(|| assert_eq!(1, 2, "a panic"));
                assert!(caught.is_err());
            }
            "to read" => drop(fs::read("/etc/hostname")),
            "to write" => drop(fs::write("/tmp/shut-in", "free")),
            "to look into a folder" => drop(fs::read_dir("/")),
            "to start a process" => drop(Command::new("true").spawn()),
            "to start a thread" => thread::spawn(|| ()).join().unwrap(),
            "to listen" => drop(std::net::TcpListener::bind("127.0.0.1:0")),
            "to send" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
            other => panic!("{other}?"),
        }
    }

    fn child(what: &str) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "shut_in::the_child",
            "--ignored",
            "--test-threads=1",
            "--nocapture",
        ]);
        command.env_clear().env(TRY, what).output().unwrap()
    }

    #[test]
    #[ignore = "is run by the tests below, in processes of their own"]
    fn the_child() {
        let what = std::env::var(TRY).expect("another test says what to try");
        assert_eq!(confine::run(false), [""; 0]);
        do_it(&what);
        println!("{what}: done");
    }

    #[test]
    fn a_run_can_compute_and_nothing_else() {
        /// The signal for a system call that is not allowed.
        const SIGSYS: i32 = 31;
        for (what, is_let) in TRIES {
            let output = child(what);
            let is_done =
                String::from_utf8_lossy(&output.stdout).contains(&format!("{what}: done"));
            assert_eq!(is_done, is_let, "{what}: {output:?}");
            let signal = (!is_let).then_some(SIGSYS);
            assert_eq!(output.status.signal(), signal, "{what}: {output:?}");
        }
    }

    #[test]
    fn a_build_reads_and_writes_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["sources", "own", "secret"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), name).unwrap();
        }
        let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(confine::build(&[&path("sources")], &[&path("own")]), [""; 0]);
                assert_eq!(fs::read_to_string(path("sources/file")).unwrap(), "sources");
                assert!(fs::write(path("sources/file"), "").is_err_and(denied));
                fs::write(path("own/file"), "another").unwrap();
                assert!(fs::read(path("secret/file")).is_err_and(denied));
                assert!(fs::read_dir(folder.path()).is_err_and(denied));
            });
        });
        // The thread's limits are its own.
        assert_eq!(fs::read_to_string(path("secret/file")).unwrap(), "secret");
    }
}

#[test]
fn bad_use_is_told_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let is_refused = |words: &[&str], why: &str| {
        let (status, _, err) = lab(&[&["grade", "--out", &out], words].concat());
        assert_eq!(status, Some(2), "{words:?}: {err}");
        assert!(err.contains(why), "{words:?}: {err}");
        assert!(!err.contains("building"), "{words:?}: {err}");
        err
    };
    let empty = |name: &str| {
        fs::create_dir_all(folder.path().join(name)).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (one, other) = (empty("one"), empty("in/one"));
    is_refused(&[], "PATH");
    is_refused(&["nowhere"], "there is no nowhere");
    is_refused(&[&one, &other], "are both called `one`");
    is_refused(&[&one, "--visible", "0"], "neither visible nor hidden seeds");
    is_refused(&[&one, "--seeds-file", "/nowhere"], "cannot use /nowhere");
    is_refused(&[&one, "--allow", "everything"], "reference");
    let panics = root().join("tests/submissions/panics").display().to_string();
    is_refused(&[&one, "--parts", "2a,2e"], "no part is called `2e`; the nearest: 2a, 2b");
    is_refused(&[&panics, "--parts", "2a,3b"], "`3b` is a part of lab3, which no submission has");
    let err = is_refused(&[&one, "--seeds-file", &file("bad", "17\nsecret\n")], "line 2");
    assert!(!err.contains("secret"), "{err}");
    is_refused(&[&one, "--seeds-file", &file("known", "3\n")], "cannot be hidden");
}

#[cfg(unix)]
#[test]
fn what_builds_can_read_is_no_place_for_seeds_submissions_or_grades() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ann, out, seeds) = (path("ann"), path("out"), path("seeds"));
    fs::create_dir(&ann).unwrap();
    fs::write(&seeds, "17\n").unwrap();
    let within = |name: &str| root().join(name).display().to_string();
    let is_refused = |words: &[&str], why: &str| {
        let (status, text, err) = lab(&[&["grade"], words].concat());
        assert_eq!(status, Some(2), "{words:?}: {text}{err}");
        assert!(err.contains(why) && !err.contains("building"), "{words:?}: {err}");
    };
    let in_reach = "in reach, and ";
    is_refused(&[&ann, "--out", "/usr/grades/of/autumn"], in_reach);
    is_refused(&[&ann, "--out", &within("raft/src/grades")], in_reach);
    is_refused(&["/usr/share", "--out", &out, "--seeds-file", &seeds], "/usr/share lies there");
    // A way there by a folder that is not there yet.
    is_refused(&[&ann, "--out", "/not/there/yet/../../../usr/grades"], in_reach);
    is_refused(&[&within("tests/src"), "--out", &out], in_reach);
    is_refused(&[&ann, "--out", &path("")], "lies where its grade is to be");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(["grade", &ann, "--out", &out]).env("CARGO_HOME", path("home"));
    let output = command.env("CARGO_TARGET_DIR", path("home/registry/target")).output().unwrap();
    let (status, _, err) = said(&output);
    assert!(status == Some(2) && err.contains("home/registry/target/grade lies there"), "{err}");
    assert!(!folder.path().join("out").exists());
}

/// A crate that is never compiled to its end does not hold the machine for longer than it is given.
#[test]
#[ignore = "builds what submissions share: minutes, once"]
fn grade_endless_constant() {
    use tests::grade::lab::Lab;
    use tests::grade::submission::{Crate, Submission};
    use tests::grade::workshop::{Unbuilt, Workshop};
    const ENDLESS: &str = "#![allow(long_running_const_eval)]\n\
                           const fn f() -> u8 { loop {} }\npub const X: u8 = f();\n";
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("grade");
    let workshop = Workshop::open(root(), &shared, 1, true).unwrap();
    workshop.prepare().unwrap();
    let files = [("src/lib.rs".to_string(), ENDLESS.to_string())].into();
    let it = Crate { lab: Lab::Lab2, files, dependencies: [].into() };
    let submission = Submission { name: "endless".to_string(), crates: vec![it] };
    let most = Duration::from_secs(5);
    let began = Stopwatch::now();
    let built = workshop.build(&submission, Lab::Lab2, "endless", most);
    assert!(began.elapsed() >= most && began.elapsed() < 12 * most, "{:?}", began.elapsed());
    let Err(Unbuilt::Refused(why)) = built else { panic!("{built:?}") };
    assert!(why[0].contains("the compiler did not come to an end"), "{why:?}");
}

/// The files of a folder and of those in it, by their names, without what is kept for the next time.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name == ".kept" => {}
                true => folders.push(path),
                false => {
                    let text = fs::read(&path).unwrap();
                    all.push((path.strip_prefix(folder).unwrap().to_path_buf(), text));
                }
            }
        }
    }
    all.sort();
    all
}

/// What has to be the same each time of a submission of which runs differ: its grade without the first
/// differences; of any other: everything.
fn lasting(folder: &Path, name: &Path, text: &[u8]) -> Vec<u8> {
    use tests::grade::result::{Grade, Reason};
    let json = name.parent().map(|it| fs::read(folder.join(it).join("grade.json")));
    let Some(Ok(json)) = json else { return text.to_vec() };
    let mut grade: Grade = serde_json::from_slice(&json).unwrap();
    let failures = grade.labs.iter_mut().flat_map(|it| &mut it.scenarios);
    let mut differs = false;
    for failure in failures.flat_map(|it| &mut it.failures) {
        if failure.reason == Reason::NotDeterministic {
            differs = true;
            failure.facts.iter_mut().for_each(|it| it.text.clear());
        }
    }
    if differs { serde_json::to_vec(&grade).unwrap() } else { text.to_vec() }
}

#[test]
#[ignore = "builds two dozen crates: minutes"]
fn grade_all() {
    const HIDDEN: [&str; 2] = ["20261121174711", "31415926535897"];
    let folder = tempfile::tempdir().unwrap();
    let seeds = folder.path().join("seeds");
    fs::write(&seeds, HIDDEN.join("\n")).unwrap();
    let submissions = root().join("tests/submissions");
    let mut paths: Vec<String> = fs::read_dir(submissions)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .chain(["lab2", "lab3", "lab4a", "lab4b"].map(|name| root().join("docs/labs").join(name)))
        .map(|path| path.display().to_string())
        .collect();
    paths.sort();
    let grade = |out: &Path, more: &[&str]| {
        let (out, seeds) = (out.display().to_string(), seeds.display().to_string());
        let mut words = vec!["grade", "--allow", "reference", "--visible", "2", "--cpu", "2"];
        words.extend(["--seeds-file", &seeds, "--out", &out]);
        words.extend(more);
        words.extend(paths.iter().map(String::as_str));
        let (status, text, err) = lab(&words);
        assert_eq!(status, Some(0), "{text}\n{err}");
        assert!(!err.contains("NOT SHUT IN"), "{err}");
        println!("{text}");
        text
    };
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    grade(&one, &[]);
    let again = grade(&one, &[]);
    assert!(again.contains("as before"), "{again}");
    grade(&two, &["--jobs", "1"]);

    let (first, second) = (files(&one), files(&two));
    for ((name, text), (other, again)) in first.iter().zip(&second) {
        assert_eq!(name, other);
        let (once, again) = (lasting(&one, name, text), lasting(&two, name, again));
        assert!(once == again, "{} differs from one time to the next", name.display());
        let text = String::from_utf8_lossy(text);
        for seed in HIDDEN {
            assert!(!text.contains(seed), "{} tells a hidden seed", name.display());
        }
        let root = format!("{}/", root().display());
        assert!(!text.contains(&root), "{} tells where it was graded", name.display());
    }
    assert_eq!(first.len(), second.len());
    let page = fs::read_to_string(one.join("panics/index.html")).unwrap();
    assert!(page.contains("\nlab2/src/lib.rs:24: step\nlab2/src/lib.rs:38: on_message<"), "{page}");

    // The golden file is a text of this repository, with its ends of lines.
    let csv = fs::read_to_string(one.join("grades.csv")).unwrap().replace("\r\n", "\n");
    let golden = root().join("tests/tests/golden/grade/submissions.csv");
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::write(&golden, &csv).unwrap();
    }
    assert_eq!(csv, fs::read_to_string(&golden).unwrap_or_default(), "see {}", golden.display());
}
