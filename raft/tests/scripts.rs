//! The rules of the paper, one golden script each: what must happen, step by step.
//!
//! A script in `scripts/` is a list of commands and, after `---`, what they did. The commands are
//! those of [`Command`]. `UPDATE_GOLDENFILES=1 cargo test -p raft` writes what they do now into the
//! files; read it before you believe it.

mod driver;

use driver::{Cluster, Flight, kind_of, seeded_disk};
use labgob::Bytes;
use labrpc::NodeId;
use raft::{
    AppendEntries, AppendEntriesReply, Appended, Config, Entries, Index, InstallSnapshot,
    InstallSnapshotReply, LogId, Message, RequestVote, RequestVoteReply, Term,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

type Fields = BTreeMap<String, String>;

/// What a script can say. Servers are numbered from 1; `n` means server n.
#[derive(goldenscript::Command)]
enum Command {
    /// Boots a cluster of this many servers, with empty disks. Fields of the configuration follow.
    Cluster {
        servers: u16,
        #[arg(key, many, optional)]
        config: Fields,
    },
    /// Boots a server over a log of entries of these terms; up to `snapshot` in a snapshot.
    SetLog {
        n: u16,
        #[arg(key)]
        terms: String,
        #[arg(key)]
        term: Option<u64>,
        #[arg(key)]
        vote: Option<u16>,
        #[arg(key, optional)]
        snapshot: u64,
    },
    /// Lets a server run out of patience.
    Timeout { n: u16 },
    /// Lets a heartbeat interval pass at a server, or so many milliseconds, and wakes it.
    Wake {
        n: u16,
        #[arg(key)]
        after: Option<u64>,
    },
    /// Timeout, then everything is delivered until nothing is on its way; n leads then.
    Elect { n: u16 },
    /// Delivers what is on its way now: all, or what fits; of those only the nth, if it is given.
    Deliver {
        kind: Option<String>,
        #[arg(key)]
        from: Option<u16>,
        #[arg(key)]
        to: Option<u16>,
        #[arg(key)]
        nth: Option<usize>,
        #[arg(key, optional)]
        twice: bool,
    },
    /// Delivers until nothing is on its way.
    Settle {
        #[arg(key, optional)]
        twice: bool,
    },
    /// Loses what is on its way: all, or what fits.
    Drop {
        kind: Option<String>,
        #[arg(key)]
        from: Option<u16>,
        #[arg(key)]
        to: Option<u16>,
    },
    /// Copies what is on its way and fits; the copies arrive last.
    Duplicate {
        kind: Option<String>,
        #[arg(key)]
        from: Option<u16>,
        #[arg(key)]
        to: Option<u16>,
    },
    /// Asks a server to have commands committed.
    Propose { n: u16, commands: Vec<String> },
    /// Asks a server for a read, or so many.
    Read {
        n: u16,
        #[arg(optional)]
        times: Option<u16>,
    },
    /// Crashes a server now, or in its next step that writes, after so many writes.
    Crash {
        n: u16,
        #[arg(key)]
        after: Option<u32>,
    },
    /// Starts a server from its disk.
    Restart { n: u16 },
    /// The service has put everything up to `upto` into a snapshot.
    Snapshot {
        n: u16,
        #[arg(key)]
        upto: u64,
    },
    /// Puts a message on its way that nobody has sent.
    Send {
        from: u16,
        to: u16,
        kind: String,
        #[arg(key, many)]
        fields: Fields,
    },
    /// Shows every server.
    Status,
    /// Shows servers' disks; all, if none is named.
    Disk {
        #[arg(optional)]
        n: Vec<u16>,
    },
    /// Shows when a server wants to be woken.
    Alarm { n: u16 },
    /// Shows what is on its way.
    Flights,
}

#[derive(Default)]
struct Runner(Option<Cluster>);

impl goldenscript::Runner for Runner {
    type Command = Command;

    fn run(
        &mut self,
        command: &Command,
        _: &goldenscript::Context,
    ) -> Result<String, Box<dyn Error>> {
        if let Command::Cluster { servers, config } = command {
            let cluster = self.0.insert(Cluster::new(*servers, config_of(config)?));
            return Ok(cluster.take_output());
        }
        let cluster = self.0.as_mut().ok_or("a script begins with a cluster")?;
        obey(cluster, command)?;
        Ok(cluster.take_output())
    }
}

fn obey(cluster: &mut Cluster, command: &Command) -> Result<(), Box<dyn Error>> {
    let node = NodeId::new;
    match command {
        Command::Cluster { .. } => unreachable!("it is done before"),
        Command::SetLog { n, terms, term, vote, snapshot } => {
            let terms: Vec<u64> = terms.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            let term = term.unwrap_or(*terms.last().ok_or("no terms")?);
            let disk = seeded_disk(&terms, Term::new(term), vote.map(node), *snapshot);
            cluster.replace_disk(node(*n), disk);
        }
        Command::Timeout { n } => timeout(cluster, node(*n)),
        Command::Wake { n, after } => {
            let heartbeat = cluster.config.heartbeat.as_millis() as u64;
            cluster.wake_after(node(*n), after.unwrap_or(heartbeat));
        }
        Command::Elect { n } => {
            timeout(cluster, node(*n));
            settle(cluster, false)?;
        }
        Command::Deliver { kind, from, to, nth, twice } => {
            let mut places = places(cluster, kind.as_deref(), *from, *to)?;
            if let Some(nth) = nth {
                places = vec![*places.get(nth - 1).ok_or("there are not so many")?];
            }
            let flights = take(cluster, &places);
            deliver(cluster, flights, *twice);
        }
        Command::Settle { twice } => settle(cluster, *twice)?,
        Command::Drop { kind: None, from: None, to: None } => cluster.flights.clear(),
        Command::Drop { kind, from, to } => {
            let places = places(cluster, kind.as_deref(), *from, *to)?;
            take(cluster, &places);
        }
        Command::Duplicate { kind, from, to } => {
            for place in places(cluster, kind.as_deref(), *from, *to)? {
                cluster.flights.push(cluster.flights[place].clone());
            }
        }
        Command::Propose { n, commands } => {
            for command in commands {
                cluster.propose(node(*n), command);
            }
        }
        Command::Read { n, times } => {
            (0..times.unwrap_or(1)).for_each(|_| cluster.read(node(*n)));
        }
        Command::Crash { n, after } => cluster.crash(node(*n), *after),
        Command::Restart { n } => cluster.boot(node(*n)),
        Command::Snapshot { n, upto } => {
            cluster.snapshot(node(*n), Index::new(*upto), &format!("state at {upto}"));
        }
        Command::Send { from, to, kind, fields } => {
            let message = message(kind, fields)?;
            cluster.flights.push(Flight { from: node(*from), to: node(*to), message });
        }
        Command::Status => cluster.show_status(),
        Command::Disk { n } => {
            let all = (1..=cluster.servers.len() as u16).filter(|_| n.is_empty());
            all.chain(n.iter().copied()).for_each(|n| cluster.show_disk(node(n)));
        }
        Command::Alarm { n } => cluster.show_alarm(node(*n)),
        Command::Flights => cluster.show_flights(),
    }
    Ok(())
}

fn timeout(cluster: &mut Cluster, id: NodeId) {
    let longest = cluster.config.election_timeout.end.as_millis() as u64;
    cluster.wake_after(id, longest);
}

fn deliver(cluster: &mut Cluster, flights: Vec<Flight>, twice: bool) {
    for flight in flights {
        if twice { cluster.deliver_twice(&flight) } else { cluster.deliver(flight) }
    }
}

fn settle(cluster: &mut Cluster, twice: bool) -> Result<(), Box<dyn Error>> {
    for _ in 0..100 {
        if cluster.flights.is_empty() {
            return Ok(());
        }
        let flights = std::mem::take(&mut cluster.flights);
        deliver(cluster, flights, twice);
    }
    Err("messages beget messages without end".into())
}

/// Where on the wire the messages are that fit; that there is none is an error of the script.
fn places(
    cluster: &Cluster,
    kind: Option<&str>,
    from: Option<u16>,
    to: Option<u16>,
) -> Result<Vec<usize>, Box<dyn Error>> {
    let fits = |flight: &Flight| {
        kind.is_none_or(|kind| kind == kind_of(&flight.message))
            && from.is_none_or(|from| flight.from == NodeId::new(from))
            && to.is_none_or(|to| flight.to == NodeId::new(to))
    };
    let all = 0..cluster.flights.len();
    let places: Vec<usize> = all.filter(|&at| fits(&cluster.flights[at])).collect();
    if places.is_empty() { Err("nothing of that kind is on its way".into()) } else { Ok(places) }
}

/// Takes messages off the wire.
fn take(cluster: &mut Cluster, places: &[usize]) -> Vec<Flight> {
    let flights = std::mem::take(&mut cluster.flights);
    let (taken, rest): (Vec<_>, Vec<_>) =
        flights.into_iter().enumerate().partition(|(at, _)| places.contains(at));
    cluster.flights = rest.into_iter().map(|(_, flight)| flight).collect();
    taken.into_iter().map(|(_, flight)| flight).collect()
}

fn config_of(fields: &Fields) -> Result<Config, Box<dyn Error>> {
    // The times stand in the scripts; the defaults may change.
    let ms = Duration::from_millis;
    let mut config = Config {
        election_timeout: ms(300)..ms(600),
        heartbeat: ms(100),
        retry: ms(50),
        ..Config::default()
    };
    for (key, value) in fields {
        match key.as_str() {
            "max_entries" => config.max_entries = value.parse()?,
            "window" => config.max_in_flight = value.parse()?,
            "tail" => config.snapshot_tail = value.parse()?,
            _ => return Err(format!("a configuration has no {key}").into()),
        }
    }
    Ok(config)
}

// ---- messages by hand ------------------------------------------------------------------------

fn number(fields: &Fields, key: &str) -> Result<u64, Box<dyn Error>> {
    Ok(fields.get(key).ok_or_else(|| format!("{key} is missing"))?.parse()?)
}

/// `4@2`: the entry of term 2 at 4.
fn id(fields: &Fields, key: &str) -> Result<LogId, Box<dyn Error>> {
    let text = fields.get(key).ok_or_else(|| format!("{key} is missing"))?;
    let (index, term) = text.split_once('@').ok_or("an entry is INDEX@TERM")?;
    Ok(LogId::new(term.parse()?, index.parse()?))
}

/// `2:x 3:y`: x of term 2 and y of term 3.
fn entries(fields: &Fields) -> Result<Entries, Box<dyn Error>> {
    let mut entries = Entries::default();
    for text in fields.get("entries").into_iter().flat_map(|text| text.split(' ')) {
        let (term, command) = text.split_once(':').ok_or("an entry is TERM:COMMAND")?;
        entries.push(Term::new(term.parse()?), command.as_bytes());
    }
    Ok(entries)
}

/// Messages belong to no round of reads unless one is named.
fn round(fields: &Fields) -> Result<u64, Box<dyn Error>> {
    Ok(fields.get("round").map_or(Ok(0), |round| round.parse())?)
}

fn appended(fields: &Fields) -> Result<Appended, Box<dyn Error>> {
    if let Some(matched) = fields.get("matched") {
        return Ok(Appended::Matched(Index::new(matched.parse()?)));
    }
    let term = fields.get("conflict").map(|term| term.parse().map(Term::new)).transpose()?;
    Ok(Appended::Conflict { term, first: Index::new(number(fields, "first")?) })
}

fn message(kind: &str, fields: &Fields) -> Result<Message, Box<dyn Error>> {
    let term = Term::new(number(fields, "term")?);
    Ok(match kind {
        "RequestVote" => Message::RequestVote(RequestVote { term, last: id(fields, "last")? }),
        "RequestVoteReply" => {
            let granted = number(fields, "granted")? == 1;
            Message::RequestVoteReply(RequestVoteReply { term, granted })
        }
        "AppendEntries" => Message::AppendEntries(AppendEntries {
            term,
            prev: id(fields, "prev")?,
            entries: entries(fields)?,
            commit: Index::new(number(fields, "commit")?),
            round: round(fields)?,
        }),
        "AppendEntriesReply" => Message::AppendEntriesReply(AppendEntriesReply {
            term,
            prev: Index::new(number(fields, "prev")?),
            outcome: appended(fields)?,
            round: round(fields)?,
        }),
        "InstallSnapshot" => Message::InstallSnapshot(InstallSnapshot {
            term,
            last: id(fields, "last")?,
            state: Bytes::from(fields.get("state").map_or("", String::as_str)),
        }),
        "InstallSnapshotReply" => Message::InstallSnapshotReply(InstallSnapshotReply {
            term,
            matched: Some(Index::new(number(fields, "matched")?)),
        }),
        _ => return Err(format!("there is no message {kind}").into()),
    })
}

// ---- the scripts -----------------------------------------------------------------------------

/// Makes a test of each script.
macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() -> std::io::Result<()> {
                let name = stringify!($name);
                goldenscript::run(&mut Runner::default(), format!("tests/scripts/{name}.txt"))
            }
        )*

        #[test]
        fn every_script_is_run() -> std::io::Result<()> {
            let listed = [$(stringify!($name)),*];
            for file in std::fs::read_dir("tests/scripts")? {
                let name = file?.file_name().into_string().expect("a name in Unicode");
                assert!(listed.iter().any(|listed| name == format!("{listed}.txt")), "{name}");
            }
            Ok(())
        }
    };
}

