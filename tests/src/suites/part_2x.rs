//! Beyond the labs: what the Go suite lets through, as directed scenarios.
//!
//! Each builds the one situation in which a classic error does harm. The means are the same for any
//! Raft: which server can hear which, who may campaign (`Stage::elect`), and messages held back on
//! a link until the moment when they hurt. Promises are looked at every time in
//! these scenes; where there are thousands of entries, and in the storms, a sample of them is.

mod elections;
mod replication;
mod stage;
mod storms;

use super::scenarios;
use crate::cluster::Cluster;
use elections::{
    double_vote_2x, even_split_2x, one_way_2x, outdated_candidate_2x, paused_leader_2x,
    slow_network_2x, stale_votes_2x, vote_resets_timer_2x,
};
use raft::Consensus;
use replication::{
    back_up_2x, figure_8_2x, figure_8_committed_2x, kept_match_index_2x, open_load_2x, replay_2x,
    stale_replies_2x, stale_snapshot_2x,
};
use storms::{crash_points_2x, late_messages_2x, pipelined_2x, restless_links_2x};

scenarios! { "2x", Consensus => Cluster;
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
        "on a network almost as slow as the timeouts, elections are settled in a few terms";
    vote_resets_timer_2x: 3 reliable plain []
        "who has given its vote gives the winner time to speak";
    outdated_candidate_2x: 5 reliable plain []
        "a candidate with an outdated log does not keep others from an election";
    open_load_2x: 5 unreliable plain []
        "a thousand proposals a second cost at most four messages per server and command";
    crash_points_2x: 5 reliable snapshots []
        "servers crash at every point of a step, one after the other, under load";
    late_messages_2x: 5 unreliable snapshots []
        "messages come twice, seconds late and in later lives, while servers crash and pause";
    pipelined_2x: 5 unreliable pipelined []
        "late messages and crashes with sixteen small appends in flight to each follower";
    restless_links_2x: 5 unreliable plain []
        "single links are cut, clogged and mended in one direction, clocks drift, servers are slow";
}
