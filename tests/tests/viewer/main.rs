//! The viewer in a real browser: it shows what the trace holds, reacts to each control, and takes no
//! text of a run for anything but text.
//!
//! `cargo test -p tests --features browser --test viewer -- --nocapture` runs these, and prints how
//! long a hundred thousand events take. They need a Chromium: on the path, or named by
//! `LAB_CHROMIUM`.

#![cfg(unix)]

mod browser;
mod controls;

use browser::Page;
use labrpc::{Event, Record, Trace};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tests::catalogue::Catalogue;
use tests::run::{Options, Report};
use tests::swarm::{System, Trial};

fn options() -> Options {
    Options { trace: Trace::all(), film: true, ..Options::default() }
}

fn report(scenario: &str, seed: u64) -> Report {
    let catalogue = Catalogue::reference();
    catalogue.find(scenario).expect("a scenario").run(seed, &options())
}

/// A page in a folder that lasts as long as it.
struct Open {
    page: Page,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

fn open_at(report: &Report, address: &str) -> Open {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    fs::write(&file, tests::viewer::html(report, "lab replay it")).expect("a file");
    Open { page: Page::open(&file, address), file, _folder: folder }
}

fn open(report: &Report) -> Open {
    open_at(report, "")
}

fn is_message(record: &Record) -> bool {
    matches!(record.event, Event::Deliver { .. } | Event::Drop { .. })
}

/// The records that a page counts are those of the trace, and what it draws is what it counts.
#[test]
fn it_shows_what_the_trace_holds() {
    for (scenario, lanes, clusters) in
        [("figure_8_2x", 5, 1), ("one_partition_3a", 9, 1), ("static_shards_4b", 0, 4)]
    {
        let report = report(scenario, 1);
        let mut open = open(&report);
        let page = &mut open.page;
        let messages = report.trace.iter().filter(|it| is_message(it)).count();
        assert_eq!(page.count("count") as usize, report.trace.len());
        assert_eq!(page.count("messages.length") as usize, messages);
        assert_eq!(page.count("run.clusters.length") as usize, clusters);
        let of_lanes = page.count("document.querySelectorAll('#names button').length") as usize;
        let nodes = report.trace.iter().filter_map(|it| it.node).max().expect("a node").index() + 1;
        assert_eq!(of_lanes, nodes);
        assert!(lanes == 0 || lanes == nodes, "{scenario} has {nodes} lanes");
        // At opening a run that passed is in view as a whole: everything is drawn.
        assert_eq!(page.count("view.visible") as usize, messages);
        let events = page.value("records.event");
        let events = events.as_array().expect("a list");
        for (record, event) in report.trace.iter().zip(events) {
            let expected = match record.event {
                Event::Deliver { .. } => "deliver",
                Event::Drop { .. } => "drop",
                Event::Note { .. } => "note",
                Event::Boot { .. } => "boot",
                Event::Crash { .. } => "crash",
                _ => continue,
            };
            assert_eq!(event, expected, "{record}");
        }
        let lost = report.trace.iter().filter(|it| matches!(it.event, Event::Drop { .. })).count();
        assert_eq!(page.count("[...messages].filter(isLost).length") as usize, lost);
        page.assert_no_errors();
    }
}

/// Every log that the page reads out of the film, at any event, is the one that the changes add up
/// to from the beginning.
#[test]
fn the_logs_at_the_cursor_are_those_of_the_film() {
    for (scenario, seed) in [("snapshot_install_crash_2d", 3), ("figure_8_unreliable_2c", 1)] {
        let report = report(scenario, seed);
        let film = report.film.as_ref().expect("it was filmed");
        let mut open = open(&report);
        let last = report.trace.last().expect("a trace").number;
        for event in (0..40).map(|part| last * part / 39) {
            let mut logs: BTreeMap<usize, Vec<(u64, u64)>> = BTreeMap::new();
            let mut state = BTreeMap::new();
            for frame in film.frames.iter().take_while(|frame| frame.event <= event) {
                state.insert(frame.node.index(), frame.state);
                let log = logs.entry(frame.node.index()).or_default();
                if let Some(change) = &frame.log {
                    log.retain(|(index, _)| *index < change.from.get());
                    let entries = change.entries.iter().map(|(term, _)| term.get());
                    log.extend((change.from.get()..).zip(entries));
                }
            }
            for (node, log) in logs {
                let expected = state[&node];
                let log: Vec<_> =
                    log.into_iter().filter(|it| it.0 > expected.covered.index.get()).collect();
                let shown = open.page.value(&format!(
                    "(() => {{ const frame = frameAfter(laneOf[{node}], {event}); \
                     return [frame.term, frame.commit, frame.covered, \
                     [...logFrom(frame, frame.covered + 1)].sort((a, b) => a[0] - b[0]) \
                     .map(([index, [term]]) => [index, term])]; }})()"
                ));
                let expected = json!([
                    expected.term.get(),
                    expected.commit.get(),
                    expected.covered.index.get(),
                    log
                ]);
                assert_eq!(shown, expected, "n{node} after event {event} of {scenario}");
            }
        }
        open.page.assert_no_errors();
    }
}

/// What a step has put into a log, and what was applied in it, is told with its commands; so is what
/// clients asked for.
#[test]
fn commands_and_calls_are_told_in_words() {
    let report = report("join_leave_4b", 1);
    let film = report.film.as_ref().expect("it was filmed");
    let joins = film.commands.iter().position(|it| it.contains("g101")).expect("a group joins");
    let puts_it = |frame: &&tests::arena::film::Frame| {
        frame.log.iter().any(|change| change.entries.iter().any(|(_, it)| *it == joins))
    };
    let frame = film.frames.iter().find(puts_it).expect("it is put into a log");
    let (event, index) = (frame.event, frame.state.last.index.get());
    let mut open = open_at(&report, &format!("#event={event}"));
    let shown = open.page.text("byId('event').textContent");
    assert!(shown.contains(&format!("{index}: {}", film.commands[joins])), "{shown}");
    let calls = open.page.count("lanes.reduce((sum, lane) => sum + lane.calls.length, 0)");
    assert_eq!(calls as usize, film.calls.len());
    open.page.assert_no_errors();
}

/// The command itself, for a trial that cannot pass: nobody is served within a millisecond.
#[test]
fn a_run_that_fails_opens_at_the_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (toml, file) = (folder.path().join("trial.toml"), folder.path().join("trial.html"));
    let trial = Trial { patience_ms: 1, ..Trial::draw(System::Kv, 5) };
    fs::write(&toml, trial.to_text()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["replay", toml.to_str().unwrap(), "--html", file.to_str().unwrap()])
        .output()
        .expect("lab runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("  the picture in ") && said.contains("trial.html\n"), "{said}");
    let mut page = Page::open(&file, "");
    let reason = page.text("run.failure.property");
    assert!(said.contains(&format!("reason:    {reason}: ")), "{said}");
    assert_eq!(page.value("byId('banner').hidden"), Value::Bool(false));
    assert_eq!(page.text("byId('property').textContent"), reason);
    let in_view = "run.failure.at >= view.from && run.failure.at <= view.from + view.span";
    assert_eq!(page.value(in_view), Value::Bool(true));
    assert!(page.number("view.span") <= 2e9, "it is seen how it came about");
    assert_eq!(page.value("view.cursor === failedAt"), Value::Bool(true));
    page.key("Home");
    page.key("0");
    page.click("#to-failure");
    assert_eq!(page.value("view.cursor === failedAt"), Value::Bool(true));
    page.key("Home");
    page.key("f");
    assert_eq!(page.value(&format!("view.cursor === failedAt && {in_view}")), Value::Bool(true));
    page.assert_no_errors();
}

/// Whatever servers and clients say is shown letter by letter, and is never run.
#[test]
fn hostile_text_is_text() {
    let hostile = "</script><script>window.hacked = 1</script><b>&amp;\"'`${window.hacked = 2}\n\u{2028}\u{0}\\ud800\\u003c<!--";
    let mut report = report("one_partition_3a", 1);
    for record in &mut report.trace {
        match &mut record.event {
            Event::Deliver { message, .. } | Event::Drop { message, .. } => {
                *message = format!("{hostile}{message}");
            }
            Event::Note { what, detail } => {
                *what = hostile.to_string();
                *detail = hostile.to_string();
            }
            _ => {}
        }
    }
    let film = report.film.as_mut().unwrap();
    film.clusters[0].name = hostile.to_string();
    film.commands.iter_mut().for_each(|command| *command = hostile.to_string());
    film.calls.iter_mut().for_each(|call| call.what = hostile.to_string());
    report.outcome = Err(tests::Failure::new(hostile, hostile));
    let mut open = open(&report);
    let page = &mut open.page;
    page.key("Home");
    page.key("/");
    page.keys("<b>");
    for _ in 0..30 {
        page.key("Enter");
        page.settle();
    }
    page.key("Escape");
    page.key("End");
    page.click("#lanes summary");
    assert_eq!(page.text("byId('property').textContent"), hostile);
    assert_eq!(page.text("byId('facts').textContent"), hostile);
    assert!(page.text("byId('event').textContent").contains(hostile));
    assert!(page.text("byId('hits').textContent").contains(hostile));
    let title = "document.querySelector('#servers .cell[title]').title";
    assert!(page.text(title).ends_with(hostile), "{}", page.text(title));
    assert_eq!(page.text("document.querySelector('#lanes h2').textContent"), hostile);
    assert_eq!(page.value("window.hacked ?? null"), Value::Null);
    assert_eq!(page.count("document.querySelectorAll('#event b, #hits b, #banner b').length"), 0);
    assert_eq!(page.count("document.scripts.length"), 2);
    page.assert_no_errors();
}

/// Without a film, and without anything at all, there is still a page.
#[test]
fn a_page_of_little() {
    let mut report = report("one_partition_3a", 1);
    report.film = None;
    let mut open_page = open(&report);
    assert_eq!(open_page.page.count("view.lanes.length"), 9);
    assert_eq!(open_page.page.value("byId('servers').hidden"), Value::Bool(true));
    open_page.page.key("k");
    open_page.page.assert_no_errors();
    report.trace.clear();
    let mut open_page = open(&report);
    for key in ["j", "k", "J", "]", "[", "f", "Home", "End", "0", "+", "n", "h", "c"] {
        open_page.page.key(key);
    }
    open_page.page.assert_no_errors();
}

/// Light and dark are drawn in colours of their own, and paper is white.
#[test]
fn light_dark_and_paper() {
    let mut open = open(&report("initial_election_2a", 1));
    let page = &mut open.page;
    let scheme =
        |name: &str, value: &str| json!({ "features": [{ "name": name, "value": value }] });
    let ground = "colours.ground";
    page.ask("Emulation.setEmulatedMedia", &scheme("prefers-color-scheme", "dark"));
    page.settle();
    let dark = page.text(ground);
    page.ask("Emulation.setEmulatedMedia", &scheme("prefers-color-scheme", "light"));
    page.settle();
    let light = page.text(ground);
    assert!(dark.contains("21, 23, 28") && light.contains("255, 255, 255"), "{dark}, {light}");
    page.ask("Emulation.setEmulatedMedia", &scheme("prefers-color-scheme", "dark"));
    page.settle();
    page.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(page.text(ground), light);
    page.value("dispatchEvent(new Event('afterprint'))");
    assert_eq!(page.text(ground), dark);
    let pdf = page.ask("Page.printToPDF", &json!({ "landscape": true }));
    assert!(pdf["data"].as_str().is_some_and(|it| it.len() > 10_000));
    page.assert_no_errors();
}

/// A hundred thousand events are usable. How fast that is depends on the machine, and is printed.
#[test]
fn a_hundred_thousand_events() {
    let report = Catalogue::reference().try_out(&big_trial(), &options()).expect("a kv");
    let events = report.trace.len();
    assert!(events >= 100_000, "{events}");
    let mut open = open(&report);
    let page = &mut open.page;
    let size = fs::metadata(&open.file).unwrap().len();
    let loaded = page.number("speed.loaded");
    // What is done and drawn, and then the time until the browser is ready for the next frame.
    let mut frames = |what: &str, act: &str| {
        let times = page.value(&format!(
            "(async () => {{ \
               const next = () => new Promise(requestAnimationFrame), times = [[], []]; \
               await next(); \
               for (let i = 0; i < 30; i++) {{ \
                 const began = performance.now(); \
                 {act}; draw(); \
                 times[0].push(performance.now() - began); \
                 await next(); \
                 times[1].push(performance.now() - began); \
               }} \
               return times.flatMap((all) => [all.reduce((a, b) => a + b) / all.length, Math.max(...all)]); \
             }})()"
        ));
        let [mean, longest, frame, longest_frame] =
            [0, 1, 2, 3].map(|place| times[place].as_f64().expect("a time"));
        println!(
            "{what}: {mean:.1} ms of the program ({longest:.1} at most), \
             {frame:.1} ms from frame to frame ({longest_frame:.1} at most)"
        );
        longest_frame
    };
    println!("{events} records, a page of {} kB, loaded in {loaded:.0} ms", size / 1_000);
    let whole = frames("the whole run in view", "lookAtAll()");
    let closer = frames("zooming in", "zoom(0.8)");
    let moving = frames("moving", "look(view.from + view.span / 20, view.span)");
    let steps = frames("stepping", "step(-1)");
    let search = frames("searching", "search('append')");
    assert!(loaded < 10_000.0, "{loaded} ms");
    for longest in [whole, closer, moving, steps, search] {
        assert!(longest < 2_000.0, "{longest} ms for a frame");
    }
    page.assert_no_errors();
}

/// Eight clients that never pause, and nothing that goes wrong.
fn big_trial() -> Trial {
    let drawn = Trial::draw(System::Kv, 1);
    Trial {
        servers: 5,
        clients: 8,
        keys: 3,
        operations: 1_600,
        pause_ms: 1,
        network: labrpc::Network::reliable(),
        storm_ms: 100_000,
        patience_ms: 5_000,
        plan: labrpc::Plan(Vec::new()),
        lasting: Vec::new(),
        ..drawn
    }
}
