//! Where submissions are built: in a workspace that is written for each, in folders of its own.
//!
//! What a submission says of how it is to be built is not heard: its manifest is written anew, with its
//! dependencies only. Around each of its crates stands a [judge](super::judge). The crates of this
//! workspace are built once; each submission begins with a copy of them, and compiles its own code and
//! the suites that are generic over it.

use super::confine;
use super::lab::{CRATES, Lab};
use super::submission::{Crate, Submission};
use crate::child::{self, End, Limits, Said};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "a compiler takes real time")]
type Stopwatch = std::time::Instant;

/// How long a submission may be compiled, all its crates together.
pub const COMPILING: Duration = Duration::from_secs(900);

/// What a build may use.
const LIMITS: Limits = Limits { cpu: Duration::from_secs(600), real: COMPILING, memory: 8 << 30 };

/// How many bytes a build may print.
const PRINTED: usize = 4 << 20;

/// How many lines of a compiler's errors are shown.
const LINES: usize = 60;

/// The package whose build makes the copy that others begin with.
const BASE: &str = "base";

/// How judges are optimised: a submission is compiled once and run a few thousand times for some
/// milliseconds. Of the submission's own packages the lines are in the program, for the calls that led to a
/// panic.
fn profile(own: Vec<&str>) -> Value {
    let lines = own.into_iter().map(|name| (name, json!({ "debug": "line-tables-only" })));
    let package: BTreeMap<&str, Value> = lines.collect();
    json!({ "opt-level": 1, "debug": false, "codegen-units": 16, "package": package })
}

/// What is written as JSON here, as cargo reads it.
fn toml_of(value: &Value) -> String {
    toml::to_string(value).expect("a manifest has no value that TOML lacks")
}

/// A package of a workspace that is to be written.
struct Package {
    name: String,
    manifest: String,
    files: BTreeMap<String, String>,
}

/// A place to build submissions in.
#[derive(Debug)]
pub struct Workshop {
    /// The root of this workspace.
    root: PathBuf,
    /// Where that is kept which all submissions share, from one time to the next.
    shared: PathBuf,
    /// Where this process builds; it goes with the workshop.
    folder: PathBuf,
    toolchain: Toolchain,
    jobs: usize,
    is_safe: bool,
}

/// Why there is no program.
#[derive(Debug)]
pub enum Unbuilt {
    /// The submission does not compile: what the compiler says.
    Refused(Vec<String>),
    /// Something else, which is not the submission's fault.
    Broken(io::Error),
}

impl From<io::Error> for Unbuilt {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Workshop {
    /// A workshop in a folder, which is made; its builds run on so many cores, and take safe Rust only,
    /// unless that is said otherwise.
    ///
    /// # Errors
    /// If there is no toolchain.
    pub fn open(root: &Path, shared: &Path, jobs: usize, is_safe: bool) -> io::Result<Self> {
        let own = shared.join(std::process::id().to_string());
        fs::create_dir_all(own.join("empty"))?;
        let (root, shared) = (root.canonicalize()?, shared.canonicalize()?);
        let folder = own.canonicalize()?;
        clear(&shared)?;
        let toolchain = Toolchain::find(&root)?;
        Ok(Self { root, shared, folder, toolchain, jobs, is_safe })
    }

    /// Builds what all submissions share, which comes before any of them.
    ///
    /// # Errors
    /// If the crates of this workspace do not compile.
    pub fn prepare(&self) -> io::Result<()> {
        let tree = self.shared.join(BASE);
        let all = CRATES.iter().copied().chain(["serde"]);
        let base = self.judge(BASE, all.collect(), "Catalogue::of_raft::<raft::Raft>()");
        self.write(&tree, &[base])?;
        let said = self.cargo(&tree, BASE, self.jobs, COMPILING)?;
        if said.end != End::Exited(0) {
            let text = String::from_utf8_lossy(&said.err);
            let why = format!("what submissions share cannot be built:\n{text}");
            return Err(io::Error::other(why));
        }
        Ok(())
    }

