//! The `lab` command for this master: `cargo run --release -- --help`.

use std::process::ExitCode;
use tests::catalogue::Catalogue;

fn main() -> ExitCode {
    tests::cli::main(&Catalogue::of_master::<lab4a::Lab>())
}
