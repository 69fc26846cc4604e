//! Lab 4A: the shard master, which says which replica group serves which shard.
//!
//! Nothing is here yet. What will be: numbered configurations, `balance` (a pure function from one
//! configuration to the next, with as few moves as possible), and the master as a service over
//! `kvraft`'s replicated state machine.
