//! The labs as crates that are handed in.

use serde::{Deserialize, Serialize};

/// The crates of this workspace, each in a folder of its name.
pub const CRATES: [&str; 7] =
    ["labgob", "labrpc", "raft", "kvraft", "shardmaster", "shardkv", "tests"];

/// A lab that is handed in as a crate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lab {
    /// Raft.
    Lab2,
    /// A key/value service.
    Lab3,
    /// The shard master.
    Lab4A,
    /// A sharded key/value store.
    Lab4B,
}

impl Lab {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Lab2, Self::Lab3, Self::Lab4A, Self::Lab4B];

    /// The name of the package, as the skeletons have it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Lab2 => "lab2",
            Self::Lab3 => "lab3",
            Self::Lab4A => "lab4a",
            Self::Lab4B => "lab4b",
        }
    }

    /// The lab of a package.
    pub fn of_package(package: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lab| lab.package() == package)
    }

    /// What is told in grades: 2, 3, 4A, 4B.
    pub fn title(self) -> &'static str {
        match self {
            Self::Lab2 => "2",
            Self::Lab3 => "3",
            Self::Lab4A => "4A",
            Self::Lab4B => "4B",
        }
    }

    /// The scenarios of the crate's solution, as an expression in Rust.
    pub fn catalogue(self) -> &'static str {
        match self {
            Self::Lab2 => "Catalogue::of_raft::<lab2::Raft>()",
            Self::Lab3 => "Catalogue::of_kv::<lab3::Lab>()",
            Self::Lab4A => "Catalogue::of_master::<lab4a::Lab>()",
            Self::Lab4B => "Catalogue::of_shards::<lab4b::Lab>()",
        }
    }

    /// Whether a part is of this lab; the scenarios beyond lab 4 are of 4B.
    pub fn has(self, part: &str) -> bool {
        match self {
            Self::Lab2 => part.starts_with('2'),
            Self::Lab3 => part.starts_with('3'),
            Self::Lab4A => part == "4a",
            Self::Lab4B => matches!(part, "4b" | "4x"),
        }
    }
}
