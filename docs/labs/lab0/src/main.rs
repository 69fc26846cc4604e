//! The `lab` command for this Raft: `cargo run --release -- --help`.

use std::process::ExitCode;
use tests::catalogue::Catalogue;

fn main() -> ExitCode {
    tests::cli::main(&Catalogue::of_raft::<lab0::Raft>())
}
