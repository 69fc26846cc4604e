//! Placeholder, to be overwritten.
use serde::{Serialize, Deserialize};
pub use bincode::error::DecodeError as Error;
pub fn encode_into<T: Serialize + ?Sized>(v: &T, b: &mut Vec<u8>) { b.extend(bincode::serde::encode_to_vec(v, bincode::config::standard()).unwrap()); }
pub fn encode<T: Serialize + ?Sized>(v: &T) -> Vec<u8> { let mut b = vec![]; encode_into(v, &mut b); b }
pub fn decode<'de, T: Deserialize<'de>>(b: &'de [u8]) -> Result<T, Error> { bincode::serde::borrow_decode_from_slice(b, bincode::config::standard()).map(|x| x.0) }
pub fn decode_prefix<'de, T: Deserialize<'de>>(b: &'de [u8]) -> Result<(T, &'de [u8]), Error> { bincode::serde::borrow_decode_from_slice(b, bincode::config::standard()).map(|x| (x.0, &b[x.1..])) }
