//! Lab 3A: a key/value service without snapshots.

use super::generic::{Body, check_appends, generic, speed, token};
use super::scenarios;
use crate::kv::{ELECTION_MS, KvLab, Lab3, Service};
use crate::{Outcome, demand};
use std::cell::RefCell;
use std::rc::Rc;

scenarios! { "3a", Lab3 => Service;
    basic_3a: 5 reliable plain ["TestBasic3A" "TestBasic4A" "TestBasic"]
        "one client puts, appends and gets";
    speed_3a: 3 reliable plain ["TestSpeed3A" "TestSpeed4A"]
        "a thousand appends, at least three in the time of a heartbeat";
    concurrent_3a: 5 reliable plain ["TestConcurrent3A" "TestConcurrent4A" "TestConcurrent"]
        "five clients at the same time";
    unreliable_3a: 5 unreliable plain ["TestUnreliable3A" "TestUnreliable4A" "TestUnreliable"]
        "five clients over a network that loses requests and answers";
    unreliable_one_key_3a: 3 unreliable plain
        ["TestUnreliableOneKey3A" "TestUnreliableOneKey4A" "TestUnreliableOneKey"]
        "five clients append to one key over a network that loses requests and answers";
    one_partition_3a: 5 reliable plain
        ["TestOnePartition3A" "TestOnePartition4A" "TestOnePartition"]
        "the leader is in a minority: progress there ends, and is made up for after the split";
    many_partitions_one_client_3a: 5 reliable plain
        ["TestManyPartitionsOneClient3A" "TestManyPartitionsOneClient4A" "TestManyPartitionsOneClient"]
        "the servers are split anew about once a second";
    many_partitions_many_clients_3a: 5 reliable plain
        ["TestManyPartitionsManyClients3A" "TestManyPartitionsManyClients4A" "TestManyPartitionsManyClients"]
        "the same with five clients";
    persist_one_client_3a: 5 reliable plain
        ["TestPersistOneClient3A" "TestPersistOneClient4A" "TestPersistOneClient"]
        "all servers crash and restart between rounds of load";
    persist_concurrent_3a: 5 reliable plain
        ["TestPersistConcurrent3A" "TestPersistConcurrent4A" "TestPersistConcurrent"]
        "the same with five clients";
    persist_concurrent_unreliable_3a: 5 unreliable plain
        ["TestPersistConcurrentUnreliable3A" "TestPersistConcurrentUnreliable4A" "TestPersistConcurrentUnreliable"]
        "the same over a network that loses requests and answers";
    persist_partition_3a: 5 reliable plain
        ["TestPersistPartition3A" "TestPersistPartition4A" "TestPersistPartition"]
        "splits, and all servers crash and restart between rounds of load";
    persist_partition_unreliable_3a: 5 unreliable plain
        ["TestPersistPartitionUnreliable3A" "TestPersistPartitionUnreliable4A" "TestPersistPartitionUnreliable"]
        "the same over a network that loses requests and answers";
    persist_partition_unreliable_linearizable_3a: 7 unreliable plain
        ["TestPersistPartitionUnreliableLinearizable3A" "TestPersistPartitionUnreliableLinearizable4A"]
        "the same with fifteen clients that share fifteen keys";
}

async fn basic_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 1, ..Body::default() }).await
}

async fn speed_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    speed(lab).await
}

async fn concurrent_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, ..Body::default() }).await
}

async fn unreliable_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, ..Body::default() }).await
}

async fn unreliable_one_key_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    const CLIENTS: u64 = 5;
    const APPENDS: u64 = 10;
    let checker = lab.clerk();
    // The labs put an empty value, which tells the checker nothing.
    lab.put(checker, "k", token(CLIENTS, 0)).await;
    let append = |number| {
        let (lab, clerk) = (lab.clone(), lab.clerk());
        async move {
            for append in 0..APPENDS {
                lab.append(clerk, "k", token(number, append)).await;
            }
        }
    };
    let clients: Vec<_> = (0..CLIENTS).map(|number| lab.spawn(append(number))).collect();
    for client in clients {
        client.await;
    }
    let value = lab.get(checker, "k").await;
    for number in 0..CLIENTS {
        check_appends(&value, number, 0..APPENDS)?;
    }
    lab.check_disks()
}

