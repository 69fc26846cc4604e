//! The values written on one key, to be found at the beginning of a text.

use super::{Entry, Kind};
use std::cmp::Ordering;

/// The writes of one key, sorted by what they wrote.
///
/// As no token begins with another, a text begins with one token at most, and that is the last in
/// order of those that are not behind the text.
pub struct Tokens {
    /// The first sixteen bytes of each, as [`pack`] has them: in most cases they decide.
    packed: Vec<u128>,
    /// Whose entry it is.
    writes: Vec<u32>,
}

/// The first sixteen bytes of a text as a number; missing ones are 0. If the numbers of two texts
/// differ, they compare as the texts.
fn pack(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    match text.first_chunk() {
        Some(first) => bytes = *first,
        None => bytes[..text.len()].copy_from_slice(text),
    }
    u128::from_be_bytes(bytes)
}

impl Tokens {
    /// `None` if a value is empty, or begins with another.
    pub fn new(entries: &[Entry<'_>]) -> Option<Self> {
        let text = |write: u32| entries[write as usize].text.as_bytes();
        let mut sorted: Vec<(u128, u32)> = (0..)
            .zip(entries)
            .filter(|(_, entry)| entry.kind != Kind::Get)
            .map(|(number, entry)| (pack(entry.text.as_bytes()), number))
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| text(a.1).cmp(text(b.1))));
        let is_empty = |it: &(u128, u32)| text(it.1).is_empty();
        // What stands between a text and one that it begins, begins with it, too.
        let begins = |two: &[(u128, u32)]| text(two[1].1).starts_with(text(two[0].1));
        if sorted.first().is_some_and(is_empty) || sorted.windows(2).any(begins) {
            return None;
        }
        let (packed, writes) = sorted.into_iter().unzip();
        Some(Self { packed, writes })
    }

    /// How many tokens are not behind a text in order.
    fn rank(&self, text: &[u8], entries: &[Entry<'_>]) -> usize {
        let key = pack(text);
        let mut at = self.packed.partition_point(|packed| *packed < key);
        while self.packed.get(at) == Some(&key)
            && self.text(at, entries).cmp(text) != Ordering::Greater
        {
            at += 1;
        }
        at
    }

    fn text<'a>(&self, at: usize, entries: &[Entry<'a>]) -> &'a [u8] {
        entries[self.writes[at] as usize].text.as_bytes()
    }

    /// The write whose token stands at the beginning of a text.
    pub fn first_of(&self, text: &[u8], entries: &[Entry<'_>]) -> Option<u32> {
        let at = self.rank(text, entries).checked_sub(1)?;
        text.starts_with(self.text(at, entries)).then(|| self.writes[at])
    }

    /// A write whose token begins with a text.
    pub fn that_begins_with(&self, text: &[u8], entries: &[Entry<'_>]) -> Option<u32> {
        let at = self.rank(text, entries);
        (at < self.writes.len() && self.text(at, entries).starts_with(text))
            .then(|| self.writes[at])
    }
}
