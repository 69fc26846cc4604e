//! A copy of the tree, and what cargo builds of it.

use super::sources::Sources;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tree on the disk whose files are as somebody wants them, and a target folder of its own.
///
/// A file is written only if it has to change, so that cargo builds only what has changed.
#[derive(Clone, Debug)]
pub struct Scratch {
    tree: PathBuf,
    target: PathBuf,
    folder: PathBuf,
    number: usize,
    jobs: usize,
}

/// The profile of the workspace that mutants are built with.
pub const PROFILE: &str = "mutants";

impl Scratch {
    /// The scratch tree with this number in a folder. Cargo may do so many things at a time.
    pub fn new(folder: &Path, number: usize, jobs: usize) -> Self {
        Self {
            tree: folder.join(format!("tree-{number}")),
            target: folder.join(format!("build-{number}")),
            folder: folder.to_path_buf(),
            number,
            jobs,
        }
    }

    /// The root of the tree.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// A file beside the tree for what a program says.
    pub fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("said-{}.{extension}", self.number))
    }

    /// Makes the tree what it should be: these sources, but for the files that are patched. Those
    /// are written in any case, so that cargo sees that they are new.
    pub fn set(&self, sources: &Sources, patched: &BTreeMap<String, String>) -> io::Result<()> {
        fs::create_dir_all(&self.tree)?;
        remove_others(&self.tree, &self.tree, sources)?;
        for (name, content) in sources.files() {
            let path = self.tree.join(name);
            let new = patched.get(name).map(String::as_bytes);
            if new.is_some() || fs::read(&path).ok().as_deref() != Some(content) {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&path, new.unwrap_or(content))?;
            }
        }
        Ok(())
    }

    /// Whether the tree is what it should be.
    fn is_set(&self, sources: &Sources, patched: &BTreeMap<String, String>) -> bool {
        sources.files().all(|(name, content)| {
            let wanted = patched.get(name).map_or(content, String::as_bytes);
            fs::read(self.tree.join(name)).is_ok_and(|there| there == wanted)
        })
    }

    /// Sets the tree, and builds the `lab` command from it.
    pub fn lab(
        &self,
        sources: &Sources,
        patched: &BTreeMap<String, String>,
    ) -> Result<PathBuf, BuildError> {
        self.set(sources, patched).map_err(BuildError::Tool)?;
        let built = self.cargo(&["build", "--package", "tests", "--bin", "lab"], "lab")?;
        if built.fresh && !patched.is_empty() {
            return Err(self.strange("cargo saw nothing new in the patched tree"));
        }
        if !self.is_set(sources, patched) {
            return Err(self.strange("its tree was changed while it was built"));
        }
        Ok(built.executable)
    }

    /// Builds a target of tests of a package, from the tree as it is.
    pub fn test(&self, package: &str, target: &str) -> Result<PathBuf, BuildError> {
        let mut words = vec!["test", "--no-run", "--package", package];
        words.extend(if target == "lib" { vec!["--lib"] } else { vec!["--test", target] });
        let name = if target == "lib" { package } else { target };
        Ok(self.cargo(&words, &name.replace('-', "_"))?.executable)
    }

    fn strange(&self, what: &str) -> BuildError {
        let text =
            format!("{}: {what}; does another `lab mutants` work there?", self.tree.display());
        BuildError::Tool(io::Error::other(text))
    }

    /// Builds, and finds the one program of that name in what cargo says.
    fn cargo(&self, words: &[&str], name: &str) -> Result<Artifact, BuildError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(&cargo);
        command
            .args(words)
            .args(["--profile", PROFILE, "--offline", "--locked"])
            .args(["--message-format", "json", "--jobs", &self.jobs.to_string()])
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.tree)
            .stdin(Stdio::null())
            .stderr(File::create(self.file("log")).map_err(BuildError::Tool)?);
        let output = command.output().map_err(|error| {
            let what = format!("cannot run {}: {error}", cargo.to_string_lossy());
            BuildError::Tool(io::Error::new(error.kind(), what))
        })?;
        let messages = || {
            let lines = output.stdout.split(|&byte| byte == b'\n');
            lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        };
        if !output.status.success() {
            let errors = messages().filter_map(Message::error).collect::<Vec<_>>().concat();
            let log = || fs::read_to_string(self.file("log")).unwrap_or_default();
            return Err(BuildError::Failed(if errors.is_empty() { log() } else { errors }));
        }
        let program = messages().filter_map(Message::program).rfind(|(it, _)| it == name);
        match program {
            Some((_, built)) if built.executable.starts_with(&self.target) => Ok(built),
            _ => Err(self.strange("cargo does not say which program it has built")),
        }
    }
}

/// Removes what is no file of the sources; whether anything is left.
fn remove_others(root: &Path, folder: &Path, sources: &Sources) -> io::Result<bool> {
    let mut is_empty = true;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if remove_others(root, &path, sources)? {
                is_empty = false;
            } else {
                fs::remove_dir(&path)?;
            }
            continue;
        }
        let parts = path.strip_prefix(root).unwrap_or(&path).iter();
        let name = parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        if sources.get(&name).is_some() {
            is_empty = false;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(!is_empty)
}

/// Why there is no program.
#[derive(Debug)]
pub enum BuildError {
    /// The sources do not compile: the errors.
    Failed(String),
    /// It could not be tried.
    Tool(io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(errors) => f.write_str(errors),
            Self::Tool(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {}

/// A line of what cargo prints: `cargo build --message-format json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
    fresh: Option<bool>,
    #[serde(rename = "message")]
    diagnostic: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

/// A program that cargo has built, or has found to be built.
struct Artifact {
    executable: PathBuf,
    fresh: bool,
}

impl Message {
    fn program(self) -> Option<(String, Artifact)> {
        let is_artifact = self.reason == "compiler-artifact";
        let (executable, fresh) = (self.executable.filter(|_| is_artifact)?, self.fresh?);
        Some((self.target?.name, Artifact { executable, fresh }))
    }

    fn error(self) -> Option<String> {
        self.diagnostic.filter(|it| it.level == "error").and_then(|it| it.rendered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_set_and_only_what_differs_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path(), 1, 1);
        let sources = Sources::of([("Cargo.toml", "[workspace]"), ("raft/src/a.rs", "a")]);
        let none = BTreeMap::new();
        scratch.set(&sources, &none).unwrap();
        let path = |name: &str| folder.path().join("tree-1").join(name);
        let modified = |name: &str| fs::metadata(path(name)).unwrap().modified().unwrap();
        assert!(scratch.is_set(&sources, &none));
        let times = [modified("Cargo.toml"), modified("raft/src/a.rs")];

        fs::create_dir_all(path("raft/tests/old")).unwrap();
        fs::write(path("raft/tests/old/b.rs"), "b").unwrap();
        let patched = BTreeMap::from([("raft/src/a.rs".to_string(), "bug".to_string())]);
        scratch.set(&sources, &patched).unwrap();
        assert!(!path("raft/tests").exists(), "what is no source is removed");
        assert!(scratch.is_set(&sources, &patched) && !scratch.is_set(&sources, &none));
        assert_eq!(fs::read_to_string(path("raft/src/a.rs")).unwrap(), "bug");
        assert_eq!(modified("Cargo.toml"), times[0]);

        scratch.set(&sources, &none).unwrap();
        assert!(scratch.is_set(&sources, &none));
    }
}
