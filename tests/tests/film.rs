//! The film of a run: it changes nothing, and it shows every server as it is.

use labrpc::{Context, Instant, NodeId, Persister, Trace};
use raft::{Applied, Config, Consensus, Index, LogId, NotLeader, Raft, Status, Term};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use tests::arena::film::{Film, Role, State};
use tests::catalogue::Catalogue;
use tests::cluster::{Applier, Lab, Setup};
use tests::run::Options;
use tests::swarm::{System, Trial, reference};

#[test]
fn a_run_is_the_same_with_and_without() {
    let catalogue = Catalogue::reference();
    for scenario in [
        "figure_8_2x",
        "snapshot_install_crash_2d",
        "one_partition_3a",
        "snapshot_unreliable_recover_3b",
        "multi_4a",
        "join_leave_4b",
    ] {
        let case = catalogue.find(scenario).expect("a scenario");
        let plain = case.run(5, &Options::default());
        let options = Options { film: true, ..Options::default() };
        let filmed = case.run(5, &options);
        let traced = case.run(5, &Options { trace: Trace::all(), ..options });
        for other in [&filmed, &traced] {
            assert_eq!(other.fingerprint, plain.fingerprint, "{scenario}");
            assert_eq!(other.outcome, plain.outcome, "{scenario}");
        }
        assert!(plain.film.is_none());
        let [film, traced] = [filmed, traced].map(|it| it.film.expect("it was filmed"));
        assert_eq!(film.clusters, traced.clusters, "{scenario}");
        // Whom a server follows is known from the trace.
        assert!(film.frames.len() < traced.frames.len(), "{scenario}");
    }
}

#[test]
fn whoever_is_in_no_cluster_is_a_client() {
    let options = Options { film: true, trace: Trace::all(), ..Options::default() };
    let report = Catalogue::reference().find("join_leave_4b").unwrap().run(1, &options);
    let film = report.film.expect("it was filmed");
    let clusters: Vec<_> =
        film.clusters.iter().map(|it| (it.name.as_str(), it.servers.len())).collect();
    assert_eq!(clusters, [("master", 3), ("group 100", 3), ("group 101", 3), ("group 102", 3)]);
    assert_eq!(film.calls.len() as u64, report.operations);
    assert!(
        film.calls.len() > report.history.len(),
        "those of the master's clients are there, too"
    );
    let what: Vec<&str> = film.calls.iter().map(|call| call.what.as_str()).collect();
    assert!(what.contains(&"Join { groups: {g101: [n6, n7, n8]} } -> Made(#2)"), "{what:?}");
    assert!(what.contains(&"0: put \"1...|\""), "{what:?}");
    let is_server = |id: &NodeId| film.clusters.iter().any(|cluster| cluster.servers.contains(id));
    assert!(film.calls.iter().all(|call| !is_server(&call.node)));
    assert!(film.calls.iter().all(|call| call.ended.is_some_and(|ended| ended >= call.began)));
}

/// What a service has in its log is told in words; what a Raft alone has, as bytes.
#[test]
fn commands_are_told_as_their_service_understands_them() {
    for (scenario, told) in [
        ("basic_3a", "Put { key:"),
        ("basic_4a", "Join { groups:"),
        ("join_leave_4b", "Configure(#2 ["),
        ("join_leave_4b", "Client(Append {"),
    ] {
        let options = Options { film: true, ..Options::default() };
        let report = Catalogue::reference().find(scenario).expect("a scenario").run(1, &options);
        let commands = report.film.expect("it was filmed").commands;
        assert!(commands.iter().any(|it| it.contains(told)), "{scenario}: {commands:?}");
        assert!(commands.iter().any(|it| it == "no-op"), "{scenario}: {commands:?}");
        assert!(commands.iter().all(|it| !it.starts_with("\\x")), "{scenario}: {commands:?}");
    }
}

