//! A grade as files.
//!
//! For one submission:
//!
//! | file | is | written by |
//! |---|---|---|
//! | `grade.json` | the grade itself, and the points | `out/json.rs` |
//! | `junit.xml` | a suite for each lab, a case for each scenario | `out/junit.rs` |
//! | `results.json` | what Gradescope takes from an autograder | `out/gradescope.rs` |
//! | `classroom.json` | what the reporter of GitHub Classroom takes | `out/classroom.rs` |
//! | `index.html` | the page for who handed it in | `out/page.rs` |
//!
//! For many together: `grades.csv` and `summary.html`, by `out/batch.rs`. What all of them say in the
//! same words is in `out/text.rs`.
//!
//! They tell what is in the [`Grade`], and nothing else: no time, no date, no path. The same grades give
//! the same bytes. What a submission has printed, and its name, are somebody else's text: in each file
//! they are written so that they stay text. Of a hidden seed there is its number and the reason, and no
//! fact in any file, even if the grade has one.

mod batch;
mod classroom;
mod gradescope;
mod json;
mod junit;
mod page;
#[cfg(test)]
mod tests;
mod text;

pub use text::points;

use super::result::{Grade, SeedName};
use std::fs;
use std::io;
use std::path::Path;

/// Writes the files of one submission into a folder, which is made if it is not there. Files that are
/// there under these names are written over. `grade.json` comes last: in a folder that had none, it says
/// that the others are complete.
///
/// # Errors
/// If the folder or a file cannot be written; the error names it.
///
/// ```
/// use tests::grade::{out, parts::Parts, result::{Grade, Stage, Stopped}};
/// let why = vec!["lab2/src/lib.rs:3: `unsafe` is not allowed".to_string()];
/// let grade = Grade {
///     submission: "alice".to_string(),
///     visible: 10,
///     hidden: 20,
///     parts: Parts::all(),
///     stopped: Some(Stopped { at: Stage::Inspection, why }),
///     remarks: Vec::new(),
///     labs: Vec::new(),
/// };
/// let folder = tempfile::tempdir()?;
/// out::write(&folder.path().join("alice"), &grade)?;
/// out::batch(folder.path(), &[grade])?;
/// let table = std::fs::read_to_string(folder.path().join("grades.csv"))?;
/// assert!(table.contains("\r\nalice,not allowed,0.00,0,"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(folder: &Path, grade: &Grade) -> io::Result<()> {
    let grade = &without_hidden_facts(grade);
    let files = [
        ("junit.xml", junit::text(grade)),
        ("results.json", gradescope::text(grade)),
        ("classroom.json", classroom::text(grade)),
        ("index.html", page::html(grade)),
        ("grade.json", json::text(grade)),
    ];
    write_all(folder, &files)
}

/// Writes `grades.csv` and `summary.html` about many submissions, in the order they are given in. The
/// summary links to the page of each, in a folder of the submission's name beside it.
///
/// # Errors
/// If the folder or a file cannot be written; the error names it.
pub fn batch(folder: &Path, grades: &[Grade]) -> io::Result<()> {
    let files = [("grades.csv", batch::csv(grades)), ("summary.html", batch::html(grades))];
    write_all(folder, &files)
}

fn write_all(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    let named = |path: &Path, error: &io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

/// The grade as it may be told.
fn without_hidden_facts(grade: &Grade) -> Grade {
    let mut grade = grade.clone();
    let scenarios = grade.labs.iter_mut().flat_map(|lab| &mut lab.scenarios);
    for failure in scenarios.flat_map(|scenario| &mut scenario.failures) {
        if matches!(failure.seed, SeedName::Hidden(_)) {
            failure.facts = None;
        }
    }
    grade
}
