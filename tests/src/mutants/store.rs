//! What sessions before have found.

use super::finding::{Finding, Verdict};
use super::format::Mutant;
use super::hunt::{Plan, Stage};
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
    #[serde(default)]
    stage: Stage,
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

    /// What everything is called that the finding of a stage depends on.
    pub fn key(mutant: &Mutant, sources: u64, plan: &Plan, stage: Stage) -> u64 {
        let mut digest = Fingerprint::default();
        digest.bytes(mutant.text.as_bytes());
        digest.word(sources);
        match stage {
            Stage::Scenarios => digest.word(plan.seeds),
            Stage::Swarm => {
                digest.bytes(b"swarm");
                digest.word(plan.swarm.as_millis() as u64);
            }
        }
        digest.word(plan.all.into());
        digest.value()
    }

    /// A finding of a session before.
    pub fn get(&self, key: u64) -> Option<&Finding> {
        self.known.get(&key)
    }

    /// Keeps a finding; not that something does not compile, which the next session may look at
    /// again, with a compiler that does.
    pub fn add(
        &mut self,
        key: u64,
        mutant: &Mutant,
        stage: Stage,
        finding: &Finding,
    ) -> io::Result<()> {
        if finding.verdict == Verdict::BuildFailed {
            return Ok(());
        }
        let line = Line { key, mutant: mutant.id.clone(), stage, finding: finding.clone() };
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
    use std::time::Duration;

    #[test]
    fn findings_are_there_again_and_half_of_one_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let text = "title: t\nbreaks: b\nsource: s\nexpects: e\n--- a/b.rs\n@@\n-x\n";
        let mutant = Mutant::parse(Path::new("raft/m.mutant"), text).unwrap();
        let swarm = Duration::from_secs(60);
        let plan = Plan { seeds: 20, all: false, scenarios: Vec::new(), swarm };
        let key = Store::key(&mutant, 7, &plan, Stage::Scenarios);
        let of_swarm = Store::key(&mutant, 7, &plan, Stage::Swarm);
        for (sources, plan, is_same) in [
            (8, plan.clone(), [false, false]),
            (7, Plan { all: true, ..plan.clone() }, [false, false]),
            (7, Plan { seeds: 21, ..plan.clone() }, [false, true]),
            (7, Plan { swarm: swarm / 2, ..plan.clone() }, [true, false]),
        ] {
            let keys = [Stage::Scenarios, Stage::Swarm]
                .map(|stage| Store::key(&mutant, sources, &plan, stage));
            assert_eq!([keys[0] == key, keys[1] == of_swarm], is_same, "{sources} {plan:?}");
        }

        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.get(key), None);
        let mut finding = Finding::new();
        finding.notes.push("of the first session".into());
        store.add(key, &mutant, Stage::Scenarios, &finding).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.get(key), Some(&finding));
        let failed = Finding { verdict: Verdict::BuildFailed, ..finding.clone() };
        store.add(key + 1, &mutant, Stage::Swarm, &failed).unwrap();
        store.add(key + 2, &mutant, Stage::Swarm, &finding).unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!((store.get(key + 1), store.get(key + 2)), (None, Some(&finding)));
    }
    #[test]
    fn a_line_from_before_the_swarm_was_asked_is_of_the_scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let text = "title: t\nbreaks: b\nsource: s\nexpects: e\n--- a/b.rs\n@@\n-x\n";
        let mutant = Mutant::parse(Path::new("raft/m.mutant"), text).unwrap();
        let finding = Finding::new();
        Store::open(&path).unwrap().add(7, &mutant, Stage::Scenarios, &finding).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        let old = line.replace("\"stage\":\"scenarios\",", "");
        assert_ne!(line, old);
        fs::write(&path, old).unwrap();
        assert_eq!(Store::open(&path).unwrap().get(7), Some(&finding));
    }
}
