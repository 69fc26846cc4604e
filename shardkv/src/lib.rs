//! Lab 4B: a key/value store that is sharded over replica groups.
//!
//! Nothing is here yet. What will be: groups that take over shards and hand them on as the shard
//! master's configurations change, with the state of each shard as an explicit enum, and a clerk
//! that follows the shards.
