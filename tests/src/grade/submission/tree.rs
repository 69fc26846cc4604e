//! Files in memory, within limits.
//!
//! Only what can count is kept: manifests, Rust sources, and what cargo would be configured with. What
//! begins with a dot, and a `target` folder, is passed over, as people pack their folders as they are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// How many bytes there may be, unpacked.
pub const BYTES: u64 = 16 << 20;
/// How many files.
pub const FILES: usize = 2000;
/// How many bytes a file may have.
pub const FILE_BYTES: u64 = 1 << 20;
/// How many folders deep a crate may lie.
pub const DEPTH: usize = 4;
/// How many folders deep a file may lie.
const FILE_DEPTH: usize = 16;
/// How many bytes the name of a file may have.
const NAME_BYTES: usize = 200;

/// Files by their names, with `/` between folders.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Tree {
    /// Reads a folder. Links are passed over, wherever they lead.
    pub fn of_folder(folder: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        tree.add_folder(folder, "", 0)?;
        Ok(tree)
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), String> {
        let place = if prefix.is_empty() { "the folder" } else { prefix };
        let unreadable = |error: io::Error| format!("{place} cannot be read: {error}");
        let mut entries: Vec<_> =
            fs::read_dir(folder).and_then(Iterator::collect).map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().map_err(unreadable)?;
            let path = entry.path();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() && depth < FILE_DEPTH && !is_passed_over(&name) {
                self.add_folder(&path, &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() && counts(&name) {
                let file = fs::File::open(&path).map_err(unreadable)?;
                self.add(name, file)?;
            }
        }
        Ok(())
    }

    /// Adds a file that [counts].
    pub fn add(&mut self, name: String, content: impl Read) -> Result<(), String> {
        if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err(format!(
                "`{}…`: a file's name has at most {NAME_BYTES} bytes, and no control characters",
                name.chars().take(40).filter(|it| !it.is_control()).collect::<String>()
            ));
        }
        if self.files.len() == FILES {
            return Err(format!("more than {FILES} source files: hand in the labs' crates alone"));
        }
        let mut bytes = Vec::new();
        let read = content.take(FILE_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(format!(
                "`{name}` is larger than a source file may be, {FILE_BYTES} bytes"
            ));
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES {
            return Err(too_large());
        }
        if self.files.contains_key(&name) {
            return Err(format!("`{name}` is there twice: pack the submission anew"));
        }
        self.files.insert(name, bytes);
        Ok(())
    }

    /// The manifests that do not lie too deep: their names, and what is in them.
    pub fn manifests(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let is_one = |name: &str| {
            let folders = name.matches('/').count();
            folders <= DEPTH && name.rsplit('/').next() == Some("Cargo.toml")
        };
        let files = self.files.iter().filter(move |(name, _)| is_one(name));
        files.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The files whose names begin so: the rest of their names, and what is in them.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let files = self.files.range(prefix.to_string()..);
        files.map_while(move |(name, bytes)| Some((name.strip_prefix(prefix)?, bytes.as_slice())))
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// What is said of what is larger than it may be.
pub fn too_large() -> String {
    format!(
        "it is larger than {BYTES} bytes, unpacked: hand in sources alone, without `target` and `.git`"
    )
}

/// The name of a file in an archive with `/` between folders, and nothing that leads elsewhere.
pub fn clean(name: &str) -> Result<String, String> {
    let name = name.replace('\\', "/");
    let outside = |why| Err(format!("`{name}`: {why}; pack the submission's folder as it is"));
    if name.starts_with('/') || name.chars().nth(1) == Some(':') {
        return outside("a file in an archive lies in a folder of the archive");
    }
    let parts: Vec<_> = name.split('/').filter(|part| !["", "."].contains(part)).collect();
    if parts.contains(&"..") {
        return outside("`..` leads out of the archive");
    }
    Ok(parts.join("/"))
}

/// Whether a file is one that counts.
pub fn counts(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let is_settings = name.split('/').any(|part| part == ".cargo");
    (is_source(name) || is_settings || file == "Cargo.toml")
        && name.matches('/').count() <= FILE_DEPTH
        && !is_passed_over(name)
}

/// Whether a file is a source by its name.
pub fn is_source(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|it| it == "rs")
}

/// Whether a file or folder is in nobody's sources: hidden, or what cargo builds. A module may be called
/// `target`.
fn is_passed_over(name: &str) -> bool {
    let mut is_in_src = false;
    name.split('/').any(|part| {
        let is_hidden = part.starts_with('.') && part != ".cargo";
        is_in_src |= part == "src";
        is_hidden || part == "__MACOSX" || (part == "target" && !is_in_src)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts() {
        for name in ["Cargo.toml", "a/Cargo.toml", "src/target/mod.rs", ".cargo/config.toml"] {
            assert!(counts(name), "{name}");
        }
        for name in [
            "notes.md",
            "target/a.rs",
            "a/target/b/c.rs",
            ".git/a.rs",
            "src/._lib.rs",
            "Cargo.lock",
        ] {
            assert!(!counts(name), "{name}");
        }
    }

    #[test]
    fn names_in_archives() {
        assert_eq!(clean("./lab2//src\\lib.rs").as_deref(), Ok("lab2/src/lib.rs"));
        for name in ["../x.rs", "a/../../x.rs", "/etc/x.rs", "\\x.rs", "C:\\x.rs", "a\\..\\x.rs"] {
            assert!(clean(name).unwrap_err().contains("pack the submission's folder"), "{name}");
        }
    }

    #[test]
    fn limits() {
        let mut tree = Tree::default();
        tree.add("a.rs".into(), &b"fn a() {}"[..]).unwrap();
        let twice = tree.add("a.rs".into(), &b""[..]).unwrap_err();
        assert!(twice.contains("twice"), "{twice}");
        let large = tree.add("b.rs".into(), io::repeat(b' ')).unwrap_err();
        assert!(large.contains("`b.rs` is larger"), "{large}");
        let long = tree.add("x".repeat(300), &b""[..]).unwrap_err();
        assert!(long.contains("at most 200 bytes"), "{long}");
        let control = tree.add("\u{1b}[2J.rs".into(), &b""[..]).unwrap_err();
        assert!(control.contains("control characters"), "{control}");
        for number in 1..FILES {
            tree.add(format!("{number}.rs"), &b""[..]).unwrap();
        }
        let many = tree.add("one-more.rs".into(), &b""[..]).unwrap_err();
        assert!(many.contains("more than 2000"), "{many}");

        let mut tree = Tree::default();
        let megabyte = || io::repeat(b' ').take(FILE_BYTES);
        for number in 0..16 {
            tree.add(format!("{number}.rs"), megabyte()).unwrap();
        }
        assert_eq!(tree.add("17.rs".into(), megabyte()).unwrap_err(), too_large());
    }
}
