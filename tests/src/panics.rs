//! Panics of the code under test are failures like any other, and not for the terminal.

mod backtrace;

#[cfg(feature = "judge")]
pub(crate) use backtrace::prepare;

use crate::{Failure, NOT_WRITTEN, NotWritten, Outcome};
use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// What a panic is called as a reason to fail.
pub(crate) const PANIC: &str = "panic";

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static TRACE: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

/// A failure that is thrown: a panic that nobody outside can make.
struct Thrown(Failure);

/// Ends the run with this failure, wherever it is, up to [`caught`].
pub(crate) fn throw(failure: Failure) -> ! {
    panic::panic_any(Thrown(failure))
}

/// Runs code under test; a panic in it is a failure, and nothing is printed.
pub(crate) fn caught<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                PLACE.set(info.location().map(ToString::to_string));
                TRACE.set(TRACING.get().then(Backtrace::force_capture));
            } else {
                usual(info);
            }
        }));
    });
    CATCHING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(false);
    result.unwrap_or_else(|payload| Err(failure(&*payload)))
}

/// The same, with the calls that led to a panic, if there was one. To find them takes some milliseconds.
pub(crate) fn traced<T>(run: impl FnOnce() -> Outcome<T>) -> (Outcome<T>, Vec<String>) {
    TRACING.set(true);
    let outcome = caught(run);
    TRACING.set(false);
    let trace = TRACE.take();
    let is_panic = outcome.as_ref().is_err_and(|it| it.property == PANIC);
    let calls = trace.filter(|_| is_panic).map(|it| backtrace::told(&it));
    (outcome, calls.unwrap_or_default())
}

/// The failure that a panic is, or that was thrown as one.
fn failure(payload: &(dyn Any + Send)) -> Failure {
    let place = PLACE.take();
    if let Some(NotWritten(what)) = payload.downcast_ref() {
        return Failure::new(NOT_WRITTEN, *what);
    }
    if let Some(Thrown(failure)) = payload.downcast_ref() {
        return failure.clone();
    }
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let place = place.map(|it| format!("at {it}"));
    let facts: Vec<String> = place.into_iter().chain(text).collect();
    Failure::new(PANIC, facts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
    use raft::{Config, Consensus, Raft};

    /// A Raft panics that is booted on a server that is none of its peers.
    fn boot_alone() -> Raft {
        let (mut rng, mut disk, mut out) = (Rng::new(0), Disk::default(), Vec::new());
        let (me, mut notes) = (NodeId::new(0), Notes::off());
        let mut cx = Context::new(me, Instant::ZERO, &mut rng, &mut disk, &mut out, &mut notes);
        Raft::boot(&mut cx, &[], Config::default())
    }

    #[test]
    fn the_calls_are_those_in_the_implementation() {
        let (outcome, calls) = traced(|| Ok(boot_alone()));
        assert_eq!(outcome.unwrap_err().property, PANIC);
        let [call] = &calls[..] else { panic!("{calls:?}") };
        assert!(call.starts_with("raft/src/raft.rs:") && call.ends_with(": boot"), "{call}");
        assert_eq!(traced(|| Ok(boot_alone())).1, calls);
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_its_message() {
        let told = |run: fn() -> Outcome| caught(run).unwrap_err().to_string();
        let text = told(|| panic!("no leader"));
        assert!(text.starts_with("panic: at ") && text.contains("panics.rs:"), "{text}");
        assert!(text.contains(": no leader (event"), "{text}");
        let text = told(|| panic!("no leader in {}", 7));
        assert!(text.contains(": no leader in 7 (event"), "{text}");
        let text = told(|| panic::resume_unwind(Box::new("again")));
        assert!(text.starts_with("panic: again (event"), "{text}");
    }

    #[test]
    fn only_a_panic_that_ends_a_run_has_calls() {
        let inside = || {
            assert!(panic::catch_unwind(boot_alone).is_err());
            Ok(())
        };
        assert_eq!(traced(inside), (Ok(()), Vec::new()));
        let (outcome, calls) = traced::<()>(|| crate::not_written!("all of it"));
        assert_eq!(outcome.unwrap_err().property, NOT_WRITTEN);
        assert_eq!(calls, [""; 0]);
        assert!(caught(|| Ok(boot_alone())).is_err() && TRACE.take().is_none());
    }
}
