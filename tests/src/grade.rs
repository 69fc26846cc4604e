//! Grades: a student's crate under the suites, in processes of its own, with limits.
//!
//! | | is | file |
//! |---|---|---|
//! | `Lab` | a lab as a crate that is handed in | `grade/lab.rs` |
//! | `inspect`, `culprits` | what it may not do, and what makes runs differ, found in its sources | `grade/inspect.rs` |
//! | `Grade` | what came of a submission | `grade/result.rs` |
//! | `Submission` | what is handed in, read from a folder or an archive | `grade/submission.rs` |
//! | `Parts` | which parts count | `grade/parts.rs` |
//! | `Seeds` | visible ones and hidden ones | `grade/seeds.rs` |
//! | `Workshop` | where submissions are built, with manifests of the grader's own | `grade/workshop.rs` |
//! | `Judge` | asks the program around a submission; a reason for each end it may come to | `grade/ask.rs` |
//! | `Exam` | a scenario with all its seeds, each twice | `grade/exam.rs` |
//! | `Marking` | from a submission to its grade | `grade/mark.rs` |
//! | `out::write`, `out::batch` | grades as files: for students, teachers, and what they hand in with | `grade/out.rs`, `grade/out/` |
//! | `Resume` | grades of a batch that was begun before | `grade/resume.rs` |
//! | `judge` | the program around a submission: one run, and its verdict | `grade/judge.rs` |
//! | `Request`, `Answer` | what it is asked, and what it says | `grade/protocol.rs` |
//! | `confine` | takes files, network, processes and threads away from a run or a build | `grade/confine.rs` |

#[cfg(feature = "grade")]
pub mod ask;
pub mod confine;
#[cfg(feature = "grade")]
pub mod exam;
#[cfg(feature = "grade")]
pub mod inspect;
pub mod judge;
#[cfg(feature = "grade")]
pub mod lab;
#[cfg(feature = "grade")]
pub mod mark;
#[cfg(feature = "grade")]
pub mod out;
#[cfg(feature = "grade")]
pub mod parts;
pub mod protocol;
#[cfg(feature = "grade")]
pub mod result;
#[cfg(feature = "grade")]
pub mod resume;
#[cfg(feature = "grade")]
pub mod seeds;
#[cfg(feature = "grade")]
pub mod submission;
#[cfg(feature = "grade")]
pub mod workshop;
