//! The files of the corpus: a header, and a patch.
//!
//! `tests/mutants/README.md` describes the format for those who write them.

use crate::swarm::System;
use std::fmt;
use std::path::{Path, PathBuf};

/// A planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its name, which is that of its file.
    pub id: String,
    /// The folder that it is in: the crate that it breaks.
    pub folder: String,
    /// Its file.
    pub path: PathBuf,
    /// What it does, in one line.
    pub title: String,
    /// The rule that it breaks.
    pub breaks: String,
    /// Where the rule, or the bug, comes from.
    pub source: String,
    /// The properties of which any is expected to fail; `panic` is the code's own assertions.
    pub expects: Vec<String>,
    /// Who is to be asked first.
    pub caught_by: Vec<Catcher>,
    /// Why no test can tell it from the original, if that is so.
    pub equivalent: Option<String>,
    /// What the labs' official Go suites do with it.
    pub go: Option<String>,
    /// What it changes.
    pub hunks: Vec<Hunk>,
    /// The text of the file.
    pub text: String,
}

/// Some consecutive lines of a file, and what they become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The file, as it is called from the root of the tree, with `/`.
    pub file: String,
    /// The line of the mutant's file in which the first of the lines is.
    pub line: usize,
    /// The lines of the mutant's file in which those of `old` are.
    pub numbers: Vec<usize>,
    /// The lines that are there, each with its end.
    pub old: String,
    /// The lines that take their place.
    pub new: String,
}

/// Who catches a mutant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Catcher {
    /// A scenario.
    Scenario(String, Reads),
    /// A test of a package.
    Test {
        /// The package.
        package: String,
        /// The file in its folder `tests`, or `lib` for the tests among the sources.
        target: String,
        /// The test, with its modules.
        name: String,
    },
    /// Trials of the swarm; no header names them.
    Swarm(System),
}

/// How the servers serve reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Through the log.
    #[default]
    Log,
    /// By `ReadIndex`.
    Index,
}

/// What is written after a scenario that is run with reads by index.
const BY_INDEX: &str = " (reads index)";

impl fmt::Display for Catcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(name, Reads::Log) => f.write_str(name),
            Self::Scenario(name, Reads::Index) => write!(f, "{name}{BY_INDEX}"),
            Self::Test { package, target, name } => write!(f, "test: {package} {target} {name}"),
            Self::Swarm(system) => write!(f, "fuzz {system}"),
        }
    }
}

/// A file that is no mutant, or a patch that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The mutant's file.
    pub path: PathBuf,
    /// The line of it.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

impl std::error::Error for Malformed {}

/// What can stand in a header.
const KEYS: [&str; 7] = ["title", "breaks", "source", "expects", "caught by", "equivalent", "go"];

/// What the official suites can do with a mutant.
const GO: [&str; 3] = ["passes", "caught", "-"];

impl Mutant {
    /// Reads a mutant from the text of its file, which is in a folder that is called as its crate.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Malformed> {
        let wrong = |line, what: String| Malformed { path: path.to_path_buf(), line, what };
        let (id, folder) = name_of(path).map_err(|what| wrong(1, what))?;
        let lines: Vec<&str> = text.lines().collect();
        let is_patch = |line: &&str| line.starts_with("--- ");
        let end = lines.iter().position(is_patch).ok_or_else(|| {
            wrong(lines.len().max(1), "there is no patch: a line `--- FILE` is missing".to_string())
        })?;
        let mut header = Header::parse(&lines[..end]).map_err(|(line, what)| wrong(line, what))?;
        let hunks = hunks(&lines, end).map_err(|(line, what)| wrong(line, what))?;

