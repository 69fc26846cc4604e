//! Applies a patch: lines that are in a file exactly once make way for others.
//!
//! There are no line numbers and nothing is approximate. A patch that fits does what its author
//! meant; one that does not is told where it comes closest, and is easily mended.

use super::format::{Hunk, Malformed, Mutant};
use super::sources::Sources;
use std::collections::BTreeMap;
use std::ops::Range;

/// The files that a mutant changes, as they are with it.
pub fn apply(mutant: &Mutant, sources: &Sources) -> Result<BTreeMap<String, String>, Malformed> {
    let wrong = |line, what: String| Malformed { path: mutant.path.clone(), line, what };
    let mut by_file: BTreeMap<&str, Vec<&Hunk>> = BTreeMap::new();
    for hunk in &mutant.hunks {
        by_file.entry(&hunk.file).or_default().push(hunk);
    }
    let mut patched = BTreeMap::new();
    for (file, hunks) in by_file {
        let text = sources.text(file).ok_or_else(|| {
            wrong(hunks[0].line, format!("there is no {file} in the tree, or it is no text"))
        })?;
        let mut places: Vec<(Range<usize>, &str, &Hunk)> = Vec::new();
        for hunk in hunks {
            let place = place(text, hunk).map_err(|(line, what)| wrong(line, what))?;
            let (place, new) = narrowed(place, hunk);
            places.push((place, new, hunk));
        }
        places.sort_by_key(|(place, ..)| place.start);
        let overlap = places.windows(2).find(|pair| pair[0].0.end > pair[1].0.start);
        if let Some([_, (.., hunk)]) = overlap {
            return Err(wrong(hunk.line, format!("this overlaps another change of {file}")));
        }
        let (mut new, mut from) = (String::with_capacity(text.len()), 0);
        for (place, lines, _) in places {
            new.push_str(&text[from..place.start]);
            new.push_str(lines);
            from = place.end;
        }
        new.push_str(&text[from..]);
        patched.insert(file.to_string(), new);
    }
    Ok(patched)
}

/// A change without the lines around it, which two changes may share.
fn narrowed(place: Range<usize>, hunk: &Hunk) -> (Range<usize>, &str) {
    let (mut old, mut new) = (hunk.old.as_str(), hunk.new.as_str());
    let same = |(a, b): &(&str, &str)| a == b;
    let lines = |it| str::split_inclusive(it, '\n');
    let before: usize =
        lines(old).zip(lines(new)).take_while(same).map(|(line, _)| line.len()).sum();
    (old, new) = (&old[before..], &new[before..]);
    let after: usize =
        lines(old).rev().zip(lines(new).rev()).take_while(same).map(|(line, _)| line.len()).sum();
    (place.start + before..place.end - after, &new[..new.len() - after])
}

/// The one place where the lines are; or the line of the mutant that is to blame, and why.
fn place(text: &str, hunk: &Hunk) -> Result<Range<usize>, (usize, String)> {
    let places: Vec<usize> = starts_of_lines(text)
        .filter(|&start| text[start..].starts_with(hunk.old.as_str()))
        .collect();
    let line_of = |start: usize| text[..start].matches('\n').count() + 1;
    match places[..] {
        [start] => Ok(start..start + hunk.old.len()),
        [] => Err(nearly(text, hunk)),
        [..] => {
            let lines: Vec<String> = places.iter().map(|&at| line_of(at).to_string()).collect();
            let (count, lines) = (lines.len(), lines.join(", "));
            let what = format!(
                "these lines are in {} {count} times, at lines {lines}: add lines around them",
                hunk.file
            );
            Err((hunk.line, what))
        }
    }
}

fn starts_of_lines(text: &str) -> impl Iterator<Item = usize> {
    let after = text.match_indices('\n').map(|(at, _)| at + 1).filter(|&at| at < text.len());
    std::iter::once(0).chain(after)
}

/// Where the lines fit for longest, and the first that does not.
fn nearly(text: &str, hunk: &Hunk) -> (usize, String) {
    let there: Vec<&str> = text.lines().collect();
    let wanted: Vec<&str> = hunk.old.lines().collect();
    let fit = |start: usize| {
        wanted.iter().zip(&there[start..]).take_while(|(wanted, there)| wanted == there).count()
    };
    // The first of the best.
    let best = (0..there.len()).rev().max_by_key(|&start| fit(start)).unwrap_or_default();
    let count = if there.is_empty() { 0 } else { fit(best) };
    let missing = wanted.get(count).copied().unwrap_or_default();
    let what = if count == 0 {
        format!("no line of {} is `{missing}`", hunk.file)
    } else {
        format!(
            "these lines are not in {}: the best place is at line {}, but line {} is not `{missing}`",
            hunk.file,
            best + 1,
            best + 1 + count,
        )
    };
    (hunk.numbers.get(count).copied().unwrap_or(hunk.line), what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SOURCE: &str = "fn a() {\n    x();\n}\n\nfn b() {\n    x();\n    y();\n}\n";

    fn patched(patch: &str) -> Result<String, Malformed> {
        let sources = Sources::of([("raft/src/a.rs", SOURCE)]);
        let text = format!("title: t\nbreaks: b\nsource: s\nexpects: e\n{patch}");
        let mutant = Mutant::parse(Path::new("raft/m.mutant"), &text)?;
        let mut files = apply(&mutant, &sources)?;
        assert_eq!(files.len(), 1);
        Ok(files.remove("raft/src/a.rs").expect("the file is patched"))
    }

    #[test]
    fn what_is_there_once_is_replaced() {
        let patch =
            "--- raft/src/a.rs\n@@\n     x();\n-    y();\n+    z();\n@@\n fn a() {\n+    w();\n";
        let new = patched(patch).unwrap();
        let expected = "fn a() {\n    w();\n    x();\n}\n\nfn b() {\n    x();\n    z();\n}\n";
        assert_eq!(new, expected);
        let empty_line = "--- raft/src/a.rs\n@@\n }\n\n-fn b() {\n+fn c() {\n";
        assert_eq!(patched(empty_line).unwrap(), SOURCE.replace("fn b", "fn c"));
        let shared = "--- raft/src/a.rs\n@@\n-fn b() {\n+fn c() {\n     x();\n     y();\n@@\n     x();\n+    z();\n     y();\n";
        let new = SOURCE.replace("fn b", "fn c").replace("y();", "z();\n    y();");
        assert_eq!(patched(shared).unwrap(), new, "lines around a change may be shared");
    }

    #[test]
    fn what_does_not_fit_is_told_why() {
        let cases = [
            ("raft/src/a.rs\n@@\n-    x();", 7, "in raft/src/a.rs 2 times, at lines 2, 6"),
            ("raft/src/a.rs\n@@\n-    z();", 7, "no line of raft/src/a.rs is `    z();`"),
            ("raft/src/a.rs\n@@\n-y();", 7, "no line of raft/src/a.rs is `y();`"),
            (
                "raft/src/a.rs\n@@\n     x();\n+    w();\n-    z();",
                9,
                "the best place is at line 2, but line 3 is not `    z();`",
            ),
            ("raft/src/b.rs\n@@\n-x", 7, "there is no raft/src/b.rs in the tree"),
            (
                "raft/src/a.rs\n@@\n fn b() {\n-    x();\n@@\n-    x();\n     y();",
                10,
                "overlaps another change",
            ),
        ];
        for (patch, line, what) in cases {
            let wrong = patched(&format!("--- {patch}\n")).unwrap_err();
            assert!(wrong.what.contains(what), "{wrong}");
            assert_eq!(wrong.line, line, "{wrong}");
        }
    }
}
