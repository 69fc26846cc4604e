//! What the grader and a [judge](super::judge) tell each other.
//!
//! A judge is asked once: a line of JSON on its standard input. It answers with a line that begins with
//! the request's secret, among whatever else the code under test prints; that code cannot know the
//! secret, as the input was read to its end before it ran.

use serde::{Deserialize, Serialize};

/// One run that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What the answer begins with.
    pub secret: String,
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What is wanted of the run.
    pub want: Want,
    /// Whether the code may start threads.
    pub threads: bool,
}

/// What is wanted of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// Nothing: whether the judge is there, and how it can be shut in.
    Nothing,
    /// What came of it.
    Verdict,
    /// Its trace as well.
    Trace,
    /// A picture of it, a page that shows this command; and the calls that led to a panic.
    Picture(String),
}

/// What a judge says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the judge could not be shut in with, in words.
    pub missing: Vec<String>,
    /// The property that failed, and the facts; `None`, if the run passed.
    pub failure: Option<(String, String)>,
    /// The run's fingerprint, simulated time, and how many steps it took.
    pub digest: (u64, u64, u64),
    /// The trace, a record in each line, or the picture.
    pub text: String,
    /// The calls that led to a panic.
    pub backtrace: Vec<String>,
}
