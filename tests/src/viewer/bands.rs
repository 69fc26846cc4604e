//! When a node was down, paused, slow or cut off, as stretches of time.

use crate::arena::film::Cluster;
use labrpc::{Event, NodeId, Record};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a node for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It has crashed.
    Down,
    /// It does nothing.
    Paused,
    /// It takes a while over each message, or its clock drifts.
    Tuned,
    /// It reaches none of its peers.
    CutOff,
    /// It does not reach some of its peers.
    Parted,
}

/// A stretch of time in the life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Band {
    pub node: usize,
    pub what: Trouble,
    /// In nanoseconds.
    pub from: u64,
    pub to: u64,
    /// The particulars.
    pub text: String,
}

/// Goes through a trace and opens and closes bands. Peers are the servers of a node's own cluster;
/// those of a client are all servers.
pub struct Bands {
    peers: Vec<Vec<usize>>,
    cut: BTreeSet<(usize, usize)>,
    isolated: BTreeSet<usize>,
    /// The side of each node that is on one.
    sides: BTreeMap<usize, usize>,
    open: BTreeMap<(usize, Trouble), (u64, String)>,
    done: Vec<Band>,
}

impl Bands {
    /// The bands of a run of so many nodes, which ended at `end`, in nanoseconds.
    pub fn of(trace: &[Record], clusters: &[Cluster], nodes: usize, end: u64) -> Vec<Band> {
        let mut bands = Self::new(clusters, nodes);
        for record in trace {
            bands.see(record);
        }
        let open: Vec<_> = bands.open.keys().copied().collect();
        for (node, what) in open {
            bands.close(node, what, end);
        }
        let mut done = bands.done;
        done.sort_by_key(|band| (band.node, band.what, band.from));
        done
    }

    fn new(clusters: &[Cluster], nodes: usize) -> Self {
        let servers =
            |cluster: &Cluster| cluster.servers.iter().map(|id| id.index()).collect::<Vec<_>>();
        let all: Vec<usize> = clusters.iter().flat_map(servers).collect();
        let everybody: Vec<usize> = if all.is_empty() { (0..nodes).collect() } else { all };
        let peers = (0..nodes).map(|node| {
            let own = clusters.iter().map(servers).find(|servers| servers.contains(&node));
            let mut peers = own.unwrap_or_else(|| everybody.clone());
            peers.retain(|peer| *peer != node);
            peers
        });
        Self {
            peers: peers.collect(),
            cut: BTreeSet::new(),
            isolated: BTreeSet::new(),
            sides: BTreeMap::new(),
            open: BTreeMap::new(),
            done: Vec::new(),
        }
    }

    fn see(&mut self, record: &Record) {
        let (at, node) = (record.at.as_nanos(), record.node.map(NodeId::index));
        match (&record.event, node) {
            (Event::Crash { point }, Some(node)) => {
                self.close(node, Trouble::Paused, at);
                self.open(node, Trouble::Down, at, format!("crashed: {point}"));
            }
            (Event::DiskLost, Some(node)) => {
                self.close(node, Trouble::Paused, at);
                self.close(node, Trouble::Down, at);
                self.open(node, Trouble::Down, at, "its disk is lost".to_string());
            }
            (Event::Boot { .. }, Some(node)) => self.close(node, Trouble::Down, at),
            (Event::Pause, Some(node)) => {
                self.open(node, Trouble::Paused, at, "paused".to_string());
            }
            (Event::Resume, Some(node)) => self.close(node, Trouble::Paused, at),
            (Event::Tune { now }, Some(node)) => {
                self.close(node, Trouble::Tuned, at);
                if !matches!(now.as_str(), "0ms per message" | "clock drifts by 0 ppm") {
                    self.open(node, Trouble::Tuned, at, now.clone());
                }
            }
            _ => {
                if self.see_links(record, node) {
                    self.compare_links(at);
                }
            }
        }
    }

    /// Whether somebody may now reach others than before.
    fn see_links(&mut self, record: &Record, node: Option<usize>) -> bool {
        match (&record.event, node) {
            (Event::Link { to, now }, Some(from)) => match now.as_str() {
                "cut" => self.cut.insert((from, to.index())),
                "mended" => self.cut.remove(&(from, to.index())),
                _ => false,
            },
            (Event::Isolate, Some(node)) => self.isolated.insert(node),
            (Event::Rejoin, Some(node)) => self.isolated.remove(&node),
            (Event::Partition { groups }, _) => {
                self.sides = sides(groups);
                true
            }
            (Event::Heal, _) => {
                self.sides.clear();
                true
            }
            // It can be reached as soon as it is there.
            _ => false,
        }
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        let parted = match (self.sides.get(&from), self.sides.get(&to)) {
            (Some(here), Some(there)) => here != there,
            _ => false,
        };
        parted
            || self.cut.contains(&(from, to))
            || self.isolated.contains(&from)
            || self.isolated.contains(&to)
    }

    /// Opens and closes bands after links have changed.
    fn compare_links(&mut self, at: u64) {
        for node in 0..self.peers.len() {
            let now = self.lacks(node);
            for what in [Trouble::CutOff, Trouble::Parted] {
                let now = now.as_ref().filter(|(is, _)| *is == what).map(|(_, text)| text);
                if self.open.get(&(node, what)).map(|(_, text)| text) != now {
                    self.close(node, what, at);
                    if let Some(text) = now {
                        self.open(node, what, at, text.clone());
                    }
                }
            }
        }
    }

    /// Whether a node does not reach another, or does not hear it.
    fn is_parted(&self, node: usize, peer: usize) -> bool {
        self.is_cut(node, peer) || self.is_cut(peer, node)
    }

