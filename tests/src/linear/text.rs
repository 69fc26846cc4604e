//! A string that grows at its end and shares its beginning with what it grew from.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// A string as the chain of its pieces, the last first. The search holds thousands of values that
/// differ in their last pieces only: a further piece costs one small allocation, whatever the
/// length, and a hash is kept, not computed.
#[derive(Clone, Default)]
pub struct Text {
    last: Option<Rc<Piece>>,
}

struct Piece {
    before: Text,
    text: Box<str>,
    /// Of the whole text up to and with this piece.
    len: usize,
    hash: u64,
}

/// FNV-1a, which goes on from any text's hash: equal texts in different pieces have equal hashes.
fn hash_on(hash: u64, piece: &str) -> u64 {
    piece.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Text {
    fn len(&self) -> usize {
        self.last.as_ref().map_or(0, |last| last.len)
    }

    fn digest(&self) -> u64 {
        self.last.as_ref().map_or(0xcbf2_9ce4_8422_2325, |last| last.hash)
    }

    /// This text and `piece` after it.
    #[must_use]
    pub fn with(&self, piece: &str) -> Self {
        if piece.is_empty() {
            return self.clone();
        }
        let (len, hash) = (self.len() + piece.len(), hash_on(self.digest(), piece));
        let piece = Piece { before: self.clone(), text: piece.into(), len, hash };
        Self { last: Some(Rc::new(piece)) }
    }

    /// Whether it reads so. Compared from the end, where two values that grew from one differ.
    pub fn is(&self, text: &str) -> bool {
        let mut rest = text.as_bytes();
        self.len() == rest.len()
            && self.pieces().all(|piece| match rest.strip_suffix(piece.as_bytes()) {
                Some(before) => {
                    rest = before;
                    true
                }
                None => false,
            })
    }

    /// Its pieces, the last first.
    fn pieces(&self) -> impl Iterator<Item = &str> {
        let mut at = self;
        std::iter::from_fn(move || {
            let last = at.last.as_deref()?;
            at = &last.before;
            Some(&*last.text)
        })
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        if (self.len(), self.digest()) != (other.len(), other.digest()) {
            return false;
        }
        let (mut left, mut right) = (self, other);
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() && b.is_empty() {
                match (&left.last, &right.last) {
                    (None, None) => return true,
                    (Some(l), Some(r)) if Rc::ptr_eq(l, r) => return true,
                    _ => {}
                }
            }
            for (rest, at) in [(&mut a, &mut left), (&mut b, &mut right)] {
                if rest.is_empty()
                    && let Some(last) = &at.last
                {
                    (*rest, *at) = (last.text.as_bytes(), &last.before);
                }
            }
            let common = a.len().min(b.len());
            let ((a_rest, a_end), (b_rest, b_end)) =
                (a.split_at(a.len() - common), b.split_at(b.len() - common));
            if a_end != b_end {
                return false;
            }
            (a, b) = (a_rest, b_rest);
        }
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest());
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pieces: Vec<&str> = self.pieces().collect();
        pieces.into_iter().rev().try_for_each(|piece| f.write_str(piece))
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Drop for Piece {
    /// A chain of a hundred thousand pieces must not be a hundred thousand nested drops.
    fn drop(&mut self) {
        let mut next = self.before.last.take();
        while let Some(piece) = next {
            next = Rc::into_inner(piece).and_then(|mut piece| piece.before.last.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> Text {
        pieces.iter().fold(Text::default(), |text, piece| text.with(piece))
    }

    #[test]
    fn pieces_do_not_matter() {
        let texts = [of(&["abc"]), of(&["a", "", "bc"]), of(&["ab", "c"]), of(&["a", "b", "c"])];
        for left in &texts {
            assert!(left.is("abc") && !left.is("abd") && !left.is("bc") && !left.is("xabc"));
            assert_eq!(left.to_string(), "abc");
            assert!(texts.iter().all(|right| left == right && left.digest() == right.digest()));
            for other in [of(&[]), of(&["abd"]), of(&["xbc"]), of(&["ab"]), of(&["a", "d", "c"])] {
                assert_ne!(*left, other);
            }
        }
        assert!(of(&[]).is("") && of(&["", ""]) == of(&[]));
        let common = of(&["a", "b"]);
        assert_eq!(common.with("c"), common.with("c"));
        assert_ne!(common.with("c"), common.with("d"));
    }

    #[test]
    fn a_long_chain_is_dropped_without_a_deep_stack() {
        let text = (0..1_000_000).fold(Text::default(), |text, _| text.with("x"));
        let other = text.with("y");
        drop(text);
        assert_eq!(other.len(), 1_000_001);
    }
}
