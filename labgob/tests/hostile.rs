//! Bytes from anyone: each gives a value or an error. A test that hangs has failed.
#![allow(clippy::zero_sized_map_values, reason = "such a map is what hostile lengths claim")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    num::NonZeroU32,
};

use common::{Command, Sample, Tree, hostile_bytes, sample};
use labgob::{
    Bytes, DEPTH_LIMIT, EMPTY_LIMIT, Error, LIMIT, decode, decode_prefix, encode, encode_into,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

/// Decodes, and returns the encoding of what came out. The encoder's form is the shortest one.
fn encoded_again<'de, T: Serialize + Deserialize<'de>>(bytes: &'de [u8]) -> Option<Vec<u8>> {
    let whole = decode::<T>(bytes);
    match decode_prefix::<T>(bytes) {
        Ok((value, rest)) => {
            assert!(bytes.ends_with(rest));
            let left = rest.len();
            assert_eq!(whole.err(), (left > 0).then_some(Error::TrailingBytes { left }));
            let again = encode(&value);
            assert!(again.len() <= bytes.len() - left);
            Some(again)
        }
        Err(error) => {
            assert_eq!(whole.err(), Some(error));
            None
        }
    }
}

/// Decodes, and requires that whatever comes out makes the round trip. It is compared in bytes,
/// because a NaN does not equal itself.
fn survives<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Some(again) = encoded_again::<T>(bytes) {
        assert_eq!(encode(&decode::<T>(&again).unwrap()), again);
    }
}

fn survive_as_any_type(bytes: &[u8]) {
    survives::<bool>(bytes);
    survives::<char>(bytes);
    survives::<(u8, u16, u32, u64, u128)>(bytes);
    survives::<(i8, i16, i32, i64, i128)>(bytes);
    survives::<(f32, f64, usize, isize)>(bytes);
    survives::<[u16; 4]>(bytes);
    survives::<String>(bytes);
    survives::<Bytes>(bytes);
    survives::<Vec<u8>>(bytes);
    survives::<Vec<String>>(bytes);
    survives::<Vec<()>>(bytes);
    survives::<Vec<Vec<()>>>(bytes);
    survives::<Vec<Vec<u64>>>(bytes);
    survives::<Vec<Bytes>>(bytes);
    survives::<Option<Option<u64>>>(bytes);
    survives::<Result<u8, String>>(bytes);
    survives::<BTreeMap<(), ()>>(bytes);
    survives::<BTreeMap<u8, BTreeMap<String, i32>>>(bytes);
    survives::<BTreeSet<Option<u16>>>(bytes);
    survives::<Command>(bytes);
    survives::<Vec<Command>>(bytes);
    survives::<Chain>(bytes);
    survives::<Tree>(bytes);
    survives::<Sample>(bytes);
    encoded_again::<&str>(bytes);
    encoded_again::<Vec<(&str, Option<&str>)>>(bytes);
    // A `&[u8]` is encoded as a sequence, which has the same form.
    encoded_again::<&[u8]>(bytes);
}

