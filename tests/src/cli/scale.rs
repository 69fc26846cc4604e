//! `lab scale`: throughput and latency by the number of groups.

use super::{Console, FAILED, ReadsArgument, Stop, WELL};
use crate::catalogue::Catalogue;
use crate::scale::{CALM, Figures, Latencies, Measure, SHARDS, Saturation, Scale, WORTH_DOUBLING};
use crate::{Failure, Outcome};
use clap::{Args, value_parser};
use kvraft::rsm::Reads;
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
    /// Takes so many clients for each group, instead of as many as saturate one
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=512))]
    clients: Option<u16>,
    #[command(flatten)]
    reads: ReadsArgument,
}

pub fn scale(
    catalogue: &Catalogue,
    arguments: &Arguments,
    console: &mut Console<'_>,
) -> Result<u8, Stop> {
    let Some(measure) = catalogue.scale() else {
        let why = "this program has no sharded store that could be measured: it takes a catalogue \
                   of lab 4B (`Catalogue::of_shards`)";
        return Err(Stop::BadUse(why.to_string()));
    };
    let scale = Scale { reads: arguments.reads.how(), ..Scale::new(1) };
    writeln!(
        console.out,
        "{SHARDS} shards, groups of three servers that take {:?} over a message, reads {}, windows of \
         {:?} of simulated time, seed {}",
        scale.service_time,
        match scale.reads {
            Reads::Log => "through the log",
            Reads::Index => "by ReadIndex",
        },
        scale.window,
        arguments.seed,
    )?;
    console.out.flush()?;
    match table(measure, scale, arguments, console)? {
        Ok(()) => Ok(WELL),
        Err(failure) => {
            writeln!(console.out, "FAILED: {failure}")?;
            Ok(FAILED)
        }
    }
}

fn table(
    measure: Measure,
    scale: Scale,
    arguments: &Arguments,
    console: &mut Console<'_>,
) -> Result<Outcome, Stop> {
    let clients_per_group = match arguments.clients {
        Some(clients) => usize::from(clients),
        None => match measure.saturate(scale, arguments.seed) {
            Ok(Saturation { clients, tried }) => {
                let tried = tried.iter().map(|(clients, ops)| format!("{clients}: {ops:.0}"));
                let tried = tried.collect::<Vec<_>>().join(", ");
                let gain = (WORTH_DOUBLING - 1.0) * 100.0;
                writeln!(
                    console.out,
                    "one group, operations per second by number of clients: {tried}; so {clients} \
                     clients per group: twice as many gain less than {gain:.0} %",
                )?;
                clients
            }
            Err(failure) => return Ok(Err(on_group(1, failure))),
        },
    };
    writeln!(
        console.out,
        "{:>6} {:>8} {:>8} {:>11} | largest latency in ms, {:>8} clients: {:>6} {:>10} {:>8}",
        "groups", "clients", "ops/s", "times first", "of fewer", "quiet", "unaffected", "affected",
    )?;
    console.out.flush()?;
    let (mut first, ms) = (None, |it: Duration| it.as_secs_f64() * 1e3);
    for &groups in &arguments.groups {
        let scale = Scale { groups: usize::from(groups), clients_per_group, ..scale };
        let Figures { ops_per_second, latencies } = match measure.row(scale, arguments.seed) {
            Ok(figures) => figures,
            Err(failure) => return Ok(Err(on_group(groups, failure))),
        };
        let Latencies { quiet, unaffected, affected } = latencies;
        writeln!(
            console.out,
            "{groups:>6} {:>8} {:>8.0} {:>11.2} | {:>31} clients: {:>6.1} {:>10.1} {:>8.1}",
            scale.clients(),
            ops_per_second,
            ops_per_second / *first.get_or_insert(ops_per_second),
            scale.calm().clients(),
            ms(quiet),
            ms(unaffected),
            ms(affected),
        )?;
        console.out.flush()?;
    }
    writeln!(
        console.out,
        "ops/s: with all clients, which saturate the groups; latency: with 1 in {CALM} of them, so \
         that it is not the length of a queue\n\
         quiet: nothing changes; unaffected and affected: shards that stay and that move when one \
         more group joins",
    )?;
    Ok(Ok(()))
}

fn on_group(groups: u16, failure: Failure) -> Failure {
    let facts = format!("with {groups} groups {}", failure.facts);
    Failure { facts, ..failure }
}
