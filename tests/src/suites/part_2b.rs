//! Lab 2B: log replication.

use super::scenarios;
use crate::cluster::{Cluster, Lab, Retry};
use crate::{Outcome, demand, fail};
use raft::Consensus;

scenarios! { "2b", Consensus => Cluster;
    basic_agree_2b: 3 reliable plain
        ["TestBasicAgree2B" "TestBasicAgree" "TestBasicAgree3B"]
        "three commands are agreed on at indexes 1, 2 and 3";
    rpc_bytes_2b: 3 reliable plain
        ["TestRPCBytes2B" "TestRPCBytes3B"]
        "each command goes to each follower about once";
    follower_failure_2b: 3 reliable plain
        ["TestFollowerFailure2B" "For2023TestFollowerFailure2B" "TestFollowerFailure3B"]
        "agreement goes on without one follower, and stops without both";
    leader_failure_2b: 3 reliable plain
        ["TestLeaderFailure2B" "For2023TestLeaderFailure2B" "TestLeaderFailure3B"]
        "agreement goes on without the first leader, and stops without the second";
    fail_agree_2b: 3 reliable plain
        ["TestFailAgree2B" "TestFailAgree" "TestFailAgree3B"]
        "a follower that was cut off catches up";
    fail_no_agree_2b: 5 reliable plain
        ["TestFailNoAgree2B" "TestFailNoAgree" "TestFailNoAgree3B"]
        "nothing is agreed on while three of five servers are cut off";
    concurrent_starts_2b: 3 reliable plain
        ["TestConcurrentStarts2B" "TestConcurrentStarts" "TestConcurrentStarts3B"]
        "five commands submitted at once are all committed";
    rejoin_2b: 3 reliable plain
        ["TestRejoin2B" "TestRejoin" "TestRejoin3B"]
        "a leader that was cut off gives up the entries that it could not commit";
    backup_2b: 5 reliable plain
        ["TestBackup2B" "TestBackup" "TestBackup3B"]
        "a leader backs up quickly over long logs that conflict with its own";
    count_2b: 3 reliable plain
        ["TestCount2B" "TestCount" "TestCount3B"]
        "an election, twelve commands and an idle second cost few RPCs";
}

async fn basic_agree_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    for expected in 1..=3 {
        lab.demand_uncommitted(expected)?;
        let index = lab.one_number(expected * 100, lab.servers(), Retry::No).await?;
        demand!(index == expected, "index", "got {index}, not {expected}");
    }
    Ok(())
}

/// How often the Go suite lets ten 5,000-character commands cross the network: its limit of 200,000
/// bytes is 38 times the 5,210 bytes that gob makes of an append with one of them.
const COMMANDS_ON_THE_WIRE: u64 = 38;

async fn rpc_bytes_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    lab.one_number(99, lab.servers(), Retry::No).await?;
    let before = lab.bytes_total();
    for expected in 2..=11 {
        let command: Vec<u8> = (0..5000).map(|_| b'a' + lab.below(26) as u8).collect();
        let index = lab.one(&command, lab.servers(), Retry::No).await?;
        demand!(index == expected, "index", "got {index}, not {expected}");
    }
    let bytes = lab.bytes_total() - before;
    let crossings = bytes / 5_000;
    demand!(crossings >= 20, "RPC bytes", "ten commands reached two followers in {bytes} bytes");
    demand!(
        crossings <= COMMANDS_ON_THE_WIRE,
        "RPC bytes",
        "{bytes} bytes: ten commands crossed the network {crossings} times, not {COMMANDS_ON_THE_WIRE}"
    );
    Ok(())
}

