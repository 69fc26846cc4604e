//! Situations: what a campaign should have come to at least once. A swarm that never gets there says
//! nothing about what happens there.
//!
//! Most are what the nodes of the reference note for the trace
//! ([`Context::note`](labrpc::Context::note)), counted in [`World::notes`](labrpc::World::notes);
//! others are seen by those who watch, across groups, or in the answers of the master.

use super::System;
use std::collections::BTreeMap;

/// How often each situation came about.
pub type Marks = BTreeMap<String, u64>;

/// A situation.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// What it is called, in the trace too.
    pub what: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// In how many trials of its system it should come about at least once.
    pub within: u64,
}

macro_rules! marks {
    ($($within:literal: $what:literal $meaning:literal;)*) => {
        &[$(Mark { what: $what, meaning: $meaning, within: $within }),*]
    };
}

/// The situations of a system, whatever is under the service included.
pub fn of(system: System) -> impl Iterator<Item = Mark> {
    let (mine, below): (&[Mark], &[Mark]) = match system {
        System::Raft => (RAFT, &[]),
        System::Kv => (SERVICE, READS),
        System::ShardMaster => (MASTER, &[]),
        System::ShardKv => (SHARDS, &[]),
    };
    mine.iter().chain(below).copied()
}

const RAFT: &[Mark] = marks! {
    200: "split vote" "a candidate runs out of patience in its own campaign";
    200: "lost the election" "a candidate hears from the leader of its own term";
    200: "denied: log behind" "a vote is refused to who lacks entries (section 5.4.1)";
    200: "denied: given away" "a vote is refused since another has it";
    200: "stale campaign" "a request for a vote of an earlier term arrives";
    200: "stale vote" "an answer to an earlier campaign arrives, and must not count";
    200: "stale append" "a deposed leader still appends";
    200: "stale append reply" "an answer to an append of an earlier term arrives";
    1000: "stale snapshot" "a deposed leader still sends its snapshot";
    1000: "stale snapshot reply" "an answer to a snapshot of an earlier term arrives";
    1000: "reply to an earlier reign" "a follower answers, in this term, what its leader sent in an earlier one";
    200: "deposed early" "a leader is deposed with entries that are not committed";
    200: "dropped" "entries that were never committed give way to others";
    2000: "dropped several terms" "they are of several terms";
    200: "does not commit yet" "a majority has an entry of an earlier term, and that is not enough (figure 8)";
    200: "came back" "a server restarts with entries of which it does not know whether they are committed";
    200: "backs up to a shorter log" "a follower's log ends before the place where the leader looks";
    1000: "backs up past a term" "a follower has a term there that the leader never had";
    1000: "backs up into a term" "both have that term, and may agree in it";
    200: "repeats entries" "an append with entries has no answer in time";
    200: "asks where" "nor has its repetition";
    200: "has them already" "a follower gets entries that it has";
    200: "overtaken append reply" "an acknowledgement is overtaken by a later one";
    200: "early append" "an append overtakes the one before it";
    200: "its time has come" "and is used when that one has come";
    200: "snapshot" "a service takes a snapshot";
    200: "sends snapshot" "a follower needs entries that are gone";
    200: "installed snapshot" "and takes the leader's snapshot instead";
    200: "overtaken snapshot" "a snapshot arrives where more than it has is committed";
    1000: "keeps what follows" "a snapshot arrives where entries after it are held already (figure 13, rule 6)";
};

const SERVICE: &[Mark] = marks! {
    200: "answers from memory" "a client asks again for what was done, and no entry is needed for the answer";
    200: "asked for again" "a client asks again for what is under way";
    200: "echo of a request" "a request arrives whose client has gone on";
    200: "duplicate" "a request is in the log twice, and done once";
    50000: "late duplicate" "the second time when its client has gone on";
    20000: "duplicate after a snapshot" "what was done once is known from the snapshot alone";
    200: "restored" "a server comes back from its snapshot";
    200: "caught up by snapshot" "the state of a running server is replaced by a leader's snapshot";
    200: "sends a client away" "a deposed leader tells who waits to ask again";
    200: "is sent to the leader" "a client obeys a hint";
    200: "hears nothing" "a client tries another server";
    200: "nobody leads" "a client has asked everybody in vain";
};

const READS: &[Mark] = marks! {
    200: "read refused" "a read is given up since leadership was lost while it waited";
    200: "read waits for the term" "a read waits for the first commit of the term (dissertation, 6.4)";
    200: "read waits for a round" "a read waits for the round after the one under way";
    200: "repeats a round" "a round of reads has too few answers in time";
};

const MASTER: &[Mark] = marks! {
    200: "makes no sense" "a request is refused and changes nothing";
    200: "changes nothing" "a request asks for what is so already";
    200: "asks for what was" "an earlier configuration is asked for";
    200: "asks for what is to come" "a configuration is asked for that there is not yet";
    200: "all groups have left" "no shard has a group";
    200: "more groups than shards" "some groups have no shard";
    200: "several groups join at once" "in one configuration";
    200: "several groups leave at once" "in one configuration";
    200: "a shard is moved by hand" "whatever the balance";
};

const SHARDS: &[Mark] = marks! {
    200: "a shard is served for the first time" "nobody had it before";
    200: "gives and takes at once" "a group has shards to give and awaits others";
    200: "serves one, awaits others" "a shard is served as soon as it has come (challenge 2)";
    200: "nobody's shard" "the last group has left and keeps what is in the shard";
    200: "nobody's shard comes back" "to the group that kept it";
    200: "nobody's shard is given away" "by a group that has left";
    200: "waits for who is behind" "the new owner has not heard of the configuration yet";
    200: "is acknowledged" "a shard has arrived";
    1000: "deletes after the new owner crashed" "between the arrival and the deletion";
    200: "asked the wrong group" "a client believes in an earlier configuration";
    200: "asked too early" "a client asks for a shard that has not come";
    200: "takes it to another group" "an operation without an answer is asked of the next owner";
    200: "refuses what is committed" "the shard left between the door and the log";
    200: "refuses at the door" "a request is answered without an entry in the log";
    200: "answers from memory" "an operation was done, maybe by the shard's owner before";
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn situations_have_a_name_and_a_meaning_each() {
        let mut all = 0;
        for system in System::ALL {
            let names: BTreeSet<&str> = of(system).map(|mark| mark.what).collect();
            assert_eq!(names.len(), of(system).count(), "{system}");
            assert!(of(system).all(|mark| !mark.meaning.is_empty() && mark.within > 0));
            all += names.len();
        }
        assert!(all >= 40, "there are only {all}");
    }
}
