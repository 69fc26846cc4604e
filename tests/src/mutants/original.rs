//! The original `lab`, which has to pass what a mutant fails.

use super::scratch::{BuildError, Scratch};
use super::sources::Sources;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[allow(clippy::disallowed_types, reason = "when a file was used")]
type SystemTime = std::time::SystemTime;

/// What the file's name begins with; a digest of its sources follows.
const NAME: &str = "lab-";

/// After so long no session uses a file any more: it says that it does with each mutant.
const UNUSED: Duration = Duration::from_secs(6 * 60 * 60);

/// A program whose name says which sources it was built from.
#[derive(Debug)]
pub struct Original {
    file: PathBuf,
}

impl Original {
    /// Builds it in a folder, unless a session before has. Those of other sources are removed, if no
    /// other session has used them lately.
    pub fn new(sources: &Sources, scratch: &Scratch, folder: &Path) -> Result<Self, BuildError> {
        let name = format!("{NAME}{:016x}", sources.digest());
        let file = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        if !file.is_file() {
            let built = scratch.lab(sources, &BTreeMap::new())?;
            let copy = file.with_extension("new");
            let keep = fs::copy(built, &copy).and_then(|_| fs::rename(copy, &file));
            keep.map_err(BuildError::Tool)?;
        }
        let original = Self { file };
        original.is_used();
        remove_unused(folder, now()).map_err(BuildError::Tool)?;
        Ok(original)
    }

    /// The program's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Says that it is still needed. Where that cannot be written down, it may be removed too early,
    /// which whoever misses it then says.
    pub fn is_used(&self) {
        let _ = File::open(&self.file).and_then(|file| file.set_modified(now()));
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

/// Removes the originals that nobody has used for a while.
fn remove_unused(folder: &Path, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_original = entry.file_name().to_string_lossy().starts_with(NAME);
        let Ok(used) = entry.metadata().and_then(|it| it.modified()) else { continue };
        let is_unused = now.duration_since(used).is_ok_and(|ago| ago > UNUSED);
        if is_original && is_unused {
            // Another session may have done so, or it runs, where that is in the way.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_originals_that_nobody_uses_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["lab-old", "lab-new", "results.jsonl"] {
            let file = File::create(path(name)).unwrap();
            file.set_modified(now() - UNUSED - UNUSED).unwrap();
        }
        Original { file: path("lab-new") }.is_used();
        remove_unused(folder.path(), now()).unwrap();
        let is_there = ["lab-old", "lab-new", "results.jsonl"].map(|name| path(name).is_file());
        assert_eq!(is_there, [false, true, true]);
        remove_unused(folder.path(), now() + UNUSED + UNUSED).unwrap();
        assert!(!path("lab-new").is_file() && path("results.jsonl").is_file());
    }
}