    fn is_cut_off(&self, node: usize) -> bool {
        let peers = &self.peers[node];
        !peers.is_empty() && peers.iter().all(|&peer| self.is_parted(node, peer))
    }

    /// What a node lacks of its links. That one is cut off is said of that one only.
    fn lacks(&self, node: usize) -> Option<(Trouble, String)> {
        if self.is_cut_off(node) {
            return Some((Trouble::CutOff, "cut off".to_string()));
        }
        let (mut without, mut words) = (Vec::new(), Vec::new());
        for &peer in self.peers[node].iter().filter(|&&peer| !self.is_cut_off(peer)) {
            match (self.is_cut(node, peer), self.is_cut(peer, node)) {
                (true, true) => without.push(format!("n{peer}")),
                (true, false) => words.push(format!("does not reach n{peer}")),
                (false, true) => words.push(format!("does not hear n{peer}")),
                (false, false) => {}
            }
        }
        if !without.is_empty() {
            words.insert(0, format!("without {}", without.join(", ")));
        }
        (!words.is_empty()).then(|| (Trouble::Parted, words.join(", ")))
    }

    /// Opens a band, unless there is one.
    fn open(&mut self, node: usize, what: Trouble, at: u64, text: String) {
        self.open.entry((node, what)).or_insert((at, text));
    }

    /// Closes a band, if there is one and it has a length.
    fn close(&mut self, node: usize, what: Trouble, at: u64) {
        if let Some((from, text)) = self.open.remove(&(node, what))
            && from < at
        {
            self.done.push(Band { node, what, from, to: at, text });
        }
    }
}

/// The sides of a partition, from its text: `[n0, n1] | [n2]`.
fn sides(groups: &str) -> BTreeMap<usize, usize> {
    let members = groups.split('|').enumerate().flat_map(|(side, group)| {
        let names = group.split(|c: char| !c.is_ascii_alphanumeric());
        let node = |name: &str| name.strip_prefix('n')?.parse::<usize>().ok();
        names.filter_map(node).map(move |node| (node, side)).collect::<Vec<_>>()
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrpc::{CrashPoint, Network, Trace, World};
    use std::time::Duration;

    /// What is wrong when, in milliseconds, while a world of three servers and a client is treated
    /// so.
    fn bands(treat: impl FnOnce(&mut World<()>)) -> Vec<(usize, Trouble, u64, u64, String)> {
        let mut world = World::new(1, Network::reliable());
        world.set_trace(Trace::all());
        let ids: Vec<NodeId> = (0..4).map(|_| world.add(|_| ())).collect();
        world.run_for(Duration::from_millis(10));
        treat(&mut world);
        world.run_for(Duration::from_millis(10));
        let trace: Vec<Record> = world.trace().records().cloned().collect();
        let cluster = Cluster { name: "servers".to_string(), servers: ids[..3].to_vec() };
        let end = world.now().as_nanos();
        let done = Bands::of(&trace, &[cluster], 4, end).into_iter();
        let ms = |nanos| nanos / 1_000_000;
        done.map(|it| (it.node, it.what, ms(it.from), ms(it.to), it.text)).collect()
    }

    fn n(node: u16) -> NodeId {
        NodeId::new(node)
    }

    fn pass(world: &mut World<()>) {
        world.run_for(Duration::from_millis(10));
    }

    #[test]
    fn from_a_crash_to_the_next_boot() {
        let seen = bands(|world| {
            world.pause(n(1));
            pass(world);
            world.crash(n(1), CrashPoint::Now);
            pass(world);
            world.restart(n(1)).unwrap();
            world.crash(n(2), CrashPoint::Now);
        });
        assert_eq!(
            seen,
            [
                (1, Trouble::Down, 20, 30, "crashed: Now".to_string()),
                (1, Trouble::Paused, 10, 20, "paused".to_string()),
                (2, Trouble::Down, 30, 40, "crashed: Now".to_string()),
            ]
        );
    }

    /// Three reasons for a cut link, and one band.
    #[test]
    fn whoever_reaches_no_peer_is_cut_off() {
        let seen = bands(|world| {
            world.isolate(n(0));
            pass(world);
            world.partition(&[vec![n(0)], vec![n(1), n(2)]]);
            world.rejoin(n(0));
            pass(world);
            world.heal();
        });
        assert_eq!(seen, [(0, Trouble::CutOff, 10, 30, "cut off".to_string())]);
    }

    #[test]
    fn sides_of_a_partition() {
        let seen = bands(|world| {
            world.partition(&[vec![n(0), n(1)], vec![n(2), n(3)]]);
            pass(world);
            world.partition(&[vec![n(0)], vec![n(2), n(3)]]);
        });
        let all: Vec<_> = seen.iter().map(|it| (it.0, it.2, it.3, it.4.as_str())).collect();
        assert_eq!(
            all,
            [
                (0, 20, 30, "without n2"),
                (2, 10, 20, "cut off"),
                (2, 20, 30, "without n0"),
                (3, 10, 20, "without n0, n1"),
                (3, 20, 30, "without n0"),
            ]
        );
    }

    #[test]
    fn a_link_has_two_directions() {
        let seen = bands(|world| world.cut(n(0), n(2)));
        let texts: Vec<_> = seen.iter().map(|it| (it.0, it.1, it.4.as_str())).collect();
        assert_eq!(
            texts,
            [(0, Trouble::Parted, "does not reach n2"), (2, Trouble::Parted, "does not hear n0"),]
        );
    }
}