/// The labs' `make_partition`: a majority without the leader, and the rest with it.
async fn leader_in_minority<L: Lab3>(lab: &KvLab<L>) -> Outcome<(Vec<usize>, Vec<usize>)> {
    let leader = lab.wait_for_leader().await?;
    let mut majority = lab.everyone();
    majority.retain(|&server| server != leader);
    let mut minority = majority.split_off(lab.servers() / 2 + 1);
    minority.push(leader);
    Ok((majority, minority))
}

async fn one_partition_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    let checker = lab.clerk();
    lab.put(checker, "1", "13").await;
    let (majority, minority) = leader_in_minority(&lab).await?;
    lab.partition(&[majority.clone(), minority.clone()]);
    // Progress in the majority.
    let a = lab.clerk_of(&majority);
    let (b, c) = (lab.clerk_of(&minority), lab.clerk_of(&minority));
    lab.put(a, "1", "14").await;
    lab.check(a, "1", "14").await?;
    // No progress in the minority.
    let finished = Rc::new(RefCell::new(Vec::new()));
    let (put, get) = (lab.clone(), lab.clone());
    let (put_finished, get_finished) = (Rc::clone(&finished), Rc::clone(&finished));
    let put = lab.spawn(async move {
        put.put(b, "1", "15").await;
        put_finished.borrow_mut().push("put");
    });
    let get = lab.spawn(async move {
        let value = get.get(c, "1").await;
        get_finished.borrow_mut().push("get");
        value
    });
    lab.sleep_ms(1_000).await;
    let unfinished = |when: &str| {
        demand!(
            finished.borrow().is_empty(),
            "no progress in a minority",
            "{} in a minority completed {when}",
            finished.borrow().join(" and ")
        );
        Ok(())
    };
    unfinished("within a second")?;
    lab.check(a, "1", "14").await?;
    lab.put(a, "1", "16").await;
    lab.check(a, "1", "16").await?;
    unfinished("before the split ended")?;
    // Completion after it.
    lab.heal();
    for clerk in [b, c] {
        lab.allow(clerk, &lab.everyone());
    }
    lab.sleep_ms(ELECTION_MS).await;
    for _ in 0..30 {
        if finished.borrow().len() == 2 {
            break;
        }
        lab.sleep_ms(100).await;
    }
    demand!(
        finished.borrow().len() == 2,
        "progress",
        "three seconds after the split only {:?} completed of a put and a get",
        finished.borrow()
    );
    put.await;
    let value = get.await;
    demand!(
        ["14", "15", "16"].contains(&value.as_str()),
        "get",
        "the get that waited for the end of the split read {value:?}"
    );
    lab.check(checker, "1", "15").await?;
    lab.check_disks()
}

async fn many_partitions_one_client_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 1, partitions: true, ..Body::default() }).await
}

async fn many_partitions_many_clients_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, partitions: true, ..Body::default() }).await
}

async fn persist_one_client_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 1, crash: true, ..Body::default() }).await
}

async fn persist_concurrent_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, ..Body::default() }).await
}

async fn persist_concurrent_unreliable_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, ..Body::default() }).await
}

async fn persist_partition_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, partitions: true, ..Body::default() }).await
}

async fn persist_partition_unreliable_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 5, crash: true, partitions: true, ..Body::default() }).await
}

async fn persist_partition_unreliable_linearizable_3a<L: Lab3>(lab: KvLab<L>) -> Outcome {
    generic(lab, Body { clients: 15, crash: true, partitions: true, random_keys: true }).await
}
