//! A crate's manifest: which lab it is, and what it stands on.
//!
//! The grader writes a manifest of its own, so that profiles, features, lints and whatever tests need are
//! of no interest here. What would not be the same there is refused.

use super::Crate;
use super::tree::{Tree, is_source};
use crate::grade::lab::{CRATES, Lab};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// What a crate may stand on, besides other labs.
fn is_known(name: &str) -> bool {
    CRATES.contains(&name) || name == "serde"
}

/// What a manifest is of.
pub enum Package<'a> {
    Lab(Found<'a>),
    Other(String),
    /// Of a workspace.
    None,
}

/// The manifest of a lab's crate.
pub struct Found<'a> {
    /// Where it is.
    pub file: &'a str,
    pub lab: Lab,
    manifest: Table,
}

/// Looks at a manifest.
pub fn find<'a>(file: &'a str, text: &[u8]) -> Result<Package<'a>, String> {
    let text = str::from_utf8(text).map_err(|_| format!("`{file}` is not UTF-8"))?;
    let manifest: Table =
        text.parse().map_err(|error| format!("`{file}` is no manifest: {error}"))?;
    let name = manifest.get("package").and_then(|it| it.get("name")).and_then(Value::as_str);
    Ok(match name.map(|name| (name, Lab::of_package(name))) {
        Some((_, Some(lab))) => Package::Lab(Found { file, lab, manifest }),
        Some((name, None)) => Package::Other(name.to_string()),
        None => Package::None,
    })
}

impl Found<'_> {
    /// The crate that it is the manifest of, among these labs.
    pub fn read(&self, tree: &Tree, labs: &BTreeSet<Lab>) -> Result<Crate, Vec<String>> {
        let mut complaints = self.complaints(tree);
        let dependencies = self.dependencies(labs, &mut complaints);
        let files = self.sources(tree, &mut complaints);
        if complaints.is_empty() {
            Ok(Crate { lab: self.lab, files, dependencies })
        } else {
            let lines = complaints.into_iter().map(|what| format!("`{}`: {what}", self.file));
            Err(lines.collect())
        }
    }

    /// The folder of the crate: empty, or with a `/` at the end.
    fn folder(&self) -> &str {
        self.file.strip_suffix("Cargo.toml").unwrap_or_default()
    }

    /// What the grader does not do.
    fn complaints(&self, tree: &Tree) -> Vec<String> {
        let mut complaints = Vec::new();
        let at = |table: &str, key: &str| self.manifest.get(table).and_then(|it| it.get(key));
        let build = at("package", "build");
        let has_script = tree.has(&format!("{}build.rs", self.folder()));
        if build.map_or(has_script, |it| it.as_bool() != Some(false)) {
            complaints.push("the grader runs no build script: take it out".to_string());
        }
        if ["proc-macro", "proc_macro"].iter().any(|key| at("lib", key).is_some()) {
            complaints.push("a lab is no procedural macro: take `proc-macro` out".to_string());
        }
        let (package, path) = (self.lab.package(), at("lib", "path").and_then(Value::as_str));
        if path.is_some_and(|path| path != "src/lib.rs") {
            complaints
                .push("the grader builds `src/lib.rs`: take `path` out of `[lib]`".to_string());
        }
        if at("lib", "name").and_then(Value::as_str).is_some_and(|name| name != package) {
            complaints
                .push(format!("the library is called `{package}`: take its `name` out of `[lib]`"));
        }
        for table in ["patch", "replace"] {
            if self.manifest.contains_key(table) {
                complaints.push(format!("the grader has crates of its own: take `[{table}]` out"));
            }
        }
        if self.manifest.contains_key("target") {
            complaints.push(
                "a lab is the same on all machines: put what `[target]` has into `[dependencies]`"
                    .to_string(),
            );
        }
        if tree.below(&format!("{}.cargo/", self.folder())).next().is_some() {
            complaints.push(
                "the grader has settings of its own: take `.cargo` beside it out".to_string(),
            );
        }
        complaints
    }

    fn dependencies(&self, labs: &BTreeSet<Lab>, complaints: &mut Vec<String>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let table = self.manifest.get("dependencies").and_then(Value::as_table);
        for (name, how) in table.into_iter().flatten() {
            let package = how.get("package").and_then(Value::as_str).unwrap_or(name);
            let lab = Lab::of_package(name);
            if package != name {
                complaints.push(format!("call `{package}` by its name, and not `{name}`"));
            } else if lab.is_some_and(|it| !labs.contains(&it)) {
                complaints.push(format!("it stands on `{name}`, which is not handed in"));
            } else if lab.is_some_and(|it| it >= self.lab) {
                complaints.push(format!("a lab stands on earlier ones, and not on `{name}`"));
            } else if lab.is_some() || is_known(name) {
                names.insert(name.clone());
            } else {
                complaints.push(format!(
                    "`{name}`: the grader builds without a network and knows only {}, serde and the labs",
                    CRATES.join(", ")
                ));
            }
        }
        names
    }

    /// The sources of the library; not those of programs, which are not built.
    fn sources(&self, tree: &Tree, complaints: &mut Vec<String>) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for (name, bytes) in tree.below(self.folder()) {
            let is_source = name.starts_with("src/") && is_source(name);
            if !is_source || name == "src/main.rs" || name.starts_with("src/bin/") {
                continue;
            }
            match str::from_utf8(bytes) {
                Ok(text) => drop(files.insert(name.to_string(), text.to_string())),
                Err(_) => complaints.push(format!("`{name}` is not UTF-8")),
            }
        }
        if !files.contains_key("src/lib.rs") {
            complaints.push("there is no `src/lib.rs` beside it".to_string());
        }
        // An archive can have both, and nobody's disk.
        for name in files.keys() {
            let mut folders = name.match_indices('/').map(|(at, _)| &name[..at]);
            if let Some(both) = folders.find(|folder| files.contains_key(*folder)) {
                complaints.push(format!("`{both}` is a file, and a folder"));
            }
        }
        files
    }
}
