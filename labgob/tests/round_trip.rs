//! What is encoded comes back.

mod common;

use std::collections::BTreeMap;

use common::{Entry, Sample, sample};
use labgob::{Bytes, decode, decode_prefix, encode, encode_into, encoded_len};
use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize, Serializer, ser};

proptest! {
    #[test]
    fn values_come_back(value in sample()) {
        let bytes = encode(&value);
        prop_assert_eq!(encode(&value.clone()), bytes.as_slice());
        prop_assert_eq!(decode::<Sample>(&bytes), Ok(value));
    }

    #[test]
    fn the_length_is_known_beforehand(value in sample()) {
        prop_assert_eq!(encoded_len(&value), encode(&value).len());
    }

    #[test]
    fn encoding_into_a_buffer_appends(before in vec(any::<u8>(), 0..50), value in sample()) {
        let mut buffer = before.clone();
        encode_into(&value, &mut buffer);
        prop_assert_eq!(&buffer[..before.len()], before.as_slice());
        prop_assert_eq!(&buffer[before.len()..], encode(&value));
    }

    #[test]
    fn values_share_a_buffer(values in vec(sample(), 0..4)) {
        let mut buffer = Vec::new();
        for value in &values {
            encode_into(value, &mut buffer);
        }
        let mut rest = buffer.as_slice();
        for value in values {
            let (decoded, after) = decode_prefix::<Sample>(rest).unwrap();
            prop_assert_eq!(decoded, value);
            rest = after;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn slices_borrow_from_the_input(text in any::<String>(), blob in vec(any::<u8>(), 0..300)) {
        let bytes = encode(&(&text, Bytes::from(blob.clone())));
        let (borrowed, lent): (&str, &[u8]) = decode(&bytes).unwrap();
        prop_assert_eq!((borrowed, lent), (text.as_str(), blob.as_slice()));
        let input = bytes.as_ptr_range();
        prop_assert!(input.start < borrowed.as_ptr() && lent.as_ptr_range().end == input.end);
    }

    #[test]
    fn bytes_and_vectors_of_bytes_are_written_alike(blob in vec(any::<u8>(), 0..600)) {
        let bytes = Bytes::from(blob.clone());
        prop_assert_eq!(encode(&bytes), encode(&blob));
        prop_assert_eq!(decode::<Vec<u8>>(&encode(&bytes)), Ok(blob.clone()));
        prop_assert_eq!(decode::<Bytes>(&encode(&blob)), Ok(bytes));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct T1 {
    int0: i64,
    int1: i64,
    string0: String,
    string1: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct T2 {
    slice: Vec<T1>,
    map: BTreeMap<i64, T1>,
    any: Any,
}

/// Where the labs put an interface, whose types are registered by name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Any {
    T1(T1),
    T3(T3),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct T3 {
    int999: i64,
}

/// The labs' `TestGOB`.
#[test]
fn codec_round_trip() {
    let t1 = T1 { int0: 0, int1: 1, string0: String::new(), string1: "6.824".into() };
    let t2 = T2 {
        slice: vec![T1::default(), t1.clone()],
        map: BTreeMap::from([(99, t1.clone())]),
        any: Any::T3(T3 { int999: 999 }),
    };
    let mut buffer = Vec::new();
    encode_into(&0i64, &mut buffer);
    encode_into(&1i64, &mut buffer);
    encode_into(&t1, &mut buffer);
    encode_into(&t2, &mut buffer);

    let (zero, rest) = decode_prefix::<i64>(&buffer).unwrap();
    let (one, rest) = decode_prefix::<i64>(rest).unwrap();
    let (got1, rest) = decode_prefix::<T1>(rest).unwrap();
    let (got2, rest) = decode_prefix::<T2>(rest).unwrap();
    assert_eq!((zero, one), (0, 1));
    assert_eq!(got1, t1);
    assert_eq!(got1.int0, 0);
    assert_eq!(got1.int1, 1);
    assert_eq!(got1.string0, "");
    assert_eq!(got1.string1, "6.824");
    assert_eq!(got2, t2);
    assert_eq!(got2.slice.len(), 2);
    assert_eq!(got2.slice[1], t1);
    assert_eq!(got2.map.len(), 1);
    assert_eq!(got2.map[&99], t1);
    assert_eq!(got2.any, Any::T3(T3 { int999: 999 }));
    assert!(rest.is_empty());
}

/// The labs' `TestDefault`: there, a zero was left out of the bytes, and the field that it was
/// decoded into kept its former value.
#[test]
fn codec_decoding_replaces_a_dirty_target() {
    let zero = T3 { int999: 0 };
    let mut target = T3 { int999: 99 };
    assert_ne!(target, zero);
    target = decode(&encode(&zero)).unwrap();
    assert_eq!(target, zero);

    let empty = Entry { term: 0, index: 0, command: None };
    let mut target = Entry { term: 3, index: 4, command: Some(common::Command::Nothing) };
    assert_ne!(target, empty);
    target = decode(&encode(&empty)).unwrap();
    assert_eq!(target, empty);
}

#[test]
fn unsized_values_are_encoded() {
    assert_eq!(encode("ab"), [2, b'a', b'b']);
    assert_eq!(encode(&[1u64, 2][..]), [2, 1, 2]);
    assert_eq!(encoded_len("ab"), 3);
}

struct Fails;

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("on purpose"))
    }
}

#[test]
#[should_panic(expected = "on purpose")]
fn encoding_panics_if_the_type_fails() {
    encode(&Fails);
}

struct Endless;

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ser::SerializeSeq::end(serializer.serialize_seq(None)?)
    }
}

#[test]
#[should_panic(expected = "SequenceMustHaveLength")]
fn encoding_panics_if_a_length_is_not_known() {
    encode(&Endless);
}
