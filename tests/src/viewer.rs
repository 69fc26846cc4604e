//! A picture of a run: one page for a browser that shows what happened, complete in itself.
//!
//! The page is a frame of HTML and CSS, a program without a library, and the run as JSON. What the
//! run was is worked out here and written down plainly, so that the program only has to draw:
//!
//! | | is | file |
//! |---|---|---|
//! | `Data` | the run as the page reads it: tables with a column for each field | `viewer/data.rs` |
//! | `Messages` | of what kind a message is, whether it came twice, came late, or was lost | `viewer/messages.rs` |
//! | `Bands` | when a node was down, paused, slow or cut off | `viewer/bands.rs` |
//! | the page | reads the data, draws, and obeys mouse and keys | `viewer/page/` |
//!
//! `docs/TRACES.md` tells how the page is read.

mod bands;
mod data;
mod messages;

use crate::linear::escape;
use crate::run::Report;
use data::Data;

/// What this page and the timeline of a history have in common.
pub(crate) const LOOK: &str = include_str!("viewer/page/look.css");

const FRAME: &str = include_str!("viewer/page/page.html");
const STYLE: &str = include_str!("viewer/page/page.css");
const SCRIPT: [&str; 7] = [
    include_str!("viewer/page/data.js"),
    include_str!("viewer/page/servers.js"),
    include_str!("viewer/page/picture.js"),
    include_str!("viewer/page/axis.js"),
    include_str!("viewer/page/panels.js"),
    include_str!("viewer/page/search.js"),
    include_str!("viewer/page/controls.js"),
];

/// The page of a run. It shows what the report holds: messages and faults from the
/// [trace](Report::trace), roles and logs from the [film](Report::film). `command` is what one
/// types to see the run again; it stands on the page.
///
/// The page loads nothing and asks nobody. Whatever the run's texts hold, it is shown as text.
///
/// ```
/// use labrpc::Trace;
/// use tests::catalogue::Catalogue;
/// use tests::run::Options;
/// let catalogue = Catalogue::reference();
/// let options = Options { trace: Trace::all(), film: true, ..Options::default() };
/// let report = catalogue.find("initial_election_2a").unwrap().run(1, &options);
/// let page = tests::viewer::html(&report, "lab replay initial_election_2a --seed 1");
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(page.contains("became leader"));
/// ```
pub fn html(report: &Report, command: &str) -> String {
    let data = serde_json::to_string(&Data::of(report, command)).expect("the data has a text");
    let style = [LOOK, STYLE].concat();
    let parts = [
        ("{{title}}", escape(&format!("{}, seed {}", report.scenario.name, report.seed))),
        ("{{style}}", style),
        // No `<` ends the script, or begins a comment in it.
        ("{{data}}", data.replace('<', "\\u003c")),
        ("{{script}}", SCRIPT.concat()),
    ];
    let mut page = String::with_capacity(data.len() + FRAME.len() + 200_000);
    let mut rest = FRAME;
    for (place, text) in parts {
        let (before, after) = rest.split_once(place).expect("the frame has a place for each part");
        page += before;
        page += &text;
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the program that holds its own end would be cut short by a browser.
    #[test]
    fn the_program_does_not_end_itself() {
        for part in SCRIPT {
            assert!(!part.contains("</script") && !part.contains("<!--"), "{part}");
        }
        assert!(!STYLE.contains("</style") && !LOOK.contains("</style"));
    }

    /// Nothing is asked of a network: the page names no address to load from.
    #[test]
    fn the_page_loads_nothing() {
        let page = [FRAME, STYLE, LOOK, &SCRIPT.concat()].concat();
        for word in ["http:", "https:", " src=", "url(", "@import", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
