//! Who can reach whom, and what was sent over each link.

use crate::{Network, NodeId};

/// One direction between two nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
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

/// All links, one for each ordered pair of nodes.
#[derive(Clone, Debug, Default)]
pub struct Links {
    nodes: usize,
    table: Vec<Link>,
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
    }

    pub(crate) fn at(&self, from: NodeId, to: NodeId) -> &Link {
        &self.table[from.index() * self.nodes + to.index()]
    }

    pub(crate) fn at_mut(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.table[from.index() * self.nodes + to.index()]
    }

    /// Whether the link is cut in this direction.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.at(from, to).cut
    }

    /// Whether messages on the link are held back in this direction.
    pub fn is_clogged(&self, from: NodeId, to: NodeId) -> bool {
        self.at(from, to).clogged
    }

    /// How many messages were handed to the link in this direction.
    pub fn sent(&self, from: NodeId, to: NodeId) -> u64 {
        self.at(from, to).sent
    }
}
