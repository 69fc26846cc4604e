//! Histories of the key/value store as lines of JSON, one operation each.
//!
//! ```json
//! {"client": 3, "op": "append", "key": "k", "value": "x", "call": 12, "return": 15}
//! {"client": 4, "op": "get", "key": "k", "output": "x", "call": 13, "return": 16}
//! {"client": 3, "op": "put", "key": "k", "value": "y", "call": 17, "return": null}
//! ```

use super::{KvOp, KvOperation, Operation};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One line.
#[derive(Serialize)]
struct Written<'a> {
    client: u64,
    op: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    call: u64,
    #[serde(rename = "return")]
    returned: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    client: u64,
    op: Word,
    key: String,
    value: Option<String>,
    output: Option<String>,
    call: u64,
    // That an operation never returned must be said: a field with a function of its own is not
    // taken for `None` where it is missing.
    #[serde(rename = "return", deserialize_with = "Option::deserialize")]
    returned: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Get,
    Put,
    Append,
}

/// A line that is no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number; the first is 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadLine {}

/// Writes a history, one line of JSON for each operation.
///
/// ```
/// use tests::linear::{KvOp, Operation, from_json_lines, to_json_lines};
/// let history = [
///     Operation::completed(1, KvOp::put("k", "a"), 1, 3, String::new()),
///     Operation::completed(2, KvOp::get("k"), 2, 4, "a".to_string()),
///     Operation::open(1, KvOp::append("k", "b"), 5),
/// ];
/// let lines = to_json_lines(&history);
/// assert!(lines.ends_with(
///     r#"{"client":1,"op":"append","key":"k","value":"b","call":5,"return":null}
/// "#
/// ));
/// assert_eq!(from_json_lines(lines.as_bytes()).unwrap(), history);
/// ```
pub fn to_json_lines(history: &[KvOperation]) -> String {
    let mut out = Vec::new();
    for operation in history {
        let (op, key, value) = match &operation.op {
            KvOp::Get { key } => ("get", key, None),
            KvOp::Put { key, value } => ("put", key, Some(value.as_str())),
            KvOp::Append { key, value } => ("append", key, Some(value.as_str())),
        };
        let output = operation.ret().filter(|_| op == "get").map(String::as_str);
        let (client, call, returned) = (operation.client, operation.call, operation.returned());
        let line = Written { client, op, key, value, output, call, returned };
        serde_json::to_writer(&mut out, &line).expect("numbers and texts can be written to memory");
        out.push(b'\n');
    }
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Reads a history; empty lines are passed over. The first line that is no operation is the error.
///
/// ```
/// use tests::linear::from_json_lines;
/// let line = br#"{"client": 1, "op": "get", "key": "k", "call": 5, "return": 4, "output": ""}"#;
/// let error = from_json_lines(line).unwrap_err();
/// assert_eq!(error.to_string(), "line 1: it returns, at 4, before it is called, at 5");
/// ```
pub fn from_json_lines(text: &[u8]) -> Result<Vec<KvOperation>, BadLine> {
    let mut history = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let operation = parse(line).map_err(|why| BadLine { line: number, why })?;
        history.push(operation);
    }
    Ok(history)
}

fn parse(line: &[u8]) -> Result<KvOperation, String> {
    let line = str::from_utf8(line)
        .map_err(|error| format!("no UTF-8 from byte {} on", error.valid_up_to() + 1))?;
    if !line.trim_start().starts_with('{') {
        return Err("an operation is an object: {\"client\": …}".to_string());
    }
    let read: Read = serde_json::from_str(line).map_err(|error| {
        // A line is its own text to the reader, which counts columns and calls every line the
        // first.
        let (what, column) = (error.to_string(), error.column());
        let what = what.split(" at line 1 column").next().unwrap_or_default().to_string();
        format!("{what} (column {column})")
    })?;
    let Read { client, op, key, value, output, call, returned } = read;
    if let Some(returned) = returned
        && returned < call
    {
        return Err(format!("it returns, at {returned}, before it is called, at {call}"));
    }
    let no_output = |what| match &output {
        Some(output) if !output.is_empty() => Err(format!("{what} has no \"output\"")),
        _ => Ok(String::new()),
    };
    let no_value = |what: &str| format!("{what} needs a \"value\"");
    let (op, ret) = match (op, value) {
        (Word::Get, Some(value)) if !value.is_empty() => {
            return Err("a get has no \"value\"".to_string());
        }
        (Word::Get, _) => match (output, returned) {
            (None, Some(_)) => return Err("a get that returns needs an \"output\"".to_string()),
            (Some(_), None) => return Err("a get with an \"output\" must return".to_string()),
            (output, _) => (KvOp::Get { key }, output.unwrap_or_default()),
        },
        (Word::Put, Some(value)) => (KvOp::Put { key, value }, no_output("a put")?),
        (Word::Append, Some(value)) => (KvOp::Append { key, value }, no_output("an append")?),
        (Word::Put, None) => return Err(no_value("a put")),
        (Word::Append, None) => return Err(no_value("an append")),
    };
    Ok(Operation { client, op, call, end: returned.map(|at| (at, ret)) })
}
