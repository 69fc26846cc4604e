//! `lab check-history`, as one types it.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tests::cli::{BAD_USE, FAILED, UNDECIDED, WELL};
use tests::linear::{KvOp, Operation, to_json_lines};

const GOOD: &str = r#"{"client": 1, "op": "put", "key": "k", "value": "a", "call": 1, "return": 3}
{"client": 2, "op": "get", "key": "k", "output": "a", "call": 2, "return": 4}

{"client": 1, "op": "append", "key": "k", "value": "b", "call": 5, "return": null}
{"client": 2, "op": "get", "key": "k", "call": 5, "return": null}
"#;

const BAD: &str = r#"{"client": 1, "op": "put", "key": "k", "value": "a", "call": 1, "return": 3}
{"client": 2, "op": "get", "key": "k", "output": "", "call": 4, "return": 5}
"#;

/// Status, standard output, standard error.
fn said(output: Output) -> (u8, String, String) {
    let status = output.status.code().and_then(|code| u8::try_from(code).ok());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.expect("an exit status"), text(output.stdout), text(output.stderr))
}

/// What it says of a file with this text.
fn check(text: impl AsRef<[u8]>, words: &[&str]) -> (u8, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    fs::write(&path, text).unwrap();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let (status, out, err) =
        said(lab.arg("check-history").arg(&path).args(words).output().expect("lab runs"));
    (status, out, err.replace(path.to_str().unwrap(), "FILE"))
}

fn page(folder: &TempDir) -> PathBuf {
    folder.path().join("page.html")
}

#[test]
fn three_verdicts_have_three_exit_statuses() {
    let (status, out, err) = check(GOOD, &[]);
    assert_eq!((status, err.as_str()), (WELL, ""));
    assert_eq!(out, "linearizable: 4 operations\n1 key decoded\n");

    let (status, out, err) = check(BAD, &[]);
    assert_eq!((status, err.as_str()), (FAILED, ""));
    assert_eq!(
        out,
        "not linearizable (stale) in \"k\"\n  client 2's get -> \"\" misses client 1's put \"a\", \
         which had returned, at 3, before it was called, at 4; only a put could have replaced \
         that, and what it shows begins with none\ncannot be placed:\n  #2 client 2 [4..5] get -> \
         \"\"\nbecause of:\n  #1 client 1 [1..3] put \"a\"\nwhat returned before has an order:\n  \
         #1 client 1 [1..3] put \"a\"\n1 key decoded\n"
    );

    let (status, out, err) = check(hard(), &["--limit", "1000"]);
    assert_eq!((status, err.as_str()), (UNDECIDED, ""));
    assert!(out.starts_with("undecided: the search looked at 1000 positions of \"k\""), "{out}");
    assert!(out.contains("--limit") && out.ends_with("1 key searched: 1,000 positions\n"), "{out}");
}

/// Equal values, all at once: too much for a small limit.
fn hard() -> String {
    let append = |n| Operation::completed(n, KvOp::append("k", "ab"), 1, 9, String::new());
    let mut history: Vec<_> = (0..20).map(append).collect();
    history.extend((0..20).map(|n| Operation { op: KvOp::append("k", "a"), ..append(n) }));
    history.push(Operation::completed(9, KvOp::get("k"), 2, 9, "b".to_string()));
    to_json_lines(&history)
}

#[test]
fn standard_input_is_a_file_like_others() {
    for (text, expected) in [(GOOD, WELL), (BAD, FAILED), ("", BAD_USE)] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["check-history", "-"]).stdin(Stdio::piped());
        let mut lab = lab.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        lab.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let (status, _, err) = said(lab.wait_with_output().unwrap());
        assert_eq!(status, expected);
        if expected == BAD_USE {
            assert_eq!(err, "error: standard input has no operation: is it the right file?\n");
        }
    }
}

#[test]
fn a_malformed_line_is_named() {
    let get = r#"{"client": 1, "op": "get", "key": "k", "output": "", "call": 1, "return": 3}"#;
    let with = |from: &str, to: &str| get.replace(from, to);
    let cases = [
        ("{".to_string(), "EOF while parsing"),
        ("[1, \"get\", \"k\", null, \"\", 1, 2]".to_string(), "an operation is an object"),
        ("no JSON".to_string(), "an operation is an object"),
        (
            with("\"get\"", "\"take\""),
            "unknown variant `take`, expected one of `get`, `put`, `append`",
        ),
        (with("\"get\"", "\"put\""), "a put needs a \"value\""),
        (with("\"output\": \"\"", "\"value\": \"v\""), "a get has no \"value\""),
        (with("\"output\": \"\", ", ""), "a get that returns needs an \"output\""),
        (with("3}", "null}"), "a get with an \"output\" must return"),
        (with(", \"return\": 3", ""), "missing field `return`"),
        (with("\"key\": \"k\", ", ""), "missing field `key`"),
        (with("\"return\": 3", "\"return\": 0"), "it returns, at 0, before it is called, at 1"),
        (with("\"call\": 1", "\"call\": -1"), "invalid value: integer `-1`, expected u64"),
        (with("\"call\": 1", "\"call\": 1e30"), "invalid type: floating point `1e+30`"),
        (with("3}", "18446744073709551616}"), "invalid type: floating point"),
        (with("\"client\"", "\"who\""), "unknown field `who`"),
        (with("\"call\": 1", "\"call\": 1, \"call\": 1"), "duplicate field `call`"),
        (format!("{get} {get}"), "trailing characters"),
    ];
    for (line, why) in cases {
        let (status, out, err) = check(format!("{get}\n{line}\n{get}\n"), &[]);
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{line}");
        assert!(err.starts_with("error: FILE, line 2: ") && err.contains(why), "{line}: {err}");
    }
    // What is empty is as good as missing, for those who write all fields always.
    let put = with("\"get\"", "\"put\"").replace("\"k\"", "\"k\", \"value\": \"v\"");
    assert_eq!(check(&put, &[]).0, WELL);
    let (_, _, err) = check(put.replace("\"output\": \"\"", "\"output\": \"o\""), &[]);
    assert_eq!(err, "error: FILE, line 1: a put has no \"output\"\n");
    let (status, _, err) = check(b"\n\n{\"client\": \"\xff\"}\n", &[]);
    assert_eq!(
        (status, err.as_str()),
        (BAD_USE, "error: FILE, line 3: no UTF-8 from byte 13 on\n")
    );
}

