//! A type with every shape that the workspace sends or stores, and bytes that pretend to be one.

use std::collections::{BTreeMap, BTreeSet};

use labgob::Bytes;
use proptest::{
    collection::{btree_map, btree_set, vec},
    prelude::*,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    Nothing,
    Get { key: String },
    Put { key: String, value: Bytes },
    Add(String, i64),
    Wrapped(Box<Entry>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub term: u64,
    pub index: u32,
    pub command: Option<Command>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Tree {
    Leaf(u16),
    Node(Vec<Tree>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub flag: bool,
    pub letter: char,
    pub bytes: (u8, i8, [u8; 3]),
    pub unsigned: (u16, u32, u64, u128, usize),
    pub signed: (i16, i32, i64, i128, isize),
    pub real: (f32, f64),
    pub unit: Unit,
    pub maybe: Option<(Option<u64>, u8)>,
    pub entries: Vec<Entry>,
    pub by_name: BTreeMap<String, Vec<Entry>>,
    pub numbers: BTreeSet<i16>,
    pub tree: Tree,
    pub blob: Bytes,
}

fn command() -> impl Strategy<Value = Command> {
    let leaf = prop_oneof![
        Just(Command::Nothing),
        any::<String>().prop_map(|key| Command::Get { key }),
        (any::<String>(), vec(any::<u8>(), 0..300))
            .prop_map(|(key, value)| Command::Put { key, value: value.into() }),
        any::<(String, i64)>().prop_map(|(key, more)| Command::Add(key, more)),
    ];
    leaf.prop_recursive(3, 3, 1, |inner| {
        entry_of(inner).prop_map(|entry| Command::Wrapped(Box::new(entry)))
    })
}

fn entry_of(command: impl Strategy<Value = Command>) -> impl Strategy<Value = Entry> {
    (any::<u64>(), any::<u32>(), prop::option::of(command)).prop_map(|(term, index, command)| {
        // Small terms are the usual ones, and take the one-byte form.
        Entry { term: term >> (term % 64), index, command }
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    any::<u16>()
        .prop_map(Tree::Leaf)
        .prop_recursive(5, 20, 4, |inner| vec(inner, 0..4).prop_map(Tree::Node))
}

/// Any value whatever, except that no number in it is NaN, which does not equal itself.
pub fn sample() -> impl Strategy<Value = Sample> {
    let simple = (
        any::<bool>(),
        any::<char>(),
        any::<(u8, i8, [u8; 3])>(),
        any::<(u16, u32, u64, u128, usize)>(),
        any::<(i16, i32, i64, i128, isize)>(),
        any::<(f32, f64)>().prop_filter("NaN", |(a, b)| !a.is_nan() && !b.is_nan()),
        any::<Option<(Option<u64>, u8)>>(),
    );
    let compound = (
        vec(entry_of(command()), 0..4),
        btree_map(any::<String>(), vec(entry_of(command()), 0..3), 0..3),
        btree_set(any::<i16>(), 0..5),
        tree(),
        vec(any::<u8>(), 0..600),
    );
    (simple, compound).prop_map(|(simple, compound)| {
        let (flag, letter, bytes, unsigned, signed, real, maybe) = simple;
        let (entries, by_name, numbers, tree, blob) = compound;
        Sample {
            flag,
            letter,
            bytes,
            unsigned,
            signed,
            real,
            unit: Unit,
            maybe,
            entries,
            by_name,
            numbers,
            tree,
            blob: blob.into(),
        }
    })
}

/// Bytes that look like encodings: mostly small lengths, indices and tags, and sometimes the
/// markers of wider integers.
#[allow(dead_code, reason = "round trips need no such bytes")]
pub fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        6 => 0u8..5,
        2 => any::<u8>(),
        1 => 250u8..=255,
    ];
    vec(byte, 0..200)
}