        let equivalent = header.take("equivalent").map(|(_, text)| text);
        let mut required = |key| {
            let missing = || wrong(1, format!("`{key}:` is missing from the header"));
            header.take(key).map(|(_, text)| text).ok_or_else(missing)
        };
        let (title, breaks, source) =
            (required("title")?, required("breaks")?, required("source")?);
        let expects = match (required("expects"), &equivalent) {
            (Ok(text), _) => list(&text),
            (Err(_), Some(_)) => Vec::new(),
            (Err(missing), None) => return Err(missing),
        };
        let caught_by = header.take("caught by").map_or(Ok(Vec::new()), |(line, text)| {
            let catchers = list(&text).into_iter().map(|word| catcher(&word));
            catchers.collect::<Result<_, _>>().map_err(|what| wrong(line, what))
        })?;
        let go = header.take("go").map_or(Ok(None), |(line, text)| {
            let what = || format!("`go: {text}`: it is one of {}", GO.join(", "));
            if GO.contains(&text.as_str()) { Ok(Some(text)) } else { Err(wrong(line, what())) }
        })?;
        let text = text.to_string();
        let path = path.to_path_buf();
        Ok(Self {
            id,
            folder,
            path,
            title,
            breaks,
            source,
            expects,
            caught_by,
            equivalent,
            go,
            hunks,
            text,
        })
    }

    /// Whether the failure of a property is what was expected.
    pub fn is_expected(&self, property: &str) -> bool {
        self.expects.iter().any(|expected| expected == property)
    }

    /// Whether it is a safety bug: something that may never happen is expected to, be it seen by a
    /// monitor or in what clients are told. The others are about progress, speed and size, and those
    /// that are said to be equivalent are no bugs.
    pub fn is_safety(&self) -> bool {
        self.equivalent.is_none() && self.expects.iter().any(|it| SAFETY.contains(&it.as_str()))
    }

    /// The crates whose sources it changes.
    pub fn crates(&self) -> impl Iterator<Item = &str> {
        self.hunks.iter().filter_map(|hunk| hunk.file.split('/').next())
    }
}

/// The properties that say what may never happen. Not among them are `get`, `agreement` and the like,
/// which also fail when nothing happens at all; every safety bug has one of these besides.
pub const SAFETY: [&str; 22] = [
    "apply only what is committed",
    "commit rule",
    "committed for good",
    "committed on a majority",
    "configurations agree",
    "configurations one by one",
    "durable before promised",
    "election safety",
    "exactly once",
    "in-order apply",
    "leader append-only",
    "leader completeness",
    "linearizability",
    "log matching",
    "monotone commit index",
    "monotone term",
    "no shard is lost",
    "one group per shard",
    "one vote per term",
    "order of appends",
    "replicas agree",
    "state machine safety",
];

