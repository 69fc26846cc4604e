//! `lab diff`: where two traces part.

use super::text::{clip, thousands};
use super::{Console, DiffArguments, FAILED, Stop, WELL};
use labrpc::{Record, first_difference};
use std::collections::VecDeque;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How many common lines are shown before the first difference.
const BEFORE: usize = 5;

/// The longest line that is shown of a trace.
const LINE: usize = 1_000;

pub(super) fn diff(arguments: &DiffArguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let DiffArguments { a, b } = arguments;
    let (left, right) = (read(a)?, read(b)?);
    // A text and lines of JSON are compared as texts.
    let as_text = is_json(&left) != is_json(&right);
    let lines = |text| lines(text, as_text);
    let names = [a.display().to_string(), b.display().to_string()];
    match difference(lines(&left), lines(&right), "line", &names) {
        None => {
            let count = thousands(left.lines().count() as u64);
            writeln!(console.out, "no difference in {count} lines")?;
            Ok(WELL)
        }
        Some(text) => {
            write!(console.out, "{text}")?;
            Ok(FAILED)
        }
    }
}

fn read(path: &Path) -> Result<String, Stop> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(Stop::BadUse(format!("cannot read {}: {error}", path.display()))),
    }
}

fn is_json(trace: &str) -> bool {
    trace.starts_with('{')
}

fn lines(trace: &str, as_text: bool) -> impl Iterator<Item = String> {
    trace.lines().map(move |line| {
        let record = if as_text { serde_json::from_str::<Record>(line).ok() } else { None };
        record.map_or_else(|| line.to_string(), |record| record.to_string())
    })
}

/// The first difference of two traces, with what comes before it, in words; `None` if they are
/// equal. `what` is what they consist of.
pub fn difference(
    left: impl Iterator<Item = String>,
    right: impl Iterator<Item = String>,
    what: &str,
    names: &[String; 2],
) -> Option<String> {
    let mut recent = VecDeque::new();
    let left = left.inspect(|line| {
        if recent.len() > BEFORE {
            recent.pop_front();
        }
        recent.push_back(line.clone());
    });
    let found = first_difference(left, right)?;
    if found.left.is_some() {
        recent.pop_back();
    }
    let recent = recent.iter().skip(recent.len().saturating_sub(BEFORE));
    let mut text = match found.common {
        0 => format!("they differ from the first {what}\n"),
        1 => format!("the first {what} is the same in both\n"),
        more => format!("the first {} {what}s are the same in both\n", thousands(more as u64)),
    };
    for line in recent {
        let _ = writeln!(text, "  {}", clip(line, LINE));
    }
    for (mark, name, line) in [('-', &names[0], found.left), ('+', &names[1], found.right)] {
        let line = line.map_or_else(|| "(it ends here)".to_string(), |line| clip(&line, LINE));
        let number = thousands(found.common as u64 + 1);
        let _ = writeln!(text, "{mark} {name}, {what} {number}:\n{mark} {line}");
    }
    Some(text)
}

/// The first difference between one run and up to so many others that should have been the same, in
/// words; `trace` makes a run. `None` if there is none.
pub fn between_runs<E>(
    others: usize,
    mut trace: impl FnMut() -> Result<Vec<String>, E>,
) -> Result<Option<String>, E> {
    let names = ["once".to_string(), "again".to_string()];
    let one = trace()?;
    for _ in 0..others {
        let other = trace()?;
        let found = difference(one.iter().cloned(), other.into_iter(), "record", &names);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: &str, right: &str) -> Option<String> {
        let split = |text: &str| -> Vec<String> { text.split(' ').map(str::to_string).collect() };
        let names = ["A".to_string(), "B".to_string()];
        difference(split(left).into_iter(), split(right).into_iter(), "line", &names)
    }

    #[test]
    fn the_first_difference_comes_with_what_is_before_it() {
        assert_eq!(found("a b", "a b"), None);
        assert_eq!(
            found("1 2 3 4 5 6 7 x", "1 2 3 4 5 6 7 y").unwrap(),
            "the first 7 lines are the same in both\n  3\n  4\n  5\n  6\n  7\n\
             - A, line 8:\n- x\n+ B, line 8:\n+ y\n"
        );
        assert_eq!(
            found("1 2 3 4 5 6 7", "1 2 3 4 5 6 7 y").unwrap(),
            "the first 7 lines are the same in both\n  3\n  4\n  5\n  6\n  7\n\
             - A, line 8:\n- (it ends here)\n+ B, line 8:\n+ y\n"
        );
        assert_eq!(
            found("x", "y z").unwrap(),
            "they differ from the first line\n- A, line 1:\n- x\n+ B, line 1:\n+ y\n"
        );
    }
}
