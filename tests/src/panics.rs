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

/// The property that a panic is a failure of.
const NO_PANIC: &str = "no panic";

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static TRACING: Cell<bool> = const { Cell::new(false) };
    static TOLD: RefCell<Option<String>> = const { RefCell::new(None) };
    static TRACE: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

/// Runs code under test; a panic in it is a failure, and nothing is printed.
pub(crate) fn caught<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                TOLD.set(Some(info.to_string()));
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
    let is_panic = outcome.as_ref().is_err_and(|it| it.property == NO_PANIC);
    let calls = trace.filter(|_| is_panic).map(|it| backtrace::told(&it));
    (outcome, calls.unwrap_or_default())
}

/// The failure that a panic is.
fn failure(payload: &(dyn Any + Send)) -> Failure {
    let told = TOLD.take();
    if let Some(NotWritten(what)) = payload.downcast_ref() {
        return Failure::new(NOT_WRITTEN, *what);
    }
    let text = told.unwrap_or_else(|| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
    });
    Failure::new(NO_PANIC, text)
}
