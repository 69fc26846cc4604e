//! Beyond the labs: what the Go suite lets through, as directed scenarios.
//!
//! Each builds the one situation in which a classic error does harm. The means are the same for any
//! Raft: which server can hear which, who may campaign ([`Stage::elect`]), and messages held back on
//! a link until the moment when they hurt. Promises are looked at every time here.

use super::scenarios;
use crate::cluster::{Lab, Retry};
use crate::{Outcome, demand, fail};
use labrpc::{Chance, Network, NodeId};
use raft::{Consensus, Index, Term};
use std::time::Duration;

scenarios! { "2x";
    figure_8_2x: 5 reliable plain []
        "figure 8, (a) to (d): an old term's entry on a majority is not committed, and may vanish";
    figure_8_committed_2x: 5 reliable plain []
        "figure 8, (e): an entry of the leader's own term commits all before it, for good";
    double_vote_2x: 3 reliable plain []
        "a server that crashed after it voted does not vote for another in the same term";
    kept_match_index_2x: 5 reliable plain []
        "a leader that is elected again forgets what followers had in its earlier reign";
    stale_votes_2x: 5 reliable plain []
        "votes of an earlier term that come late do not count in a later one";
    stale_replies_2x: 5 reliable plain []
        "acknowledgements of an earlier reign that come late do not count in a later one";
    stale_snapshot_2x: 3 reliable snapshots []
        "a snapshot and appends that arrive a second time, late, do not roll a follower back";
    replay_2x: 3 reliable plain []
        "after a restart every server applies its whole log again, each entry once";
    even_split_2x: 4 reliable plain []
        "two halves of four servers are no majority: no election, no commit";
    one_way_2x: 5 reliable plain []
        "a leader that hears and is not heard is replaced, and steps down";
    paused_leader_2x: 5 reliable plain []
        "a leader that was paused wakes up in a world that has moved on";
    back_up_2x: 3 reliable plain []
        "a log that conflicts in hundreds of entries of few terms is mended in few RPCs";
    slow_network_2x: 5 reliable plain []
        "on a network almost as slow as the timeouts, voters give the winner time to speak";
    open_load_2x: 5 unreliable plain []
        "a thousand proposals a second cost at most four messages per server and command";
}

/// How a directed scenario speaks of servers and links.
struct Stage<R: Consensus> {
    lab: Lab<R>,
}

fn id(server: usize) -> NodeId {
    NodeId::new(server as u16)
}