scripts! {
    // Elections: sections 5.1, 5.2 and 5.4.1.
    a_server_with_a_majority_of_votes_becomes_leader
    half_of_the_votes_are_no_majority
    a_split_vote_ends_in_a_later_term
    a_follower_grants_one_vote_per_term
    a_vote_survives_a_restart
    a_vote_is_durable_before_the_answer
    a_later_last_term_beats_a_longer_log
    of_equal_last_terms_the_longer_log_is_more_up_to_date
    an_outdated_candidate_gets_no_vote_but_its_term_is_adopted
    a_candidate_yields_to_the_leader_of_its_term
    a_leader_yields_to_a_later_term
    a_deposed_leader_waits_before_it_stands
    votes_of_an_earlier_term_do_not_count
    a_vote_counts_once
    a_candidate_asks_again_who_has_not_answered
    // Replication: sections 5.3 and 5.4.2.
    an_entry_on_a_majority_is_committed_and_applied
    only_the_leader_takes_commands
    a_follower_refuses_entries_without_the_one_before
    conflicting_entries_are_dropped_with_all_that_follow
    an_older_shorter_append_drops_nothing
    a_follower_commits_no_further_than_the_last_new_entry
    a_leader_commits_only_entries_of_its_own_term
    figure_7_a
    figure_7_b
    figure_7_c
    figure_7_d
    figure_7_e
    figure_7_f
    figure_8_d_an_entry_of_an_earlier_term_is_overwritten_though_a_majority_has_it
    figure_8_e_an_entry_of_the_own_term_protects_what_is_before_it
    logs_that_differ_are_brought_into_line_a_term_at_a_time
    an_append_carries_a_limited_number_of_entries
    proposals_wait_for_the_append_under_way_and_ride_together
    an_unanswered_append_is_sent_again_once_then_probes_follow
    the_answer_to_a_heartbeat_starts_no_second_chain
    an_append_that_overtakes_waits_for_the_one_before
    a_message_that_arrives_twice_changes_nothing_the_second_time
    answers_of_an_earlier_term_are_not_acted_on
    what_was_known_of_the_followers_ends_with_the_reign
    a_conflict_that_comes_late_is_ignored
    // Persistence: figure 2.
    entries_are_durable_before_they_are_acknowledged
    a_leader_writes_its_own_entry_before_anyone_sees_it
    a_candidate_is_bound_by_its_own_vote_after_a_crash
    // Snapshots: section 7 and figure 13.
    a_snapshot_trims_the_log
    a_tail_of_the_log_stays_behind_a_snapshot
    a_follower_behind_the_start_of_the_log_is_sent_the_snapshot
    a_snapshot_that_is_lost_is_sent_again
    entries_after_a_snapshot_that_matches_stay
    a_snapshot_that_does_not_match_replaces_the_log
    a_snapshot_that_is_behind_is_ignored
    a_crash_between_snapshot_and_log_is_repaired_at_boot
    a_crash_while_a_snapshot_is_installed_is_repaired_at_boot
    after_a_boot_the_snapshot_is_applied_first
    a_probe_never_goes_back_past_the_snapshot
    // Reads: section 6.4 of the dissertation.
    a_read_at_a_quiet_leader_takes_one_round
    a_read_waits_for_the_first_commit_of_the_term
    a_leader_that_is_cut_off_confirms_no_read
    half_of_the_servers_confirm_no_read
    answers_to_what_was_sent_before_a_read_do_not_count_for_it
    a_round_confirms_no_read_of_the_next
    reads_that_come_during_a_round_share_the_next
    a_round_without_answers_is_repeated
    a_round_puts_off_no_retry
    a_conflict_confirms_a_round_too
    an_append_that_waits_for_the_one_before_answers_no_round
    an_early_append_that_contradicts_what_is_committed_is_dropped
    a_read_needs_no_answer_of_who_is_sent_a_snapshot
    rounds_of_an_earlier_reign_do_not_count
    reads_are_refused_when_leadership_is_lost
    a_server_alone_confirms_reads_at_once
    only_the_leader_takes_reads
    // What no correct server sends.
    a_stranger_is_refused
    a_second_leader_of_a_term_is_refused
    entries_that_contradict_committed_ones_are_refused
    an_impossible_answer_is_refused
    the_echo_of_a_round_that_has_not_begun_is_refused
    impossible_terms_and_places_are_refused
}