/// The entries of a server: index, term, command.
type Log = Vec<(u64, Term, String)>;

/// What the changes of a film come to: the latest state of each server, and its log as far as its
/// snapshot does not cover it.
fn developed(film: &Film) -> BTreeMap<NodeId, (State, Log)> {
    let mut servers: BTreeMap<NodeId, (State, Log)> = BTreeMap::new();
    for frame in &film.frames {
        let server = servers.entry(frame.node).or_insert((frame.state, Vec::new()));
        server.0 = frame.state;
        if let Some(change) = &frame.log {
            server.1.retain(|(index, ..)| *index < change.from.get());
            let command = |number: usize| film.commands[number].clone();
            let entries = change.entries.iter().map(|(term, number)| (*term, command(*number)));
            let numbered = (change.from.get()..).zip(entries);
            server.1.extend(numbered.map(|(index, (term, command))| (index, term, command)));
        }
    }
    for (state, log) in servers.values_mut() {
        log.retain(|(index, ..)| *index > state.covered.index.get());
    }
    servers
}

/// Compares the film with the servers that are up.
fn compare<R: Consensus + 'static>(lab: &Lab<R>) {
    let arena = lab.arena();
    let film = developed(&arena.film().expect("it is filmed"));
    for (id, (state, log)) in film {
        let Some(peer) = arena.world().node(id) else { continue };
        let status = peer.raft.status();
        assert_eq!(
            (state.term, state.role == Role::Leader, state.commit, state.last),
            (status.term, status.is_leader, status.commit, status.last),
            "{id}"
        );
        assert_eq!(state.applied, arena.watched(0).applied(id.index()), "{id}");
        let Some(view) = peer.raft.view() else { continue };
        assert_eq!((state.vote, state.covered), (view.voted_for(), view.covered()), "{id}");
        let disk = arena.world().disk(id);
        let held = Index::span(view.covered().index.next(), status.last.index);
        let held: Vec<_> = held
            .map(|index| {
                let (term, command) = view.entry(disk, index).expect("it holds it");
                (index.get(), term, command.escape_ascii().to_string())
            })
            .collect();
        assert_eq!(log, held, "{id}");
    }
}

/// Servers crash, come back, are cut off, and take snapshots; whenever one looks, the film is
/// what they are.
fn stormy<R: Consensus + 'static>(seed: u64) -> Film {
    let setup = Setup { applier: Applier::Snapshots { every: 5 }, ..Setup::new(3) };
    let lab = Lab::<R>::new(setup, seed, Trace::all());
    lab.start_film();
    let outcome = lab.run(|lab| {
        Box::pin(async move {
            for step in 0..4_000_u64 {
                lab.sleep_ms(1).await;
                if step % 9 == 0 {
                    compare(&lab);
                }
                let server = lab.below(3) as usize;
                match step % 60 {
                    0..6 => drop(lab.start(server, &lab.random_command())),
                    20 if lab.chance(1, 6) => lab.crash(server),
                    30 if !lab.is_up(server) => {
                        lab.restart(server);
                        lab.connect(server);
                    }
                    40 if lab.chance(1, 4) => lab.disconnect(server),
                    50 if lab.is_up(server) => lab.connect(server),
                    _ => {}
                }
            }
            Ok(())
        })
    });
    assert_eq!(outcome, Ok(()));
    let arena = lab.arena();
    arena.film().expect("it is filmed")
}

#[test]
fn it_shows_every_server_as_it_is() {
    for seed in 0..3 {
        let film = stormy::<Raft>(seed);
        let of_role = |role| film.frames.iter().filter(|it| it.state.role == role).count();
        assert!(of_role(Role::Leader) > 0 && of_role(Role::Candidate) > 0);
        assert!(film.frames.iter().any(|it| it.state.covered.index > Index::new(10)));
        // Nobody follows whoever does not lead.
        let mut leaders = BTreeMap::new();
        for frame in &film.frames {
            let State { role, term, leader, .. } = frame.state;
            if role == Role::Leader {
                leaders.insert(term, frame.node);
            }
            assert!(leader.is_none() || leader.as_ref() == leaders.get(&term), "{frame:?}");
        }
        let follows = |it: &State| it.role == Role::Follower && it.leader.is_some();
        assert!(film.frames.iter().any(|it| follows(&it.state)));
    }
}

