//! The reference servers and clerks, over the reference Raft, under every scenario of lab 3 and
//! under those beyond it: with reads through the log, and by `ReadIndex`.
//!
//! `cargo test 3a` runs a part; `LAB_SEEDS` and `LAB_SEED` say which seeds, as for lab 2.

use tests::kv::Over;

tests::kv_tests!(Over<raft::Raft>);
tests::kv_tests_3x!(Over<raft::Raft>);

mod reads_by_index {
    use kvraft::rsm::Reads;
    use tests::catalogue::Catalogue;

    fn catalogue() -> Catalogue {
        Catalogue::of_kv::<super::Over<raft::Raft>>().with_reads(Reads::Index)
    }

    tests::lab3_names! { [tests::scenario_tests] catalogue() }
    tests::lab3x_names! { [tests::scenario_tests] catalogue() }
}
