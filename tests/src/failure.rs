//! Why a run failed.

use std::fmt;

/// What went wrong: which property or check, when, and the facts that conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The property that does not hold, or the check of the script that failed.
    pub property: String,
    /// The facts, in words.
    pub facts: String,
    /// The event after which it was seen, as the trace numbers them; filled in by the cluster.
    pub event: u64,
    /// The simulated time, in nanoseconds.
    pub nanos: u64,
}

impl Failure {
    /// A failure whose place in the run is not known yet.
    pub fn new(property: impl Into<String>, facts: impl Into<String>) -> Self {
        Self { property: property.into(), facts: facts.into(), event: 0, nanos: 0 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, facts, event, nanos } = self;
        let (secs, micros) = (nanos / 1_000_000_000, nanos / 1_000 % 1_000_000);
        write!(f, "{property}: {facts} (event {event}, at {secs}.{micros:06} s)")
    }
}

/// What fails where nothing has been written yet: see [`not_written!`](crate::not_written).
pub const NOT_WRITTEN: &str = "not written yet";

/// What fails where a call of the code under test does not come back: see
/// [`pulse`](crate::arena::pulse).
pub const ENDLESS: &str = "endless loop";

/// What [`not_written!`](crate::not_written) panics with.
#[derive(Clone, Copy, Debug)]
pub struct NotWritten(pub &'static str);

/// Stands where something is to be written, and says what. A run that comes to it fails as *not written
/// yet*, where after a `todo!` it would have failed by a panic somewhere in the middle of a simulation.
///
/// ```should_panic
/// fn propose(command: &[u8]) -> u64 {
///     tests::not_written!("lab 2B: take the leader's commands into its log")
/// }
/// propose(b"x = 1");
/// ```
#[macro_export]
macro_rules! not_written {
    ($what:literal) => {
        std::panic::panic_any($crate::NotWritten($what))
    };
}

/// What a script, a check or a monitor says.
pub type Outcome<T = ()> = Result<T, Failure>;

/// `Err` with a [`Failure`], formatted.
#[macro_export]
macro_rules! fail {
    ($property:expr, $($facts:tt)+) => {
        return Err($crate::Failure::new($property, format!($($facts)+)))
    };
}

/// Fails the script unless a condition holds.
#[macro_export]
macro_rules! demand {
    ($condition:expr, $property:expr, $($facts:tt)+) => {
        if !$condition {
            $crate::fail!($property, $($facts)+);
        }
    };
}