/// The reference, which shows nothing of its inside.
#[derive(Clone)]
struct Closed(Raft);

impl Consensus for Closed {
    type Message = <Raft as Consensus>::Message;

    fn boot(cx: &mut Context<'_, Self::Message>, peers: &[NodeId], config: Config) -> Self {
        Self(Raft::boot(cx, peers, config))
    }

    fn on_message(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        from: NodeId,
        message: Self::Message,
    ) {
        self.0.on_message(cx, from, message);
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Self::Message>) {
        self.0.on_wakeup(cx);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.next_wakeup()
    }

    fn propose(
        &mut self,
        cx: &mut Context<'_, Self::Message>,
        command: &[u8],
    ) -> Result<LogId, NotLeader> {
        self.0.propose(cx, command)
    }

    fn next_applied<'a>(&'a mut self, disk: &'a dyn Persister) -> Option<Applied<'a>> {
        self.0.next_applied(disk)
    }

    fn snapshot(&mut self, cx: &mut Context<'_, Self::Message>, upto: Index, state: &[u8]) {
        self.0.snapshot(cx, upto, state);
    }

    fn status(&self) -> Status {
        self.0.status()
    }
}

/// Of a Raft that shows nothing it is known what it says of itself, and what it has applied.
#[test]
fn a_raft_that_shows_nothing_is_known_by_what_it_applies() {
    let film = stormy::<Closed>(1);
    let logs = developed(&film);
    assert_eq!(logs.len(), 3);
    for (state, log) in logs.values() {
        assert_eq!(state.vote, None);
        assert_eq!(log.last().map(|(index, ..)| *index), Some(state.applied.get()));
    }
    let options = Options { film: true, trace: Trace::all(), ..Options::default() };
    let catalogue = Catalogue::of_raft::<Closed>();
    let report = catalogue.find("backup_2b").unwrap().run(1, &options);
    assert!(tests::viewer::html(&report, "lab replay backup_2b --seed 1").contains("backup_2b"));
}

#[test]
fn trials_are_filmed_too() {
    for system in System::ALL {
        let trial = Trial::draw(system, 2);
        let options = Options { film: true, trace: Trace::all(), ..Options::default() };
        let (plain, filmed) = (reference(&trial, &Options::default()), reference(&trial, &options));
        assert_eq!(plain.fingerprint, filmed.fingerprint);
        assert!(filmed.film.is_some_and(|film| !film.frames.is_empty()), "{system}");
    }
}

/// The command writes the whole run, whatever else is to be left out, and says before the run if the
/// file cannot be written.
#[test]
fn the_command_writes_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.html");
    let replay = |more: &[&str]| {
        let words = ["replay", "basic_agree_2b", "--seed", "3", "--html"];
        let lab = Command::new(env!("CARGO_BIN_EXE_lab")).args(words).args(more).output();
        let output = lab.expect("lab runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let path = file.to_str().unwrap();
    let (status, out, err) = replay(&[path]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("basic_agree_2b with seed 3: passed\n"), "no trace is shown: {out}");
    assert!(out.ends_with(&format!("  the picture in {path}\n")), "{out}");
    let whole = fs::read_to_string(&file).unwrap();
    assert!(whole.ends_with("</html>\n"));
    replay(&[path, "--from", "0.5", "--until", "0.6", "--node", "1"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    let (status, out, err) = replay(&["no/such/folder/run.html"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: cannot write no/such/folder/run.html: "), "{err}");
}
