//! A look at one source.

use super::paths::{End, Path};
use super::rules::{self, Verdict};
use super::tokens::{Kind, Row, Token};
use super::{Allow, COMPLAINTS, Modules, Text, loose};
use crate::grade::lab::Lab;
use std::collections::BTreeSet;

/// How many tokens an attribute has at most: whoever asks for more wants to be overlooked.
const ATTRIBUTE: usize = 256;

/// A source, and what it is looked at with.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub text: &'a Text,
    pub lab: Lab,
    pub allowed: &'a BTreeSet<Allow>,
    pub modules: &'a Modules,
}

impl<'a> Look<'a> {
    /// What is to be said against it, with lines: as much as anybody reads.
    pub fn complaints(&self) -> Vec<(usize, String)> {
        let tokens = (0..self.row().len()).flat_map(|at| self.tokens(at));
        let mut found: Vec<_> = self.paths().take(COMPLAINTS + 1).collect();
        found.extend(loose::complaints(self.row()).into_iter().take(COMPLAINTS + 1));
        found.extend(tokens.take(COMPLAINTS + 1));
        found
    }

    fn row(&self) -> &'a [Token] {
        &self.text.row
    }

    fn is_allowed(&self, it: Allow) -> bool {
        self.allowed.contains(&it)
    }

    fn paths(&self) -> impl Iterator<Item = (usize, String)> {
        let line = |path: &Path, why| (path.line, format!("`{}`: {why}", path.text()));
        self.text.paths.iter().filter_map(move |it| self.against(it).map(|why| line(it, why)))
    }

    /// What is to be said against a path.
    fn against(&self, path: &Path) -> Option<String> {
        let first = path.segments.first().map_or("", String::as_str);
        let is_known = rules::is_crate(first);
        if path.is_too_long() {
            return Some("nothing lies so deep: write the path out".to_string());
        }
        if path.is_use && path.is_in_macro {
            return Some("bring it in outside: a macro can take a `use` apart".to_string());
        }
        if first.is_empty() {
            return None;
        }
        if path.is_use && path.end == End::Open {
            return Some("write the path out".to_string());
        }
        if path.is_global && !is_known && Lab::of_package(first).is_none() {
            return Some(format!("there is no crate `{first}`"));
        }
        if path.is_use && path.segments.len() == 1 && is_builtin(first) {
            return Some("call the macro by its name".to_string());
        }
        if is_known { self.refusal(path) } else { self.against_own(path) }
    }

    /// What is to be said against a path that begins with a name of the submission's own.
    fn against_own(&self, path: &Path) -> Option<String> {
        let from = |place: &[&[String]]| Path { segments: place.concat(), ..path.clone() };
        (0..path.segments.len()).find_map(|at| {
            let (head, tail) = (&path.segments[at], &path.segments[at + 1..]);
            // What is before a crate's name can be a module of the same name, or what a macro takes away.
            let is_taken = rules::is_crate(head) && (path.is_in_macro || rules::is_std(head));
            if at > 0 && is_taken && !tail.is_empty() {
                let why = self.refusal(&from(&[&path.segments[at..]]))?;
                return Some(format!("a macro can make `{head}` the crate of this name: {why}"));
            }
            let meanings = self.modules.get(head)?;
            let whys: Option<Vec<_>> =
                meanings.iter().map(|it| self.refusal(&from(&[it, tail]))).collect();
            whys?.into_iter().next()
        })
    }

    fn refusal(&self, path: &Path) -> Option<String> {
        match rules::judge(path, self.lab, self.allowed) {
            Verdict::Refused(why) => Some(why),
            Verdict::Fine | Verdict::Module => None,
        }
    }

    /// What is to be said against what is here, whatever path it is in.
    fn tokens(&self, at: usize) -> Vec<(usize, String)> {
        let what = self.token(at).or_else(|| self.pieces(at));
        let mut found: Vec<_> = what.map(|it| (self.row()[at].line, it)).into_iter().collect();
        if self.row().word(at) == Some("serde") {
            found.extend(self.serde(at + 1));
        }
        found
    }

    /// A word that is refused.
    fn token(&self, at: usize) -> Option<String> {
        if self.is_path(at) {
            return Some("`#[path]`: a module's file has its name: take the attribute out".into());
        }
        let is_call = self.row().is_call(at + 1);
        let (name, why, by) = match self.row().word(at)? {
            "extern" if self.row().word(at + 1) == Some("crate") => {
                ("extern crate", "a crate can be named without it", None)
            }
            name @ ("unsafe" | "extern" | "no_mangle" | "export_name" | "link_section"
            | "global_allocator" | "global_asm" | "naked_asm") => {
                (name, rules::UNSAFE, Some(Allow::Unsafe))
            }
            "asm" if is_call => ("asm!", rules::UNSAFE, Some(Allow::Unsafe)),
            name @ ("include_str" | "include_bytes") => (name, rules::FILES, None),
            "include" if is_call => ("include!", rules::FILES, None),
            "option_env" => ("option_env", rules::ENVIRONMENT, Some(Allow::Environment)),
            "env" if is_call => ("env!", rules::ENVIRONMENT, Some(Allow::Environment)),
            name @ ("static" | "thread_local") => (name, rules::SHARED, Some(Allow::Statics)),
            _ => return None,
        };
        let is_allowed = by.is_some_and(|it| self.is_allowed(it));
        (!is_allowed).then(|| format!("`{name}`: {}", rules::unless(why, by)))
    }

    /// Whether `path = …` begins a group in brackets, whatever stands before them, or is in a `cfg_attr`.
    fn is_path(&self, at: usize) -> bool {
        let row = self.row();
        let is_one = |at| row.word(at) == Some("path") && row.is(at + 1, '=');
        match row.kind(at) {
            Some(Kind::Open('[', _)) => is_one(at + 1),
            Some(Kind::Word(word)) if word == "cfg_attr" => match row.group(at + 1, '(') {
                Some(end) => (at..end).take(ATTRIBUTE).any(is_one),
                None => false,
            },
            _ => false,
        }
    }

    /// What a macro would put together.
    fn pieces(&self, at: usize) -> Option<String> {
        let row = self.row();
        let is_behind = row.is_behind_variable(at);
        let what = match row.kind(at)? {
            Kind::Word(word) if word == "use" && row.is(at + 1, '$') => {
                (row.word(at + 2) != Some("crate")).then_some("a `use`")
            }
            Kind::Word(word) if ["cfg_attr", "serde"].contains(&word.as_str()) => {
                self.has_variable(at + 1).then_some("an attribute")
            }
            Kind::Word(_) => {
                (is_behind && (row.is_sep(at + 1) || row.is_call(at + 1))).then_some("a path")
            }
            Kind::Sep => {
                // A variable can be the last part of a path that is known up to there.
                let is_last = at > 0 && row.word(at - 1).is_some() && row.word(at + 2).is_some();
                let is_bare = row.word(at + 1).is_none()
                    && !row.is_path_end(at + 1)
                    && !(is_last && row.is(at + 1, '$'));
                (is_behind || is_bare).then_some("a path")
            }
            Kind::Sign('!', _) => (is_behind && row.is_call(at)).then_some("a macro's name"),
            Kind::Sign('#', _) => {
                let open = at + 1 + usize::from(row.is(at + 1, '!'));
                let is_doc = row.word(open + 1) == Some("doc");
                if !is_doc && self.length(open) > ATTRIBUTE {
                    return Some(
                        "`#[…]`: nobody needs so long an attribute: make it shorter".into(),
                    );
                }
                (!is_doc && self.has_variable(open)).then_some("an attribute")
            }
            _ => None,
        };
        what.map(|it| {
            format!("`$`: {it} that a macro puts together can lead anywhere: write it out")
        })
    }

    /// Whether a macro's variable is in the group that begins here, if one does and is no longer than an
    /// attribute may be.
    fn has_variable(&self, open: usize) -> bool {
        let length = self.length(open).min(ATTRIBUTE);
        (open..open + length).any(|at| self.row().is(at, '$'))
    }

    /// How long the group is that begins here; 0, if none does.
    fn length(&self, open: usize) -> usize {
        match self.row().kind(open) {
            Some(Kind::Open(_, end)) => end - open,
            _ => 0,
        }
    }

    /// What is to be said against what serde takes out of strings: they are paths and types.
    fn serde(&self, open: usize) -> Vec<(usize, String)> {
        let end = match self.row().kind(open) {
            Some(Kind::Open(_, end)) => *end,
            _ => open,
        };
        let mut found = Vec::new();
        for token in self.row()[open..end].iter().take(ATTRIBUTE) {
            let Kind::Literal(literal) = &token.kind else { continue };
            let bare =
                literal.trim_start_matches(['r', '#']).trim_end_matches('#').trim_matches('"');
            match Text::read(bare).ok().filter(|_| !literal.contains('\\')) {
                Some(text) => {
                    let look = Look { text: &text, ..*self };
                    found.extend(look.paths().map(|(_, what)| (token.line, what)));
                }
                None => found.push((
                    token.line,
                    format!("`serde`: write {literal} without backslashes and open brackets"),
                )),
            }
        }
        found
    }
}

/// A macro that is everywhere without being brought in, and reaches out of the program.
fn is_builtin(name: &str) -> bool {
    ["asm", "env", "include", "include_bytes", "include_str", "option_env"].contains(&name)
}
