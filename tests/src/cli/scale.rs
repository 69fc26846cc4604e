//! `lab scale`: throughput and latency by the number of groups.

use super::{Console, FAILED, Stop, WELL};
use crate::scale::{SHARDS, Scale, measure};
use crate::shard::Over;
use clap::{Args, value_parser};
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Arguments {
    /// How many groups, one row for each
    #[arg(
        value_name = "GROUPS",
        default_values_t = [1_u16, 2, 4, 8, 16],
        value_parser = value_parser!(u16).range(1..=64)
    )]
    groups: Vec<u16>,
    /// All chance comes from it
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub fn scale(arguments: &Arguments, console: &mut Console<'_>) -> Result<u8, Stop> {
    let shown = Scale::new(1);
    writeln!(
        console.out,
        "{SHARDS} shards, groups of three servers that take {:?} over a message, {} clients per group, \
         windows of {:?} of simulated time",
        shown.service_time, shown.clients_per_group, shown.window,
    )?;
    writeln!(
        console.out,
        "{:>6} {:>8} {:>10} {:>11} | largest latency in ms: {:>6} {:>10} {:>8}",
        "groups", "clients", "ops/s", "times first", "quiet", "unaffected", "affected",
    )?;
    console.out.flush()?;
    let (mut first, ms) = (None, |it: Duration| it.as_secs_f64() * 1e3);
    for &groups in &arguments.groups {
        let scale = Scale::new(usize::from(groups));
        let figures = match measure::<Over<raft::Raft>>(scale, arguments.seed) {
            Ok(figures) => figures,
            Err(failure) => {
                writeln!(console.out, "{groups:>6} FAILED: {failure}")?;
                return Ok(FAILED);
            }
        };
        let first = *first.get_or_insert(figures.ops_per_second);
        writeln!(
            console.out,
            "{groups:>6} {:>8} {:>10.0} {:>11.2} | {:>29.1} {:>10.1} {:>8.1}",
            scale.groups * scale.clients_per_group,
            figures.ops_per_second,
            figures.ops_per_second / first,
            ms(figures.quiet),
            ms(figures.unaffected),
            ms(figures.affected),
        )?;
        console.out.flush()?;
    }
    writeln!(
        console.out,
        "quiet: nothing changes; unaffected and affected: shards that stay and that move when one more \
         group joins"
    )?;
    Ok(WELL)
}