impl<R: Consensus + 'static> Stage<R> {
    fn new(lab: Lab<R>) -> Self {
        Self { lab }
    }

    /// Only these pairs can hear each other, and no link has rules of its own.
    fn only(&self, pairs: &[(usize, usize)]) {
        let n = self.lab.servers();
        self.lab.world(|world| {
            for from in 0..n {
                for to in 0..n {
                    let up = pairs.contains(&(from, to)) || pairs.contains(&(to, from));
                    if up {
                        world.mend(id(from), id(to))
                    } else {
                        world.cut(id(from), id(to))
                    }
                    if world.links().is_clogged(id(from), id(to)) {
                        world.unclog(id(from), id(to));
                    }
                }
            }
        });
        self.forget_rules();
    }

    fn forget_rules(&self) {
        let n = self.lab.servers();
        self.lab.world(|world| {
            for (from, to) in (0..n).flat_map(|from| (0..n).map(move |to| (from, to))) {
                world.set_link(id(from), id(to), None);
            }
        });
    }

    /// Everybody can hear everybody.
    fn all(&self) {
        let n = self.lab.servers();
        let pairs: Vec<_> = (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).collect();
        self.only(&pairs);
    }

    /// `hub` can hear each of `others` and be heard; nobody else can.
    fn star(&self, hub: usize, others: &[usize]) {
        self.only(&others.iter().map(|&other| (hub, other)).collect::<Vec<_>>());
    }

    /// Makes a server the leader by the votes of these: they hear nobody else, and what they ask of
    /// it themselves is lost, until links are next changed.
    async fn elect(&self, leader: usize, voters: &[usize]) -> Outcome<Term> {
        if !self.try_elect(leader, voters).await {
            fail!("election", "n{leader} did not win the votes of {voters:?} in 20 s");
        }
        Ok(self.status_of(leader).term)
    }

    async fn try_elect(&self, leader: usize, voters: &[usize]) -> bool {
        let highest = |servers: &[usize]| {
            servers.iter().filter_map(|&s| self.lab.status(s)).map(|it| it.term).max()
        };
        self.star(leader, voters);
        let mute = Network { request_loss: Chance::of(1, 1), ..Network::reliable() };
        self.lab.world(|world| {
            for &voter in voters {
                world.set_link(id(voter), id(leader), Some(mute.clone()));
            }
        });
        for _ in 0..2_000 {
            let status = self.status_of(leader);
            if status.is_leader && Some(status.term) >= highest(voters) {
                return true;
            }
            self.lab.sleep_ms(10).await;
        }
        self.forget_rules();
        false
    }

    fn status_of(&self, server: usize) -> raft::Status {
        self.lab.status(server).expect("the server is up in this scene")
    }

    /// The leader takes a command.
    fn propose(&self, leader: usize, command: &str) -> Outcome<Index> {
        match self.lab.start(leader, command.as_bytes()) {
            Some(id) => Ok(id.index),
            None => fail!("accepts commands", "leader n{leader} refused {command}"),
        }
    }

    /// Waits until a server's log ends at an index.
    async fn until_log_ends(&self, server: usize, index: Index) -> Outcome {
        for _ in 0..500 {
            if self.status_of(server).last.index == index {
                return Ok(());
            }
            self.lab.sleep_ms(10).await;
        }
        let last = self.status_of(server).last;
        fail!("replication", "n{server}'s log ends at {last} after 5 s, not at {index}")
    }

    async fn until(&self, what: &str, mut done: impl FnMut() -> bool) -> Outcome {
        for _ in 0..1_000 {
            if done() {
                return Ok(());
            }
            self.lab.sleep_ms(10).await;
        }
        fail!("progress", "not within 10 s: {what}")
    }

    fn demand_commit_at_most(&self, index: u64, why: &str) -> Outcome {
        for server in 0..self.lab.servers() {
            if let Some(status) = self.lab.status(server) {
                demand!(
                    status.commit.get() <= index,
                    "commit rule",
                    "n{server} takes {} to be committed, and {why}",
                    status.commit
                );
            }
        }
        Ok(())
    }

    /// The end of every scene: all hear all, and agree.
    async fn reunite(&self) -> Outcome {
        let n = self.lab.servers();
        for server in 0..n {
            if !self.lab.is_up(server) {
                self.lab.restart(server);
            }
        }
        for server in 0..n {
            self.lab.connect(server);
        }
        self.all();
        self.lab.one("the end", n, Retry::Yes).await?;
        Ok(())
    }

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

async fn figure_8_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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

async fn figure_8_committed_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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

async fn double_vote_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    let mut met = 0;
    for _ in 0..4 {
        stage.elect(2, &[0, 1]).await?;
        // Servers 0 and 1 campaign alone; what they ask of server 2 waits on the way, and may
        // arrive in a later life of it.
        stage.only(&[(0, 2), (1, 2)]);
        lab.set_network(Network { across_lives: true, ..Network::reliable() });
        lab.world(|world| {
            for (from, to) in [(0, 2), (1, 2), (2, 0), (2, 1)] {
                world.clog(id(from), id(to));
            }
        });
        let both_in = |term: Term| {
            let [a, b] = [0, 1].map(|server| stage.status_of(server));
            a.term == b.term && a.term > term && !a.is_leader && !b.is_leader
        };
        let before = stage.status_of(2).term;
        if stage.until("two candidates in one term", || both_in(before)).await.is_err() {
            continue;
        }
        met += 1;
        // Their requests of this term are on the way for longer than this, then wait.
        lab.sleep_ms(8).await;
        // It votes for the one, crashes, and hears the other.
        lab.world(|world| world.unclog(id(0), id(2)));
        lab.sleep_ms(1).await;
        lab.world(|world| world.restart(id(2)).expect("its disk is not lost"));
        lab.world(|world| world.unclog(id(1), id(2)));
        lab.sleep_ms(1).await;
        lab.world(|world| {
            world.unclog(id(2), id(0));
            world.unclog(id(2), id(1));
        });
        lab.sleep_ms(20).await;
        let leaders: Vec<Term> = [0, 1]
            .map(|server| stage.status_of(server))
            .into_iter()
            .filter_map(|status| status.is_leader.then_some(status.term))
            .collect();
        demand!(
            leaders.len() < 2 || leaders[0] != leaders[1],
            "election safety",
            "n0 and n1 both lead {}",
            leaders[0]
        );
        lab.set_network(Network::reliable());
        stage.reunite().await?;
    }
    demand!(met > 0, "script", "n0 and n1 never campaigned in one term");
    Ok(())
}

async fn kept_match_index_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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

