//! Where the sources are, for commands that build something.

use super::{Stop, bad};
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root(given: Option<&Path>) -> Result<PathBuf, Stop> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = given.or(built_from).unwrap_or(Path::new("."));
    let is_root = ["Cargo.toml", "Cargo.lock", "tests/Cargo.toml"]
        .iter()
        .all(|file| root.join(file).is_file());
    if !is_root {
        let what = "there is no workspace with Cargo.toml, Cargo.lock and a crate `tests`";
        return Err(bad(format!("{}: {what}; --tree DIR says where it is", root.display())));
    }
    fs::canonicalize(root).map_err(|error| bad(format!("{}: {error}", root.display())))
}

/// Cargo's target folder.
pub fn target(root: &Path) -> Result<PathBuf, Stop> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(&folder)
            .map_err(|error| bad(format!("CARGO_TARGET_DIR={}: {error}", folder.display()))),
        None => Ok(root.join("target")),
    }
}
