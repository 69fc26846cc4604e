//! The paths of a source: in `use`, with all branches, and everywhere else.

use super::tokens::{Kind, Row, Token};

/// A path, as far as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The line that it begins in.
    pub line: usize,
    /// What is between `::` and `::`, without a last `self`.
    pub segments: Vec<String>,
    /// What comes after that.
    pub end: End,
    /// Whether it begins with `::`.
    pub is_global: bool,
    /// Whether it is in a `use`.
    pub is_use: bool,
    /// Whether it is among what a macro is given, which can take it apart.
    pub is_in_macro: bool,
}

/// How a path ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Like that.
    Plain,
    /// `as` a name.
    Renamed,
    /// `::*`.
    Glob,
    /// `::`, and then a macro's variable, or nothing that can be in a path.
    Open,
}

/// How many segments a path may have, and how deep its braces may be.
const DEPTH: usize = 32;

/// What is no part of a path, and can be right before one.
const KEYWORDS: [&str; 31] = [
    "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "static", "struct", "trait", "type", "use", "where", "while",
];

fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Whether a word that may be a part of a path is there.
fn segment(row: &[Token], at: usize) -> Option<&str> {
    row.word(at).filter(|word| !is_keyword(word))
}

/// All paths of a source.
pub fn all(row: &[Token]) -> Vec<Path> {
    let mut found = Found { row, line: 0, is_use: false, is_in_macro: false, paths: Vec::new() };
    let (mut at, mut end_of_macro) = (0, 0);
    while at < row.len() {
        found.line = row[at].line;
        if let Kind::Open(_, end) = row[at].kind {
            end_of_macro = end_of_macro.max(if row.is_args(at) { end } else { 0 });
        }
        found.is_in_macro = at < end_of_macro;
        found.is_use = row.word(at) == Some("use") && !row.is(at + 1, '<');
        if found.is_use {
            found.branch(at + 1, &[], false, 0);
            at = end_of_use(row, at);
        } else {
            found.path(at);
            at += 1;
        }
    }
    found.paths
}

/// Where a `use` ends.
fn end_of_use(row: &[Token], mut at: usize) -> usize {
    loop {
        match row.kind(at) {
            Some(Kind::Open(_, end)) => at = end + 1,
            Some(Kind::Close(_) | Kind::Sign(';', _)) | None => return at,
            Some(_) => at += 1,
        }
    }
}

struct Found<'a> {
    row: &'a [Token],
    line: usize,
    is_use: bool,
    is_in_macro: bool,
    paths: Vec<Path>,
}

impl Found<'_> {
    /// The path that begins here, if one does.
    fn path(&mut self, at: usize) {
        let (row, before) = (self.row, at.checked_sub(1));
        if segment(row, at).is_some() && row.is_sep(at + 1) {
            if !before.is_some_and(|it| row.is_sep(it)) {
                self.branch(at, &[], false, 0);
            }
        } else if row.is_sep(at) && before.is_none_or(|it| segment(row, it).is_none()) {
            // Of a type: `<T>::new`. Or is something greater than what is at the end of a path?
            let is_relative = before.is_some_and(|it| row.is(it, '>'));
            self.branch(at + usize::from(is_relative), &[], !is_relative, 0);
        }
    }

    /// Follows a branch, and those that it has.
    fn branch(&mut self, mut at: usize, before: &[String], is_global: bool, depth: usize) {
        let mut segments = before.to_vec();
        let is_global = is_global || (segments.is_empty() && self.row.is_sep(at));
        if is_global && self.row.is_sep(at) {
            at += 1;
        }
        if depth == DEPTH {
            return self.add(segments, End::Open, is_global);
        }
        while let Some(word) = segment(self.row, at).filter(|_| segments.len() <= DEPTH) {
            segments.push(word.to_string());
            at += 1;
            if !self.row.is_sep(at) {
                let is_renamed = self.is_use && self.row.word(at) == Some("as");
                let end = if is_renamed { End::Renamed } else { End::Plain };
                return self.add(segments, end, is_global);
            }
            at += 1;
        }
        if let Some(end) = self.row.group(at, '{') {
            for start in self.items(at, end) {
                self.branch(start, &segments, is_global, depth + 1);
            }
        } else if self.row.is(at, '*') {
            self.add(segments, End::Glob, is_global);
        } else if self.row.is(at, '<') && !segments.is_empty() {
            self.add(segments, End::Plain, is_global);
        } else if self.row.is(at, '$') && self.row.word(at + 1) == Some("crate") {
            self.branch(at + 1, &segments, is_global, depth + 1);
        } else {
            self.add(segments, End::Open, is_global);
        }
    }

    /// Where the items of a group begin.
    fn items(&self, open: usize, end: usize) -> Vec<usize> {
        let (mut starts, mut at) = (Vec::new(), open + 1);
        let mut is_start = true;
        while at < end {
            if is_start {
                starts.push(at);
            }
            is_start = self.row.is(at, ',');
            at = match self.row.kind(at) {
                Some(Kind::Open(_, end)) => end + 1,
                _ => at + 1,
            };
        }
        starts
    }

    fn add(&mut self, mut segments: Vec<String>, end: End, is_global: bool) {
        if segments.len() > 1 && segments.last().is_some_and(|it| it == "self") {
            segments.pop();
        }
        let Self { line, is_use, is_in_macro, .. } = *self;
        self.paths.push(Path { line, segments, end, is_global, is_use, is_in_macro });
    }
}

impl Path {
    /// Whether it has more segments than any path in earnest.
    pub fn is_too_long(&self) -> bool {
        self.segments.len() > DEPTH
    }

    /// Its text, for people.
    pub fn text(&self) -> String {
        let start = if self.is_global { "::" } else { "" };
        let end = match self.end {
            End::Plain | End::Renamed => "",
            End::Glob => "::*",
            End::Open => "::…",
        };
        format!("{start}{}{end}", self.segments.join("::"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::read;
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        let row = read(source).unwrap();
        let text = |path: Path| match path.end {
            End::Renamed => format!("{} as", path.text()),
            _ => path.text(),
        };
        all(&row).into_iter().map(text).collect()
    }

    #[test]
    fn a_use_has_branches() {
        assert_eq!(
            paths("use a::{b, c::{self, d as e, *}, self as f}; use ::{g}; use {::h::i, j};"),
            ["a::b", "a::c", "a::c::d as", "a::c::*", "a as", "::g", "::h::i", "j"]
        );
        assert_eq!(paths("fn f() -> impl Sized + use<'_> {}"), Vec::<String>::new());
    }

    #[test]
    fn paths_elsewhere() {
        assert_eq!(paths("a::b::c(d, r#e::f)"), ["a::b::c", "e::f"]);
        assert_eq!(paths("Vec::<u8>::new()"), ["Vec", "new"]);
        assert_eq!(paths("return ::a::b; x > ::c::d; <T as U>::v"), ["::a::b", "c::d", "v"]);
        assert_eq!(paths("a::$b; (::); $crate::c; a::*"), ["a::…", "::::…", "crate::c", "a::*"]);
        assert_eq!(paths("'a: loop { a ? b : c }"), Vec::<String>::new());
    }

    #[test]
    fn depth_has_an_end() {
        let deep = format!("use a::{}b{};", "{".repeat(50_000), "}".repeat(50_000));
        assert_eq!(paths(&deep), ["a::…"]);
    }
}
