//! The `lab` command for this service: `cargo run --release -- --help`.

use std::process::ExitCode;
use tests::catalogue::Catalogue;

fn main() -> ExitCode {
    tests::cli::main(&Catalogue::of_kv::<lab3::Lab>())
}