    /// The program that was built of what all submissions share. It judges the reference Raft.
    pub fn base(&self) -> PathBuf {
        program(&self.shared.join(BASE), BASE)
    }

    /// An empty folder, for judges to work in.
    pub fn empty_folder(&self) -> PathBuf {
        self.folder.join("empty")
    }

    /// Where submissions are built.
    pub fn shared(&self) -> &Path {
        &self.shared
    }

    /// Files and folders that builds can read: nothing that is a secret may lie in them.
    pub fn readable(&self) -> Vec<PathBuf> {
        let parts = ["Cargo.toml", "src", "benches", "examples", "tests"];
        let crates = CRATES.iter().flat_map(|name| parts.map(|it| self.root.join(name).join(it)));
        let root = ["Cargo.toml", "Cargo.lock"].map(|name| self.root.join(name));
        let cargo = ["registry", "git", "config.toml", "config", ".package-cache", ".global-cache"]
            .map(|name| self.toolchain.cargo_home.join(name));
        let system = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/nix", "/dev/urandom"];
        let config = [".cargo/config.toml", ".cargo/config"];
        let above = self.folder.ancestors().flat_map(|it| config.map(|name| it.join(name)));
        let all = crates
            .chain(root)
            .chain(cargo)
            .chain(system.map(PathBuf::from))
            .chain(above)
            .chain([self.toolchain.sysroot.clone()]);
        all.filter(|path| path.exists()).collect()
    }

    /// Builds a judge around one crate of a submission, in a folder of this name, in no more than this time.
    /// It is a single file.
    ///
    /// # Errors
    /// If the crate does not compile, or nothing can be built here.
    pub fn build(
        &self,
        submission: &Submission,
        lab: Lab,
        folder: &str,
        most: Duration,
    ) -> Result<PathBuf, Unbuilt> {
        let began = Stopwatch::now();
        let tree = self.folder.join(folder);
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        let judge = format!("judge-{}", lab.package());
        let crates = with_dependencies(submission, lab);
        let mut packages: Vec<Package> = crates.into_iter().map(|it| self.package(it)).collect();
        packages.push(self.judge(&judge, BTreeSet::from([lab.package()]), lab.catalogue()));
        self.write(&tree, &packages)?;
        copy(&self.shared.join(BASE).join("target"), &tree.join("target"))?;
        let mut said = self.cargo(&tree, &judge, self.jobs, most)?;
        if matches!(said.end, End::Exited(status) if status != 0) {
            // Once more, with one compiler at a time: the same errors in the same order each time.
            said = self.cargo(&tree, &judge, 1, most.saturating_sub(began.elapsed()))?;
        }
        let built = match said.end {
            End::Exited(0) => {
                let kept = self.folder.join(format!("{folder}.judge"));
                fs::rename(program(&tree, &judge), &kept)?;
                Ok(kept)
            }
            End::Exited(_) => Err(Unbuilt::Refused(self.errors(&said, &tree)?)),
            end => Err(Unbuilt::Refused(vec![match end {
                End::OutOfCpuTime | End::OutOfTime | End::StoodStill => {
                    let minutes = COMPILING.as_secs() / 60;
                    format!(
                        "the compiler did not come to an end in the {minutes} minutes that all \
                             crates of a submission have together"
                    )
                }
                End::TooLong => "the compiler had more to say than anybody reads".to_string(),
                _ => "the compiler died".to_string(),
            }])),
        };
        fs::remove_dir_all(&tree)?;
        built
    }

    /// A submission's crate, with a manifest of the grader's own.
    fn package(&self, it: &Crate) -> Package {
        let name = it.lab.package();
        let dependencies = it.dependencies.iter().map(String::as_str).collect();
        Package {
            name: name.to_string(),
            manifest: self.manifest(name, dependencies),
            files: it.files.clone(),
        }
    }

