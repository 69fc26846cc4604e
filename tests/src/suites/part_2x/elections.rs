//! Elections: votes given twice, votes that come late, halves that are no majority.

use super::stage::{Stage, id};
use crate::cluster::{Lab, Retry};
use crate::{Outcome, demand};
use labrpc::Network;
use raft::{Consensus, Term};
use std::time::Duration;

pub(super) async fn double_vote_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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

pub(super) async fn stale_votes_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    let mut met = 0;
    for _ in 0..10 {
        if met == 3 {
            break;
        }
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
        lab.world(|world| {
            for voter in [2, 3, 4] {
                world.mend(id(1), id(voter));
                world.mend(id(voter), id(1));
            }
        });
        stage.favour(&[2, 3, 4]);
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
                met += 1;
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
    demand!(met > 0, "script", "n0 never campaigned in the term that n1 led");
    Ok(())
}

pub(super) async fn even_split_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
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

pub(super) async fn one_way_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.look_at_every_promise();
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

pub(super) async fn paused_leader_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.look_at_every_promise();
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

pub(super) async fn slow_network_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.look_at_every_promise();
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

pub(super) async fn vote_resets_timer_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 3, Retry::Yes).await?;
    for _ in 0..12 {
        // Without their leader, one of servers 1 and 2 campaigns, and the other votes for it.
        stage.elect(0, &[1, 2]).await?;
        stage.only(&[(1, 2)]);
        let terms = || [1, 2].map(|server| stage.status_of(server).term);
        let before = terms()[0].max(terms()[1]);
        let mut waited = 0;
        while !terms().iter().all(|&term| term > before) {
            demand!(waited < 5_000, "election", "n1 and n2 stay in {:?} for 5 s", terms());
            lab.sleep_ms(1).await;
            waited += 1;
        }
        // It hears nothing more of it; and gives it more than a heartbeat's time all the same.
        stage.only(&[]);
        let voted = terms();
        lab.sleep_ms(120).await;
        demand!(
            terms() == voted,
            "timer reset on granting a vote",
            "n1 and n2 were in {voted:?}, one by a vote, and 120 ms later are in {:?}",
            terms()
        );
    }
    stage.reunite().await
}

pub(super) async fn outdated_candidate_2x<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let stage = Stage::new(lab.clone());
    lab.one("first", 5, Retry::Yes).await?;
    for _ in 0..3 {
        // Server 4 misses some entries.
        stage.elect(0, &[1, 2, 3, 4]).await?;
        stage.star(0, &[1, 2, 3]);
        for _ in 0..5 {
            lab.one_random(4, Retry::Yes).await?;
        }
        // The leader is lost; and server 4, whose clock hurries, campaigns again and again, in vain.
        lab.world(|world| world.set_drift(id(4), 2_000_000));
        stage.only(&[(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]);
        let led = || [1, 2, 3].iter().any(|&server| stage.status_of(server).is_leader);
        for _ in 0..500 {
            if led() {
                break;
            }
            lab.sleep_ms(10).await;
        }
        demand!(led(), "election", "an outdated candidate keeps n1, n2 and n3 from one for 5 s");
        lab.world(|world| world.set_drift(id(4), 0));
        stage.reunite().await?;
    }
    Ok(())
}
