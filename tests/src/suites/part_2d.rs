//! Lab 2D: snapshots. The service takes one after entries 9, 19, 29 and so on; it holds the list of
//! all commands so far.

use super::scenarios;
use crate::cluster::{Cluster, Lab, Retry};
use crate::{Outcome, demand};
use labrpc::{NodeId, Persister};
use raft::{Consensus, View};

scenarios! { "2d", Consensus => Cluster;
    snapshot_basic_2d: 3 reliable snapshots
        ["TestSnapshotBasic2D" "TestSnapshotBasic3D"]
        "the log is trimmed as snapshots are taken";
    snapshot_install_2d: 3 reliable snapshots
        ["TestSnapshotInstall2D" "TestSnapshotInstall3D"]
        "a server that was cut off is brought up to date, by a snapshot where the log is gone";
    snapshot_install_unreliable_2d: 3 unreliable snapshots
        ["TestSnapshotInstallUnreliable2D" "TestSnapshotInstallUnreliable3D"]
        "the same over a network that loses messages";
    snapshot_install_crash_2d: 3 reliable snapshots
        ["TestSnapshotInstallCrash2D" "TestSnapshotInstallCrash3D"]
        "a server that crashed comes back from its own snapshot and is brought up to date";
    snapshot_install_un_crash_2d: 3 unreliable snapshots
        ["TestSnapshotInstallUnCrash2D" "TestSnapshotInstallUnCrash3D"]
        "the same over a network that loses messages";
    snapshot_all_crash_2d: 3 reliable snapshots
        ["TestSnapshotAllCrash2D" "TestSnapshotAllCrash3D"]
        "all servers crash together and come back from snapshots and the end of the log";
    snapshot_init_2d: 3 reliable snapshots
        ["TestSnapshotInit2D" "TestSnapshotInit3D"]
        "a restart does not lose the snapshot when the state is next written";
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    None,
    Disconnect,
    Crash,
}

/// The Go suite's limit of 2,000 bytes is 80 entries of its codec.
const ENTRIES: u64 = 80;

/// The round, of 30, in which the victim misses that many entries more, so that whoever keeps to the
/// limit cannot bring it up to date but by a snapshot. The catalogue's rounds miss 7 to 16.
const MISSES_MUCH: u64 = 15;

/// What 80 entries may take in ours: a term and a number of at most ten digits make 13 bytes, an
/// index would make 3 more, and term and vote some.
const STATE_BYTES: usize = ENTRIES as usize * 16 + 40;

fn check_state_size<R: Consensus + 'static>(lab: &Lab<R>) -> Outcome {
    let cluster = lab.cluster();
    for id in (0..lab.servers()).map(|server| NodeId::new(server as u16)) {
        let disk = cluster.world().disk(id);
        let view = cluster.world().node(id).and_then(|peer| peer.raft.view());
        let entries = match view.map(View::log) {
            Some(held) => held.end.get() - held.start.get(),
            None => disk.log().end - disk.log().start,
        };
        demand!(entries <= ENTRIES, "state size", "{id} keeps {entries} entries");
        // Who does not keep its log in records has a codec of its own, and the labs' limit.
        let limit = if disk.log().is_empty() { 2_000 } else { STATE_BYTES };
        let bytes = disk.raft_state_bytes();
        demand!(bytes < limit, "state size", "{id} keeps {bytes} bytes of Raft state");
    }
    Ok(())
}

async fn install<R: Consensus + 'static>(lab: Lab<R>, absence: Absence) -> Outcome {
    let n = lab.servers();
    lab.one_random(n, Retry::Yes).await?;
    let mut leader = lab.check_one_leader().await?;
    for round in 0..30_u64 {
        let (mut sender, mut victim) = (leader, (leader + 1) % n);
        if round % 3 == 1 {
            (sender, victim) = (victim, sender);
        }
        match absence {
            Absence::None => {}
            Absence::Disconnect => lab.disconnect(victim),
            Absence::Crash => lab.crash(victim),
        }
        if absence != Absence::None {
            lab.one_random(n - 1, Retry::Yes).await?;
        }
        for _ in 0..5 + lab.below(10) {
            lab.start(sender, &lab.random_command());
        }
        if absence != Absence::None && round == MISSES_MUCH {
            for _ in 0..ENTRIES {
                lab.one_random(n - 1, Retry::Yes).await?;
            }
        }
        if absence == Absence::None {
            lab.one_random(n, Retry::Yes).await?;
        } else {
            lab.one_random(n - 1, Retry::Yes).await?;
        }
        check_state_size(&lab)?;
        if absence != Absence::None {
            if absence == Absence::Crash {
                lab.restart(victim);
            }
            lab.connect(victim);
            lab.one_random(n, Retry::Yes).await?;
            leader = lab.check_one_leader().await?;
        }
    }
    // In one round the victim has missed more entries than anyone may keep, and got a snapshot; the
    // Go suite never asks.
    let installed = lab.cluster().snapshots_installed();
    demand!(
        installed > 0 || absence == Absence::None,
        "snapshot installed",
        "no service was handed a leader's snapshot"
    );
    Ok(())
}

async fn snapshot_basic_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    install(lab, Absence::None).await
}

async fn snapshot_install_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    install(lab, Absence::Disconnect).await
}

async fn snapshot_install_unreliable_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    install(lab, Absence::Disconnect).await
}

async fn snapshot_install_crash_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    install(lab, Absence::Crash).await
}

async fn snapshot_install_un_crash_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    install(lab, Absence::Crash).await
}

async fn snapshot_all_crash_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_random(n, Retry::Yes).await?;
    for _ in 0..5 {
        for _ in 0..5 + lab.below(10) {
            lab.one_random(n, Retry::Yes).await?;
        }
        let before = lab.one_random(n, Retry::Yes).await?;
        restart_all(&lab);
        let after = lab.one_random(n, Retry::Yes).await?;
        demand!(after > before, "index", "{after} after all restarted, {before} before");
    }
    Ok(())
}

async fn snapshot_init_2d<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_random(n, Retry::Yes).await?;
    // Enough for a snapshot.
    for _ in 0..11 {
        lab.one_random(n, Retry::Yes).await?;
    }
    restart_all(&lab);
    // One more, so that the state is written.
    lab.one_random(n, Retry::Yes).await?;
    restart_all(&lab);
    lab.one_random(n, Retry::Yes).await?;
    let snapshots = lab.cluster().snapshots_restored();
    demand!(snapshots >= 2 * n as u64, "snapshot restored", "{snapshots} in two restarts of all");
    Ok(())
}

fn restart_all<R: Consensus + 'static>(lab: &Lab<R>) {
    for server in 0..lab.servers() {
        lab.crash(server);
    }
    for server in 0..lab.servers() {
        lab.restart(server);
        lab.connect(server);
    }
}
