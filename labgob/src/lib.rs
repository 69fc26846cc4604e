//! Encoding: what goes over the wire and onto the disk.
//!
//! Every message between servers, every log entry, and every snapshot of the laboratory is a value
//! of some serde type, and becomes bytes here and nowhere else. The bytes are a function of the
//! value: no clock, no address, no random seed takes part, so that a run which is repeated sends
//! and stores the same bytes.
//!
//! ```
//! use labgob::{Bytes, decode, encode};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! enum Request {
//!     Get { key: String },
//!     Put { key: String, value: Bytes },
//! }
//!
//! let request = Request::Put { key: "x".into(), value: b"23".into() };
//! let bytes = encode(&request);
//! assert_eq!(bytes, [1, 1, b'x', 2, b'2', b'3']);
//! assert_eq!(decode::<Request>(&bytes), Ok(request));
//! ```
//!
//! # What is promised
//!
//! | promise | by | tested in |
//! |---|---|---|
//! | The format does not change unnoticed. | [`encode`] | `golden.rs` |
//! | It is the format of `bincode`, whose own decoder agrees on all bytes within the limits. | [`decode`] | `agreement.rs` |
//! | A decoded value equals the encoded one, and is a fresh one: no field keeps what it held before. | [`decode`] | `round_trip.rs` |
//! | Bytes left over are an error, not ignored. | [`decode`] | `hostile.rs` |
//! | Several values may share a buffer. | [`encode_into`], [`decode_prefix`] | `round_trip.rs` |
//! | Any bytes at all give a value or an [`Error`]: no panic, no endless loop, no exhausted stack. | [`decode`], [`decode_prefix`] | `hostile.rs` |
//! | A length prefix beyond the limit is refused, and one within it allocates no more than the input can fill. | [`LIMIT`], [`EMPTY_LIMIT`] | `allocation.rs` |
//! | Encoding into a buffer with room, and counting, allocate nothing. | [`encode_into`], [`encoded_len`] | `allocation.rs` |
//! | Bytes and strings may borrow from the input; [`Bytes`] are decoded with one allocation. | [`decode`], [`Bytes`] | `allocation.rs` |
//!
//! The decoder guards against bytes, not against types. A `Deserialize` that is written by hand
//! may still panic or loop by itself.
//!
//! # The format
//!
//! That of `bincode` 2 in its standard configuration, which has no header, no names, and no
//! types: the value's parts follow one another.
//!
//! | type | bytes |
//! |---|---|
//! | `u8`, `i8` | one byte |
//! | `u16` to `u128`, `usize` | in `[0, 251)` one byte; else the marker 251, 252, 253, or 254, then the value in 2, 4, 8, or 16 bytes, little endian, the least width that holds it |
//! | `i16` to `i128`, `isize` | zigzag to unsigned first: 0, -1, 1, -2 become 0, 1, 2, 3 |
//! | `bool` | 0 or 1 |
//! | `f32`, `f64` | 4 or 8 bytes, little endian |
//! | `char` | 1 to 4 bytes of UTF-8 |
//! | strings, [`Bytes`], `&[u8]` | the length as a `u64`, then the bytes |
//! | `Vec` and other sequences | the number of elements as a `u64`, then each |
//! | `BTreeMap` | the number of entries as a `u64`, then each key with its value, in key order |
//! | `Option` | 0, or 1 and the value |
//! | tuples, arrays, structs | each field in order of declaration |
//! | enums | the variant's index in order of declaration as a `u32`, then its fields |
//! | `()`, unit structs | nothing |
//!
//! One value has one encoding, but several byte strings may decode to it: an integer is accepted
//! in a wider form than it needs, and a map with its keys in any order or repeated, where the last
//! one wins. Compare values, or bytes that [`encode`] made; not bytes from elsewhere.
//!
//! Maps and sets must iterate in an order of their own, as `BTreeMap` does; a `HashMap` would
//! bring its random order into the bytes.
//!
//! # Limits
//!
//! A few hostile bytes can claim a vast value. What is claimed is checked before it is believed:
//! no length prefix may exceed [`LIMIT`], and memory is allocated only for as many elements as
//! there are bytes left. So decoding allocates at most the input's length times a factor that the
//! type sets (how much wider its elements are in memory than on the wire, for each level of
//! nesting). Two more limits close what lengths leave open: [`EMPTY_LIMIT`] bounds the elements
//! that need no bytes, and [`DEPTH_LIMIT`] the nesting of recursive types.
//!
//! Encoding checks none of these: a value beyond a limit is encoded, and refused when decoded.
//!
//! # What is left out
//!
//! - Evolution of the types. A field that is added, removed, or moved makes old bytes unreadable
//!   or, worse, differently readable. All servers of a run are one program, so none is needed.
//! - Self-description. Nothing in the bytes names their type, so serde's `flatten`, `untagged`,
//!   `tag`, and `skip_serializing_if`, which need that, do not work.
//! - Compression and checksums. Whoever stores or sends the bytes adds what it needs.

mod bytes;
mod decoder;
mod error;

use bincode::{
    config,
    enc::write::{SizeWriter, Writer},
    error::EncodeError,
};
use serde::{Deserialize, Serialize};

pub use crate::{bytes::Bytes, error::Error};

