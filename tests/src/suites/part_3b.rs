//! Lab 3B: a key/value service whose log is kept short by snapshots, of a thousand bytes each time.

use super::generic::{Body, generic, speed};
use super::scenarios;
use crate::kv::{ELECTION_MS, KvLab, Lab3, Service};
use crate::{Outcome, demand};

scenarios! { "3b", Lab3 => Service;
    snapshot_rpc_3b: 3 reliable 1000
        ["TestSnapshotRPC3B" "TestSnapshotRPC4B" "TestSnapshotRPC4C" "TestSnapshotRPC"]
        "a server that was cut off is brought up to date by a snapshot";
    snapshot_size_3b: 3 reliable 1000
        ["TestSnapshotSize3B" "TestSnapshotSize4B" "TestSnapshotSize4C"]
        "eight hundred operations on one key leave a short log and a small snapshot";
    speed_3b: 3 reliable 1000 ["TestSpeed3B" "TestSpeed4B" "TestSpeed4C"]
        "a thousand appends, at least three in the time of a heartbeat";
    snapshot_recover_3b: 5 reliable 1000
        ["TestSnapshotRecover3B" "TestSnapshotRecover4B" "TestSnapshotRecover4C" "TestSnapshotRecover"]
        "all servers crash and come back from snapshots";
    snapshot_recover_many_clients_3b: 5 reliable 1000
        ["TestSnapshotRecoverManyClients3B" "TestSnapshotRecoverManyClients4B"
         "TestSnapshotRecoverManyClients4C" "TestSnapshotRecoverManyClients"]
        "the same with twenty clients";
    snapshot_unreliable_3b: 5 unreliable 1000
        ["TestSnapshotUnreliable3B" "TestSnapshotUnreliable4B" "TestSnapshotUnreliable4C"
         "TestSnapshotUnreliable"]
        "five clients over a network that loses requests and answers";
    snapshot_unreliable_recover_3b: 5 unreliable 1000
        ["TestSnapshotUnreliableRecover3B" "TestSnapshotUnreliableRecover4B"
         "TestSnapshotUnreliableRecover4C" "TestSnapshotUnreliableRecover"]
        "the same, and all servers crash and come back from snapshots";
    snapshot_unreliable_recover_concurrent_partition_3b: 5 unreliable 1000
        ["TestSnapshotUnreliableRecoverConcurrentPartition3B"
         "TestSnapshotUnreliableRecoverConcurrentPartition4B"
         "TestSnapshotUnreliableRecoverConcurrentPartition4C"
         "TestSnapshotUnreliableRecoverConcurrentPartition"]
        "the same, and the servers are split anew about once a second";
    snapshot_unreliable_recover_concurrent_partition_linearizable_3b: 7 unreliable 1000
        ["TestSnapshotUnreliableRecoverConcurrentPartitionLinearizable3B"
         "TestSnapshotUnreliableRecoverConcurrentPartitionLinearizable4B"
         "TestSnapshotUnreliableRecoverConcurrentPartitionLinearizable4C"]
        "the same with fifteen clients that share fifteen keys";
}

async fn snapshot_rpc_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let checker = lab.clerk();
    lab.put(checker, "a", "A").await;
    lab.check(checker, "a", "A").await?;
    // More than the log may hold, without server 2. The labs' 50 puts take up less in our codec.
    lab.partition(&[vec![0, 1], vec![2]]);
    let d = lab.clerk_of(&[0, 1]);
    for number in 0..100 {
        lab.put(d, number.to_string(), number.to_string()).await;
    }
    lab.sleep_ms(ELECTION_MS).await;
    lab.put(d, "b", "B").await;
    lab.check_disks()?;
    // Now it is needed.
    lab.partition(&[vec![0, 2], vec![1]]);
    let e = lab.clerk_of(&[0, 2]);
    lab.put(e, "c", "C").await;
    lab.put(e, "d", "D").await;
    for (key, value) in [("a", "A"), ("b", "B"), ("1", "1"), ("49", "49")] {
        lab.check(e, key, value).await?;
    }
    // The Go suite never asks.
    let (shows_raft, installed) = {
        let service = lab.cluster();
        (service.shows_raft(), service.watched().snapshots_installed())
    };
    demand!(
        installed > 0 || !shows_raft,
        "snapshot installed",
        "server 2 was brought up to date without a snapshot"
    );
    // Now it has to know everything by itself: server 1 lacks the latest and cannot lead.
    lab.partition(&[vec![1, 2], vec![0]]);
    let f = lab.clerk_of(&[1, 2]);
    for (key, value) in [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("1", "1"), ("49", "49")] {
        lab.check(f, key, value).await?;
    }
    lab.heal();
    lab.put(checker, "e", "E").await;
    for (key, value) in [("c", "C"), ("e", "E"), ("1", "1")] {
        lab.check(checker, key, value).await?;
    }
    lab.check_disks()
}

async fn snapshot_size_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    const LARGEST: usize = 500;
    let clerk = lab.clerk();
    for _ in 0..200 {
        for value in ["0", "1"] {
            lab.put(clerk, "x", value).await;
            lab.check(clerk, "x", value).await?;
        }
    }
    lab.check_disks()?;
    let largest = lab.largest_snapshot();
    demand!(largest > 0, "snapshot taken", "nobody has one");
    demand!(
        largest <= LARGEST,
        "snapshot size",
        "one is of {largest} bytes, not {LARGEST} at most"
    );
    Ok(())
}

async fn speed_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    speed(lab).await
}

async fn snapshot_recover_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 1, crash: true, ..Body::default() }).await
}

async fn snapshot_recover_many_clients_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 20, crash: true, ..Body::default() }).await
}

async fn snapshot_unreliable_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, ..Body::default() }).await
}

async fn snapshot_unreliable_recover_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, ..Body::default() }).await
}

async fn snapshot_unreliable_recover_concurrent_partition_3b<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, partitions: true, ..Body::default() }).await
}

async fn snapshot_unreliable_recover_concurrent_partition_linearizable_3b<L: Lab3>(
    lab: KvLab<L>,
) -> Outcome {
    generic(lab, Body { clients: 15, crash: true, partitions: true, random_keys: true }).await
}
