//! A source as a row of tokens.
//!
//! The row is flat: what an attacker nests a thousand times is a thousand tokens, and no recursion.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree, token_stream};

/// A token, and the line that it is in.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword. A name that is written raw is itself: `r#fs` is `fs`.
    Word(String),
    /// `::`.
    Sep,
    /// Any other sign, and whether the next one belongs to it.
    Sign(char, Spacing),
    /// `(`, `[` or `{`, and where in the row its end is.
    Open(char, usize),
    /// The end of a group, and where it begins.
    Close(usize),
    /// A literal, as it is written.
    Literal(String),
    Lifetime,
}

/// The tokens of a source.
///
/// # Errors
/// If they cannot be told: the line, and why. Then nobody knows what the compiler would make of it.
pub fn read(source: &str) -> Result<Vec<Token>, (usize, String)> {
    // The compiler passes over a first line that is for a shell, whatever is in it.
    let text = source.trim_start_matches('\u{feff}');
    let is_attribute = |rest: &str| rest.trim_start().starts_with('[');
    if text.strip_prefix("#!").is_some_and(|rest| !is_attribute(rest)) {
        return Err((1, "a library has no line for a shell: take `#!` out".to_string()));
    }
    let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
        (
            error.span().start().line,
            "this cannot be read as Rust: is a bracket or quote open?".into(),
        )
    })?;
    let row = flat(stream);
    // Else every text that was ever read is kept, for what it says of lines.
    proc_macro2::extra::invalidate_current_thread_spans();
    Ok(row)
}

fn flat(stream: TokenStream) -> Vec<Token> {
    let mut row: Vec<Token> = Vec::new();
    let mut outer: Vec<(token_stream::IntoIter, usize, usize)> = Vec::new();
    let mut rest = stream.into_iter();
    loop {
        let Some(tree) = rest.next() else {
            let Some((before, open, line)) = outer.pop() else { return row };
            let end = row.len();
            if let Kind::Open(_, to) = &mut row[open].kind {
                *to = end;
            }
            row.push(Token { kind: Kind::Close(open), line });
            rest = before;
            continue;
        };
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Group(_) if outer.is_empty() && is_test_module(&row) => {
                row.push(Token { kind: Kind::Open('{', row.len() + 1), line });
                Kind::Close(row.len() - 1)
            }
            TokenTree::Group(group) => {
                let sign = match group.delimiter() {
                    Delimiter::Parenthesis => '(',
                    Delimiter::Bracket => '[',
                    Delimiter::Brace | Delimiter::None => '{',
                };
                let end = group.span_close().end().line;
                outer.push((rest, row.len(), end));
                rest = group.stream().into_iter();
                Kind::Open(sign, 0)
            }
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                if row.last().is_some_and(|it| it.kind == Kind::Sign('\'', Spacing::Joint)) {
                    row.pop();
                    Kind::Lifetime
                } else {
                    Kind::Word(name.strip_prefix("r#").unwrap_or(&name).to_string())
                }
            }
            TokenTree::Punct(sign) => {
                let is_second = sign.as_char() == ':'
                    && row.last().is_some_and(|it| it.kind == Kind::Sign(':', Spacing::Joint));
                if is_second {
                    row.pop();
                    Kind::Sep
                } else {
                    Kind::Sign(sign.as_char(), sign.spacing())
                }
            }
            TokenTree::Literal(literal) => Kind::Literal(literal.to_string()),
        };
        row.push(Token { kind, line });
    }
}

/// Whether a row ends with `#[cfg(test)] mod name`, perhaps with more attributes: what is in such a module
/// is not built.
fn is_test_module(row: &[Token]) -> bool {
    let Some(module) = row.len().checked_sub(2).filter(|it| row.word(*it) == Some("mod")) else {
        return false;
    };
    let mut end = module;
    if end > 0 && row.word(end - 1) == Some("pub") {
        end -= 1;
    }
    while let Some(Kind::Close(open)) = end.checked_sub(1).and_then(|it| row.kind(it)) {
        let is_attribute = *open > 0 && row.is(open - 1, '#') && row.group(*open, '[').is_some();
        let is_test = row.word(open + 1) == Some("cfg")
            && row.word(open + 3) == Some("test")
            && row.group(open + 2, '(') == Some(open + 4)
            && row.group(*open, '[') == Some(open + 5);
        match (is_attribute, is_test) {
            (true, true) => return true,
            (true, false) => end = open - 1,
            (false, _) => return false,
        }
    }
    false
}

/// What can be asked of a place in a row; beyond its ends there is nothing.
pub trait Row {
    /// The token there.
    fn kind(&self, at: usize) -> Option<&Kind>;

