//! The linearizability checker against its definition, and against itself.

mod brute;
mod directed;
mod random;
mod search;
mod simulate;
mod spoil;

use tests::linear::{KvOp, KvOperation, Operation, Report, Verdict, Violation};

/// Enough for any history that a test expects to be decided.
const LIMIT: u64 = 1_000_000;

/// A get that shows `output`.
fn get(client: u64, call: u64, returned: u64, output: &str) -> KvOperation {
    Operation::completed(client, KvOp::get("k"), call, returned, output.to_string())
}

fn put(client: u64, call: u64, returned: u64, value: &str) -> KvOperation {
    Operation::completed(client, KvOp::put("k", value), call, returned, String::new())
}

fn append(client: u64, call: u64, returned: u64, value: &str) -> KvOperation {
    Operation::completed(client, KvOp::append("k", value), call, returned, String::new())
}

fn violation(report: &Report) -> &Violation {
    match &report.verdict {
        Verdict::NotLinearizable(violation) => violation,
        other => panic!("a violation was expected: {other:?}"),
    }
}
