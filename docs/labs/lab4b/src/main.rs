//! The `lab` command for this store: `cargo run --release -- --help`.

use std::process::ExitCode;
use tests::catalogue::Catalogue;

fn main() -> ExitCode {
    tests::cli::main(&Catalogue::of_shards::<lab4b::Lab>())
}
