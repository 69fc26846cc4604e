//! Who takes part: servers and clients are nodes of one world.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a node, which is a server or a client.
///
/// The world hands out names from 0 upwards, in the order of [`World::add`](crate::World::add).
///
/// ```
/// use labrpc::NodeId;
/// let second = NodeId::new(1);
/// assert_eq!(second.to_string(), "n1");
/// assert_eq!(second.index(), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(u16);

impl NodeId {
    /// The node with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number as an index into a table with a row per node.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The node of such a name as `n1`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        name.strip_prefix('n')?.parse().ok().map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("n{}", self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
