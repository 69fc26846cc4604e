//! Replication: figure 8, and acknowledgements, snapshots and appends that come late.

use super::stage::{Stage, id};
use crate::cluster::{Lab, Retry};
use crate::{Outcome, demand};
use labrpc::{Chance, Network};
use raft::{Consensus, Index};
use std::time::Duration;

impl<R: Consensus + 'static> Stage<R> {
    /// Figure 8 up to (c): server 0 leads a third time, and entry 2, of its first reign, is on a
    /// majority.
    async fn figure_8_until_c(&self) -> Outcome {
        self.elect(0, &[1, 2, 3, 4]).await?;
        self.all();
        self.lab.one("first", 5, Retry::Yes).await?;
        // (a) Server 0 leads, and its entry 2 reaches server 1 only.
        self.elect(0, &[1, 2, 3]).await?;
        self.star(0, &[1]);
        let two = self.propose(0, "old")?;
        self.until_log_ends(1, two).await?;
        // (b) It crashes. Server 4 leads by the votes of 2 and 3, and takes another entry 2.
        self.lab.crash(0);
        self.elect(4, &[2, 3]).await?;
        self.only(&[]);
        self.propose(4, "rival")?;
        self.lab.crash(4);
        // (c) Server 0 leads again by the votes of 1 and 2, and brings 2 into line.
        self.lab.restart(0);
        self.elect(0, &[1, 2]).await?;
        self.until_log_ends(2, two).await?;
        self.lab.sleep_ms(500).await;
        Ok(())
    }
}

pub(super) async fn figure_8_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    stage.figure_8_until_c().await?;
    stage.demand_commit_at_most(1, "no entry of a leader's own term is on a majority")?;
    // (d) It crashes, and server 4 wins against those logs and replaces entry 2.
    lab.crash(0);
    lab.restart(4);
    stage.elect(4, &[1, 2, 3]).await?;
    // A voter that lost patience in that very moment may depose it once more before it commits.
    for _ in 0..20 {
        lab.start(4, b"after the rival");
        lab.sleep_ms(500).await;
        if lab.n_committed(2) >= 3 {
            break;
        }
    }
    demand!(lab.n_committed(2) >= 3, "agreement", "n4 and three others do not agree in 10 s");
    demand!(lab.command_at(2).as_deref() == Some(b"rival"), "figure 8", "entry 2 is not the rival");
    stage.reunite().await
}

pub(super) async fn figure_8_committed_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    stage.figure_8_until_c().await?;
    // (e) An entry of its own term reaches the majority before it crashes.
    let three = stage.propose(0, "own")?;
    lab.wait(three.get(), 3, None).await?;
    lab.crash(0);
    lab.restart(4);
    let won = stage.try_elect(4, &[1, 2, 3]).await;
    demand!(!won, "leader completeness", "n4 leads without what is committed");
    stage.reunite().await?;
    demand!(lab.command_at(2).as_deref() == Some(b"old"), "figure 8", "entry 2 was lost");
    Ok(())
}

pub(super) async fn kept_match_index_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    // Server 1 acknowledges entries 2 to 5 of server 0, which cannot commit.
    stage.elect(0, &[1, 2, 3]).await?;
    stage.star(0, &[1]);
    let mut last = Index::BEFORE_FIRST;
    for command in ["a", "b", "c", "d"] {
        last = stage.propose(0, command)?;
    }
    stage.until_log_ends(1, last).await?;
    lab.sleep_ms(50).await;
    // Server 2 leads, and replaces them with another entry 2, everywhere.
    stage.elect(2, &[3, 4]).await?;
    let two = stage.propose(2, "x")?;
    stage.star(2, &[0, 1, 3, 4]);
    for server in [0, 1, 3, 4] {
        stage.until_log_ends(server, two).await?;
    }
    lab.wait(two.get(), 5, None).await?;
    // Server 0 leads again. Its next entries reach server 2 only, and server 1 does not have them,
    // though it once had entries up to 5.
    stage.elect(0, &[1, 2, 3, 4]).await?;
    lab.sleep_ms(300).await;
    stage.star(0, &[2]);
    let mut last = two;
    for command in ["p", "q"] {
        last = stage.propose(0, command)?;
    }
    stage.until_log_ends(2, last).await?;
    lab.sleep_ms(300).await;
    stage.demand_commit_at_most(two.get(), "only two of five servers have what follows")?;
    stage.elect(3, &[1, 4]).await?;
    stage.reunite().await
}

