//! Immutable bytes that are cheap to clone.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

/// How many bytes [`Bytes`] shows when it is printed for debugging.
const SHOWN: usize = 32;

/// Immutable bytes that are cheap to clone: clones share one allocation.
///
/// They are encoded and decoded in one piece, where a `Vec<u8>` goes byte by byte, and decoding
/// allocates once. The encoding is that of a `Vec<u8>`: the length, then the bytes. Compares,
/// orders, and hashes as the slice does. Printing for debugging escapes what is not printable
/// ASCII and shows the first 32 bytes.
///
/// ```
/// use labgob::{Bytes, decode, encode};
///
/// let bytes = Bytes::from(vec![b'h', b'i', 0]);
/// assert_eq!(encode(&bytes), [3, b'h', b'i', 0]);
/// assert_eq!(decode::<Bytes>(&[3, b'h', b'i', 0]), Ok(bytes.clone()));
/// assert_eq!(&bytes[..2], b"hi");
/// assert_eq!(format!("{bytes:?}"), r#"b"hi\x00""#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Arc<[u8]>);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

/// Copies: the count of the clones lives beside the bytes.
impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self(bytes.as_slice().into())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get(..SHOWN) {
            Some(shown) if self.len() > SHOWN => {
                write!(f, "b\"{}\"... ({} bytes)", shown.escape_ascii(), self.len())
            }
            _ => write!(f, "b\"{}\"", self.escape_ascii()),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asking for borrowed bytes leaves the one copy to us: straight into the shared allocation.
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    // Formats without bytes of their own, such as JSON, write numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Bytes, A::Error> {
        // No capacity from the hint: it is the format's word, and not every format checks it.
        let mut bytes = Vec::new();
        while let Some(byte) = sequence.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}
