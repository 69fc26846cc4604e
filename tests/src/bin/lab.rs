//! The `lab` command, for the reference implementation.

use std::process::ExitCode;
use tests::catalogue::Catalogue;

fn main() -> ExitCode {
    tests::cli::main(&Catalogue::reference())
}