async fn follower_failure_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(101, n, Retry::No).await?;
    let leader = lab.check_one_leader().await?;
    lab.disconnect((leader + 1) % n);
    lab.one_number(102, n - 1, Retry::No).await?;
    lab.sleep_ms(1_000).await;
    lab.one_number(103, n - 1, Retry::No).await?;

    let leader = lab.check_one_leader().await?;
    lab.disconnect((leader + 1) % n);
    lab.disconnect((leader + 2) % n);
    let Some(id) = lab.start(leader, b"104") else {
        fail!("accepts commands", "leader n{leader} refused one");
    };
    demand!(id.index.get() == 4, "index", "got {}, not 4", id.index);
    lab.sleep_ms(2_000).await;
    lab.demand_uncommitted(4)
}

async fn leader_failure_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(101, n, Retry::No).await?;
    let first = lab.check_one_leader().await?;
    lab.disconnect(first);
    lab.one_number(102, n - 1, Retry::No).await?;
    lab.sleep_ms(1_000).await;
    lab.one_number(103, n - 1, Retry::No).await?;

    let second = lab.check_one_leader().await?;
    lab.disconnect(second);
    for server in 0..n {
        lab.start(server, b"104");
    }
    lab.sleep_ms(2_000).await;
    lab.demand_uncommitted(4)
}

async fn fail_agree_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(101, n, Retry::No).await?;
    let leader = lab.check_one_leader().await?;
    let cut = (leader + 1) % n;
    lab.disconnect(cut);
    lab.one_number(102, n - 1, Retry::No).await?;
    lab.one_number(103, n - 1, Retry::No).await?;
    lab.sleep_ms(1_000).await;
    lab.one_number(104, n - 1, Retry::No).await?;
    lab.one_number(105, n - 1, Retry::No).await?;

    lab.connect(cut);
    lab.one_number(106, n, Retry::Yes).await?;
    lab.sleep_ms(1_000).await;
    lab.one_number(107, n, Retry::Yes).await?;
    Ok(())
}

async fn fail_no_agree_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(10, n, Retry::No).await?;
    let leader = lab.check_one_leader().await?;
    for k in 1..=3 {
        lab.disconnect((leader + k) % n);
    }
    let Some(id) = lab.start(leader, b"20") else {
        fail!("accepts commands", "leader n{leader} refused one");
    };
    demand!(id.index.get() == 2, "index", "got {}, not 2", id.index);
    lab.sleep_ms(2_000).await;
    lab.demand_uncommitted(2)?;

    for k in 1..=3 {
        lab.connect((leader + k) % n);
    }
    // The majority may have chosen a leader among its own, without entry 2.
    let leader = lab.check_one_leader().await?;
    let Some(id) = lab.start(leader, b"30") else {
        fail!("accepts commands", "leader n{leader} refused one");
    };
    demand!((2..=3).contains(&id.index.get()), "index", "got {}, not 2 or 3", id.index);
    lab.one_number(1000, n, Retry::Yes).await?;
    Ok(())
}

async fn concurrent_starts_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    'attempts: for attempt in 0..5 {
        if attempt > 0 {
            lab.sleep_ms(3_000).await;
        }
        let leader = lab.check_one_leader().await?;
        let Some(first) = lab.start(leader, b"1") else { continue };
        let term = first.term;
        let starts: Vec<_> = (0..5_u64)
            .map(|i| {
                let lab = lab.clone();
                lab.clone().spawn(async move {
                    let command = (100 + i).to_string();
                    lab.start(leader, command.as_bytes()).filter(|id| id.term == term)
                })
            })
            .collect();
        let mut accepted = Vec::new();
        for start in starts {
            accepted.extend(start.await);
        }
        if (0..n).any(|server| lab.status(server).is_some_and(|status| status.term != term)) {
            continue;
        }
        let mut committed = Vec::new();
        for id in accepted {
            match lab.wait(id.index.get(), n, Some(term)).await? {
                Some(command) => committed.push(command),
                None => continue 'attempts,
            }
        }
        for number in 100..105_u64 {
            demand!(
                committed.contains(&number.to_string().into_bytes()),
                "agreement",
                "command {number} is missing though the leader stayed the same"
            );
        }
        return Ok(());
    }
    fail!("stable leader", "the term changed in each of five attempts")
}