pub(super) async fn stale_replies_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    // Server 1 gets entries 2 to 5 of server 0. Its acknowledgements arrive, and copies of them are
    // still on the way.
    stage.elect(0, &[1, 2, 3]).await?;
    stage.star(0, &[1]);
    let twice = Network {
        duplicate: Chance::of(1, 1),
        duplicate_delay: Duration::from_secs(1)..Duration::from_millis(1_001),
        ..Network::reliable()
    };
    lab.world(|world| world.set_link(id(1), id(0), Some(twice)));
    let mut last = Index::BEFORE_FIRST;
    for command in ["a", "b", "c", "d"] {
        last = stage.propose(0, command)?;
    }
    stage.until_log_ends(1, last).await?;
    lab.sleep_ms(20).await;
    lab.world(|world| {
        world.set_link(id(1), id(0), None);
        world.clog(id(1), id(0));
    });
    // Server 2 leads, and replaces them with another entry 2. The link from 1 to 0 stays as it is.
    let isolate = |pairs: &[(usize, usize)]| {
        lab.world(|world| {
            for from in 0..5 {
                for to in 0..5 {
                    let stale = (from, to) == (1, 0);
                    if stale || pairs.contains(&(from, to)) || pairs.contains(&(to, from)) {
                        world.mend(id(from), id(to));
                    } else {
                        world.cut(id(from), id(to));
                    }
                }
            }
        });
    };
    isolate(&[(2, 3), (2, 4)]);
    stage.favour(&[3, 4]);
    stage.until("server 2 leads", || stage.status_of(2).is_leader).await?;
    let two = stage.propose(2, "x")?;
    isolate(&[(2, 0), (2, 1), (2, 3), (2, 4)]);
    for server in [0, 1, 3, 4] {
        stage.until_log_ends(server, two).await?;
    }
    // Server 0 leads again, by other votes; its next entries reach server 2 only.
    isolate(&[(0, 2), (0, 3), (0, 4)]);
    stage.favour(&[2, 3, 4]);
    let again = stage.status_of(2).term;
    let leads = || stage.status_of(0).is_leader && stage.status_of(0).term > again;
    stage.until("server 0 leads again", leads).await?;
    stage.forget_favour();
    lab.sleep_ms(300).await;
    isolate(&[(0, 2)]);
    let mut last = two;
    for command in ["p", "q", "r"] {
        last = stage.propose(0, command)?;
    }
    stage.until_log_ends(2, last).await?;
    lab.sleep_ms(100).await;
    // Here come the acknowledgements of entries 2 to 5 again, which are others now.
    lab.sleep_ms(1_000).await;
    lab.world(|world| world.unclog(id(1), id(0)));
    lab.sleep_ms(300).await;
    stage.demand_commit_at_most(two.get(), "only two of five servers have what follows")?;
    stage.elect(3, &[1, 4]).await?;
    stage.reunite().await
}

pub(super) async fn stale_snapshot_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    for _ in 0..3 {
        // Server 2 misses what goes into a snapshot.
        stage.elect(0, &[1, 2]).await?;
        stage.star(0, &[1]);
        for _ in 0..100 {
            lab.start(0, &lab.random_command());
        }
        lab.one_random(2, Retry::Yes).await?;
        // It comes back over a link on which everything arrives a second time, up to a second
        // later, and in between the log grows over the next snapshots.
        let twice = Network {
            duplicate: Chance::of(1, 1),
            duplicate_delay: Duration::from_millis(20)..Duration::from_secs(1),
            ..Network::reliable()
        };
        let before = lab.cluster().snapshots_installed();
        stage.star(0, &[1, 2]);
        lab.world(|world| world.set_link(id(0), id(2), Some(twice)));
        for _ in 0..25 {
            lab.one_random(3, Retry::Yes).await?;
        }
        lab.sleep_ms(1_100).await;
        let handed = lab.cluster().snapshots_installed() - before;
        demand!(handed > 0, "snapshot installed", "the service of n2 was handed none");
        stage.reunite().await?;
    }
    Ok(())
}

pub(super) async fn replay_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.look_at_every_promise();
    for number in 1..=20 {
        lab.one_number(number, n, Retry::Yes).await?;
    }
    for _ in 0..3 {
        for server in 0..n {
            lab.restart(server);
        }
        for server in 0..n {
            lab.connect(server);
        }
        let last = lab.one_random(n, Retry::Yes).await?;
        for index in 1..=last {
            let count = lab.n_committed(index);
            demand!(
                count == n,
                "replay",
                "only {count} servers have applied entry {index} since they restarted"
            );
        }
    }
    Ok(())
}

pub(super) async fn back_up_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::sampled(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    // Server 0 has two thousand entries of one term that nobody else has.
    stage.elect(0, &[1, 2]).await?;
    stage.only(&[]);
    for _ in 0..2_000 {
        stage.propose(0, "nowhere else")?;
    }
    // The others agree on fifteen hundred of a few other terms.
    for leader in [1, 2, 1] {
        stage.elect(leader, &[3 - leader]).await?;
        for _ in 0..500 {
            stage.propose(leader, "everywhere")?;
        }
        let last = stage.status_of(leader).last.index;
        lab.wait(last.get(), 2, None).await?;
    }
    // Whoever leads now has to find the place where the logs part.
    stage.elect(2, &[1]).await?;
    let handled = || lab.world(|world| world.traffic(id(0)).rpcs);
    let before = handled();
    stage.star(2, &[0, 1]);
    let conflicting = stage.status_of(0).last;
    stage.until("n0 gives up what conflicts", || stage.status_of(0).last != conflicting).await?;
    let rpcs = handled() - before;
    demand!(rpcs <= 30, "fast back-up", "{rpcs} RPCs to find where a log of 2,000 entries parts");
    let last = stage.status_of(2).last.index;
    stage.until_log_ends(0, last).await?;
    stage.reunite().await
}

pub(super) async fn open_load_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_random(n, Retry::Yes).await?;
    let traffic = || {
        let cluster = lab.cluster();
        (cluster.totals().delivered + cluster.totals().dropped, cluster.highest_applied())
    };
    let (messages, committed) = traffic();
    let (mut leader, mut accepted) = (0, 0_u64);
    for _ in 0..3_000 {
        let command = lab.random_command();
        if lab.start(leader, &command).is_some() {
            accepted += 1;
        } else {
            leader = (leader + 1) % n;
        }
        lab.sleep_ms(1).await;
    }
    let (messages, committed) = (traffic().0 - messages, traffic().1 - committed);
    demand!(
        messages <= 4 * n as u64 * committed,
        "message bound",
        "{messages} messages for {committed} commands of {n} servers"
    );
    demand!(
        2 * committed >= accepted,
        "keeps up",
        "{committed} of {accepted} proposals were committed in three seconds"
    );
    lab.set_network(Network::reliable());
    lab.one_random(n, Retry::Yes).await?;
    Ok(())
}
