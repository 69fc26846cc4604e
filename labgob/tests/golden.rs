//! Pins the format: bytes that are written out here are on disks, and must still decode.

use std::{collections::BTreeMap, fmt::Debug};

use labgob::{Bytes, decode, encode, encoded_len};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u32,
    y: i32,
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Id(u64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(u16),
    Line(u8, u8),
    Named { at: Point },
}

#[track_caller]
fn golden<'de, T>(value: &T, bytes: &'de [u8])
where
    T: Serialize + Deserialize<'de> + PartialEq + Debug,
{
    assert_eq!(encode(value), bytes, "encoding {value:?}");
    assert_eq!(encoded_len(value), bytes.len(), "counting {value:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
}

#[test]
fn unsigned_integers_take_the_least_width_that_holds_them() {
    golden(&0u64, &[0]);
    golden(&250u64, &[250]);
    golden(&251u64, &[251, 251, 0]);
    golden(&300u64, &[251, 44, 1]);
    golden(&0xffff_u64, &[251, 255, 255]);
    golden(&0x1_0000_u64, &[252, 0, 0, 1, 0]);
    golden(&0xffff_ffff_u64, &[252, 255, 255, 255, 255]);
    golden(&0x1_0000_0000_u64, &[253, 0, 0, 0, 0, 1, 0, 0, 0]);
    golden(&u64::MAX, &[253, 255, 255, 255, 255, 255, 255, 255, 255]);
    golden(&(1u128 << 64), &[254, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn the_width_depends_on_the_value_and_not_on_the_type() {
    for bytes in [&[7][..], &[251, 232, 3]] {
        let value = decode::<u16>(bytes).unwrap();
        golden(&value, bytes);
        golden(&u32::from(value), bytes);
        golden(&u64::from(value), bytes);
        golden(&u128::from(value), bytes);
        golden(&usize::from(value), bytes);
    }
}

#[test]
fn signed_integers_alternate_around_zero() {
    golden(&0i64, &[0]);
    golden(&-1i64, &[1]);
    golden(&1i64, &[2]);
    golden(&-2i64, &[3]);
    golden(&125i64, &[250]);
    golden(&-126i64, &[251, 251, 0]);
    golden(&i16::MIN, &[251, 255, 255]);
    golden(&i32::MAX, &[252, 254, 255, 255, 255]);
    golden(&i64::MIN, &[253, 255, 255, 255, 255, 255, 255, 255, 255]);
    golden(&-1i128, &[1]);
    golden(&-3isize, &[5]);
}

#[test]
fn single_bytes_are_raw() {
    golden(&0u8, &[0]);
    golden(&255u8, &[255]);
    golden(&-1i8, &[255]);
    golden(&i8::MIN, &[128]);
    golden(&[251u8, 252, 253], &[251, 252, 253]);
}

#[test]
fn bool_char_and_floats() {
    golden(&false, &[0]);
    golden(&true, &[1]);
    golden(&'a', b"a");
    golden(&'ü', &[0xc3, 0xbc]);
    golden(&'🦀', &[0xf0, 0x9f, 0xa6, 0x80]);
    golden(&1.5f32, &[0, 0, 0xc0, 0x3f]);
    golden(&-2.0f64, &[0, 0, 0, 0, 0, 0, 0, 0xc0]);
}

#[test]
fn options() {
    golden(&None::<u64>, &[0]);
    golden(&Some(5u64), &[1, 5]);
    golden(&Some(None::<u64>), &[1, 0]);
    golden(&Some(Some(300u64)), &[1, 1, 251, 44, 1]);
}

#[test]
fn strings_and_bytes() {
    golden(&String::new(), &[0]);
    golden(&"6.824".to_string(), b"\x056.824");
    golden(&"borrowed", b"\x08borrowed");
    golden(&"ü".to_string(), &[2, 0xc3, 0xbc]);
    golden(&Bytes::default(), &[0]);
    golden(&Bytes::from(b"\x00\xff"), &[2, 0, 255]);

    let long = Bytes::from(vec![7; 251]);
    let bytes = encode(&long);
    assert_eq!(bytes[..4], [251, 251, 0, 7]);
    assert_eq!(bytes.len(), 3 + 251);
    golden(&long, &bytes);
}

#[test]
fn tuples_structs_and_units_have_no_frame() {
    golden(&(), &[]);
    golden(&Nothing, &[]);
    golden(&Id(9), &[9]);
    golden(&(1u8, -1i32, "x".to_string()), &[1, 1, 1, b'x']);
    golden(&[300u16, 3], &[251, 44, 1, 3]);
    golden(&Point { x: 1, y: -1, name: "p".into() }, &[1, 1, 1, b'p']);
}

#[test]
fn enums_are_their_index_and_fields() {
    golden(&Shape::Empty, &[0]);
    golden(&Shape::Circle(300), &[1, 251, 44, 1]);
    golden(&Shape::Line(4, 255), &[2, 4, 255]);
    golden(&Shape::Named { at: Point { x: 0, y: 0, name: String::new() } }, &[3, 0, 0, 0]);
    golden(&Ok::<u8, u8>(5), &[0, 5]);
    golden(&Err::<u8, u8>(5), &[1, 5]);
}

#[test]
fn sequences_are_their_length_and_elements() {
    golden(&Vec::<u64>::new(), &[0]);
    golden(&vec![1u64, 300, 2], &[3, 1, 251, 44, 1, 2]);
    golden(&vec![vec![1u8, 2], vec![], vec![3]], &[3, 2, 1, 2, 0, 1, 3]);
    golden(&vec![Some("a".to_string()), None], &[2, 1, 1, b'a', 0]);
    golden(&vec![(); 3], &[3]);
}

#[test]
fn maps_are_their_length_and_entries_in_key_order() {
    golden(&BTreeMap::<u8, u8>::new(), &[0]);
    golden(
        &BTreeMap::from([("b".to_string(), 2u64), ("a".to_string(), 300)]),
        &[2, 1, b'a', 251, 44, 1, 1, b'b', 2],
    );
}
