//! `lab check-history`: is a recorded history linearizable?

use super::results::cannot;
use super::text::{count, thousands};
use super::{Console, FAILED, Stop, UNDECIDED, WELL};
use crate::linear::{
    DEFAULT_LIMIT, Kv, KvOperation, Report, Undecided, Verdict, Violation, check_kv,
    from_json_lines, html,
};
use clap::{Args, value_parser};
use serde::Serialize;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const HISTORY: &str = r#"Lines of JSON, one for each operation; - for standard input.

{"client": 3, "op": "append", "key": "k", "value": "x", "call": 12, "return": 15}
{"client": 4, "op": "get", "key": "k", "output": "x", "call": 13, "return": 16}
{"client": 3, "op": "put", "key": "k", "value": "y", "call": 17, "return": null}

"call" and "return" are ticks of one clock; null is an operation that never returned."#;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Lines of JSON, one for each operation; - for standard input
    #[arg(long_help = HISTORY)]
    file: PathBuf,
    /// Draws a violation: a page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Searches look at so many positions of each key at most
    #[arg(
        long,
        value_name = "STATES",
        default_value_t = DEFAULT_LIMIT,
        value_parser = value_parser!(u64).range(1..)
    )]
    limit: u64,
    /// Prints an object with the verdict
    #[arg(long)]
    json: bool,
}

/// The verdict, as it is written. Operations are numbered from 1, as lines are. Whoever reads this
/// relies on the names.
#[derive(Serialize)]
struct Object<'a> {
    verdict: &'a str,
    operations: usize,
    keys_decoded: usize,
    keys_searched: usize,
    positions: u64,
    violation: Option<ViolationObject<'a>>,
    undecided: Option<UndecidedObject<'a>>,
}

#[derive(Serialize)]
struct ViolationObject<'a> {
    key: &'a str,
    reason: String,
    explanation: &'a str,
    operation: usize,
    witnesses: Vec<usize>,
    order: Vec<usize>,
}

#[derive(Serialize)]
struct UndecidedObject<'a> {
    key: &'a str,
    limit: u64,
    ordered: usize,
    operations: usize,
}

pub fn check_history(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let history = read(&arguments.file)?;
    let report = check_kv(&history, arguments.limit);
    let violation = match &report.verdict {
        Verdict::NotLinearizable(violation) => Some(violation),
        Verdict::Linearizable | Verdict::Undecided(_) => None,
    };
    if let (Some(path), Some(violation)) = (&arguments.html, violation) {
        let page = html(&Kv, &history, violation);
        fs::write(path, page).map_err(|error| cannot(path, &error))?;
    }
    if arguments.json {
        writeln!(console.out, "{}", object(&report, history.len()))?;
    } else {
        tell(&report, &history, console)?;
    }
    match (&arguments.html, violation) {
        (Some(path), None) => {
            console.say(format_args!("no violation to draw: {} is not written", path.display()));
        }
        (Some(path), Some(_)) if !arguments.json => {
            writeln!(console.out, "timeline in {}", path.display())?;
        }
        _ => {}
    }
    Ok(match report.verdict {
        Verdict::Linearizable => WELL,
        Verdict::NotLinearizable(_) => FAILED,
        Verdict::Undecided(_) => UNDECIDED,
    })
}

fn read(path: &Path) -> Result<Vec<KvOperation>, Stop> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_string() } else { path.display().to_string() };
    let mut text = Vec::new();
    let outcome = if is_stdin {
        io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        fs::read(path).map(|bytes| text = bytes)
    };
    outcome.map_err(|error| Stop::BadUse(format!("cannot read {name}: {error}")))?;
    let history =
        from_json_lines(&text).map_err(|error| Stop::BadUse(format!("{name}, {error}")))?;
    if history.is_empty() {
        return Err(Stop::BadUse(format!("{name} has no operation: is it the right file?")));
    }
    Ok(history)
}

fn tell(report: &Report, history: &[KvOperation], console: &mut Console<'_>) -> io::Result<()> {
    match &report.verdict {
        Verdict::Linearizable => {
            let operations = count(history.len(), "operation");
            writeln!(console.out, "linearizable: {operations}")?;
        }
        Verdict::NotLinearizable(violation) => write!(console.out, "{violation}")?,
        Verdict::Undecided(undecided) => {
            writeln!(console.out, "{undecided}\n--limit sets another limit")?;
        }
    }
    let Report { decoded, searched, positions, .. } = report;
    if *decoded > 0 {
        writeln!(console.out, "{} decoded", count(*decoded, "key"))?;
    }
    if *searched > 0 {
        let (keys, positions) = (count(*searched, "key"), thousands(*positions));
        writeln!(console.out, "{keys} searched: {positions} positions")?;
    }
    Ok(())
}

fn object(report: &Report, operations: usize) -> String {
    let number = |place: &usize| place + 1;
    let mut object = Object {
        verdict: "linearizable",
        operations,
        keys_decoded: report.decoded,
        keys_searched: report.searched,
        positions: report.positions,
        violation: None,
        undecided: None,
    };
    match &report.verdict {
        Verdict::Linearizable => {}
        Verdict::NotLinearizable(violation) => {
            let Violation { part, reason, operation, witnesses, order, explanation, .. } =
                violation;
            object.verdict = "not linearizable";
            object.violation = Some(ViolationObject {
                key: part,
                reason: reason.to_string(),
                explanation,
                operation: number(operation),
                witnesses: witnesses.iter().map(number).collect(),
                order: order.iter().map(number).collect(),
            });
        }
        Verdict::Undecided(Undecided { part, limit, ordered, operations }) => {
            object.verdict = "undecided";
            object.undecided = Some(UndecidedObject {
                key: part,
                limit: *limit,
                ordered: *ordered,
                operations: *operations,
            });
        }
    }
    serde_json::to_string(&object).unwrap_or_default()
}