async fn stale_votes_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    for _ in 0..3 {
        stage.elect(4, &[0, 1, 2, 3]).await?;
        // Servers 2 and 3 vote for server 0, and their votes wait on the way.
        stage.star(0, &[2, 3]);
        lab.world(|world| {
            world.clog(id(2), id(0));
            world.clog(id(3), id(0));
        });
        let before = (0..5).map(|server| stage.status_of(server).term).max().unwrap_or_default();
        let voted = || [0, 2, 3].iter().all(|&server| stage.status_of(server).term > before);
        stage.until("server 0 campaigns, and 2 and 3 hear it", voted).await?;
        lab.sleep_ms(10).await;
        lab.world(|world| {
            world.pause(id(0));
            for to in 1..5 {
                world.cut(id(0), id(to));
            }
        });
        let campaigned = stage.status_of(0).term;
        // Meanwhile server 1 is elected, in a later term than that.
        let mute = Network { request_loss: Chance::of(1, 1), ..Network::reliable() };
        lab.world(|world| {
            for voter in [2, 3, 4] {
                world.mend(id(1), id(voter));
                world.mend(id(voter), id(1));
                world.set_link(id(voter), id(1), Some(mute.clone()));
            }
        });
        let rival = || {
            let status = stage.status_of(1);
            (status.is_leader && status.term > campaigned).then_some(status.term)
        };
        stage.until("server 1 leads a later term", || rival().is_some()).await?;
        // Server 0 wakes up, campaigns alone in that very term, and there come the votes.
        lab.world(|world| world.resume(id(0)));
        for _ in 0..2_000 {
            let (own, rival) = (stage.status_of(0), rival());
            if rival.is_none_or(|rival| own.term > rival) {
                break;
            }
            if Some(own.term) == rival {
                lab.world(|world| {
                    world.unclog(id(2), id(0));
                    world.unclog(id(3), id(0));
                });
                lab.sleep_ms(1).await;
                let own = stage.status_of(0);
                demand!(
                    !(own.is_leader && Some(own.term) == rival),
                    "election safety",
                    "n0 leads {} by votes of {campaigned}, and n1 leads it too",
                    own.term
                );
                break;
            }
            lab.sleep_ms(5).await;
        }
        stage.reunite().await?;
    }
    Ok(())
}

async fn stale_replies_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    // Server 1 gets entries 2 to 5 of server 0. Its acknowledgements arrive, and copies of them are
    // still on the way.
    stage.elect(0, &[1, 2, 3]).await?;
    stage.star(0, &[1]);
    let twice = Network {
        duplicate: Chance::of(1, 1),
        duplicate_delay: Duration::from_millis(1_000)..Duration::from_millis(1_001),
        ..Network::reliable()
    };
    lab.world(|world| world.set_link(id(1), id(0), Some(twice)));
    let mut last = Index::BEFORE_FIRST;
    for command in ["a", "b", "c", "d"] {
        last = stage.propose(0, command)?;
    }
    stage.until_log_ends(1, last).await?;
    lab.sleep_ms(20).await;
    lab.world(|world| world.clog(id(1), id(0)));
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
    let mute = Network { request_loss: Chance::of(1, 1), ..Network::reliable() };
    let silence = |hub: usize, voters: &[usize]| {
        stage.forget_rules();
        lab.world(|world| {
            for &voter in voters {
                world.set_link(id(voter), id(hub), Some(mute.clone()));
            }
        });
    };
    isolate(&[(2, 3), (2, 4)]);
    silence(2, &[3, 4]);
    stage.until("server 2 leads", || stage.status_of(2).is_leader).await?;
    let two = stage.propose(2, "x")?;
    isolate(&[(2, 0), (2, 1), (2, 3), (2, 4)]);
    for server in [0, 1, 3, 4] {
        stage.until_log_ends(server, two).await?;
    }
    // Server 0 leads again, by other votes; its next entries reach server 2 only.
    isolate(&[(0, 2), (0, 3), (0, 4)]);
    silence(0, &[2, 3, 4]);
    let again = stage.status_of(2).term;
    let leads = || stage.status_of(0).is_leader && stage.status_of(0).term > again;
    stage.until("server 0 leads again", leads).await?;
    stage.forget_rules();
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

