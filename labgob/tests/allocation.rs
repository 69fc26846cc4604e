//! How much memory is allocated. The counts are of the thread that asks.

mod common;

use std::{collections::BTreeMap, hint::black_box};

use allocation_counter::{AllocationInfo, measure};
use common::{Sample, hostile_bytes, sample};
use labgob::{Bytes, LIMIT, decode, encode, encode_into, encoded_len};
use proptest::{collection::vec, prelude::*};
use serde::Deserialize;

fn decoding<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> AllocationInfo {
    measure(|| drop(black_box(decode::<T>(bytes))))
}

/// What a decoding may allocate at once: the type's factor for each byte of the input, and a
/// little for the text of an error.
#[track_caller]
fn is_bounded<'de, T: Deserialize<'de>>(bytes: &'de [u8], factor: usize) {
    let allocated = decoding::<T>(bytes).bytes_max as usize;
    let bound = factor * bytes.len() + 256;
    assert!(allocated <= bound, "{allocated} > {bound} bytes for {bytes:?}");
}

fn are_bounded(bytes: &[u8]) {
    is_bounded::<String>(bytes, 1);
    is_bounded::<Bytes>(bytes, 2);
    is_bounded::<Vec<u8>>(bytes, 1);
    is_bounded::<Vec<u64>>(bytes, size_of::<u64>());
    is_bounded::<Vec<[u64; 16]>>(bytes, size_of::<[u64; 16]>());
    is_bounded::<Vec<String>>(bytes, size_of::<String>() + 1);
    is_bounded::<Vec<Vec<Vec<u64>>>>(bytes, 2 * size_of::<Vec<u64>>() + size_of::<u64>());
    is_bounded::<Vec<()>>(bytes, 0);
    // A node of the tree has room for eleven entries, whatever is in it.
    let node = 16 + 11 * size_of::<(u64, String)>();
    is_bounded::<BTreeMap<u64, String>>(bytes, node / 2);
    is_bounded::<Vec<BTreeMap<u64, String>>>(bytes, node / 2 + size_of::<BTreeMap<u64, String>>());
    is_bounded::<Sample>(bytes, 1024);
}

proptest! {
    #[test]
    fn any_bytes_allocate_in_proportion(bytes in vec(any::<u8>(), 0..200)) {
        are_bounded(&bytes);
    }

    #[test]
    fn bytes_that_look_like_encodings_allocate_in_proportion(bytes in hostile_bytes()) {
        are_bounded(&bytes);
    }

    #[test]
    fn false_lengths_allocate_in_proportion(
        length in any::<(u64, u32)>().prop_map(|(length, shift)| length >> (shift % 64)),
        more in vec(0u8..5, 0..50),
    ) {
        let mut bytes = encode(&length);
        bytes.extend(more);
        are_bounded(&bytes);
    }

    #[test]
    fn encoding_allocates_once(value in sample()) {
        let info = measure(|| drop(black_box(encode(&value))));
        prop_assert_eq!(info.count_total, 1);
        prop_assert_eq!(info.bytes_total, encoded_len(&value) as u64);
    }

    #[test]
    fn encoding_into_a_buffer_with_room_does_not_allocate(value in sample()) {
        let mut buffer = Vec::with_capacity(encoded_len(&value));
        prop_assert_eq!(measure(|| encode_into(&value, &mut buffer)).count_total, 0);
    }

    #[test]
    fn counting_does_not_allocate(value in sample()) {
        prop_assert_eq!(measure(|| _ = black_box(encoded_len(&value))).count_total, 0);
    }
}

#[test]
fn lengths_beyond_the_limit_allocate_nothing() {
    for length in [LIMIT as u64 + 1, 1 << 32, 1 << 60, u64::MAX] {
        let bytes = encode(&length);
        assert_eq!(decoding::<String>(&bytes).count_total, 0);
        assert_eq!(decoding::<Bytes>(&bytes).count_total, 0);
        assert_eq!(decoding::<Vec<u8>>(&bytes).count_total, 0);
        assert_eq!(decoding::<Vec<[u64; 16]>>(&bytes).count_total, 0);
        assert_eq!(decoding::<Vec<()>>(&bytes).count_total, 0);
        assert_eq!(decoding::<BTreeMap<u64, u64>>(&bytes).count_total, 0);
    }
}

#[test]
fn lengths_within_the_limit_but_beyond_the_bytes_allocate_nothing() {
    for length in [1, 1000, LIMIT as u64] {
        let bytes = encode(&length);
        assert_eq!(decoding::<String>(&bytes).count_total, 0);
        assert_eq!(decoding::<Bytes>(&bytes).count_total, 0);
        assert_eq!(decoding::<Vec<u8>>(&bytes).count_total, 0);
        assert_eq!(decoding::<Vec<[u64; 16]>>(&bytes).count_total, 0);
        assert_eq!(decoding::<BTreeMap<u64, u64>>(&bytes).count_total, 0);
    }
}

#[test]
fn strings_and_bytes_are_decoded_with_one_allocation_and_borrowed_with_none() {
    let bytes = encode(&"x".repeat(1000));
    assert_eq!(decoding::<Bytes>(&bytes).count_total, 1);
    assert_eq!(decoding::<String>(&bytes).count_total, 1);
    assert_eq!(decoding::<&str>(&bytes).count_total, 0);
    assert_eq!(decoding::<&[u8]>(&bytes).count_total, 0);
}

#[test]
fn honest_sequences_are_decoded_with_one_allocation() {
    let bytes = encode(&vec![1u64; 1000]);
    let info = decoding::<Vec<u64>>(&bytes);
    assert_eq!((info.count_total, info.bytes_total), (1, 8000));
}

#[test]
fn clones_of_bytes_do_not_allocate() {
    let bytes = Bytes::from(vec![7; 1000]);
    assert_eq!(measure(|| drop(black_box(bytes.clone()))).count_total, 0);
}