    /// A program that judges the solution of a catalogue, which is an expression in Rust.
    fn judge(&self, name: &str, dependencies: BTreeSet<&str>, catalogue: &str) -> Package {
        let main = format!(
            "use tests::catalogue::Catalogue;\nfn main() -> std::process::ExitCode {{\n    \
             tests::grade::judge::main(&{catalogue})\n}}\n"
        );
        Package {
            name: name.to_string(),
            manifest: self.manifest(name, dependencies),
            files: BTreeMap::from([("src/main.rs".to_string(), main)]),
        }
    }

    /// A package's manifest, with dependencies from this workspace, from the submission, and serde.
    fn manifest(&self, name: &str, mut dependencies: BTreeSet<&str>) -> String {
        dependencies.insert("tests");
        let dependency = |name| match name {
            "serde" => json!({ "version": "1", "features": ["derive"] }),
            "tests" => json!({
                "path": self.root.join(name),
                "default-features": false,
                "features": ["judge"],
            }),
            name if CRATES.contains(&name) => json!({ "path": self.root.join(name) }),
            name => json!({ "path": format!("../{name}") }),
        };
        let dependencies: BTreeMap<&str, Value> =
            dependencies.into_iter().map(|name| (name, dependency(name))).collect();
        let unsafe_code = if self.is_safe { "forbid" } else { "allow" };
        toml_of(&json!({
            "package": { "name": name, "version": "0.0.0", "edition": "2024" },
            "lints": { "rust": { "unsafe_code": unsafe_code } },
            "dependencies": dependencies,
        }))
    }

    /// Writes a workspace.
    fn write(&self, tree: &Path, packages: &[Package]) -> io::Result<()> {
        fs::create_dir_all(tree)?;
        fs::copy(self.root.join("Cargo.lock"), tree.join("Cargo.lock"))?;
        let members: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        let workspace = toml_of(&json!({
            "workspace": { "resolver": "3", "members": &members },
            "profile": { "release": profile(members) },
        }));
        fs::write(tree.join("Cargo.toml"), workspace)?;
        for package in packages {
            let folder = tree.join(&package.name);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("Cargo.toml"), &package.manifest)?;
            for (file, text) in &package.files {
                let path = folder.join(file);
                fs::create_dir_all(path.parent().unwrap_or(&folder))?;
                fs::write(path, text)?;
            }
        }
        Ok(())
    }

    /// Warnings are not for the grader; and no text that a program has is to tell where it was built.
    fn flags(&self) -> OsString {
        let Toolchain { sysroot, cargo_home } = &self.toolchain;
        let mut flags = OsString::from("-Awarnings");
        for (path, name) in [(sysroot, "rust"), (cargo_home, "cargo"), (&self.root, "labs")] {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(path);
            flags.push(format!("={name}"));
        }
        flags
    }

    /// What the compiler complains about, from its first error on, or why it doesn't say.
    fn errors(&self, said: &Said, tree: &Path) -> io::Result<Vec<String>> {
        let mut text = String::from_utf8_lossy(&said.err).into_owned();
        // What a full disk does is nobody's fault who hands something in.
        if text.contains("No space left on device") || !text.contains("error: could not compile `")
        {
            return Err(io::Error::other(format!("it cannot be built here: {}", text.trim())));
        }
        let Toolchain { sysroot, cargo_home } = &self.toolchain;
        let places =
            [(tree, ""), (sysroot, "rust/"), (cargo_home, "cargo/"), (&self.root, "labs/")];
        for (path, name) in places {
            text = text.replace(&format!("{}/", path.display()), name);
        }
        let is_of_cargo = |line: &str| line.starts_with("error: could not compile");
        let lines = text.lines().skip_while(|line| !line.starts_with("error"));
        let mut lines: Vec<String> =
            lines.take_while(|line| !is_of_cargo(line)).map(str::to_string).collect();
        // Of a compiler that broke down there is a report with addresses in it, others each time.
        let has_died =
            text.contains("rustc interrupted by") || text.contains("compiler unexpectedly");
        if lines.is_empty() || has_died {
            return Ok(vec![
                "the compiler was ended or broke down: too deep, too long, too large?".into(),
            ]);
        }
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        if lines.len() > LINES {
            let more = lines.len() - LINES;
            lines.truncate(LINES);
            lines.push(format!("… and {more} more lines"));
        }
        Ok(lines)
    }

