//! Each control of the page does what it says, with keys that are pressed and a mouse that moves.

use super::browser::Page;
use super::{is_message, open, open_at, report};
use labrpc::{Event, Record};
use serde_json::{Value, json};

#[test]
fn steps_and_jumps_go_where_they_say() {
    let report = report("figure_8_2x", 1);
    let mut open = open(&report);
    let page = &mut open.page;
    let cursor = |page: &mut Page| page.count("records.number[view.cursor]");
    let last = report.trace.last().unwrap().number;
    assert_eq!(cursor(page), last);
    page.key("Home");
    assert_eq!(cursor(page), 1);
    page.key("j");
    page.click("#forth");
    assert_eq!(cursor(page), 3);
    page.key("k");
    assert_eq!(cursor(page), 2);
    page.click("#back");
    page.key("k");
    assert_eq!(cursor(page), 1, "there is nothing before the first");
    assert!(page.text("byId('event').textContent").contains("life 0"));

    // In a lane: to the next record of the same node.
    let of_lane = |from: u64| {
        let mut mine = report.trace.iter().filter(|it| it.node.is_some_and(|it| it.index() == 0));
        mine.find(|it| it.number > from).unwrap().number
    };
    page.key("J");
    assert_eq!(cursor(page), of_lane(1));
    page.click("#lane-forth");
    assert_eq!(cursor(page), of_lane(of_lane(1)));
    page.key("K");
    page.click("#lane-back");
    assert_eq!(cursor(page), 1);

    let is_mark = |it: &&Record| {
        matches!(it.event, Event::Note { .. } | Event::Boot { .. } | Event::Crash { .. })
    };
    let marks: Vec<u64> = report.trace.iter().filter(is_mark).map(|it| it.number).collect();
    page.key("]");
    assert_eq!(cursor(page), marks[1]);
    page.key("]");
    page.key("[");
    assert_eq!(cursor(page), marks[1]);
    page.key("End");
    assert_eq!(cursor(page), last);
    page.key("f");
    assert_eq!(cursor(page), last, "nothing failed");

    // Where a message came from, and where it went.
    let arrival = report.trace.iter().find(|it| is_message(it)).unwrap().number;
    page.value(&format!("goTo(firstRecordOf({arrival}))"));
    let sent = page.text("byId('event').querySelector('.way').textContent");
    page.click("#event .way");
    assert!(cursor(page) < arrival && sent.starts_with("sent at"), "{sent}");
    assert!(page.text("byId('event').textContent").contains("sent in this step"));
    page.assert_no_errors();
}

#[test]
fn zoom_and_pan() {
    let mut open = open(&report("one_partition_3a", 1));
    let page = &mut open.page;
    let span = |page: &mut Page| page.number("view.span");
    let from = |page: &mut Page| page.number("view.from");
    let near = |a: f64, b: f64| (a - b).abs() <= b.abs() * 1e-6;
    let whole = span(page);
    page.key("+");
    let closer = span(page);
    assert!(near(closer * 1.5, whole), "{closer} of {whole}");
    page.key("-");
    assert!(near(span(page), whole));
    page.click("#in");
    page.click("#in");
    page.click("#out");
    assert!(near(span(page), closer));
    let before = from(page);
    page.key("ArrowRight");
    assert!(near(from(page), before + closer / 8.0));
    page.key("ArrowLeft");
    assert!(near(from(page), before));

    // What is under the mouse stays there.
    let (x, y) = page.middle("#picture");
    let place = format!("timeAt({x} - picture.getBoundingClientRect().left)");
    let under = page.number(&place);
    page.mouse("mouseWheel", x, y, &json!({ "deltaX": 0, "deltaY": -400 }));
    assert!(near(span(page), closer / std::f64::consts::E));
    assert!(near(page.number(&place), under));

    // The picture goes with the mouse.
    page.drag((x, y), (x - 100.0, y));
    let there = page.number(&format!("timeAt({x} - 100 - picture.getBoundingClientRect().left)"));
    assert!((there - under).abs() < span(page) / 200.0, "{there} and not {under}");

    for _ in 0..60 {
        page.value("zoom(0.5)");
    }
    assert!(near(span(page), 1e3), "a microsecond");
    page.settle();
    for _ in 0..60 {
        page.value("zoom(2)");
    }
    assert!(near(span(page), 60e9), "a minute");
    page.click("#all");
    assert!(near(span(page), whole));
    page.key("+");
    page.key("0");
    assert!(near(span(page), whole));

    // The strip below: what one presses on is in the middle.
    page.key("+");
    page.key("+");
    let (left, top) = page.middle("#overview");
    page.click_at(left, top);
    let share = page.number(&format!(
        "({left} - overview.getBoundingClientRect().left - NAMES) / view.width * run.end"
    ));
    assert!(near(from(page) + span(page) / 2.0, share));
    page.assert_no_errors();
}

