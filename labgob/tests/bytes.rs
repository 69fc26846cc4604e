//! What `Bytes` does besides being encoded.

use std::collections::BTreeMap;

use labgob::Bytes;
use proptest::{collection::vec, prelude::*};
use serde::{
    Deserialize,
    de::value::{
        BorrowedBytesDeserializer, BytesDeserializer, Error, SeqDeserializer, StrDeserializer,
    },
};

proptest! {
    #[test]
    fn compare_as_slices_do(a in vec(any::<u8>(), 0..5), b in vec(any::<u8>(), 0..5)) {
        let (x, y) = (Bytes::from(a.clone()), Bytes::from(b.as_slice()));
        prop_assert_eq!(x == y, a == b);
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(&*x, a.as_slice());
    }
}

#[test]
fn are_made_from_what_holds_bytes() {
    let bytes = Bytes::from(vec![b'a', b'b']);
    assert_eq!(Bytes::from(b"ab"), bytes);
    assert_eq!(Bytes::from(&b"ab"[..]), bytes);
    assert_eq!(Bytes::from("ab"), bytes);
    assert_eq!(bytes.as_ref(), b"ab");
    assert!(Bytes::default().is_empty());
}

#[test]
fn clones_share_the_bytes() {
    let bytes = Bytes::from("shared");
    assert_eq!(bytes.as_ptr(), bytes.clone().as_ptr());
}

#[test]
fn are_found_by_slices() {
    let map = BTreeMap::from([(Bytes::from("a"), 1), (Bytes::from("b"), 2)]);
    assert_eq!(map.get(&b"b"[..]), Some(&2));
}

#[test]
fn print_readably_and_briefly() {
    let print = |bytes: &[u8]| format!("{:?}", Bytes::from(bytes));
    assert_eq!(print(b""), r#"b"""#);
    assert_eq!(print(b"plain text"), r#"b"plain text""#);
    assert_eq!(print(b"\"\\\n\x00\xff"), r#"b"\"\\\n\x00\xff""#);
    assert_eq!(print(&[b'x'; 32]), format!("b\"{}\"", "x".repeat(32)));
    assert_eq!(print(&[b'x'; 33]), format!("b\"{}\"... (33 bytes)", "x".repeat(32)));
}

#[test]
fn are_read_from_other_formats() {
    let expected = Ok(Bytes::from(&[1, 2, 255]));
    let bytes = &[1, 2, 255][..];
    assert_eq!(Bytes::deserialize(BytesDeserializer::<Error>::new(bytes)), expected);
    assert_eq!(Bytes::deserialize(BorrowedBytesDeserializer::<Error>::new(bytes)), expected);
    let numbers = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
    assert_eq!(Bytes::deserialize(numbers), expected);

    let error = Bytes::deserialize(StrDeserializer::<Error>::new("text")).unwrap_err();
    assert_eq!(error.to_string(), "invalid type: string \"text\", expected bytes");
}