/// A mutant's name, and its folder's.
fn name_of(path: &Path) -> Result<(String, String), String> {
    let text = |part: Option<&std::ffi::OsStr>| part.and_then(|it| it.to_str()).map(str::to_string);
    let is_snake = |id: &String| {
        let mut bytes = id.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let id =
        text(path.file_stem()).filter(is_snake).ok_or("the file's name is not in snake_case")?;
    let folder = text(path.parent().and_then(Path::file_name)).ok_or("it is in no folder")?;
    Ok((id, folder))
}

/// What is wrong, and in which line.
type Wrong = (usize, String);

/// What the header says, and where.
struct Header(Vec<(String, usize, String)>);

impl Header {
    fn parse(lines: &[&str]) -> Result<Self, Wrong> {
        let mut entries: Vec<(String, usize, String)> = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if line.trim().is_empty() {
                return Err((number, "an empty line in the header".to_string()));
            }
            if let Some(more) = line.strip_prefix("  ") {
                let (_, _, text) = entries
                    .last_mut()
                    .ok_or_else(|| (number, "there is nothing to continue".to_string()))?;
                text.push(' ');
                text.push_str(more.trim());
                continue;
            }
            let (key, text) = line
                .split_once(':')
                .ok_or_else(|| (number, "neither `key: value` nor `--- FILE`".to_string()))?;
            if !KEYS.contains(&key) {
                let what = format!("no header is called `{key}`; there are {}", KEYS.join(", "));
                return Err((number, what));
            }
            if entries.iter().any(|(there, ..)| there == key) {
                return Err((number, format!("`{key}` is there twice")));
            }
            entries.push((key.to_string(), number, text.trim().to_string()));
        }
        match entries.iter().find(|(.., text)| text.is_empty()) {
            Some((key, number, _)) => Err((*number, format!("nothing follows `{key}:`"))),
            None => Ok(Self(entries)),
        }
    }

    fn take(&mut self, key: &str) -> Option<(usize, String)> {
        let at = self.0.iter().position(|(there, ..)| there == key)?;
        let (_, line, text) = self.0.swap_remove(at);
        Some((line, text))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
}

fn catcher(text: &str) -> Result<Catcher, String> {
    if let Some(test) = text.strip_prefix("test:") {
        let words: Vec<&str> = test.split_whitespace().collect();
        let [package, target, name] = words[..] else {
            return Err(format!("`{text}` is not `test: PACKAGE TARGET NAME`"));
        };
        let [package, target, name] = [package, target, name].map(str::to_string);
        return Ok(Catcher::Test { package, target, name });
    }
    let (name, reads) = match text.strip_suffix(BY_INDEX) {
        Some(name) => (name, Reads::Index),
        None => (text, Reads::Log),
    };
    if name.contains(char::is_whitespace) {
        return Err(format!("`{text}` is no scenario's name, and no `test: PACKAGE TARGET NAME`"));
    }
    Ok(Catcher::Scenario(name.to_string(), reads))
}

/// Reads the patch, which begins at a line.
fn hunks(lines: &[&str], from: usize) -> Result<Vec<Hunk>, Wrong> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut file: Option<&str> = None;
    // Whether the lines that come belong to the last hunk.
    let mut is_open = false;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let number = at + 1;
        if let Some(name) = line.strip_prefix("--- ") {
            if file.is_some() && !is_open {
                return Err((number, "`@@` and a change are missing before".to_string()));
            }
            (file, is_open) = (Some(checked(name).map_err(|what| (number, what))?), false);
        } else if *line == "@@" {
            let file = file.expect("a patch begins with the name of a file").to_string();
            let (old, new) = (String::new(), String::new());
            hunks.push(Hunk { file, line: number + 1, numbers: Vec::new(), old, new });
            is_open = true;
        } else if let Some(hunk) = hunks.last_mut().filter(|_| is_open) {
            let (mark, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
            let (is_old, is_new) = match mark {
                " " => (true, true),
                "-" => (true, false),
                "+" => (false, true),
                _ => return Err((number, "neither a space, `-`, `+`, `@@` nor `--- FILE`".into())),
            };
            if is_old {
                hunk.numbers.push(number);
                hunk.old.extend([rest, "\n"]);
            }
            if is_new {
                hunk.new.extend([rest, "\n"]);
            }
        } else {
            return Err((number, "`@@` is missing before".to_string()));
        }
    }
    if !is_open {
        return Err((lines.len(), "there is nothing after the name of the file".to_string()));
    }
    for hunk in &hunks {
        if hunk.old.is_empty() {
            return Err((hunk.line, "nothing says where this goes: add lines around it".into()));
        }
        if hunk.old == hunk.new {
            return Err((hunk.line, "this changes nothing".into()));
        }
    }
    Ok(hunks)
}