/// A change to an encoding: at the place, replace, insert, remove, or cut off.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => any::<(Index, u8)>().prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        2 => any::<(Index, u8)>().prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Cut),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    match mutation {
        Mutation::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
        _ if bytes.is_empty() => {}
        Mutation::Replace(at, byte) => *at.get_mut(bytes) = *byte,
        Mutation::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
        Mutation::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        survive_as_any_type(&bytes);
    }

    #[test]
    fn bytes_that_look_like_encodings_are_a_value_or_an_error(bytes in hostile_bytes()) {
        survive_as_any_type(&bytes);
    }

    #[test]
    fn changed_encodings_are_a_value_or_an_error(
        value in sample(),
        mutations in vec(mutation(), 1..4),
    ) {
        let mut bytes = encode(&value);
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        survives::<Sample>(&bytes);
    }

    #[test]
    fn what_is_cut_off_is_missed(value in sample(), cut in any::<Index>()) {
        let bytes = encode(&value);
        let cut = cut.index(bytes.len());
        prop_assert_eq!(decode::<Sample>(&bytes[..cut]), Err(Error::UnexpectedEnd));
    }

    #[test]
    fn trailing_bytes_are_refused(value in sample(), more in vec(any::<u8>(), 1..20)) {
        let mut bytes = encode(&value);
        bytes.extend(&more);
        let left = more.len();
        prop_assert_eq!(decode::<Sample>(&bytes), Err(Error::TrailingBytes { left }));
        prop_assert_eq!(decode_prefix(&bytes), Ok((value, more.as_slice())));
    }

    #[test]
    fn lengths_beyond_the_limit_are_refused(
        length in LIMIT as u64 + 1..,
        more in vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = encode(&length);
        bytes.extend(more);
        refuses_as::<String>(&bytes, &Error::TooLong);
        refuses_as::<Bytes>(&bytes, &Error::TooLong);
        refuses_as::<&str>(&bytes, &Error::TooLong);
        refuses_as::<&[u8]>(&bytes, &Error::TooLong);
        refuses_as::<Vec<u8>>(&bytes, &Error::TooLong);
        refuses_as::<Vec<()>>(&bytes, &Error::TooLong);
        refuses_as::<BTreeMap<(), ()>>(&bytes, &Error::TooLong);
        refuses_as::<BTreeSet<u64>>(&bytes, &Error::TooLong);
    }

    #[test]
    fn lengths_within_the_limit_but_beyond_the_bytes_are_refused(
        length in 21..=LIMIT as u64,
        more in vec(0u8..128, 0..20),
    ) {
        let mut bytes = encode(&length);
        bytes.extend(more);
        refuses_as::<String>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<Bytes>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<&str>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<&[u8]>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<Vec<u8>>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<BTreeMap<u8, ()>>(&bytes, &Error::UnexpectedEnd);
        refuses_as::<BTreeSet<u64>>(&bytes, &Error::UnexpectedEnd);
    }
}

#[track_caller]
fn refuses_as<'de, T: Deserialize<'de> + Debug>(bytes: &'de [u8], error: &Error) {
    assert_eq!(decode::<T>(bytes).as_ref().err(), Some(error));
}

#[track_caller]
fn invalid<'de, T: Deserialize<'de> + Debug>(bytes: &'de [u8], reason: &str) {
    refuses_as::<T>(bytes, &Error::Invalid(reason.into()));
}

#[test]
fn elements_without_bytes_are_limited_in_every_collection() {
    let most = encode(&(EMPTY_LIMIT as u64));
    let beyond = encode(&(EMPTY_LIMIT as u64 + 1));
    let limit = encode(&(LIMIT as u64));

    assert_eq!(decode::<Vec<()>>(&most).map(|units| units.len()), Ok(EMPTY_LIMIT));
    assert_eq!(decode::<BTreeMap<(), ()>>(&most).map(|units| units.len()), Ok(1));
    for bytes in [&beyond, &limit] {
        refuses_as::<Vec<()>>(bytes, &Error::TooLong);
        refuses_as::<Vec<[u64; 0]>>(bytes, &Error::TooLong);
        refuses_as::<Vec<((), common::Unit)>>(bytes, &Error::TooLong);
        refuses_as::<BTreeSet<()>>(bytes, &Error::TooLong);
        refuses_as::<BTreeMap<(), ()>>(bytes, &Error::TooLong);
    }
}

#[test]
fn elements_without_bytes_are_limited_over_all_collections() {
    let half = vec![(); EMPTY_LIMIT / 2];
    let two = encode(&(&half, &half));
    assert_eq!(decode::<(Vec<()>, Vec<()>)>(&two), Ok((half.clone(), half.clone())));
    let three = encode(&(&half, &half, [()].as_slice()));
    refuses_as::<(Vec<()>, Vec<()>, Vec<()>)>(&three, &Error::TooLong);
    let nested = encode(&vec![half; 3]);
    refuses_as::<Vec<Vec<()>>>(&nested, &Error::TooLong);
}

#[test]
fn fields_without_bytes_are_not_limited() {
    let values = vec![((), 7u8, ()); EMPTY_LIMIT + 1];
    assert_eq!(decode(&encode(&values)), Ok(values));
    let map: BTreeMap<u64, ()> = (0..=EMPTY_LIMIT as u64).map(|key| (key, ())).collect();
    assert_eq!(decode(&encode(&map)), Ok(map));
}

#[derive(Debug, Serialize, Deserialize)]
struct Rows(Vec<Rows>);

#[derive(Debug, Serialize, Deserialize)]
struct Maps(BTreeMap<u8, Maps>);

#[derive(Debug, Serialize, Deserialize)]
enum Nest {
    End,
    Unary(Box<Nest>),
    Binary { left: Box<Nest>, right: Box<Nest> },
}

