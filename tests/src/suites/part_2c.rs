//! Lab 2C: persistence.

use super::scenarios;
use crate::cluster::{Cluster, Lab, Retry};
use crate::{Outcome, demand};
use labrpc::Network;
use raft::Consensus;
use std::cell::Cell;
use std::rc::Rc;

scenarios! { "2c", Consensus => Cluster;
    persist1_2c: 3 reliable plain
        ["TestPersist12C" "TestPersist1" "TestPersist13C"]
        "servers that crash and restart, alone and together, keep what was agreed on";
    persist2_2c: 5 reliable plain
        ["TestPersist22C" "TestPersist2" "TestPersist23C"]
        "majorities that change over, with restarts between";
    persist3_2c: 3 reliable plain
        ["TestPersist32C" "TestPersist3" "TestPersist33C"]
        "a leader that crashed keeps the entry that only it and one other have";
    figure_8_2c: 5 reliable plain
        ["TestFigure82C" "TestFigure8" "TestFigure83C"]
        "a thousand rounds of leaders that crash soon after they were elected";
    unreliable_agree_2c: 5 unreliable plain
        ["TestUnreliableAgree2C" "TestUnreliableAgree" "TestUnreliableAgree3C"]
        "246 agreements, five at a time, over a network that loses messages";
    figure_8_unreliable_2c: 5 unreliable plain
        ["TestFigure8Unreliable2C" "TestFigure8Unreliable" "TestFigure8Unreliable3C"]
        "a thousand rounds of leaders that are cut off, while replies come seconds late";
    reliable_churn_2c: 5 reliable plain
        ["TestReliableChurn2C" "TestReliableChurn" "TestReliableChurn3C"]
        "clients that submit without a pause while servers come and go";
    unreliable_churn_2c: 5 unreliable plain
        ["TestUnreliableChurn2C" "TestUnreliableChurn" "TestUnreliableChurn3C"]
        "the same over a network that loses messages";
}

fn restart_and_connect<R: Consensus + 'static>(lab: &Lab<R>, server: usize) {
    lab.restart(server);
    lab.connect(server);
}

async fn persist1_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(11, n, Retry::Yes).await?;
    for server in 0..n {
        lab.restart(server);
    }
    for server in 0..n {
        lab.disconnect(server);
        lab.connect(server);
    }
    lab.one_number(12, n, Retry::Yes).await?;

    let leader = lab.check_one_leader().await?;
    lab.disconnect(leader);
    restart_and_connect(&lab, leader);
    lab.one_number(13, n, Retry::Yes).await?;

    let leader = lab.check_one_leader().await?;
    lab.disconnect(leader);
    lab.one_number(14, n - 1, Retry::Yes).await?;
    restart_and_connect(&lab, leader);
    // The restarted server has to catch up before the next one goes.
    lab.wait(4, n, None).await?;

    let cut = (lab.check_one_leader().await? + 1) % n;
    lab.disconnect(cut);
    lab.one_number(15, n - 1, Retry::Yes).await?;
    restart_and_connect(&lab, cut);
    lab.one_number(16, n, Retry::Yes).await?;
    Ok(())
}

async fn persist2_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let mut number = 11;
    for _ in 0..5 {
        lab.one_number(number, n, Retry::Yes).await?;
        let leader = lab.check_one_leader().await?;
        let at = |k: usize| (leader + k) % n;
        lab.disconnect(at(1));
        lab.disconnect(at(2));
        lab.one_number(number + 1, n - 2, Retry::Yes).await?;
        for k in [0, 3, 4] {
            lab.disconnect(at(k));
        }
        lab.restart(at(1));
        lab.restart(at(2));
        lab.connect(at(1));
        lab.connect(at(2));
        lab.sleep_ms(1_000).await;
        restart_and_connect(&lab, at(3));
        lab.one_number(number + 2, n - 2, Retry::Yes).await?;
        lab.connect(at(4));
        lab.connect(at(0));
        number += 3;
    }
    lab.one_number(1000, n, Retry::Yes).await?;
    Ok(())
}

async fn persist3_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_number(101, n, Retry::Yes).await?;
    let leader = lab.check_one_leader().await?;
    let at = |k: usize| (leader + k) % n;
    lab.disconnect(at(2));
    lab.one_number(102, 2, Retry::Yes).await?;
    lab.crash(at(0));
    lab.crash(at(1));
    lab.connect(at(2));
    restart_and_connect(&lab, at(0));
    // Server 2 lacks 102, so the old leader has to win again.
    lab.one_number(103, 2, Retry::Yes).await?;
    restart_and_connect(&lab, at(1));
    lab.one_number(104, n, Retry::Yes).await?;
    Ok(())
}

/// A pause that is mostly short, and now and then long enough for entries to be replicated.
async fn figure_8_pause<R: Consensus + 'static>(lab: &Lab<R>) {
    let millis = if lab.chance(1, 10) { lab.below(500) } else { lab.below(13) };
    lab.sleep_ms(millis).await;
}