#[test]
fn a_file_must_be_there_and_hold_something() {
    for text in ["", "\n \n"] {
        let (status, _, err) = check(text, &[]);
        let expected = "error: FILE has no operation: is it the right file?\n";
        assert_eq!((status, err.as_str()), (BAD_USE, expected));
    }
    for words in [&["no/such/file"][..], &["."], &[], &["-", "--limit", "0"], &["a", "b"]] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        let (status, out, err) = said(lab.arg("check-history").args(words).output().unwrap());
        assert_eq!((status, out.as_str()), (BAD_USE, ""), "{words:?}");
        assert!(err.starts_with("error: ") && !err.contains("panicked"), "{words:?}: {err}");
    }
}

#[test]
fn clients_may_do_two_things_at_once() {
    let lines = GOOD.replace("\"client\": 2", "\"client\": 1");
    assert_eq!(check(lines, &[]).0, WELL);
}

#[test]
fn a_violation_can_be_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = page(&folder);
    let words = ["--html", path.to_str().unwrap()];
    let (status, out, err) = check(GOOD, &words);
    assert_eq!((status, out.lines().count()), (WELL, 2));
    assert!(err.starts_with("no violation to draw: ") && !path.exists(), "{err}");

    let (status, out, err) = check(BAD, &words);
    assert_eq!((status, err.as_str()), (FAILED, ""));
    assert!(out.ends_with("page.html\n"), "{out}");
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.contains("<title>Not linearizable: &quot;k&quot;</title>"), "{page}");

    let (status, _, err) = check(BAD, &["--html", "no/such/folder/page.html"]);
    assert_eq!(status, BAD_USE);
    assert!(err.starts_with("error: ") && err.contains("no/such/folder/page.html"), "{err}");
}

#[test]
fn the_verdict_as_an_object() {
    let object = |text: &str, words: &[&str]| {
        let (status, out, err) = check(text, &[&["--json"], words].concat());
        assert_eq!(err, "");
        let object: Value = serde_json::from_str(&out).expect("an object and nothing else");
        assert_eq!(object.as_object().unwrap().len(), 7);
        (status, object)
    };
    let (status, good) = object(GOOD, &[]);
    assert_eq!((status, &good["verdict"]), (WELL, &"linearizable".into()));
    assert_eq!((&good["operations"], &good["keys_decoded"]), (&4.into(), &1.into()));
    assert_eq!((&good["violation"], &good["undecided"]), (&Value::Null, &Value::Null));

    let folder = tempfile::tempdir().unwrap();
    let path = page(&folder);
    let (status, bad) = object(BAD, &["--html", path.to_str().unwrap()]);
    assert_eq!((status, &bad["verdict"]), (FAILED, &"not linearizable".into()));
    let it = &bad["violation"];
    assert_eq!((&it["key"], &it["reason"]), (&"k".into(), &"stale".into()));
    assert_eq!((&it["operation"], &it["witnesses"][0]), (&2.into(), &1.into()), "as lines count");
    assert_eq!(it["order"], serde_json::json!([1]));
    assert!(path.exists());

    let (status, open) = object(&hard(), &["--limit", "100"]);
    assert_eq!((status, &open["verdict"]), (UNDECIDED, &"undecided".into()));
    assert_eq!((&open["positions"], &open["undecided"]["limit"]), (&100.into(), &100.into()));
}

#[test]
fn what_a_suite_writes_can_be_read_whatever_it_holds() {
    let odd = "\u{0}\u{1}\n\r\t\"\\</script>é\u{2028}😀";
    let history = [
        Operation::completed(u64::MAX, KvOp::put(odd, odd), 0, u64::MAX, String::new()),
        Operation::completed(0, KvOp::get(odd), 0, 0, odd.to_string()),
        Operation::completed(0, KvOp::get(odd), 0, 0, "phantom".to_string()),
    ];
    let (status, out, err) = check(to_json_lines(&history[..2]), &[]);
    assert_eq!((status, err.as_str()), (WELL, ""), "{out}");
    let folder = tempfile::tempdir().unwrap();
    let path = page(&folder);
    let (status, _, err) = check(to_json_lines(&history), &["--html", path.to_str().unwrap()]);
    assert_eq!((status, err.as_str()), (FAILED, ""));
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page.matches("</script>").count(), 1, "what is shown is escaped");
}