/// Repeats `link` to the given depth, and ends with a level that is 0.
fn chain(link: &[u8], depth: usize) -> Vec<u8> {
    let mut bytes = link.repeat(depth - 1);
    bytes.push(0);
    bytes
}

#[track_caller]
fn nests_to_the_limit<T: Serialize + DeserializeOwned + Debug>(link: &[u8]) {
    let most = chain(link, DEPTH_LIMIT);
    assert_eq!(encode(&decode::<T>(&most).unwrap()), most);
    refuses_as::<T>(&chain(link, DEPTH_LIMIT + 1), &Error::TooDeep);
    refuses_as::<T>(&link.repeat(1_000_000), &Error::TooDeep);
}

#[test]
fn nesting_is_limited() {
    nests_to_the_limit::<Rows>(&[1]);
    nests_to_the_limit::<Maps>(&[1, 7]);
    nests_to_the_limit::<Nest>(&[1]);
    refuses_as::<Nest>(&[2; 10_000], &Error::TooDeep);
    refuses_as::<Tree>(&[1; 10_000], &Error::TooDeep);
    // An empty option encloses nothing, so that the chain's last link is no level.
    assert!(decode::<Chain>(&chain(&[1], DEPTH_LIMIT + 1)).is_ok());
    refuses_as::<Chain>(&chain(&[1], DEPTH_LIMIT + 2), &Error::TooDeep);
}

#[test]
fn neighbours_are_not_nested() {
    let values = vec![Some(vec![1u8]); 10 * DEPTH_LIMIT];
    assert_eq!(decode(&encode(&values)), Ok(values));
}

#[test]
fn integers_that_the_type_does_not_hold_are_refused() {
    invalid::<u16>(&[252, 0, 0, 0, 0], "an integer's marker is for U32, which U16 does not hold");
    invalid::<i16>(
        &[253, 0, 0, 0, 0, 0, 0, 0, 0],
        "an integer's marker is for I64, which I16 does not hold",
    );
    invalid::<u32>(&[255], "an integer's marker is for Reserved, which U32 does not hold");
    invalid::<NonZeroU32>(&[0], "invalid value: integer `0`, expected a nonzero u32");
}

#[test]
fn wide_forms_of_small_integers_are_accepted() {
    assert_eq!(decode::<u64>(&[251, 7, 0]), Ok(7));
    assert_eq!(decode::<u64>(&[253, 7, 0, 0, 0, 0, 0, 0, 0]), Ok(7));
    assert_eq!(decode::<String>(&[252, 1, 0, 0, 0, b'x']), Ok("x".into()));
}

#[test]
fn keys_in_any_order_are_accepted_and_the_last_of_equal_ones_wins() {
    let map = decode::<BTreeMap<u8, u8>>(&[3, 9, 1, 2, 2, 9, 3]);
    assert_eq!(map, Ok(BTreeMap::from([(2, 2), (9, 3)])));
}

#[test]
fn values_that_the_type_does_not_have_are_refused() {
    invalid::<bool>(&[2], "a bool is the byte 0 or 1, found 2");
    invalid::<Option<u8>>(&[2, 0], "an option begins with the byte 0 or 1, found 2");
    invalid::<char>(&[0xff], "a char is not encoded as UTF-8");
    invalid::<char>(&[0xed, 0xa0, 0x80], "a char is not encoded as UTF-8");
    invalid::<String>(&[2, b'x', 0xff], "invalid utf-8 sequence of 1 bytes from index 1");
    invalid::<&str>(&[1, 0x80], "invalid utf-8 sequence of 1 bytes from index 0");
    invalid::<Nest>(&[3], "invalid value: integer `3`, expected variant index 0 <= i < 3");
    refuses_as::<char>(&[0xc3], &Error::UnexpectedEnd);
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Guess {
    Number(u8),
}

#[test]
fn types_that_ask_the_bytes_for_their_type_are_refused() {
    let reason = "the bytes do not describe themselves: the type must be known";
    invalid::<IgnoredAny>(&[0], reason);
    invalid::<Guess>(&[1], reason);
}

#[test]
fn encoding_checks_no_limit() {
    let mut nest = Nest::Binary { left: Box::new(Nest::End), right: Box::new(Nest::End) };
    for _ in 0..DEPTH_LIMIT {
        nest = Nest::Unary(Box::new(nest));
    }
    let mut bytes = Vec::new();
    encode_into(&nest, &mut bytes);
    assert_eq!(bytes.len(), DEPTH_LIMIT + 3);
    refuses_as::<Nest>(&bytes, &Error::TooDeep);
}