async fn figure_8_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    lab.one_random(1, Retry::Yes).await?;
    let mut up = n;
    for _ in 0..1000 {
        let mut leader = None;
        for server in 0..n {
            if lab.is_up(server) && lab.start(server, &lab.random_command()).is_some() {
                leader = Some(server);
            }
        }
        figure_8_pause(&lab).await;
        if let Some(leader) = leader {
            lab.crash(leader);
            up -= 1;
        }
        if up < 3 {
            let server = lab.below(n as u64) as usize;
            if !lab.is_up(server) {
                restart_and_connect(&lab, server);
                up += 1;
            }
        }
    }
    for server in (0..n).filter(|&server| !lab.is_up(server)) {
        restart_and_connect(&lab, server);
    }
    lab.one_random(n, Retry::Yes).await?;
    Ok(())
}

async fn unreliable_agree_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let mut background = Vec::new();
    for round in 1..50_u64 {
        for j in 0..4 {
            let own = lab.clone();
            background.push(
                lab.spawn(async move { own.one_number(100 * round + j, 1, Retry::Yes).await }),
            );
        }
        lab.one_number(round, 1, Retry::Yes).await?;
    }
    lab.set_network(Network::reliable());
    demand!(background.len() == 196, "script", "{} background agreements", background.len());
    for agreement in background {
        agreement.await?;
    }
    lab.one_number(100, n, Retry::Yes).await?;
    Ok(())
}

async fn figure_8_unreliable_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let number = |lab: &Lab<R>| lab.below(10_000).to_string().into_bytes();
    lab.one(number(&lab), 1, Retry::Yes).await?;
    let mut up = n;
    for round in 0..1000 {
        if round == 200 {
            lab.set_network(Network::unreliable().with_long_reordering());
        }
        let mut leader = None;
        for server in 0..n {
            if lab.start(server, &number(&lab)).is_some() && lab.is_connected(server) {
                leader = Some(server);
            }
        }
        figure_8_pause(&lab).await;
        if let Some(leader) = leader.filter(|_| lab.chance(1, 2)) {
            lab.disconnect(leader);
            up -= 1;
        }
        if up < 3 {
            let server = lab.below(n as u64) as usize;
            if !lab.is_connected(server) {
                lab.connect(server);
                up += 1;
            }
        }
    }
    for server in (0..n).filter(|&server| !lab.is_connected(server)) {
        lab.connect(server);
    }
    lab.one(number(&lab), n, Retry::Yes).await?;
    Ok(())
}

async fn reliable_churn_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    churn(lab).await
}

async fn unreliable_churn_2c<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    churn(lab).await
}

/// A client that submits until it is told to stop, and remembers what it saw committed.
async fn churn_client<R: Consensus + 'static>(
    lab: Lab<R>,
    me: u64,
    stop: Rc<Cell<bool>>,
) -> Vec<Vec<u8>> {
    let mut committed = Vec::new();
    while !stop.get() {
        let command = lab.random_command();
        let mut accepted = None;
        for server in (0..lab.servers()).filter(|&server| lab.is_up(server)) {
            accepted = lab.start(server, &command).or(accepted);
        }
        let Some(id) = accepted else {
            lab.sleep_ms(79 + 17 * me).await;
            continue;
        };
        for pause in [10, 20, 50, 100, 200] {
            if let Some(there) = lab.command_at(id.index.get()) {
                if there == command {
                    committed.push(command);
                }
                break;
            }
            lab.sleep_ms(pause).await;
        }
    }
    committed
}

async fn churn<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let stop = Rc::new(Cell::new(false));
    let clients: Vec<_> =
        (0..3).map(|me| lab.spawn(churn_client(lab.clone(), me, Rc::clone(&stop)))).collect();
    let any = || lab.below(n as u64) as usize;
    for _ in 0..20 {
        if lab.chance(2, 10) {
            lab.disconnect(any());
        }
        if lab.chance(5, 10) {
            let server = any();
            if !lab.is_up(server) {
                lab.restart(server);
            }
            lab.connect(server);
        }
        if lab.chance(2, 10) {
            let server = any();
            if lab.is_up(server) {
                lab.crash(server);
            }
        }
        lab.sleep_ms(700).await;
    }
    lab.sleep_ms(1_000).await;
    lab.set_network(Network::reliable());
    for server in 0..n {
        if !lab.is_up(server) {
            lab.restart(server);
        }
        lab.connect(server);
    }
    stop.set(true);
    let mut committed = Vec::new();
    for client in clients {
        committed.extend(client.await);
    }
    lab.sleep_ms(1_000).await;
    let last = lab.one_random(n, Retry::Yes).await?;
    let mut log = Vec::new();
    for index in 1..=last {
        log.extend(lab.wait(index, n, None).await?);
    }
    for command in &committed {
        demand!(
            log.contains(command),
            "committed for good",
            "a client saw {} committed, and it is not in the final log of {last}",
            command.escape_ascii()
        );
    }
    Ok(())
}
