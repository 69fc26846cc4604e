//! What sessions before have found.

use super::finding::{Finding, Verdict};
use super::format::Mutant;
use super::hunt::Plan;
use labrpc::Fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file with a line for each finding, under a digest of everything that it depends on.
#[derive(Debug)]
pub struct Store {
    file: File,
    known: BTreeMap<u64, Finding>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: u64,
    mutant: String,
    finding: Finding,
}

impl Store {
    /// Opens the file, or begins it. What an interrupted session has left half done is skipped, and
    /// so is what a version of this program with another idea of a finding has written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let lines = text.split(|&byte| byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        let known = lines.map(|line| (line.key, line.finding)).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if text.last().is_some_and(|&byte| byte != b'\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self { file, known })
    }

    /// What everything is called that a finding depends on.
    pub fn key(mutant: &Mutant, sources: u64, plan: &Plan) -> u64 {
        let mut digest = Fingerprint::default();
        digest.bytes(mutant.text.as_bytes());
        digest.word(sources);
        digest.word(plan.seeds);
        digest.word(plan.all.into());
        digest.value()
    }

    /// A finding of a session before.
    pub fn get(&self, key: u64) -> Option<&Finding> {
        self.known.get(&key)
    }

    /// Keeps a finding; not that something does not compile, which the next session may look at
    /// again, with a compiler that does.
    pub fn add(&mut self, key: u64, mutant: &Mutant, finding: &Finding) -> io::Result<()> {
        if finding.verdict == Verdict::BuildFailed {
            return Ok(());
        }
        let line = Line { key, mutant: mutant.id.clone(), finding: finding.clone() };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.known.insert(key, line.finding);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_there_again_and_half_of_one_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let text = "title: t\nbreaks: b\nsource: s\nexpects: e\n--- a/b.rs\n@@\n-x\n";
        let mutant = Mutant::parse(Path::new("raft/m.mutant"), text).unwrap();
        let plan = Plan { seeds: 20, all: false, scenarios: Vec::new() };
        let key = Store::key(&mutant, 7, &plan);
        assert_ne!(key, Store::key(&mutant, 8, &plan));
        assert_ne!(key, Store::key(&mutant, 7, &Plan { all: true, ..plan.clone() }));
        assert_ne!(key, Store::key(&mutant, 7, &Plan { seeds: 21, ..plan.clone() }));

        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.get(key), None);
        let mut finding = Finding::new();
        finding.notes.push("of the first session".into());
        store.add(key, &mutant, &finding).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.get(key), Some(&finding));
        let failed = Finding { verdict: Verdict::BuildFailed, ..finding.clone() };
        store.add(key + 1, &mutant, &failed).unwrap();
        store.add(key + 2, &mutant, &finding).unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!((store.get(key + 1), store.get(key + 2)), (None, Some(&finding)));
    }
}
