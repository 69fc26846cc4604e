//! Numbers, times and lists for people, and what people type for them.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

/// How wide the tables and lists are that this program fills.
pub const WIDTH: usize = 96;

/// `9..12`, without its end.
pub fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let parse = || {
        let (from, to) = text.split_once("..")?;
        Some(from.trim().parse::<u64>().ok()?..to.trim().parse::<u64>().ok()?)
    };
    match parse() {
        None => Err("two numbers are wanted, as in 5..9, which is 5, 6, 7 and 8".to_string()),
        Some(range) if range.is_empty() => {
            Err("there is no seed in this range, whose end is left out".to_string())
        }
        Some(range) => Ok(range),
    }
}

/// Nanoseconds of such a number of seconds as `1.5`.
pub fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a number of seconds is wanted, as in 1.5".to_string();
    let seconds: f64 = text.strip_suffix('s').unwrap_or(text).parse().map_err(|_| wrong())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    u64::try_from(duration.as_nanos()).map_err(|_| wrong())
}

/// A node's number, with or without the `n` before it.
pub fn parse_node(text: &str) -> Result<usize, String> {
    let number = text.strip_prefix('n').unwrap_or(text).parse::<u16>();
    number.map(usize::from).map_err(|_| "a node is wanted, as in 1 or n1".to_string())
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 runs`, `1 run`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(number as u64))
}

/// A stretch of time in the two units that matter.
pub fn stretch(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{:.2} s", duration.as_secs_f64()),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", thousands(days)),
    }
}

/// Ascending numbers, with what is in a row as one: `0-3 7 9-12`.
pub fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut rows: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match rows.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => rows.push((number, number)),
        }
    }
    let row = |&(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// Breaks a text at its spaces into lines, each but the first indented, none wider than `width` if
/// its words are not.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 {
            column = length;
        } else if column + 1 + length <= width {
            out.push(' ');
            column += 1 + length;
        } else {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent + length;
        }
        out.push_str(word);
    }
    out
}

/// The beginning of a line that may be very long.
pub fn clip(line: &str, width: usize) -> String {
    let mut chars = line.chars();
    let mut short: String = chars.by_ref().take(width).collect();
    if chars.next().is_some() {
        short.push_str(" ...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        assert_eq!(parse_range("5..9"), Ok(5..9));
        for bad in
            ["", "5", "..", "5..", "..9", "9..5", "5..5", "-1..3", "a..b", "5..=9", "1..2..3"]
        {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_seconds("1.5"), Ok(1_500_000_000));
        assert_eq!(parse_seconds("0.000001s"), Ok(1_000));
        for bad in ["", "-1", "NaN", "inf", "1e30", "x"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_node("n3"), parse_node("3")), (Ok(3), Ok(3)));
        for bad in ["", "n", "-1", "70000", "m1"] {
            assert!(parse_node(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 2_000].map(|n| count(n, "run")), ["0 runs", "1 run", "2,000 runs"]);
        let shown = [(3, "3.00 s"), (61, "1 min 1 s"), (7_300, "2 h 1 min"), (90_000, "1 d 1 h")];
        for (seconds, text) in shown {
            assert_eq!(stretch(Duration::from_secs(seconds)), text);
        }
        assert_eq!(ranges([0, 1, 2, 3, 7, 9, 10, u64::MAX]), "0-3 7 9-10 18446744073709551615");
        assert_eq!(wrap("a bb  ccc dddd", 6, 2), "a bb\n  ccc\n  dddd");
        assert_eq!((clip("abc", 3), clip("abcd", 3)), ("abc".into(), "abc ...".into()));
    }
}
