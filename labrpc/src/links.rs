//! Who can reach whom, and what was sent over each link.

use crate::{Network, NodeId};

/// One direction between two nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// Cut by itself; see [`Links::is_cut`].
    pub cut: bool,
    pub clogged: bool,
    /// Messages that wait for the link to be unclogged, as places in the world's table.
    pub held: Vec<u32>,
    /// How many messages were sent over it: the number of the next one.
    pub sent: u64,
    /// Requests that came over it and have not been answered.
    pub unanswered: u64,
    pub network: Option<Box<Network>>,
}

/// All links, one for each ordered pair of nodes; to look at, through [`World::links`].
///
/// A link is cut for any of three reasons, which do not know of each other: by itself
/// ([`World::cut`]), because one of its ends is isolated ([`World::isolate`]), or because the ends
/// are on two sides of a partition ([`World::partition`]). Taking one of them back leaves the
/// others. So a node that rejoins reaches exactly those who have not been isolated themselves, as
/// in the labs.
///
/// All functions panic for a node that does not exist.
///
/// ```
/// use labrpc::{Network, World};
///
/// let mut world = World::new(1, Network::reliable());
/// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
/// world.cut(a, b);
/// assert!(world.links().is_cut(a, b) && !world.links().is_cut(b, a));
/// world.isolate(b);
/// world.mend(a, b);
/// assert!(world.links().is_cut(a, b) && world.links().is_cut(b, a));
/// world.clog(a, b);
/// assert!(world.links().is_clogged(a, b));
/// assert_eq!(world.links().sent(a, b), 0);
/// ```
///
/// [`World::links`]: crate::World::links
/// [`World::cut`]: crate::World::cut
/// [`World::isolate`]: crate::World::isolate
/// [`World::partition`]: crate::World::partition
#[derive(Clone, Debug, Default)]
pub struct Links {
    nodes: usize,
    table: Vec<Link>,
    isolated: Vec<bool>,
    /// Each node's side of the partition, from 1 on; 0: on no side, so that it reaches all.
    sides: Vec<u16>,
}

impl Links {
    pub(crate) fn add_node(&mut self) {
        let (old, new) = (self.nodes, self.nodes + 1);
        let mut before = std::mem::take(&mut self.table).into_iter();
        for from in 0..new {
            for to in 0..new {
                let link = if from < old && to < old { before.next() } else { None };
                self.table.push(link.unwrap_or_default());
            }
        }
        self.nodes = new;
        self.isolated.push(false);
        self.sides.push(0);
    }

    fn place(&self, from: NodeId, to: NodeId) -> usize {
        let (from, to) = (from.index(), to.index());
        assert!(from < self.nodes && to < self.nodes, "no link from n{from} to n{to}");
        from * self.nodes + to
    }

    pub(crate) fn at(&self, from: NodeId, to: NodeId) -> &Link {
        &self.table[self.place(from, to)]
    }

    pub(crate) fn at_mut(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let place = self.place(from, to);
        &mut self.table[place]
    }

    /// Sets whether a node is isolated; false if it was so already.
    pub(crate) fn set_isolated(&mut self, node: NodeId, isolated: bool) -> bool {
        std::mem::replace(&mut self.isolated[node.index()], isolated) != isolated
    }

    pub(crate) fn set_sides(&mut self, groups: &[Vec<NodeId>]) {
        self.sides.fill(0);
        for (group, side) in groups.iter().zip(1..) {
            for node in group {
                let before = std::mem::replace(&mut self.sides[node.index()], side);
                assert!(before == 0, "{node} is in two groups: {groups:?}");
            }
        }
    }

    /// Whether the link is cut in this direction, for whatever reason. A node always reaches
    /// itself, unless that very link was cut.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let cut = self.at(from, to).cut;
        let (a, b) = (from.index(), to.index());
        let (here, there) = (self.sides[a], self.sides[b]);
        let apart = here != there && here != 0 && there != 0;
        cut || apart || (a != b && (self.isolated[a] || self.isolated[b]))
    }

    /// Whether a node is isolated.
    pub fn is_isolated(&self, node: NodeId) -> bool {
        self.isolated[node.index()]
    }

    /// Whether messages on the link are held back in this direction.
    pub fn is_clogged(&self, from: NodeId, to: NodeId) -> bool {
        self.at(from, to).clogged
    }

    /// How many messages were handed to the link in this direction, be they lost or not.
    pub fn sent(&self, from: NodeId, to: NodeId) -> u64 {
        self.at(from, to).sent
    }
}