#[test]
fn search_finds_what_there_is() {
    let report = report("figure_8_2x", 1);
    let hits: Vec<&Record> = report
        .trace
        .iter()
        .filter(|it| matches!(&it.event, Event::Note { what, .. } if what == "became candidate"))
        .collect();
    let mut open = open(&report);
    let page = &mut open.page;
    page.key("Home");
    page.key("/");
    page.keys("Became Candidate");
    assert_eq!(page.count("view.hits.length") as usize, hits.len());
    assert_eq!(page.count("document.querySelectorAll('#hits button').length") as usize, hits.len());
    page.key("Enter");
    assert_eq!(page.count("records.number[view.cursor]"), hits[0].number);
    assert_eq!(page.text("byId('found').textContent"), format!("1 / {}", hits.len()));
    page.key("Escape");
    page.key("n");
    assert_eq!(page.count("records.number[view.cursor]"), hits[1].number);
    page.key("N");
    page.key("N");
    let last = hits.last().unwrap().number;
    assert_eq!(page.count("records.number[view.cursor]"), last, "it goes round");
    page.click("#hits button");
    assert_eq!(page.count("records.number[view.cursor]"), hits[0].number);
    page.key("/");
    page.keys("no such thing");
    assert_eq!(page.count("view.hits.length") as usize, 0);
    page.assert_no_errors();
}

#[test]
fn kinds_and_lanes_are_shown_and_hidden() {
    let report = report("one_partition_3a", 1);
    let mut open = open(&report);
    let page = &mut open.page;
    let all = page.count("view.visible");
    let kinds = page.value("run.kinds");
    let of = |name: &str| -> u64 {
        let kind = kinds.as_array().unwrap().iter().find(|it| it[0] == name);
        kind.unwrap_or_else(|| panic!("no {name} in {kinds}"))[1].as_u64().unwrap()
    };
    let beats = of("heartbeat") + of("heartbeat reply");
    assert!(beats > 0 && of("Client Request") > 0);
    page.key("h");
    assert_eq!(page.count("view.visible"), all - beats);
    page.key("h");
    assert_eq!(page.count("view.visible"), all);

    page.click("#kinds summary");
    page.click("#kinds label:nth-child(1) input");
    let first = kinds[0][1].as_u64().unwrap();
    assert_eq!(page.count("view.visible"), all - first);
    // A step passes by what is hidden.
    page.key("Escape");
    page.key("Home");
    let hidden = page.value(
        "(() => { for (let i = 0; i < 200; i++) { step(1); if (!isShown(view.cursor)) return true; } \
         return false; })()",
    );
    assert_eq!(hidden, Value::Bool(false));

    page.click("#lanes summary");
    page.click("#lanes label input");
    assert_eq!(page.count("view.lanes.length"), 8);
    assert_eq!(page.text("document.querySelector('#names b').textContent"), "n1");
    page.click("#lanes label input");
    assert_eq!(page.count("view.lanes.length"), 9);
    page.click("#title");
    assert_eq!(page.value("byId('lanes').open"), Value::Bool(false));

    page.key("?");
    assert_eq!(page.value("byId('help').open"), Value::Bool(true));
    assert!(page.text("byId('help').textContent").contains("lab replay it"));
    page.key("Escape");
    page.value("byId('help').close()");
    page.click("#help-button");
    assert_eq!(page.value("byId('help').open"), Value::Bool(true));
    page.assert_no_errors();
}

