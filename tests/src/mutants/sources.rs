//! The sources of a workspace, as they are at one moment.

use labrpc::Fingerprint;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What cargo needs to build a workspace, in memory.
///
/// That is the files at its root that cargo reads, and everything in the folders that are crates. The
/// corpus and the submissions are left out, as they are no part of what is built.
#[derive(Clone, Debug)]
pub struct Sources {
    files: BTreeMap<String, Vec<u8>>,
}

/// What is no part of what is built, from the root of the tree: the corpus, and crates outside the workspace.
const LEFT_OUT: [&str; 2] = ["tests/mutants", "tests/submissions"];

impl Sources {
    /// Reads the tree with this root; the target folder is left out if it is inside.
    pub fn read(root: &Path, target: &Path) -> io::Result<Self> {
        let mut sources = Self { files: BTreeMap::new() };
        for entry in fs::read_dir(root)? {
            let (entry, name) = named(entry?)?;
            let path = entry.path();
            if path.is_dir() {
                let is_crate = path.join("Cargo.toml").is_file();
                if (is_crate && !name.starts_with('.')) || name == ".cargo" {
                    sources.add_folder(&path, &name, target)?;
                }
            } else if is_for_cargo(&name) {
                sources.files.insert(name, fs::read(path)?);
            }
        }
        Ok(sources)
    }

    fn add_folder(&mut self, folder: &Path, name: &str, target: &Path) -> io::Result<()> {
        if LEFT_OUT.contains(&name) || folder == target {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            let (entry, file) = named(entry?)?;
            let (path, name) = (entry.path(), format!("{name}/{file}"));
            if path.is_dir() {
                self.add_folder(&path, &name, target)?;
            } else {
                self.files.insert(name, fs::read(path)?);
            }
        }
        Ok(())
    }

    /// These files.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter().map(|(name, text)| (name.to_string(), text.into()));
        Self { files: files.collect() }
    }

    /// All files: their names from the root, with `/`, and what is in them.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// A file's content.
    pub fn get(&self, file: &str) -> Option<&[u8]> {
        self.files.get(file).map(Vec::as_slice)
    }

    /// A file's text.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.get(file).and_then(|content| std::str::from_utf8(content).ok())
    }

    /// All Rust files in a folder, one after another: their names, and their texts.
    pub fn rust_in(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        let is_of = move |name: &str| {
            let rest = name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| Path::new(rest).extension().is_some_and(|it| it == "rs"))
        };
        let names = self.files.keys().filter(move |name| is_of(name));
        names.filter_map(|name| Some((name.as_str(), self.text(name)?)))
    }

    /// A digest of everything but what is written for people: that changes nothing that is run.
    pub fn digest(&self) -> u64 {
        let mut digest = Fingerprint::default();
        for (name, content) in self.files() {
            if !is_for_people(name) {
                digest.bytes(name.as_bytes());
                digest.bytes(content);
            }
        }
        digest.value()
    }
}

fn named(entry: fs::DirEntry) -> io::Result<(fs::DirEntry, String)> {
    let name = entry.file_name().into_string().map_err(|name| {
        let path = PathBuf::from(name);
        io::Error::other(format!("the name of {} is not Unicode", path.display()))
    })?;
    Ok((entry, name))
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(name).extension().and_then(|it| it.to_str());
    extension.is_some_and(|it| extensions.contains(&it))
}

/// Sources may include the texts at the root. Other files there are somebody's own: results, trials.
fn is_for_cargo(name: &str) -> bool {
    matches!(name, "Cargo.toml" | "Cargo.lock" | "rust-toolchain" | "rust-toolchain.toml")
        || is_for_people(name)
}

fn is_for_people(name: &str) -> bool {
    has_extension(name, &["md"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_needs_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let files = [
            ("Cargo.toml", true),
            ("Cargo.lock", true),
            ("README.md", true),
            (".cargo/config.toml", true),
            ("runs.json", false),
            ("fuzz-raft-17.toml", false),
            ("rust-toolchain.toml", true),
            ("docs/ARCHITECTURE.md", false),
            (".git/config", false),
            ("target/debug/lab", false),
            ("raft/Cargo.toml", true),
            ("raft/src/raft.rs", true),
            ("raft/target/raft.rs", false),
            ("tests/Cargo.toml", true),
            ("tests/src/lib.rs", true),
            ("tests/mutants/raft/a.mutant", false),
        ];
        for (file, _) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let read = || Sources::read(root, &root.join("raft/target")).unwrap();
        let sources = read();
        for (file, is_read) in files {
            assert_eq!(sources.text(file), is_read.then_some(file), "{file}");
        }
        let rust: Vec<_> = sources.rust_in("raft").collect();
        assert_eq!(rust, [("raft/src/raft.rs", "raft/src/raft.rs")]);
        fs::write(root.join("README.md"), "new").unwrap();
        assert_eq!(read().digest(), sources.digest());
        fs::write(root.join("raft/src/raft.rs"), "new").unwrap();
        assert_ne!(read().digest(), sources.digest());
    }
}