/// The most that a length prefix may claim: 64 Mi elements of a sequence, entries of a map, or
/// bytes of a string.
///
/// ```
/// use labgob::{Error, LIMIT, decode, encode};
///
/// let claimed = encode(&(LIMIT as u64));
/// assert_eq!(decode::<String>(&claimed), Err(Error::UnexpectedEnd));
/// let claimed = encode(&(LIMIT as u64 + 1));
/// assert_eq!(decode::<String>(&claimed), Err(Error::TooLong));
/// ```
pub const LIMIT: usize = 64 << 20;

/// The most elements that may occupy no bytes, over all sequences and maps of one decoding.
///
/// The elements of a `Vec<()>` are not in the bytes, which could claim [`LIMIT`] of them again
/// and again.
///
/// ```
/// use labgob::{EMPTY_LIMIT, Error, decode, encode};
///
/// let units = vec![(); EMPTY_LIMIT];
/// assert_eq!(decode(&encode(&units)), Ok(units));
/// let units = vec![(); EMPTY_LIMIT + 1];
/// assert_eq!(decode::<Vec<()>>(&encode(&units)), Err(Error::TooLong));
/// ```
pub const EMPTY_LIMIT: usize = 1 << 16;

/// How deep options, sequences, maps, and enums may be nested in one another.
///
/// Only recursive types come near it; a decoder follows their nesting with its stack.
///
/// ```
/// use labgob::{Error, decode};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Chain(Option<Box<Chain>>);
///
/// // Each 1 is another link.
/// assert_eq!(decode(&[1, 0]), Ok(Chain(Some(Box::new(Chain(None))))));
/// assert_eq!(decode::<Chain>(&[1; 1000]), Err(Error::TooDeep));
/// ```
pub const DEPTH_LIMIT: usize = 128;

/// Encodes `value`.
///
/// # Panics
///
/// If the type's own `Serialize` fails, or serialises a sequence or a map without saying how long
/// it is. Derived implementations over numbers, strings, options, and the standard collections do
/// neither; a mutably borrowed `RefCell` or a path that is not UTF-8 fails.
///
/// ```
/// use labgob::encode;
///
/// assert_eq!(encode(&(5u64, "five")), [5, 4, b'f', b'i', b'v', b'e']);
/// assert_eq!(encode(&(300u64, -3i32)), [251, 44, 1, 5]);
/// ```
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded_len(value));
    encode_into(value, &mut bytes);
    bytes
}

/// Encodes `value` to the end of `buffer`, keeping what is there.
///
/// Clear the buffer first to use its allocation again: no other is made while there is room.
///
/// # Panics
///
/// As [`encode`] does; the buffer may then end with a part of the value.
///
/// ```
/// use labgob::encode_into;
///
/// let mut buffer = Vec::new();
/// encode_into(&1u8, &mut buffer);
/// encode_into("two", &mut buffer);
/// assert_eq!(buffer, [1, 3, b't', b'w', b'o']);
/// ```
pub fn encode_into<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) {
    write(value, Appender(buffer));
}

/// How many bytes [`encode`] would return, without encoding or allocating.
///
/// # Panics
///
/// As [`encode`] does.
///
/// ```
/// use labgob::encoded_len;
///
/// assert_eq!(encoded_len(&(250u64, 251u64, "two")), 1 + 3 + 4);
/// ```
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut counter = SizeWriter::default();
    write(value, &mut counter);
    counter.bytes_written
}

/// Decodes a value from all of `bytes`, from which it may borrow.
///
/// # Errors
///
/// If the bytes are no encoding of a `T`, exceed a limit, or go on after the value.
///
/// ```
/// use labgob::{Error, decode};
///
/// let bytes = [5, 4, b'f', b'i', b'v', b'e'];
/// let (number, name): (u64, &str) = decode(&bytes)?;
/// assert_eq!((number, name), (5, "five"));
///
/// assert_eq!(decode::<u64>(&bytes), Err(Error::TrailingBytes { left: 5 }));
/// assert_eq!(decode::<(u64, &str)>(&bytes[..3]), Err(Error::UnexpectedEnd));
/// # Ok::<(), Error>(())
/// ```
pub fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    match decode_prefix(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(Error::TrailingBytes { left: rest.len() }),
    }
}

/// Decodes a value from the front of `bytes`, from which it may borrow, and returns what follows.
///
/// # Errors
///
/// If no encoding of a `T` is in front, or it exceeds a limit.
///
/// ```
/// use labgob::{Error, decode_prefix, encode_into};
///
/// let mut buffer = Vec::new();
/// encode_into(&7u32, &mut buffer);
/// encode_into("seven", &mut buffer);
///
/// let (number, rest) = decode_prefix::<u32>(&buffer)?;
/// let (name, rest) = decode_prefix::<String>(rest)?;
/// assert_eq!((number, name.as_str(), rest), (7, "seven", [].as_slice()));
/// # Ok::<(), Error>(())
/// ```
pub fn decode_prefix<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<(T, &'de [u8]), Error> {
    let mut decoder = decoder::Decoder::new(bytes);
    let value = T::deserialize(&mut decoder)?;
    Ok((value, decoder.rest()))
}

fn write<T: Serialize + ?Sized>(value: &T, writer: impl Writer) {
    // The writers do not fail, so that an error is the type's own.
    if let Err(error) = bincode::serde::encode_into_writer(value, writer, config::standard()) {
        panic!("the type's Serialize failed: {error}");
    }
}

/// Appends to a buffer, as `bincode`'s own writer for vectors is private.
struct Appender<'a>(&'a mut Vec<u8>);

impl Writer for Appender<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
