//! The decoder agrees with the one of `bincode`, whose format it reads, on all but what it is
//! there to refuse.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use bincode::config::standard;
use common::{Command, Sample, Tree, hostile_bytes, sample};
use labgob::{Bytes, LIMIT, decode_prefix, encode};
use proptest::{collection::vec, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

fn agree<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let ours = decode_prefix::<T>(bytes).map(|(value, rest)| (value, bytes.len() - rest.len()));
    let theirs =
        bincode::serde::borrow_decode_from_slice::<T, _>(bytes, standard().with_limit::<LIMIT>());
    match (ours, theirs) {
        (Ok((ours, our_length)), Ok((theirs, their_length))) => {
            // In bytes, because a NaN does not equal itself.
            assert_eq!(encode(&ours), encode(&theirs));
            assert_eq!(our_length, their_length);
        }
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{ours:?} and {theirs:?} for {bytes:?}"),
    }
}

fn agree_on_any_type(bytes: &[u8]) {
    agree::<bool>(bytes);
    agree::<char>(bytes);
    agree::<(u8, u16, u32, u64, u128)>(bytes);
    agree::<(i8, i16, i32, i64, i128)>(bytes);
    agree::<(f32, f64, usize, isize)>(bytes);
    agree::<[u16; 4]>(bytes);
    agree::<String>(bytes);
    agree::<Bytes>(bytes);
    agree::<Vec<u8>>(bytes);
    agree::<Vec<Option<String>>>(bytes);
    agree::<Result<u8, String>>(bytes);
    agree::<BTreeMap<u8, BTreeMap<String, i32>>>(bytes);
    agree::<BTreeSet<Option<u16>>>(bytes);
    agree::<Vec<Command>>(bytes);
    agree::<Tree>(bytes);
    agree::<Sample>(bytes);
}

proptest! {
    #[test]
    fn on_any_bytes(bytes in vec(any::<u8>(), 0..100)) {
        agree_on_any_type(&bytes);
    }

    #[test]
    fn on_bytes_that_look_like_encodings(bytes in hostile_bytes()) {
        agree_on_any_type(&bytes);
    }

    #[test]
    fn on_encodings(value in sample()) {
        let bytes = encode(&value);
        prop_assert_eq!(&bytes, &bincode::serde::encode_to_vec(&value, standard()).unwrap());
        agree::<Sample>(&bytes);
    }
}
