//! What a student hands in: the labs' crates, in a folder or an archive.
//!
//! Nothing is unpacked onto the disk, nothing is followed, and nothing is run: what counts of a submission
//! is read into memory, within limits (`submission/tree.rs`), and is the sources of its libraries. The grader writes
//! the manifests that it builds with itself; of a student's it takes the name and the dependencies
//! (`submission/manifest.rs`).

mod archive;
mod manifest;
mod tree;

#[cfg(test)]
mod tests;

use super::lab::Lab;
use labrpc::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use tree::Tree;

/// What was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Whose it is: the name of the folder, or of the archive without its extension.
    pub name: String,
    /// The labs' crates, in the labs' order: at least one, and no lab twice.
    pub crates: Vec<Crate>,
}

/// A lab's crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Which lab it is.
    pub lab: Lab,
    /// The sources of its library: names that begin with `src/`, with `/` between folders, and texts.
    pub files: BTreeMap<String, String>,
    /// The crates that it stands on: the workspace's, `serde`, or other labs of this submission.
    pub dependencies: BTreeSet<String>,
}

impl Submission {
    /// Reads a folder, a `.zip`, a `.tar`, or a `.tar.gz`. The labs' crates may lie in folders inside.
    ///
    /// # Errors
    /// If it cannot be read, is larger than it may be, has no lab's crate or one twice, or has what the
    /// grader does not build: in lines for its author.
    pub fn read(path: &Path) -> Result<Self, Vec<String>> {
        let (name, tree) = files_of(path).map_err(|why| vec![why])?;
        Self::of(name, &tree)
    }

    fn of(name: String, tree: &Tree) -> Result<Self, Vec<String>> {
        let mut found: BTreeMap<Lab, Vec<manifest::Found<'_>>> = BTreeMap::new();
        let (mut others, mut complaints) = (Vec::new(), Vec::new());
        for (file, text) in tree.manifests() {
            match manifest::find(file, text) {
                Ok(manifest::Package::Lab(it)) => found.entry(it.lab).or_default().push(it),
                Ok(manifest::Package::Other(package)) => others.push(format!("`{package}`")),
                Ok(manifest::Package::None) => {}
                Err(why) => complaints.push(why),
            }
        }
        let labs: BTreeSet<Lab> = found.keys().copied().collect();
        let mut crates = Vec::new();
        for (lab, places) in found {
            match &places[..] {
                [one] => match one.read(tree, &labs) {
                    Ok(it) => crates.push(it),
                    Err(mut lines) => complaints.append(&mut lines),
                },
                several => {
                    let places: Vec<_> =
                        several.iter().map(|it| format!("`{}`", it.file)).collect();
                    complaints.push(format!(
                        "`{}` is there more than once: {}; leave the one that counts",
                        lab.package(),
                        places.join(", ")
                    ));
                }
            }
        }
        if crates.is_empty() && complaints.is_empty() {
            complaints.push(nothing_found(&others));
        }
        if complaints.is_empty() { Ok(Self { name, crates }) } else { Err(complaints) }
    }

    /// A number for what was handed in, whatever it is called and however it was packed.
    pub fn digest(&self) -> u64 {
        let mut digest = Fingerprint::default();
        digest.word(self.crates.len() as u64);
        for it in &self.crates {
            digest.bytes(it.lab.package().as_bytes());
            digest.word(it.files.len() as u64);
            for (name, text) in &it.files {
                digest.bytes(name.as_bytes());
                digest.bytes(text.as_bytes());
            }
            digest.word(it.dependencies.len() as u64);
            for name in &it.dependencies {
                digest.bytes(name.as_bytes());
            }
        }
        digest.value()
    }
}

/// What a submission in this place is called, whether or not it can be read.
pub fn name_of(path: &Path) -> String {
    let whole = fs::canonicalize(path).unwrap_or_default();
    // The name that was given, and not what a link leads to; `.` has none of its own.
    let name = path.file_name().or(whole.file_name()).unwrap_or_default();
    let name = name.to_string_lossy();
    match archive::Format::of(&name).filter(|_| !path.is_dir()) {
        Some((_, stem)) => stem.to_string(),
        None => name.into_owned(),
    }
}

/// The submission's name, and its files.
fn files_of(path: &Path) -> Result<(String, Tree), String> {
    let unreadable = |error| format!("`{}` cannot be read: {error}", path.display());
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Ok((name_of(path), Tree::of_folder(path)?));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match archive::Format::of(&name).filter(|_| metadata.is_file()) {
        Some((format, stem)) => Ok((stem.to_string(), archive::read(path, format)?)),
        None => Err(format!("`{name}` is neither a folder nor a .zip, .tar, .tar.gz or .tgz")),
    }
}

fn nothing_found(others: &[String]) -> String {
    let packages: Vec<_> = Lab::ALL.iter().map(|lab| format!("`{}`", lab.package())).collect();
    let mut text = format!(
        "there is no lab in it: a Cargo.toml was looked for, at most {} folders deep, with a package \
         named {}",
        tree::DEPTH,
        packages.join(", ")
    );
    if !others.is_empty() {
        let _ = write!(text, "; what was found is {}", others.join(", "));
    }
    text
}