#[test]
fn a_click_puts_the_cursor_on_what_is_there() {
    let report = report("initial_election_2a", 1);
    let mut open = open(&report);
    let page = &mut open.page;
    page.key("h");
    let message = page.count("view.arrows[0]");
    page.value(&format!("look(records.at[{message}] - 2e7, 4e7)"));
    page.settle();
    let middle = page.value(&format!(
        "(() => {{ const [x1, y1, x2, y2] = wayOf({message}), box = picture.getBoundingClientRect(); \
         return [box.left + (x1 + x2) / 2, box.top + (y1 + y2) / 2]; }})()"
    ));
    let (x, y) = (middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    page.mouse("mouseMoved", x, y, &json!({}));
    assert!(
        page.text("byId('tip').textContent").contains("RequestVote"),
        "the tip says what it is"
    );
    page.click_at(x, y);
    let chosen = page.count("view.cursor");
    let way = |it: u64| {
        format!("records.from[{it}] + ' ' + records.node[{it}] + ' ' + records.sent[{it}]")
    };
    assert_eq!(page.text(&way(chosen)), page.text(&way(message)));
    let shown = page.text("byId('event').textContent");
    assert!(shown.contains("RequestVote {") && shown.contains("on its way"), "{shown}");
    page.assert_no_errors();
}

/// The address keeps where one was.
#[test]
fn an_address_leads_back() {
    let report = report("re_election_2a", 2);
    let mut open = open_at(&report, "#event=40&from=500000000&span=250000000");
    let page = &mut open.page;
    assert_eq!(page.count("records.number[view.cursor]"), 40);
    assert_eq!(page.count("view.span"), 250_000_000);
    page.key("j");
    page.key("+");
    page.value("new Promise((done) => setTimeout(done, 400))");
    let address = page.text("location.hash");
    let state =
        page.value("[records.number[view.cursor], Math.round(view.from), Math.round(view.span)]");
    let mut again = Page::open(&open.file, &address);
    let after =
        again.value("[records.number[view.cursor], Math.round(view.from), Math.round(view.span)]");
    assert_eq!(state, after, "{address}");
    again.assert_no_errors();
}

#[test]
fn two_fingers_zoom() {
    let mut open = open(&report("re_election_2a", 1));
    let page = &mut open.page;
    page.ask("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }));
    let (x, y) = page.middle("#picture");
    let touch = |page: &mut Page, kind: &str, apart: f64| {
        let points = match kind {
            "touchEnd" => json!([]),
            _ => json!([{ "x": x - apart, "y": y, "id": 1 }, { "x": x + apart, "y": y, "id": 2 }]),
        };
        page.ask("Input.dispatchTouchEvent", &json!({ "type": kind, "touchPoints": points }));
        page.settle();
    };
    let before = page.number("view.span");
    touch(page, "touchStart", 50.0);
    for apart in [60.0, 80.0, 120.0] {
        touch(page, "touchMove", apart);
    }
    touch(page, "touchEnd", 0.0);
    let closer = page.number("view.span");
    assert!(closer < before * 0.7, "{closer} of {before}");
    touch(page, "touchStart", 120.0);
    for apart in [100.0, 60.0, 40.0] {
        touch(page, "touchMove", apart);
    }
    touch(page, "touchEnd", 0.0);
    assert!(page.number("view.span") > closer * 1.4);
    page.assert_no_errors();
}