async fn rejoin_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(101, n, Retry::Yes).await?;
    let first = lab.check_one_leader().await?;
    lab.disconnect(first);
    // These cannot be committed.
    for number in [102_u64, 103, 104] {
        lab.start(first, number.to_string().as_bytes());
    }
    // The new leader uses index 2 as well.
    lab.one_number(103, 2, Retry::Yes).await?;
    let second = lab.check_one_leader().await?;
    lab.disconnect(second);
    lab.connect(first);
    lab.one_number(104, 2, Retry::Yes).await?;
    lab.connect(second);
    lab.one_number(105, n, Retry::Yes).await?;
    Ok(())
}

async fn backup_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_random(n, Retry::Yes).await?;

    // The leader and one follower, cut off from the rest, collect entries that cannot commit.
    let first = lab.check_one_leader().await?;
    let at = |k: usize| (first + k) % n;
    for k in 2..5 {
        lab.disconnect(at(k));
    }
    for _ in 0..50 {
        lab.start(first, &lab.random_command());
    }
    lab.sleep_ms(500).await;
    lab.disconnect(at(0));
    lab.disconnect(at(1));

    // The other three commit many.
    for k in 2..5 {
        lab.connect(at(k));
    }
    for _ in 0..50 {
        lab.one_random(3, Retry::Yes).await?;
    }

    // Their leader, with one follower, collects more that cannot commit.
    let second = lab.check_one_leader().await?;
    let other = if second == at(2) { (second + 1) % n } else { at(2) };
    lab.disconnect(other);
    for _ in 0..50 {
        lab.start(second, &lab.random_command());
    }
    lab.sleep_ms(500).await;

    // The first leader comes back, with its follower and the one that was left out.
    for server in 0..n {
        lab.disconnect(server);
    }
    for server in [at(0), at(1), other] {
        lab.connect(server);
    }
    for _ in 0..50 {
        lab.one_random(3, Retry::Yes).await?;
    }

    for server in 0..n {
        lab.connect(server);
    }
    lab.one_random(n, Retry::Yes).await?;
    Ok(())
}

async fn count_2b<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.check_one_leader().await?;
    let elected = lab.rpcs_handled();
    demand!((1..=30).contains(&elected), "RPC count", "{elected} RPCs to elect a leader");

    'attempts: for attempt in 0..5 {
        if attempt > 0 {
            lab.sleep_ms(3_000).await;
        }
        let leader = lab.check_one_leader().await?;
        let before = lab.rpcs_handled();
        let Some(first) = lab.start(leader, b"1") else { continue };
        let mut commands = Vec::new();
        for i in 1..=11_u64 {
            let command = lab.random_command();
            match lab.start(leader, &command) {
                Some(id) if id.term == first.term => {
                    let expected = first.index.get() + i;
                    demand!(id.index.get() == expected, "index", "{}, not {expected}", id.index);
                }
                _ => continue 'attempts,
            }
            commands.push(command);
        }
        for (i, command) in (1..=10).zip(&commands) {
            let index = first.index.get() + i;
            match lab.wait(index, n, Some(first.term)).await? {
                None => continue 'attempts,
                Some(there) => demand!(
                    there == *command,
                    "agreement",
                    "another command at index {index} than was submitted"
                ),
            }
        }
        let after = lab.rpcs_handled();
        if (0..n).any(|s| lab.status(s).is_some_and(|status| status.term != first.term)) {
            continue;
        }
        let agreement = after - before;
        demand!(agreement <= 42, "RPC count", "{agreement} RPCs for twelve commands, more than 42");
        lab.sleep_ms(1_000).await;
        let idle = lab.rpcs_handled() - after;
        demand!(idle <= 60, "RPC count", "{idle} RPCs in an idle second, more than 60");
        return Ok(());
    }
    fail!("stable leader", "the term changed in each of five attempts")
}
