//! Beyond the labs: the faults that the Go suite of lab 4 never tries. There are partitions inside
//! groups and between groups and master, the master crashes, and things go wrong in the middle of a
//! migration.
//!
//! Every history is checked for linearizability, those of the master's clients too.

mod changes;
mod scenes;
mod storms;

use super::scenarios;
use crate::shard::{Lab4B, Sharded};
use changes::{busy_giver_4x, exchange_4x, fresh_query_4x, lopsided_4x};
use scenes::{limp_4x, lost_answer_4x, many_groups_4x, quiet_groups_4x, stale_client_4x};
use storms::{
    concurrent_moves_4x, concurrent_moves_unreliable_4x, late_messages_4x, many_changes_4x,
    master_crashes_4x, migration_faults_4x, partitions_4x, server_crashes_4x,
};

scenarios! { "4x", Lab4B => Sharded;
    lost_answer_4x: 3 reliable 100 []
        "what was done and not answered is not done again by the group that the shard has moved to";
    stale_client_4x: 3 reliable 100 []
        "a client that has not heard of a change asks the old owner, who has not heard of the arrival";
    quiet_groups_4x: 3 reliable 100 []
        "all groups restart in the middle of a migration, and no client says anything";
    fresh_query_4x: 3 reliable 100 []
        "a master that was deposed is asked, by who is alone with it, after a change";
    busy_giver_4x: 3 reliable 100 []
        "a shard leaves for a group that is dead or cut off; the giver serves what else it has";
    exchange_4x: 3 reliable 100 []
        "all groups leave, and come back to what the other has: each gives and gets at once";
    lopsided_4x: 3 reliable 1000 []
        "groups join and leave when one group has nearly everything, by hand";
    limp_4x: 3 reliable 1000 []
        "one server of each group is dead for good while groups join and leave";
    many_groups_4x: 3 reliable 1000 []
        "from one group to twenty, twice as many as shards, and back";
    concurrent_moves_4x: 3 reliable 1000 []
        "eleven clients append, get, and move shards about";
    concurrent_moves_unreliable_4x: 3 unreliable 1000 []
        "the same over a network that loses requests and answers";
    many_changes_4x: 3 reliable 300 []
        "two hundred and fifty configurations while clients go on";
    server_crashes_4x: 3 unreliable 300 []
        "single servers of groups crash and restart while shards move under load";
    master_crashes_4x: 3 unreliable 300 []
        "the master loses one server after the other, and all at once, while groups come and go";
    partitions_4x: 3 unreliable 300 []
        "splits inside groups, between groups, and between groups and master";
    migration_faults_4x: 3 reliable 300 []
        "a server or a group crashes, or links fail, when a shard leaves, is awaited, and has arrived";
    late_messages_4x: 3 unreliable 300 []
        "messages arrive twice, seconds late, and after their receiver has restarted";
}
