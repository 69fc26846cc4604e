//! How a directed scenario speaks of servers and links.

use crate::cluster::{Lab, Retry};
use crate::{Outcome, demand, fail};
use labrpc::NodeId;
use raft::{Consensus, Index, Term};
use std::cell::RefCell;

/// The scene: the cluster, and who can hear whom.
pub(super) struct Stage<R: Consensus> {
    pub lab: Lab<R>,
    favour: RefCell<Vec<usize>>,
}

pub(super) fn id(server: usize) -> NodeId {
    NodeId::new(server as u16)
}

impl<R: Consensus + 'static> Stage<R> {
    /// A scene in which every promise is looked at.
    pub fn new(lab: Lab<R>) -> Self {
        lab.look_at_every_promise();
        Self::sampled(lab)
    }

    /// A scene with so many entries that a sample has to do.
    pub fn sampled(lab: Lab<R>) -> Self {
        Self { lab, favour: RefCell::default() }
    }

    /// Only these pairs can hear each other, and nobody is favoured.
    pub fn only(&self, pairs: &[(usize, usize)]) {
        let n = self.lab.servers();
        self.lab.world(|world| {
            for from in 0..n {
                for to in 0..n {
                    let up = pairs.contains(&(from, to)) || pairs.contains(&(to, from));
                    if up {
                        world.mend(id(from), id(to));
                    } else {
                        world.cut(id(from), id(to));
                    }
                    if world.links().is_clogged(id(from), id(to)) {
                        world.unclog(id(from), id(to));
                    }
                }
            }
        });
        self.forget_favour();
    }

    /// Lets a server win the votes of these: their clocks crawl, so that none of them campaigns. It
    /// lasts until links are next changed.
    pub fn favour(&self, voters: &[usize]) {
        self.forget_favour();
        self.lab.world(|world| {
            for &voter in voters {
                world.set_drift(id(voter), -900_000);
            }
        });
        *self.favour.borrow_mut() = voters.to_vec();
    }

    pub fn forget_favour(&self) {
        for voter in self.favour.take() {
            self.lab.world(|world| world.set_drift(id(voter), 0));
        }
    }

    /// Everybody can hear everybody.
    pub fn all(&self) {
        let n = self.lab.servers();
        let pairs: Vec<_> = (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).collect();
        self.only(&pairs);
    }

    /// `hub` can hear each of `others` and be heard; nobody else can.
    pub fn star(&self, hub: usize, others: &[usize]) {
        self.only(&others.iter().map(|&other| (hub, other)).collect::<Vec<_>>());
    }

    /// Makes a server the leader by the votes of these: they hear nobody else, and it is favoured
    /// until links are next changed.
    pub async fn elect(&self, leader: usize, voters: &[usize]) -> Outcome<Term> {
        if !self.try_elect(leader, voters).await {
            fail!("election", "n{leader} did not win the votes of {voters:?} in 20 s");
        }
        Ok(self.status_of(leader).term)
    }

    pub async fn try_elect(&self, leader: usize, voters: &[usize]) -> bool {
        let highest = |servers: &[usize]| {
            servers.iter().filter_map(|&s| self.lab.status(s)).map(|it| it.term).max()
        };
        self.star(leader, voters);
        self.favour(voters);
        for _ in 0..2_000 {
            let status = self.status_of(leader);
            if status.is_leader && Some(status.term) >= highest(voters) {
                return true;
            }
            self.lab.sleep_ms(10).await;
        }
        self.forget_favour();
        false
    }

    pub fn status_of(&self, server: usize) -> raft::Status {
        self.lab.status(server).expect("the server is up in this scene")
    }

    /// The leader takes a command.
    pub fn propose(&self, leader: usize, command: &str) -> Outcome<Index> {
        match self.lab.start(leader, command.as_bytes()) {
            Some(id) => Ok(id.index),
            None => fail!("accepts commands", "leader n{leader} refused {command}"),
        }
    }

    /// Waits until a server's log ends at an index.
    pub async fn until_log_ends(&self, server: usize, index: Index) -> Outcome {
        for _ in 0..500 {
            if self.status_of(server).last.index == index {
                return Ok(());
            }
            self.lab.sleep_ms(10).await;
        }
        let last = self.status_of(server).last;
        fail!("replication", "n{server}'s log ends at {last} after 5 s, not at {index}")
    }

    pub async fn until(&self, what: &str, mut done: impl FnMut() -> bool) -> Outcome {
        for _ in 0..1_000 {
            if done() {
                return Ok(());
            }
            self.lab.sleep_ms(10).await;
        }
        fail!("progress", "not within 10 s: {what}")
    }

    pub fn demand_commit_at_most(&self, index: u64, why: &str) -> Outcome {
        for server in 0..self.lab.servers() {
            if let Some(status) = self.lab.status(server) {
                demand!(
                    status.commit.get() <= index,
                    "commit rule",
                    "n{server} takes {} to be committed, and {why}",
                    status.commit
                );
            }
        }
        Ok(())
    }

    /// The end of every scene: all hear all, and agree.
    pub async fn reunite(&self) -> Outcome {
        let n = self.lab.servers();
        for server in 0..n {
            if !self.lab.is_up(server) {
                self.lab.restart(server);
            }
        }
        for server in 0..n {
            self.lab.connect(server);
        }
        self.all();
        self.lab.one("the end", n, Retry::Yes).await?;
        Ok(())
    }
}
