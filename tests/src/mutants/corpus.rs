//! The mutants that there are.

use super::format::{Malformed, Mutant};
use crate::catalogue::nearest;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a folder that has a folder for each crate.
#[derive(Clone, Debug)]
pub struct Corpus {
    files: Vec<Found>,
}

/// A mutant's file, not read yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The folder that it is in.
    pub folder: String,
    /// The mutant's name.
    pub id: String,
    /// The file.
    pub path: PathBuf,
}

impl Found {
    /// Reads it.
    pub fn read(&self) -> Result<Mutant, Malformed> {
        let text = fs::read_to_string(&self.path).map_err(|error| Malformed {
            path: self.path.clone(),
            line: 1,
            what: format!("cannot be read: {error}"),
        })?;
        Mutant::parse(&self.path, &text)
    }
}

/// The end of a mutant's file name.
const EXTENSION: &str = "mutant";

impl Corpus {
    /// Looks for files.
    pub fn find(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for krate in fs::read_dir(folder)? {
            let krate = krate?;
            if !krate.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(krate.path())? {
                let path = file?.path();
                let id = path.file_stem().and_then(|stem| stem.to_str());
                if let Some(id) = id.filter(|_| path.extension().is_some_and(|it| it == EXTENSION))
                {
                    let folder = krate.file_name().to_string_lossy().into_owned();
                    files.push(Found { folder, id: id.to_string(), path: path.clone() });
                }
            }
        }
        files.sort();
        Ok(Self { files })
    }

    /// All files, by folder and name.
    pub fn files(&self) -> &[Found] {
        &self.files
    }

    /// Those that patterns stand for, each once and in order; all, if there are no patterns.
    ///
    /// A pattern is a mutant's name, a folder's, or a piece of mutants' names.
    pub fn select<S: AsRef<str>>(&self, patterns: &[S]) -> Result<Vec<&Found>, NoMutant> {
        if patterns.is_empty() {
            return Ok(self.files.iter().collect());
        }
        let mut is_chosen = vec![false; self.files.len()];
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            let whole = |found: &Found| found.id == pattern || found.folder == pattern;
            let piece = |found: &Found| !pattern.is_empty() && found.id.contains(pattern);
            let is_whole = self.files.iter().any(whole);
            let mut meets = false;
            for (found, is_chosen) in self.files.iter().zip(&mut is_chosen) {
                if if is_whole { whole(found) } else { piece(found) } {
                    (*is_chosen, meets) = (true, true);
                }
            }
            if !meets {
                return Err(self.unknown(pattern));
            }
        }
        Ok(self
            .files
            .iter()
            .zip(is_chosen)
            .filter_map(|(it, chosen)| chosen.then_some(it))
            .collect())
    }

    fn unknown(&self, pattern: &str) -> NoMutant {
        let mut names: Vec<&str> = self.files.iter().map(|found| found.folder.as_str()).collect();
        names.dedup();
        names.extend(self.files.iter().map(|found| found.id.as_str()));
        let nearest = nearest(&pattern.to_lowercase(), names);
        NoMutant { pattern: pattern.to_string(), nearest }
    }
}

/// Two files of one name, if there are any: a name stands for one mutant.
pub fn namesakes<'a>(files: &[&'a Found]) -> Option<(&'a Found, &'a Found)> {
    let mut by_name: BTreeMap<&str, &Found> = BTreeMap::new();
    files.iter().find_map(|found| Some((by_name.insert(&found.id, found)?, *found)))
}

/// No mutant is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMutant {
    /// What was asked for.
    pub pattern: String,
    /// What is called something like it.
    pub nearest: Vec<String>,
}

impl fmt::Display for NoMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no mutant, and no crate with mutants, is called `{}`", self.pattern)?;
        if !self.nearest.is_empty() {
            write!(f, "\n  the nearest: {}", self.nearest.join(", "))?;
        }
        write!(f, "\n  `lab mutants --list` shows all")
    }
}

impl std::error::Error for NoMutant {}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Corpus {
        let found = |folder: &str, id: &str| Found {
            folder: folder.into(),
            id: id.into(),
            path: PathBuf::from(id),
        };
        Corpus {
            files: vec![
                found("kvraft", "no_sessions"),
                found("raft", "forgets_the_vote"),
                found("raft", "forgets_the_vote_and_term"),
            ],
        }
    }

    fn select(patterns: &[&str]) -> Vec<String> {
        corpus().select(patterns).unwrap().iter().map(|found| found.id.clone()).collect()
    }

    #[test]
    fn patterns_choose() {
        assert_eq!(select(&[]).len(), 3);
        assert_eq!(select(&["raft"]), ["forgets_the_vote", "forgets_the_vote_and_term"]);
        assert_eq!(select(&["forgets_the_vote"]), ["forgets_the_vote"], "the whole name");
        assert_eq!(select(&["forgets"]), ["forgets_the_vote", "forgets_the_vote_and_term"]);
        assert_eq!(select(&["and_term", "kvraft"]), ["no_sessions", "forgets_the_vote_and_term"]);
        let unknown = corpus().select(&["forget_the_vote"]).unwrap_err();
        assert_eq!(unknown.nearest[0], "forgets_the_vote");
        assert!(unknown.to_string().contains("the nearest: forgets_the_vote"));
        assert!(corpus().select(&[""]).is_err());
    }

    #[test]
    fn namesakes_are_found() {
        let mut corpus = corpus();
        assert_eq!(namesakes(&corpus.files.iter().collect::<Vec<_>>()), None);
        corpus.files[0].id = "forgets_the_vote".into();
        let files: Vec<&Found> = corpus.files.iter().collect();
        let (a, b) = namesakes(&files).unwrap();
        assert_eq!((&*a.folder, &*b.folder), ("kvraft", "raft"));
    }
}
