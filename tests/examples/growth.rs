//! What a window of commands costs early and late in a log without snapshots.
//!
//! `cargo run --release -p tests --example growth -- [LOAD] [MARK…]` prints messages, bytes and steps
//! per command between each two marks, which are the same on every machine, and commands and
//! messages per CPU second, which are not. LOAD is `plain`, `pipelined` or `cut-off`. With one mark
//! it makes a program whose instructions can be counted:
//! `valgrind --tool=callgrind …/growth plain 11000`.

use raft::{Config, Raft};
use std::process::ExitCode;
use tests::load::{self, Load};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let kind = if args.is_empty() { "plain".to_string() } else { args.remove(0) };
    let pipelined = Config { max_entries: 6, max_in_flight: 16, ..Config::default() };
    let load = match kind.as_str() {
        "plain" => Load::standard(Config::default()),
        "pipelined" => Load::standard(pipelined),
        "cut-off" => Load { one_cut_off: true, ..Load::standard(Config::default()) },
        other => {
            eprintln!("no load is called {other}: plain, pipelined or cut-off");
            return ExitCode::from(2);
        }
    };
    let marks: Result<Vec<u64>, _> = args.iter().map(|arg| arg.parse()).collect();
    let marks = match marks {
        Ok(marks) if marks.is_empty() => vec![1_000, 11_000, 990_000, 1_000_000],
        Ok(marks) if marks.is_sorted() => marks,
        _ => {
            eprintln!("marks are numbers of commands, in ascending order");
            return ExitCode::from(2);
        }
    };
    match load::run::<Raft>(&load, 1, &marks) {
        Ok(costs) => {
            println!("up to      msgs/cmd  bytes/cmd  steps/cmd    cmds/cpu-s    msgs/cpu-s");
            for (mark, cost) in marks.iter().zip(costs) {
                println!(
                    "{mark:<9} {:>9.4} {:>10.2} {:>10.4} {:>13.0} {:>13.0}",
                    cost.messages_per_command(),
                    cost.bytes_per_command(),
                    cost.steps as f64 / cost.commands as f64,
                    cost.commands_per_cpu_second(),
                    cost.messages_per_cpu_second(),
                );
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
