//! `--json FILE`: an array with one object for each scenario and seed.

use super::Stop;
use super::pool::Run;
use crate::catalogue::Case;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// One run, as it is written. Whoever reads these files relies on the names.
#[derive(Serialize)]
struct Object<'a> {
    scenario: &'a str,
    part: &'a str,
    seed: u64,
    config: serde_json::Value,
    passed: bool,
    reason: Option<String>,
    sim_seconds: f64,
    steps: u64,
    rpcs: u64,
    bytes: u64,
    commands: u64,
    operations: u64,
    fingerprint: String,
    cpu_seconds: f64,
    checking_seconds: f64,
}

impl<'a> Object<'a> {
    fn new(case: &'a Case, run: &Run) -> Self {
        Self {
            scenario: case.name(),
            part: case.scenario.part,
            seed: run.seed,
            config: case.config(),
            passed: run.failure.is_none(),
            reason: run.failure.as_ref().map(ToString::to_string),
            sim_seconds: run.simulated.as_secs_f64(),
            steps: run.totals.steps,
            rpcs: run.totals.rpcs,
            bytes: run.totals.bytes,
            commands: run.commands,
            operations: run.operations,
            fingerprint: format!("{:016x}", run.fingerprint),
            cpu_seconds: run.cpu.as_secs_f64(),
            checking_seconds: run.checking.as_secs_f64(),
        }
    }
}

/// A file that appears under its name when it is complete, and not at all otherwise.
pub struct ResultsFile {
    /// As the user calls it.
    name: PathBuf,
    out: BufWriter<File>,
    /// Where it is written, and where it shall be; a device or a pipe is written at once.
    rename: Option<(PathBuf, PathBuf)>,
    is_first: bool,
}

impl ResultsFile {
    /// Makes sure that the file can be written, and begins it.
    pub fn create(name: &Path) -> Result<Self, Stop> {
        Self::open(name).map_err(|error| cannot(name, &error))
    }

    fn open(name: &Path) -> io::Result<Self> {
        let (file, rename) = match fs::metadata(name) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => (OpenOptions::new().write(true).open(name)?, None),
            Ok(_) => {
                OpenOptions::new().append(true).open(name)?;
                Self::beside(fs::canonicalize(name)?)?
            }
            Err(_) => Self::beside(name.to_path_buf())?,
        };
        let mut out = BufWriter::new(file);
        out.write_all(b"[")?;
        Ok(Self { name: name.to_path_buf(), out, rename, is_first: true })
    }

    fn beside(target: PathBuf) -> io::Result<(File, Option<(PathBuf, PathBuf)>)> {
        let mut file_name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
        file_name.push(".tmp");
        let temporary = target.with_file_name(file_name);
        Ok((File::create(&temporary)?, Some((temporary, target))))
    }

    /// Adds the runs of a case.
    pub fn add(&mut self, case: &Case, runs: &[Run]) -> Result<(), Stop> {
        let mut add = || {
            for run in runs {
                let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
                self.is_first = false;
                self.out.write_all(separator)?;
                serde_json::to_writer(&mut self.out, &Object::new(case, run))?;
            }
            Ok(())
        };
        add().map_err(|error: io::Error| cannot(&self.name, &error))
    }

    /// Ends the file and gives it its name.
    pub fn finish(mut self) -> Result<(), Stop> {
        let mut finish = || {
            self.out.write_all(b"\n]\n")?;
            self.out.flush()?;
            match self.rename.take() {
                Some((temporary, target)) => fs::rename(temporary, target),
                None => Ok(()),
            }
        };
        finish().map_err(|error| cannot(&self.name, &error))
    }
}

impl Drop for ResultsFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A file that cannot be written.
pub fn cannot(path: &Path, error: &io::Error) -> Stop {
    Stop::BadUse(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        fs::write(&path, "old").unwrap();
        drop(ResultsFile::create(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        ResultsFile::create(&path).unwrap().finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[\n]\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_known_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/folder.json");
        for path in [folder.path(), &missing, Path::new(""), Path::new("..")] {
            let Err(Stop::BadUse(why)) = ResultsFile::create(path) else {
                panic!("{} can be written", path.display())
            };
            assert!(why.starts_with("cannot write"), "{why}");
        }
    }
}