/// The name of a file that is inside the tree.
fn checked(name: &str) -> Result<&str, String> {
    let is_inside = |part: &str| !matches!(part, "" | "." | "..");
    if name.split('/').all(is_inside) && name.contains('/') && !name.contains(['\\', ':']) {
        Ok(name)
    } else {
        Err(format!("`{name}` is not the name of a file in a crate, as in raft/src/raft.rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panics::PANIC;

    const GOOD: &str = "title: Deletes too early
breaks: A shard is deleted\n  only then
source: 4B
expects: no shard is lost, get,
  linearizability
caught by: test: raft scripts a::b, concurrent3_4b, speed_3a (reads index)
go: caught
--- shardkv/src/migrate.rs
@@
 before

-old
+new
+newer
@@
-gone
--- raft/src/raft.rs
@@
 x
+y
";

    fn parse(text: &str) -> Result<Mutant, Malformed> {
        Mutant::parse(Path::new("m/shardkv/too_early.mutant"), text)
    }

    #[test]
    fn a_mutant_is_read() {
        let mutant = parse(GOOD).unwrap();
        assert_eq!((&*mutant.id, &*mutant.folder), ("too_early", "shardkv"));
        assert_eq!(mutant.breaks, "A shard is deleted only then");
        assert_eq!(mutant.expects, ["no shard is lost", "get", "linearizability"]);
        assert_eq!((mutant.go.as_deref(), mutant.equivalent.as_deref()), (Some("caught"), None));
        let catchers: Vec<String> = mutant.caught_by.iter().map(ToString::to_string).collect();
        let wanted = ["test: raft scripts a::b", "concurrent3_4b", "speed_3a (reads index)"];
        assert_eq!(catchers, wanted);
        let hunk = |file: &str, line, numbers: &[usize], old: &str, new: &str| Hunk {
            file: file.into(),
            line,
            numbers: numbers.to_vec(),
            old: old.into(),
            new: new.into(),
        };
        let expected = [
            hunk(
                "shardkv/src/migrate.rs",
                11,
                &[11, 12, 13],
                "before\n\nold\n",
                "before\n\nnew\nnewer\n",
            ),
            hunk("shardkv/src/migrate.rs", 17, &[17], "gone\n", ""),
            hunk("raft/src/raft.rs", 20, &[20], "x\n", "x\ny\n"),
        ];
        assert_eq!(mutant.hunks, expected);
        assert_eq!(mutant.crates().collect::<Vec<_>>(), ["shardkv", "shardkv", "raft"]);
    }

    #[test]
    fn a_panic_is_expected_only_if_it_is_named() {
        let mut mutant = parse(GOOD).unwrap();
        assert!(mutant.is_expected("get") && !mutant.is_expected(PANIC));
        mutant.expects.push(PANIC.to_string());
        assert!(mutant.is_expected(PANIC));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("title: Deletes too early\n", "", 1, "`title:` is missing"),
            ("source: 4B\n", "", 1, "`source:` is missing"),
            (
                "expects: no shard is lost, get,\n  linearizability\n",
                "",
                1,
                "`expects:` is missing",
            ),
            ("source: 4B", "source:", 4, "nothing follows `source:`"),
            ("source: 4B", "origin: 4B", 4, "no header is called `origin`"),
            ("source: 4B", "source: 4B\nsource: 4B", 5, "there twice"),
            ("source: 4B", "4B", 4, "neither `key: value`"),
            ("source: 4B", "source: 4B\n", 5, "an empty line"),
            ("title: ", "  title: ", 1, "nothing to continue"),
            ("go: caught", "go: maybe", 8, "one of passes, caught, -"),
            ("raft scripts a::b", "raft scripts", 7, "is not `test: PACKAGE TARGET NAME`"),
            ("concurrent3_4b", "concurrent 4b", 7, "is no scenario's name"),
            ("-old\n+new\n+newer\n", "", 11, "this changes nothing"),
            (" before\n\n-old\n+new", "+new", 11, "nothing says where"),
            ("@@\n before", " before", 10, "`@@` is missing"),
            ("-old", "old", 13, "neither a space"),
            ("@@\n x\n+y\n", "", 18, "nothing after"),
            ("@@\n-gone\n", "", 16, ""),
            ("--- raft/src/raft.rs", "--- ../raft.rs", 18, "is not the name of a file"),
            ("--- raft/src/raft.rs", "--- /raft.rs", 18, "is not the name of a file"),
            ("--- raft/src/raft.rs", "--- raft.rs", 18, "is not the name of a file"),
        ];
        for (old, new, line, what) in cases {
            assert_eq!(GOOD.matches(old).count(), 1, "{old}");
            match parse(&GOOD.replace(old, new)) {
                Err(wrong) => {
                    assert!(wrong.what.contains(what), "{wrong}");
                    assert_eq!(wrong.line, line, "{wrong}");
                    let place = format!("m/shardkv/too_early.mutant:{line}: ");
                    assert!(wrong.to_string().starts_with(&place), "{wrong}");
                }
                Ok(_) => assert!(what.is_empty(), "{new} instead of {old} is taken"),
            }
        }
        let head = GOOD.split("---").next().unwrap();
        assert!(parse(head).unwrap_err().what.contains("there is no patch"));
        assert!(parse("").unwrap_err().what.contains("there is no patch"));
        let name = Mutant::parse(Path::new("m/raft/Too-Early.mutant"), GOOD).unwrap_err();
        assert!(name.what.contains("snake_case"), "{name}");
    }

    #[test]
    fn an_equivalent_one_expects_nothing() {
        let text = GOOD.replace(
            "expects: no shard is lost, get,\n  linearizability\n",
            "equivalent: it is the same\n",
        );
        let mutant = parse(&text).unwrap();
        assert_eq!(mutant.equivalent.as_deref(), Some("it is the same"));
        assert!(mutant.expects.is_empty());
    }
}
