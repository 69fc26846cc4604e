//! The `lab` command for this submission: `cargo run --release -- --help`.

fn main() -> std::process::ExitCode {
    tests::cli::main(&tests::catalogue::Catalogue::of_raft::<lab2::Raft>())
}
