//! A picture of a violation: who did what when, as a page for a browser.

use super::model::OperationOf;
use super::{Model, Violation};
use crate::viewer::LOOK;
use std::collections::BTreeMap;
use std::fmt::Write;

/// So many operations are drawn, not counting the named ones: more would make the page slow, and
/// are of no use,
const BEFORE: usize = 1_500;
/// and so many of those that were called after the one that cannot be placed.
const AFTER: usize = 300;

const STYLE: &str = include_str!("html/timeline.css");
const SCRIPT: &str = include_str!("html/timeline.js");

/// A page with a timeline of the part that is at fault: one lane for each client, the operation
/// that cannot be placed and its witnesses marked. It is complete in itself and loads nothing.
///
/// Time runs to the right, with one column for each tick at which something is called or returns:
/// how much time lies between is not to be seen, only the order, which is all that counts. Of a
/// long history, what is around the fault is drawn, and how much was left out is said.
///
/// ```
/// use tests::linear::{Kv, KvOp, Operation, Verdict, check_kv, html};
/// let history = [Operation::completed(1, KvOp::get("k"), 1, 2, "<b>".to_string())];
/// let Verdict::NotLinearizable(violation) = check_kv(&history, 1_000).verdict else { panic!() };
/// let page = html(&Kv, &history, &violation);
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(page.contains("get -&gt; &quot;&lt;b&gt;&quot;"));
/// ```
///
/// # Panics
/// If the violation is not one of this history, which must be the same as when it was checked.
pub fn html<M: Model>(model: &M, history: &[OperationOf<M>], violation: &Violation) -> String {
    let page = Page::new(model, history, violation);
    let title = if violation.part.is_empty() {
        "Not linearizable".to_string()
    } else {
        format!("Not linearizable: {}", super::kv::short(&violation.part))
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{title}</title>\n\
         <style>\n{LOOK}{STYLE}</style>\n</head>\n<body>\n<h1>{title} <small>({reason})</small></h1>\n\
         <p class=\"said\">{why}</p>\n",
        title = escape(&title),
        reason = violation.reason,
        // A browser would break the line within the arrow.
        why = escape(&violation.explanation).replace("-&gt;", "<span class=\"arrow\">-&gt;</span>"),
    );
    page.list(&mut out);
    page.notes(&mut out);
    out += CONTROLS;
    page.plot(&mut out);
    let _ = write!(
        out,
        "<div id=\"tip\" hidden></div>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

const CONTROLS: &str = "<div class=\"bar\">\
<span><button id=\"out\" title=\"closer together\">−</button> \
<button id=\"in\" title=\"further apart\">+</button> <button id=\"all\">all</button></span>\
<span class=\"key\"><i class=\"r\"></i>read</span>\
<span class=\"key\"><i class=\"w\"></i>write</span>\
<span class=\"key\"><i class=\"o\"></i>never returned</span>\
<span class=\"key\"><i class=\"x\"></i>cannot be placed</span>\
<span class=\"key\"><i class=\"y\"></i>because of these</span></div>\n";

/// What is on the page.
struct Page<'a, M: Model> {
    model: &'a M,
    history: &'a [OperationOf<M>],
    violation: &'a Violation,
    /// The operations that are drawn, in the order of their calls.
    drawn: Vec<usize>,
    /// The number of those of this part.
    all: usize,
    /// The ticks at which something is called or returns.
    columns: Vec<u64>,
    /// Where the operations stand that have a place in the order.
    ranks: BTreeMap<usize, usize>,
}

impl<'a, M: Model> Page<'a, M> {
    fn new(model: &'a M, history: &'a [OperationOf<M>], violation: &'a Violation) -> Self {
        let mut members: Vec<usize> = (0..history.len())
            .filter(|place| model.part(&history[*place].op) == violation.part)
            .collect();
        members.sort_by_key(|place| history[*place].call);
        let is_bad = |place: &usize| *place == violation.operation;
        let at = members.iter().position(is_bad).expect("the violation is of this history");
        let window = at.saturating_sub(BEFORE)..members.len().min(at + AFTER);
        let drawn: Vec<usize> = (0..)
            .zip(&members)
            .filter(|(at, place)| window.contains(at) || violation.witnesses.contains(place))
            .map(|(_, place)| *place)
            .collect();
        let ticks = |place: &usize| {
            let operation = &history[*place];
            [Some(operation.call), operation.returned()].into_iter().flatten()
        };
        let mut columns: Vec<u64> = drawn.iter().flat_map(ticks).collect();
        columns.sort_unstable();
        columns.dedup();
        let ranks = (1..).zip(&violation.order).map(|(rank, place)| (*place, rank)).collect();
        Self { model, history, violation, drawn, all: members.len(), columns, ranks }
    }

    fn what(&self, place: usize) -> String {
        let operation = &self.history[place];
        escape(&self.model.describe(&operation.op, operation.ret()))
    }

    /// The operations that the violation names.
    fn list(&self, out: &mut String) {
        *out += "<ol>\n";
        let named = std::iter::once(&self.violation.operation).chain(&self.violation.witnesses);
        for (number, place) in named.enumerate() {
            let (class, badge) = badge(number);
            let it = &self.history[*place];
            let end = it.returned().map_or_else(|| "never".to_string(), |at| at.to_string());
            let _ = writeln!(
                out,
                "<li class=\"{class}\"><button data-to=\"op{place}\">\
                 <span class=\"badge\">{badge}</span>\
                 <code>client {} [{}..{end}] {}</code></button></li>",
                it.client,
                it.call,
                self.what(*place),
            );
        }
        *out += "</ol>\n";
    }

    /// What is to be known to read the picture.
    fn notes(&self, out: &mut String) {
        let (order, left_out) = (self.violation.order.len(), self.all - self.drawn.len());
        *out += "<p class=\"note\">Time runs to the right, a column for each tick at which \
                 something happens; the shaded columns are those in which the marked operation must \
                 take effect. ";
        let _ = match order {
            0 => write!(out, "Nothing returned before it did. "),
            _ => write!(
                out,
                "What returned before it did has an order, of {order} operations: point at one for \
                 its place. Pale ones have none, and need none. "
            ),
        };
        if left_out > 0 {
            let _ =
                write!(out, "{left_out} of {} operations, far from these, are left out.", self.all);
        }
        *out += "</p>\n";
    }

    /// Operations by client, and for each the row of its lane: one below the other where a client's
    /// overlap.
    fn lanes(&self) -> BTreeMap<u64, (usize, Vec<(usize, usize)>)> {
        let mut ends: BTreeMap<u64, Vec<Option<u64>>> = BTreeMap::new();
        let mut lanes: BTreeMap<u64, (usize, Vec<(usize, usize)>)> = BTreeMap::new();
        for place in &self.drawn {
            let it = &self.history[*place];
            let rows = ends.entry(it.client).or_default();
            let is_free = |end: &Option<u64>| end.is_some_and(|end| end <= it.call);
            let row = rows.iter().position(is_free).unwrap_or(rows.len());
            rows.resize(rows.len().max(row + 1), None);
            rows[row] = it.returned();
            let lane = lanes.entry(it.client).or_default();
            lane.0 = rows.len();
            lane.1.push((*place, row));
        }
        lanes
    }

    fn column(&self, tick: u64) -> usize {
        self.columns.partition_point(|column| *column < tick)
    }

    /// The columns of an operation; what never returned goes on to the end. What takes no time is
    /// given half a column.
    fn span(&self, place: usize) -> (usize, String) {
        let it = &self.history[place];
        let from = self.column(it.call);
        let to = it.returned().map_or(self.columns.len(), |at| self.column(at));
        (from, if to > from { to.to_string() } else { format!("{from}.5") })
    }

    fn plot(&self, out: &mut String) {
        let columns = self.columns.len();
        let _ = write!(
            out,
            "<div id=\"view\">\n<div id=\"plot\" data-step=\"5\" data-columns=\"{columns}\" \
             style=\"--columns:{columns}\">\n<div class=\"ruler\"><span class=\"name\">tick</span>"
        );
        for (number, tick) in self.columns.iter().enumerate().step_by(5) {
            let class = match number {
                number if number % 200 == 0 => "t200",
                number if number % 40 == 0 => "t40",
                number if number % 10 == 0 => "t10",
                _ => "t5",
            };
            let _ =
                write!(out, "<span class=\"tick {class}\" style=\"--a:{number}\">{tick}</span>");
        }
        *out += "</div>\n";
        let (from, to) = self.span(self.violation.operation);
        let _ = writeln!(out, "<div id=\"span\" style=\"--a:{from};--b:{to}\"></div>");
        for (client, (rows, operations)) in self.lanes() {
            let _ = writeln!(
                out,
                "<div class=\"lane\" style=\"--rows:{rows}\">\
                 <span class=\"name\">client {client}</span>"
            );
            for (place, row) in operations {
                self.operation(out, place, row);
            }
            *out += "</div>\n";
        }
        *out += "</div>\n</div>\n";
    }

    fn operation(&self, out: &mut String, place: usize, row: usize) {
        let it = &self.history[place];
        let (from, to) = self.span(place);
        let what = self.what(place);
        let mut class = "op".to_string();
        class += if self.model.is_read(&it.op, it.ret()) { " r" } else { "" };
        class += if it.end.is_none() { " open" } else { "" };
        class += if self.ranks.contains_key(&place) { "" } else { " later" };
        let named = std::iter::once(&self.violation.operation).chain(&self.violation.witnesses);
        let mark = named.enumerate().find(|(_, named)| **named == place).map(|(n, _)| badge(n));
        let mut text = what.clone();
        if let Some((mark, badge)) = mark {
            class = format!("{class} {mark}");
            text = format!("<span class=\"badge\">{badge}</span>{what}");
        }
        let mut tip =
            format!("#{} client {}\n{what}\ncalled at {}, ", place + 1, it.client, it.call);
        let _ = match it.returned() {
            Some(at) => write!(tip, "returned at {at}"),
            None => write!(tip, "never returned"),
        };
        if let Some(rank) = self.ranks.get(&place) {
            let _ = write!(tip, "\nnumber {rank} in the order");
        }
        let _ = writeln!(
            out,
            "<div id=\"op{place}\" class=\"{class}\" style=\"--a:{from};--b:{to};--row:{row}\" \
             data-tip=\"{tip}\">{text}</div>"
        );
    }
}

/// The class and the mark of the operations that are named, the first of which is the one that
/// cannot be placed.
fn badge(number: usize) -> (&'static str, String) {
    match number {
        0 => ("bad", "!".to_string()),
        number => ("why", number.to_string()),
    }
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}
