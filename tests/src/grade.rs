//! Grades: a student's crate under the suites, in processes of its own, with limits.
//!
//! | | is | file |
//! |---|---|---|
//! | `Lab` | a lab as a crate that is handed in | `grade/lab.rs` |
//! | `Grade` | what came of a submission | `grade/result.rs` |

#[cfg(feature = "grade")]
pub mod lab;
#[cfg(feature = "grade")]
pub mod result;