    /// The word there.
    fn word(&self, at: usize) -> Option<&str> {
        match self.kind(at) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Whether this sign is there.
    fn is(&self, at: usize, sign: char) -> bool {
        matches!(self.kind(at), Some(Kind::Sign(it, _)) if *it == sign)
    }

    /// Whether `::` is there.
    fn is_sep(&self, at: usize) -> bool {
        self.kind(at) == Some(&Kind::Sep)
    }

    /// Whether a group begins there.
    fn is_open(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Open(..)))
    }

    /// Whether `!` and a macro's arguments are there.
    fn is_call(&self, at: usize) -> bool {
        self.is(at, '!') && self.is_open(at + 1)
    }

    /// Whether what a macro is given begins there.
    fn is_args(&self, at: usize) -> bool {
        at > 1 && self.is_call(at - 1) && self.word(at - 2).is_some()
    }

    /// Whether what can follow the last `::` of a path is there, other than a name.
    fn is_path_end(&self, at: usize) -> bool {
        self.is(at, '<') || self.is(at, '*') || self.group(at, '{').is_some()
    }

    /// Where the group ends that begins there with this bracket.
    fn group(&self, at: usize, bracket: char) -> Option<usize> {
        match self.kind(at) {
            Some(Kind::Open(it, end)) if *it == bracket => Some(*end),
            _ => None,
        }
    }

    /// Whether there is a macro's variable, or a repetition of some, right before this place.
    fn is_behind_variable(&self, at: usize) -> bool {
        let Some(last) = at.checked_sub(1) else { return false };
        if let Some(word) = self.word(last) {
            return last > 0 && self.is(last - 1, '$') && word != "crate";
        }
        // `$( … )*`, perhaps with a sign between. Whole statements are nothing that a path goes on.
        let is_repeat = ['*', '+', '?'].iter().any(|sign| self.is(last, *sign));
        let ends = last.saturating_sub(3)..last;
        is_repeat
            && ends.rev().any(|end| match self.kind(end) {
                Some(Kind::Close(open)) => {
                    *open > 0 && self.is(open - 1, '$') && !self.is(end - 1, ';')
                }
                _ => false,
            })
    }
}

impl Row for [Token] {
    fn kind(&self, at: usize) -> Option<&Kind> {
        self.get(at).map(|token| &token.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row() {
        let row = read("r#fs::x('a, \"s\") // no\n").unwrap();
        assert_eq!(row.word(0), Some("fs"));
        assert!(row.is_sep(1));
        assert_eq!(row.group(3, '('), Some(7));
        assert_eq!(row.kind(4), Some(&Kind::Lifetime));
        assert_eq!(row.kind(6), Some(&Kind::Literal("\"s\"".to_string())));
        assert_eq!(row.kind(7), Some(&Kind::Close(3)));
        assert_eq!(row.len(), 8);
    }

    #[test]
    fn lines() {
        let row = read("a\n/* b\n */ c (\n)").unwrap();
        let lines: Vec<_> = row.iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 3, 3, 4]);
    }

    #[test]
    fn what_cannot_be_read() {
        assert_eq!(read("fn a() {}\nfn b() {\n").unwrap_err().0, 2);
        assert!(read("#!/bin/sh \"\nfn a() {}").unwrap_err().1.contains("shell"));
        assert!(read("#![allow(dead_code)]").is_ok() && read("#! [allow(dead_code)]").is_ok());
    }

    #[test]
    fn depth_is_no_recursion() {
        let deep = format!("{}{}", "(".repeat(200_000), ")".repeat(200_000));
        assert_eq!(read(&deep).unwrap().len(), 400_000);
    }

    #[test]
    fn what_is_not_built_is_left_out() {
        let has_x = |text| {
            let row = read(text).unwrap();
            (0..row.len()).any(|at| row.word(at) == Some("x"))
        };
        assert!(!has_x("#[cfg(test)] mod tests { x }"));
        assert!(!has_x("fn a() {} #[cfg(test)] #[allow(unused)] pub mod tests { x }"));
        for text in [
            "mod tests { x }",
            "#[cfg(not(test))] mod tests { x }",
            "#[cfg(any(test, unix))] mod tests { x }",
            "m! { #[cfg(test)] mod tests { x } }",
            "#[cfg(test)] fn a() {} mod b { x }",
        ] {
            assert!(has_x(text), "{text}");
        }
    }

    #[test]
    fn behind_a_variable() {
        for (text, is) in [
            ("$a", true),
            ("$($a)*", true),
            ("$($a),+", true),
            ("$($a)=>*", true),
            ("$(v.push($a);)*", false),
            ("a", false),
            ("$crate", false),
            ("(a)*", false),
            ("2 *", false),
        ] {
            let row = read(text).unwrap();
            assert_eq!(row.is_behind_variable(row.len()), is, "{text}");
        }
    }
}
