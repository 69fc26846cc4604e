//! Rebalancing, as a pure function.
//!
//! Its laws, each of which is a property test:
//!
//! 1. With groups, every shard has one of them, and no group has two shards more than another.
//! 2. Without groups, no shard has one.
//! 3. No other assignment that obeys the first law moves fewer shards.
//! 4. The order in which groups are named does not matter, nor anything else but the arguments.
//! 5. What is balanced stays as it is.

use super::Gid;
use std::collections::{BTreeMap, BTreeSet};

/// Assigns shards to groups anew: evenly, and moving as few as possible.
///
/// A group that has more than its share keeps the lowest-numbered of its shards. If not all shares
/// can be the same, the groups that have most get the larger ones, and among equals those with the
/// lowest gid.
///
/// ```
/// use shardmaster::{Gid, balance};
/// let (one, two) = (Gid::new(1), Gid::new(2));
/// let before = vec![Some(one); 4];
/// let after = balance(&before, [two, one]);
/// assert_eq!(after, [Some(one), Some(one), Some(two), Some(two)]);
/// ```
pub fn balance(shards: &[Option<Gid>], groups: impl IntoIterator<Item = Gid>) -> Vec<Option<Gid>> {
    let groups: BTreeSet<Gid> = groups.into_iter().collect();
    if groups.is_empty() {
        return vec![None; shards.len()];
    }
    let mut room = shares(shards, &groups);
    let mut after: Vec<Option<Gid>> = shards
        .iter()
        .map(|&owner| owner.filter(|gid| room.get_mut(gid).is_some_and(take_one)))
        .collect();
    let mut free = room.into_iter().flat_map(|(gid, room)| std::iter::repeat_n(gid, room));
    for owner in &mut after {
        *owner = owner.or_else(|| free.next());
    }
    after
}

/// How many shards each group shall have.
fn shares(shards: &[Option<Gid>], groups: &BTreeSet<Gid>) -> BTreeMap<Gid, usize> {
    let (least, larger) = (shards.len() / groups.len(), shards.len() % groups.len());
    let load = |gid: &Gid| shards.iter().filter(|owner| **owner == Some(*gid)).count();
    let mut ranked: Vec<(usize, Gid)> = groups.iter().map(|gid| (load(gid), *gid)).collect();
    // A larger share is worth a move less only to who has as much.
    ranked.sort_by(|(a, one), (b, other)| b.cmp(a).then(one.cmp(other)));
    let share = |rank| least + usize::from(rank < larger);
    ranked.into_iter().enumerate().map(|(rank, (_, gid))| (gid, share(rank))).collect()
}

fn take_one(room: &mut usize) -> bool {
    let there_is = *room > 0;
    *room -= usize::from(there_is);
    there_is
}
