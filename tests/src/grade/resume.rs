//! Which submissions of a batch have their grades already.

use super::result::Grade;
use labrpc::Fingerprint;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of grades that are kept, in that of the batch. It is the teacher's: a key is made of the
/// hidden seeds, too.
const KEPT: &str = ".kept";

/// Grades of a batch that was begun before.
#[derive(Debug)]
pub struct Resume {
    folder: PathBuf,
    program: u64,
    fresh: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    key: u64,
    program: u64,
    grade: Grade,
}

impl Resume {
    /// Those in the folder of a batch, which is made if there is none; `fresh` forgets them. What is graded
    /// by another program, or with another judge, is graded anew.
    pub fn open(out: &Path, judge: &Path, fresh: bool) -> io::Result<Self> {
        let folder = out.join(KEPT);
        fs::create_dir_all(&folder)?;
        let mut program = Fingerprint::default();
        program.bytes(&fs::read(std::env::current_exe()?)?);
        program.bytes(&fs::read(judge)?);
        Ok(Self { folder, program: program.value(), fresh })
    }

    /// The grade of a submission, if one is there with this key by this program, and was written out.
    pub fn recall(&self, name: &str, key: u64) -> Option<Grade> {
        if self.fresh {
            return None;
        }
        let kept: Kept = serde_json::from_slice(&fs::read(self.file(name)).ok()?).ok()?;
        let is_written = self.folder.parent()?.join(name).join("grade.json").is_file();
        (kept.key == key && kept.program == self.program && is_written).then_some(kept.grade)
    }

    /// Keeps a grade.
    pub fn remember(&self, name: &str, key: u64, grade: &Grade) -> io::Result<()> {
        let kept = Kept { key, program: self.program, grade: grade.clone() };
        let (file, half) = (self.file(name), self.folder.join(format!("{name}.half")));
        fs::write(&half, serde_json::to_vec(&kept)?)?;
        fs::rename(half, file)
    }

    /// Forgets a grade that is about to be another.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}