async fn stale_snapshot_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    for _ in 0..3 {
        // Server 2 misses what goes into a snapshot.
        stage.elect(0, &[1, 2]).await?;
        stage.star(0, &[1]);
        for _ in 0..25 {
            lab.one_random(2, Retry::Yes).await?;
        }
        // It comes back over a link on which everything arrives a second time, up to a second
        // later, and in between the log grows over the next snapshots.
        let twice = Network {
            duplicate: Chance::of(1, 1),
            duplicate_delay: Duration::from_millis(20)..Duration::from_millis(1_000),
            ..Network::reliable()
        };
        let before = lab.cluster().snapshots_applied();
        stage.star(0, &[1, 2]);
        lab.world(|world| world.set_link(id(0), id(2), Some(twice)));
        for _ in 0..25 {
            lab.one_random(3, Retry::Yes).await?;
        }
        lab.sleep_ms(1_100).await;
        let handed = lab.cluster().snapshots_applied() - before;
        demand!(handed > 0, "snapshot installed", "the service of n2 was handed none");
        stage.reunite().await?;
    }
    Ok(())
}

async fn replay_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
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

async fn even_split_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    for _ in 0..3 {
        let last = lab.one_random(4, Retry::Yes).await?;
        let leader = lab.check_one_leader().await?;
        let at = |k: usize| (leader + k) % 4;
        stage.only(&[(at(0), at(1)), (at(2), at(3))]);
        for server in 0..4 {
            lab.start(server, &lab.random_command());
        }
        lab.sleep_ms(2_000).await;
        for server in [at(2), at(3)] {
            let status = stage.status_of(server);
            demand!(!status.is_leader, "majority", "n{server} leads half of four servers");
        }
        stage.demand_commit_at_most(last, "two of four servers are no majority")?;
        stage.reunite().await?;
    }
    Ok(())
}

async fn one_way_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    for _ in 0..3 {
        lab.one_random(n, Retry::Yes).await?;
        let leader = lab.check_one_leader().await?;
        lab.world(|world| {
            (0..n).filter(|&to| to != leader).for_each(|to| world.cut(id(leader), id(to)));
        });
        lab.sleep_ms(3_000).await;
        let status = lab.status(leader);
        let steps_down = status.is_some_and(|status| !status.is_leader);
        demand!(steps_down, "old leader steps down", "n{leader}, which nobody hears, still leads");
        let next = lab.check_one_leader().await?;
        demand!(next != leader, "one leader", "n{leader} leads, and nobody hears it");
        lab.one_random(n - 1, Retry::Yes).await?;
        lab.connect(leader);
    }
    lab.one_random(n, Retry::Yes).await?;
    Ok(())
}

async fn paused_leader_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    for _ in 0..4 {
        lab.one_random(n, Retry::Yes).await?;
        let leader = lab.check_one_leader().await?;
        // It has entries that nobody else has heard of, and falls asleep.
        for _ in 0..5 {
            lab.start(leader, &lab.random_command());
        }
        lab.world(|world| world.pause(id(leader)));
        lab.sleep_ms(1_500).await;
        for _ in 0..5 {
            lab.one_random(n - 1, Retry::Yes).await?;
        }
        lab.world(|world| world.resume(id(leader)));
        lab.one_random(n, Retry::Yes).await?;
    }
    Ok(())
}

async fn back_up_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    // Server 0 has two hundred entries of one term that nobody else has.
    stage.elect(0, &[1, 2]).await?;
    stage.only(&[]);
    for _ in 0..200 {
        stage.propose(0, "nowhere else")?;
    }
    // The others agree on a hundred and fifty of a few other terms.
    for leader in [1, 2, 1] {
        stage.elect(leader, &[3 - leader]).await?;
        for _ in 0..50 {
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
    let last = stage.status_of(2).last.index;
    stage.until_log_ends(0, last).await?;
    let rpcs = handled() - before;
    demand!(rpcs <= 30, "fast back-up", "{rpcs} RPCs to mend a log of 200 entries in one term");
    stage.reunite().await
}

async fn slow_network_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let ms = Duration::from_millis;
    lab.set_network(Network { delay: ms(70)..ms(90), ..Network::reliable() });
    let first = lab.one_random(n, Retry::Yes).await?;
    let highest = || (0..n).filter_map(|s| lab.status(s)).map(|it| it.term).max();
    // Then and now a leader is lost; the others agree on a new one within a few terms.
    for _ in 0..5 {
        let leader = lab.check_one_leader().await?;
        let before = highest().map_or(0, Term::get);
        lab.disconnect(leader);
        lab.sleep_ms(4_000).await;
        let terms = highest().map_or(0, Term::get) - before;
        demand!(terms <= 9, "settled election", "{terms} terms in four seconds");
        lab.connect(leader);
        lab.one_random(n, Retry::Yes).await?;
    }
    demand!(lab.n_committed(first) == n, "agreement", "entry {first} is not everywhere");
    Ok(())
}

async fn open_load_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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
