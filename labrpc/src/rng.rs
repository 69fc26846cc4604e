//! Dice whose throws never change: not between platforms, nor between versions of a library.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;

/// A seeded generator of random numbers, one per stream.
///
/// The generator is xoshiro256++, whose sequence is fixed by its definition. The draws are ours and
/// in integers, since the distributions of a library may change from version to version; golden
/// values in a test hold them. It also implements rand's traits, for who prefers those.
///
/// ```
/// use labrpc::Rng;
/// let mut dice = Rng::new(7);
/// let throws: Vec<u64> = (0..5).map(|_| 1 + dice.below(6)).collect();
/// assert!(throws.iter().all(|t| (1..=6).contains(t)));
/// assert_eq!(Rng::new(7).next_u64(), Rng::new(7).next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(Xoshiro256PlusPlus);

/// Mixes two words into one: the product of 128 bits, folded.
pub(crate) const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Rng {
    /// The generator that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// The generator of one stream of `seed`: a node's life, a scenario, one message of one link.
    ///
    /// Streams are independent of each other, so that one which draws more does not shift the rest.
    pub fn stream(seed: u64, stream: [u64; 3]) -> Self {
        let mut mixed = seed ^ 0x51_7c_c1_b7_27_22_0a_95;
        for (word, odd) in stream.into_iter().zip([
            0x9e37_79b9_7f4a_7c15,
            0xbf58_476d_1ce4_e5b9,
            0x94d0_49bb_1331_11eb,
        ]) {
            mixed = fold(mixed ^ odd, word.wrapping_mul(2).wrapping_add(1) ^ odd.rotate_left(32));
        }
        Self::new(mixed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        rand::Rng::next_u64(&mut self.0)
    }

    /// A number in `[0, n)`, each equally likely.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below 0");
        // Lemire's multiplication, with rejection so that no number is favoured. The division is
        // left out where the low half alone says that there is nothing to reject.
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// A number in `[range.start, range.end)`: the labs' `rnd[a,b)`.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn between(&mut self, range: Range<u64>) -> u64 {
        assert!(range.start < range.end, "an empty range: {range:?}");
        range.start + self.below(range.end - range.start)
    }

    /// A duration in `[range.start, range.end)`, to the nanosecond; the start of an empty range.
    pub fn duration(&mut self, range: &Range<Duration>) -> Duration {
        let (start, end) = (crate::time::nanos(range.start), crate::time::nanos(range.end));
        if start >= end { range.start } else { Duration::from_nanos(self.between(start..end)) }
    }

    /// True in `num` cases of `den`.
    ///
    /// # Panics
    /// If `den` is 0.
    pub fn chance(&mut self, num: u32, den: u32) -> bool {
        self.below(u64::from(den)) < u64::from(num)
    }

    /// One of `items`, each equally likely; none of an empty slice.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len() as u64) as usize) }
    }

    /// Puts `items` into a random order, each equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

impl rand::TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next_u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(Self::next_u64(self))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for chunk in to.chunks_mut(8) {
            let bytes = Self::next_u64(self).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}
