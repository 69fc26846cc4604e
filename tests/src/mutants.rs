//! Planted bugs: what the suites would have caught.
//!
//! A green run is worth what the suites would have caught. The corpus in `tests/mutants` is a
//! collection of bugs, one file each: a patch of a few lines on the real sources, with a header that
//! says which rule it breaks and which property is expected to fail. Nothing of them is in the
//! sources that people read. `lab mutants` applies each to a copy of the tree, builds that, and runs
//! the suites on it:
//!
//! 1. [`Corpus`] finds the files, [`Mutant`] is one of them, read and checked ([`format`](mod@format));
//! 2. [`Sources`] is the tree as it is when the command begins, and a patch is applied to that
//!    ([`patch`]); nobody's edits meanwhile get in the way; what a header
//!    names has to be there ([`fn@check`]);
//! 3. [`Scratch`] is a copy of it on the disk with a target folder of its own, in which cargo builds;
//! 4. [`Hunt`] runs the binary on one scenario after another, each in a process of its own with
//!    limits ([`child`](crate::child)), until something fails, and says what that is worth: a [`Finding`]. On its own
//!    it does the same with trials of the swarm, for as much CPU time as they are given: two
//!    [`Stage`]s, two findings;
//! 5. [`Store`] keeps the findings, so that a session goes on where the last one was interrupted.
//!
//! # What counts as a kill
//!
//! A run is a function of its seed. If the original passes a scenario with some seed and the mutant
//! fails it with the same one, then the changed line has run, and made the difference: until it does,
//! both runs are the same, to the bit. So a failure is taken for a kill only if the original passes
//! that scenario with that seed. It is a kill *as expected* if the property that failed is one of
//! those in the mutant's header. Another property, a panic of the code under test, a limit: these are
//! kills too, but they are listed apart, for they can be luck. A run that does not come to its end, a
//! patch that does not compile, are no kills.

mod answer;
mod check;
mod corpus;
mod finding;
pub mod format;
mod hunt;
mod original;
pub mod patch;
mod scratch;
mod sources;
mod store;
mod swarm;

pub use check::check;
pub use corpus::{Corpus, Found, NoMutant, namesakes};
pub use finding::{Finding, Kill, Killer, Verdict};
pub use format::{Catcher, Malformed, Mutant, Reads};
pub use hunt::{Doing, Hunt, Plan, Stage, Tell};
pub use scratch::{BuildError, Scratch};
pub use sources::Sources;
pub use store::Store;
