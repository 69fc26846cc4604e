//! Beyond the labs: the faults that the Go suite of lab 3 never tries. Servers crash one by one and
//! under load, clerks are cut off, crash and are answered late, leaders pause.
//!
//! Scenes build the one situation in which a classic error does harm; storms look for others. Both
//! speak of clerks and servers only, so that they mean the same to any solution, and every history
//! is checked for linearizability.

mod scenes;
mod storms;

use super::scenarios;
use crate::kv::{Lab3, Service};
use scenes::{
    cut_from_leader_3x, late_request_3x, lost_answer_3x, new_leader_read_3x, paused_leader_3x,
    promised_index_3x, quiet_leader_3x,
};
use storms::{
    client_crashes_3x, crash_points_3x, late_messages_3x, restless_3x, server_crashes_3x,
};

scenarios! { "3x", Lab3 => Service;
    cut_from_leader_3x: 5 reliable plain []
        "clerks that reach all but the leader, or reach it and get no answer, are served in the end";
    late_request_3x: 3 reliable plain []
        "a request that arrives seconds after its client has gone on changes nothing";
    lost_answer_3x: 3 reliable 1000 []
        "what was done, not answered, and then covered by a snapshot, is not done again";
    promised_index_3x: 5 reliable plain []
        "a leader promises answers at indexes that other clients' commands take in the end";
    quiet_leader_3x: 5 reliable plain []
        "what a dead leader has replicated is committed by its successor though no client asks";
    new_leader_read_3x: 5 reliable plain []
        "a read at a leader that has committed nothing yet sees what was acknowledged before";
    paused_leader_3x: 5 reliable plain []
        "a leader that pauses in the middle of reads is deposed, and wakes up to more of them";
    server_crashes_3x: 5 unreliable 1000 []
        "single servers crash and restart while the load goes on";
    crash_points_3x: 5 reliable 1000 []
        "servers crash between two writes, before the disk is synced, and before messages leave";
    client_crashes_3x: 5 unreliable 1000 []
        "clients crash with an operation outstanding; nobody ever knows what became of it";
    late_messages_3x: 5 unreliable 1000 []
        "messages arrive twice, seconds late, and after their receiver has restarted";
    restless_3x: 5 unreliable 1000 []
        "one-way cuts, pauses, slow servers, crashes and clients that crash, all at once";
}
