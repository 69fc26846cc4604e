//! The sharded store in proportion to the number of its groups. All figures are simulated, and so the
//! same on every machine.

use kvraft::rsm::Reads;
use raft::Raft;
use std::time::Duration;
use tests::catalogue::Catalogue;
use tests::cli::{BAD_USE, Console, FAILED, WELL, main_with};
use tests::scale::{Figures, Measure, Scale, measure};
use tests::shard::Over;

type Reference = Over<Raft>;

/// The load of the table, in shorter windows.
fn short(groups: usize) -> Scale {
    Scale { window: Duration::from_millis(500), ..Scale::new(groups) }
}

fn row(groups: usize, seed: u64) -> Figures {
    let figures = measure::<Reference>(short(groups), seed).expect("a row");
    let it = figures.latencies;
    assert!(it.unaffected <= 2 * it.quiet, "{groups} groups, seed {seed}: {it:?}");
    figures
}

#[test]
fn eight_groups_do_seven_times_as_much_as_one_and_shards_that_stay_hardly_notice() {
    for seed in 0..3 {
        let [one, eight] = [1, 8].map(|groups| row(groups, seed).ops_per_second);
        assert!(eight >= 7.0 * one, "seed {seed}: {one} and {eight} operations per second");
    }
}

#[test]
fn the_load_saturates_a_group() {
    let measure = Measure::of::<Reference>();
    for (seed, reads) in [(0, Reads::Log), (1, Reads::Index)] {
        let scale = Scale { reads, ..Scale::new(1) };
        let found = measure.saturate(scale, seed).expect("it saturates");
        let ops = |clients| found.tried.iter().find(|it| it.0 == clients).expect("it was tried").1;
        let best = found.tried.iter().map(|it| it.1).fold(0.0, f64::max);
        assert!(ops(scale.clients_per_group) > 0.9 * best, "{found:?}");
        assert!(ops(2 * found.clients) < 1.05 * ops(found.clients), "{found:?}");
    }
}

/// Four times the clients that saturate a group, so that each waits longer for an answer than clerks
/// wait at first: if they went on to ask again so early, nobody would be served at all.
#[test]
fn too_many_clients_do_not_bring_a_group_down() {
    let throughput = Measure::of::<Reference>().throughput;
    let [enough, many] = [64, 256].map(|clients_per_group| {
        throughput(Scale { clients_per_group, ..short(1) }, 0).expect("it is served")
    });
    assert!(many > 0.9 * enough, "{enough} and {many} operations per second");
}

#[test]
fn the_same_seed_gives_the_same_row() {
    assert_eq!(measure::<Reference>(short(2), 5), measure::<Reference>(short(2), 5));
}

#[test]
fn a_window_that_is_too_short_gives_no_row() {
    let blink = Scale { window: Duration::from_millis(2), ..short(1) };
    measure::<Reference>(blink, 0).expect_err("operations take longer than that");
    let figures = Measure::of::<Reference>().latencies;
    // A change takes longer than that, and less than the operations which wait for it.
    let failure = figures(Scale { window: Duration::from_millis(50), ..short(1) }.calm(), 0);
    let property = failure.expect_err("it is too short for a change").property;
    assert!(["the newcomer serves", "a window that is long enough"].contains(&&*property));
}

fn lab(catalogue: &Catalogue, words: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, progress: false };
    let status = main_with(catalogue, [&["lab", "scale"], words].concat(), &mut console);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status, text(out), text(err))
}

#[test]
fn a_program_without_a_sharded_store_says_so() {
    let (status, out, err) = lab(&Catalogue::of_raft::<Raft>(), &["1"]);
    assert_eq!((status, out.as_str()), (BAD_USE, ""));
    assert!(err.contains("no sharded store"), "{err}");
    assert!(Catalogue::reference().scale().is_some());
}

#[test]
fn the_table_is_of_the_store_in_the_catalogue() {
    let table = |words: &[&str]| {
        let catalogue = Catalogue::of_shards::<Reference>();
        let (status, out, err) = lab(&catalogue, words);
        assert_eq!((status, err.as_str()), (WELL, ""), "{out}");
        out
    };
    let log = table(&["1", "2", "--clients", "32"]);
    let rows: Vec<Vec<&str>> = log
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<&str>| {
            row.first().is_some_and(|it| it.parse::<u16>().is_ok_and(|it| it < 9))
        })
        .collect();
    assert_eq!(rows.iter().map(|row| &row[..2]).collect::<Vec<_>>(), [["1", "32"], ["2", "64"]]);
    assert!(log.contains("reads through the log"), "{log}");
    let index = table(&["1", "--clients", "32", "--reads", "index"]);
    assert!(index.contains("reads by ReadIndex"), "{index}");
    assert_ne!(log.lines().nth(2), index.lines().nth(2));
}

#[test]
fn a_row_that_fails_is_told() {
    // Of a single client's shard there is nothing to be seen both when it stays and when it moves.
    let (status, out, _) = lab(&Catalogue::reference(), &["1", "--clients", "1"]);
    assert_eq!(status, FAILED, "{out}");
    assert!(out.lines().last().unwrap().starts_with("FAILED: a load: with 1 groups "), "{out}");
}
