//! Lab 2A: leader election.

use super::scenarios;
use crate::cluster::{Cluster, Lab};
use crate::{Outcome, demand};
use raft::Consensus;

scenarios! { "2a", Consensus => Cluster;
    initial_election_2a: 3 reliable plain
        ["TestInitialElection2A" "TestInitialElection" "TestInitialElection3A"]
        "a leader is elected and stays, in one term, while nothing fails";
    re_election_2a: 3 reliable plain
        ["TestReElection2A" "TestReElection" "TestReElection3A"]
        "a new leader takes over from a lost one, and none arises without a majority";
    many_elections_2a: 7 reliable plain
        ["TestManyElections2A" "TestManyElections3A"]
        "with up to three of seven servers cut off there is always a leader";
}

async fn initial_election_2a<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    lab.check_one_leader().await?;
    lab.sleep_ms(50).await;
    let term = lab.check_terms()?;
    demand!(term.get() >= 1, "term", "a leader was elected in term {}", term.get());
    lab.sleep_ms(2_000).await;
    // The Go suite only warns here; a reliable network has no reason for a new term.
    let later = lab.check_terms()?;
    demand!(later == term, "stable leader", "from {term} to {later} though nothing failed");
    lab.check_one_leader().await?;
    Ok(())
}

async fn re_election_2a<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    let n = lab.servers();
    let first = lab.check_one_leader().await?;
    let first_term = lab.status(first).map(|status| status.term);
    lab.disconnect(first);
    let successor = lab.check_one_leader().await?;
    let term = lab.status(successor).map(|status| status.term);
    demand!(term > first_term, "new term", "n{successor} leads {term:?} after {first_term:?}");

    // If the old leader comes back, that does not disturb the new one, and it steps down.
    lab.connect(first);
    let second = lab.check_one_leader().await?;
    let deposed = lab.status(first).is_some_and(|status| !status.is_leader || second == first);
    demand!(deposed, "old leader steps down", "n{first} still leads after it was reconnected");

    // Without a majority there is no leader.
    lab.disconnect(second);
    lab.disconnect((second + 1) % n);
    lab.sleep_ms(2_000).await;
    lab.check_no_leader()?;

    lab.connect((second + 1) % n);
    lab.check_one_leader().await?;
    lab.connect(second);
    lab.check_one_leader().await?;
    Ok(())
}

async fn many_elections_2a<R: Consensus + 'static>(lab: Lab<R>) -> Outcome {
    lab.check_one_leader().await?;
    for _ in 1..10 {
        let cut: Vec<usize> = (0..3).map(|_| lab.below(7) as usize).collect();
        for &server in &cut {
            lab.disconnect(server);
        }
        lab.check_one_leader().await?;
        for &server in &cut {
            lab.connect(server);
        }
    }
    lab.check_one_leader().await?;
    Ok(())
}
