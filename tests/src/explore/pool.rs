//! Values kept once each, and named by small numbers.
//!
//! A state of the whole system is a handful of such numbers (SPIN's "collapse" compression): two
//! states are equal if their numbers are, and what a server does with an event is looked up where the
//! server was in that state before.

use labrpc::Fingerprint;
use std::hash::{Hash, Hasher};

/// Values in the order in which they came, each once.
///
/// Everything is compared in full: a hash only says where to look.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    items: Vec<T>,
    /// Open addressing: the number of an item, or [`FREE`]. Its length is a power of two.
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

/// The library's hashes may change; this one is the trace's.
#[derive(Default)]
struct Digest(Fingerprint);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() > 8 {
            self.0.bytes(bytes);
        } else {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.0.word(u64::from_le_bytes(word));
        }
    }

    fn finish(&self) -> u64 {
        self.0.value()
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { items: Vec::new(), slots: vec![FREE; 16] }
    }
}

impl<T: Hash + Eq> Pool<T> {
    /// The number of a value, and whether it has only now got it.
    ///
    /// # Panics
    /// If there are as many values as numbers: 2³² − 1.
    pub fn add(&mut self, item: T) -> (u32, bool) {
        let slot = self.slot(&item);
        if self.slots[slot] != FREE {
            return (self.slots[slot], false);
        }
        let number = u32::try_from(self.items.len()).ok().filter(|&number| number != FREE);
        let number = number.expect("there are numbers left");
        self.items.push(item);
        self.slots[slot] = number;
        if self.items.len() > self.slots.len() / 4 * 3 {
            self.grow();
        }
        (number, true)
    }

    /// The number of a value, if it has one.
    pub fn find(&self, item: &T) -> Option<u32> {
        Some(self.slots[self.slot(item)]).filter(|&number| number != FREE)
    }

    /// Where a value is, or should be.
    fn slot(&self, item: &T) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(item) as usize & mask;
        while self.slots[slot] != FREE && self.items[self.slots[slot] as usize] != *item {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        for (number, item) in (0..).zip(&self.items) {
            let mut slot = hash(item) as usize & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number;
        }
    }
}

impl<T> Pool<T> {
    /// The value with this number.
    pub fn get(&self, number: u32) -> &T {
        &self.items[number as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }
}

fn hash<T: Hash>(item: &T) -> u64 {
    let mut digest = Digest::default();
    item.hash(&mut digest);
    let hash = digest.finish();
    hash ^ (hash >> 32)
}

/// What a function has answered.
#[derive(Clone, Debug)]
pub struct Memo<K, V> {
    keys: Pool<K>,
    values: Vec<V>,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self { keys: Pool::default(), values: Vec::new() }
    }
}

impl<K: Hash + Eq, V> Memo<K, V> {
    /// The number of an answer, if it is known.
    pub fn find(&self, key: &K) -> Option<u32> {
        self.keys.find(key)
    }

    /// The answer with this number.
    pub fn get(&self, number: u32) -> &V {
        &self.values[number as usize]
    }

    /// Keeps an answer that was not known.
    pub fn add(&mut self, key: K, value: V) {
        let (_, is_new) = self.keys.add(key);
        assert!(is_new, "an answer is found once");
        self.values.push(value);
    }

    /// The value of a key, made if there is none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let (number, is_new) = self.keys.add(key);
        if is_new {
            self.values.push(V::default());
        }
        &mut self.values[number as usize]
    }

    /// How many answers are known.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_pool_numbers_what_is_different_in_the_order_in_which_it_comes() {
        let (mut pool, mut model) = (Pool::default(), BTreeMap::new());
        let mut dice = labrpc::Rng::new(1);
        for _ in 0..10_000 {
            let item = [dice.below(50), dice.below(50)];
            let next = model.len() as u32;
            let number = *model.entry(item).or_insert(next);
            assert_eq!(pool.find(&item), (number != next).then_some(number));
            assert_eq!(pool.add(item), (number, number == next));
            assert_eq!(pool.get(number), &item);
        }
        assert_eq!(pool.len(), model.len());
    }

    #[test]
    fn a_memo_remembers() {
        let mut memo = Memo::default();
        assert_eq!(memo.find(&"two"), None);
        memo.add("two", 2);
        memo.add("three", 3);
        let two = memo.find(&"two").unwrap();
        assert_eq!((memo.get(two), memo.len()), (&2, 2));
    }
}