    /// Runs cargo, shut in, so that it sees no more than it needs, and for no more than this time.
    fn cargo(&self, tree: &Path, package: &str, jobs: usize, most: Duration) -> io::Result<Said> {
        let limits = Limits { real: most, ..LIMITS };
        let Toolchain { sysroot, cargo_home } = &self.toolchain;
        let home = tree.join("home");
        fs::create_dir_all(&home)?;
        let mut command = child::limited(&sysroot.join("bin/cargo"), limits);
        command
            .args(["build", "--release", "--offline", "--quiet", "--color", "never", "--package"])
            .arg(package)
            .args(["--jobs", &jobs.to_string()])
            .current_dir(tree)
            .env_clear()
            .env("PATH", path(sysroot))
            .env("CARGO_HOME", cargo_home)
            .env("CARGO_TARGET_DIR", tree.join("target"))
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags())
            .env("HOME", &home)
            .env("TMPDIR", &home);
        let read = self.readable();
        let read: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
        let write = [tree, Path::new("/dev/null")];
        // What shuts a thread in shuts in what it starts; so it is a thread of its own.
        thread::scope(|scope| {
            let build = scope.spawn(move || {
                confine::build(&read, &write);
                child::converse(command, &[], limits, PRINTED, false)
            });
            build.join().unwrap_or_else(|_| Err(io::Error::other("the build's thread panicked")))
        })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What stays is found by the next.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what processes have left that are no more.
fn clear(shared: &Path) -> io::Result<()> {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return Ok(()); // Nobody knows which are left.
    }
    for entry in fs::read_dir(shared)? {
        let entry = entry?;
        let process = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if process.is_some_and(|it| !processes.join(it.to_string()).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// A crate, and those of the same submission that it stands on, however far below.
fn with_dependencies(submission: &Submission, lab: Lab) -> Vec<&Crate> {
    let mut wanted = BTreeSet::from([lab]);
    loop {
        let found: Vec<&Crate> =
            submission.crates.iter().filter(|it| wanted.contains(&it.lab)).collect();
        let below = found.iter().flat_map(|it| &it.dependencies);
        let before = wanted.len();
        let below: Vec<Lab> = below.filter_map(|name| Lab::of_package(name)).collect();
        wanted.extend(below);
        if wanted.len() == before {
            return found;
        }
    }
}

fn program(tree: &Path, package: &str) -> PathBuf {
    tree.join("target/release").join(format!("{package}{}", std::env::consts::EXE_SUFFIX))
}

/// Copies a folder with the times of its files, by which cargo knows what is new.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
            let file = fs::File::options().write(true).open(&to)?;
            file.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

/// The compiler, without what stands before it to choose one.
#[derive(Debug)]
struct Toolchain {
    sysroot: PathBuf,
    cargo_home: PathBuf,
}

impl Toolchain {
    fn find(root: &Path) -> io::Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let asked = Command::new(&rustc).args(["--print", "sysroot"]).current_dir(root).output();
        let output = asked.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run {}: {error}", rustc.display()))
        })?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if !sysroot.join("bin").is_dir() {
            return Err(io::Error::other(format!("{} does not tell its sysroot", rustc.display())));
        }
        let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let cargo_home = cargo_home.ok_or_else(|| io::Error::other("there is no home of cargo"))?;
        Ok(Self { sysroot, cargo_home })
    }
}

/// Where the compiler and the linker are.
fn path(sysroot: &Path) -> OsString {
    let bin = sysroot.join("bin");
    let folders =
        [bin.as_os_str(), OsStr::new("/usr/local/bin"), "/usr/bin".as_ref(), "/bin".as_ref()];
    std::env::join_paths(folders).unwrap_or_default()
}
