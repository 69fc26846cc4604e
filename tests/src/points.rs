//! What a scenario is worth: the one table behind the hand-outs and `lab list`.
//!
//! Each of labs 2, 3 and 4 has 100 points, three quarters of them for the scenarios of the labs and a
//! quarter for those beyond (`2x`, `3x`, `4x`): these ask for what the labs' own let through, and a
//! solution that is right about everything else should not fail for want of them.
//!
//! A scenario is run over many seeds. Of its points a solution gets the share of the seeds that passed,
//! less what failing seeds cost beyond their share: with a cost of 5, all points are gone when a fifth
//! of the seeds fail, with a cost of 2, when half of them do. Who loses what was acknowledged one time in five has not solved the problem; who
//! sends too many messages one time in five nearly has.
//!
//! ```
//! let points = tests::points::of("figure_8_2c").unwrap();
//! assert_eq!((points.points, points.cost), (3, 5));
//! assert_eq!(points.credit(50, 50), 300);
//! assert_eq!(points.credit(45, 50), 150);
//! assert_eq!(points.credit(40, 50), 0);
//! ```

/// What a scenario is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points {
    /// What it is worth if every seed passes.
    pub points: u32,
    /// How many seeds' shares a seed that fails takes away.
    pub cost: u32,
}

impl Points {
    /// What there is for `passed` of `seeds` seeds, in hundredths of a point, rounded down; nothing, if
    /// there are no seeds.
    pub fn credit(self, passed: u64, seeds: u64) -> u64 {
        let lost = u64::from(self.cost) * seeds.saturating_sub(passed);
        let kept = seeds.saturating_sub(lost);
        (u64::from(self.points) * 100 * kept).checked_div(seeds).unwrap_or_default()
    }
}

/// A seed that fails costs five shares: something was lost, done twice, or seen that never was.
const WRONG: u32 = 5;

/// A seed that fails costs two shares: it was too slow, too dear, or stood still.
const SLOW: u32 = 2;

/// Every scenario, what it is worth, and what a failing seed costs.
const TABLE: [(&str, u32, u32); 117] = [
    // 2A: 15
    ("initial_election_2a", 5, WRONG),
    ("re_election_2a", 5, WRONG),
    ("many_elections_2a", 5, WRONG),
    // 2B: 25
    ("basic_agree_2b", 3, WRONG),
    ("rpc_bytes_2b", 2, SLOW),
    ("follower_failure_2b", 2, WRONG),
    ("leader_failure_2b", 2, WRONG),
    ("fail_agree_2b", 2, WRONG),
    ("fail_no_agree_2b", 2, WRONG),
    ("concurrent_starts_2b", 2, WRONG),
    ("rejoin_2b", 3, WRONG),
    ("backup_2b", 4, SLOW),
    ("count_2b", 3, SLOW),
    // 2C: 20
    ("persist1_2c", 2, WRONG),
    ("persist2_2c", 2, WRONG),
    ("persist3_2c", 2, WRONG),
    ("figure_8_2c", 3, WRONG),
    ("unreliable_agree_2c", 2, WRONG),
    ("figure_8_unreliable_2c", 4, WRONG),
    ("reliable_churn_2c", 2, WRONG),
    ("unreliable_churn_2c", 3, WRONG),
    // 2D: 15
    ("snapshot_basic_2d", 2, WRONG),
    ("snapshot_install_2d", 3, WRONG),
    ("snapshot_install_unreliable_2d", 2, WRONG),
    ("snapshot_install_crash_2d", 2, WRONG),
    ("snapshot_install_un_crash_2d", 2, WRONG),
    ("snapshot_all_crash_2d", 2, WRONG),
    ("snapshot_init_2d", 2, WRONG),
    // beyond lab 2: 25
    ("figure_8_2x", 3, WRONG),
    ("figure_8_committed_2x", 2, WRONG),
    ("double_vote_2x", 3, WRONG),
    ("kept_match_index_2x", 1, WRONG),
    ("stale_votes_2x", 1, WRONG),
    ("stale_replies_2x", 1, WRONG),
    ("stale_snapshot_2x", 1, WRONG),
    ("replay_2x", 1, WRONG),
    ("even_split_2x", 1, WRONG),
    ("one_way_2x", 1, SLOW),
    ("paused_leader_2x", 1, WRONG),
    ("back_up_2x", 1, SLOW),
    ("slow_network_2x", 1, SLOW),
    ("vote_resets_timer_2x", 1, SLOW),
    ("outdated_candidate_2x", 1, SLOW),
    ("open_load_2x", 1, SLOW),
    ("crash_points_2x", 1, WRONG),
    ("late_messages_2x", 1, WRONG),
    ("pipelined_2x", 1, WRONG),
    ("restless_links_2x", 1, WRONG),
    // 3A: 40
    ("basic_3a", 2, WRONG),
    ("speed_3a", 3, SLOW),
    ("concurrent_3a", 2, WRONG),
    ("unreliable_3a", 3, WRONG),
    ("unreliable_one_key_3a", 3, WRONG),
    ("one_partition_3a", 3, WRONG),
    ("many_partitions_one_client_3a", 2, WRONG),
    ("many_partitions_many_clients_3a", 3, WRONG),
    ("persist_one_client_3a", 2, WRONG),
    ("persist_concurrent_3a", 3, WRONG),
    ("persist_concurrent_unreliable_3a", 3, WRONG),
    ("persist_partition_3a", 3, WRONG),
    ("persist_partition_unreliable_3a", 3, WRONG),
    ("persist_partition_unreliable_linearizable_3a", 5, WRONG),
    // 3B: 35
    ("snapshot_rpc_3b", 3, WRONG),
    ("snapshot_size_3b", 4, SLOW),
    ("speed_3b", 2, SLOW),
    ("snapshot_recover_3b", 4, WRONG),
    ("snapshot_recover_many_clients_3b", 4, WRONG),
    ("snapshot_unreliable_3b", 4, WRONG),
    ("snapshot_unreliable_recover_3b", 4, WRONG),
    ("snapshot_unreliable_recover_concurrent_partition_3b", 5, WRONG),
    ("snapshot_unreliable_recover_concurrent_partition_linearizable_3b", 5, WRONG),
    // beyond lab 3: 25
    ("cut_from_leader_3x", 2, SLOW),
    ("late_request_3x", 2, WRONG),
    ("lost_answer_3x", 3, WRONG),
    ("promised_index_3x", 3, WRONG),
    ("quiet_leader_3x", 2, SLOW),
    ("new_leader_read_3x", 2, WRONG),
    ("paused_leader_3x", 2, WRONG),
    ("server_crashes_3x", 2, WRONG),
    ("crash_points_3x", 2, WRONG),
    ("client_crashes_3x", 1, WRONG),
    ("late_messages_3x", 2, WRONG),
    ("restless_3x", 2, WRONG),
    // 4A: 20
    ("basic_4a", 8, WRONG),
    ("multi_4a", 7, WRONG),
    ("minimal_again_4a", 5, WRONG),
    // 4B: 55
    ("static_shards_4b", 4, WRONG),
    ("rejection_4b", 3, WRONG),
    ("join_leave_4b", 4, WRONG),
    ("snapshot_4b", 4, WRONG),
    ("miss_change_4b", 4, WRONG),
    ("concurrent1_4b", 4, WRONG),
    ("concurrent2_4b", 4, WRONG),
    ("concurrent3_4b", 5, WRONG),
    ("unreliable1_4b", 4, WRONG),
    ("unreliable2_4b", 4, WRONG),
    ("unreliable3_4b", 5, WRONG),
    ("challenge1_delete_4b", 3, SLOW),
    ("challenge2_unaffected_4b", 3, SLOW),
    ("challenge2_partial_4b", 4, SLOW),
    // beyond lab 4: 25
    ("lost_answer_4x", 2, WRONG),
    ("stale_client_4x", 2, WRONG),
    ("quiet_groups_4x", 1, SLOW),
    ("fresh_query_4x", 1, WRONG),
    ("busy_giver_4x", 2, SLOW),
    ("exchange_4x", 2, SLOW),
    ("lopsided_4x", 1, WRONG),
    ("limp_4x", 1, SLOW),
    ("many_groups_4x", 1, WRONG),
    ("concurrent_moves_4x", 1, WRONG),
    ("concurrent_moves_unreliable_4x", 1, WRONG),
    ("many_changes_4x", 1, WRONG),
    ("server_crashes_4x", 1, WRONG),
    ("master_crashes_4x", 1, WRONG),
    ("partitions_4x", 2, WRONG),
    ("migration_faults_4x", 3, WRONG),
    ("late_messages_4x", 2, WRONG),
];

/// What a scenario is worth; `None`, if it is not in the table.
pub fn of(scenario: &str) -> Option<Points> {
    let row = TABLE.iter().find(|(name, ..)| *name == scenario)?;
    Some(Points { points: row.1, cost: row.2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Case, Catalogue};
    use std::collections::BTreeMap;

    #[test]
    fn every_scenario_has_points_and_every_lab_a_hundred() {
        let catalogue = Catalogue::reference();
        let names: Vec<&str> = catalogue.cases().iter().map(Case::name).collect();
        let rows: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
        assert_eq!(rows, names, "the rows are in the order of the scenarios");
        let (mut by_lab, mut beyond) = (BTreeMap::new(), BTreeMap::new());
        for case in catalogue.cases() {
            let worth = of(case.name()).unwrap();
            assert!(worth.points > 0 && worth.cost > 0, "{}", case.name());
            let lab = &case.scenario.part[..1];
            *by_lab.entry(lab).or_insert(0) += worth.points;
            if case.scenario.part.ends_with('x') {
                *beyond.entry(lab).or_insert(0) += worth.points;
            }
        }
        assert_eq!(by_lab, BTreeMap::from([("2", 100), ("3", 100), ("4", 100)]));
        assert_eq!(beyond, BTreeMap::from([("2", 25), ("3", 25), ("4", 25)]));
    }

    #[test]
    fn a_failing_seed_costs_what_the_table_says() {
        let three = Points { points: 3, cost: 5 };
        assert_eq!(three.credit(100, 100), 300);
        assert_eq!(three.credit(99, 100), 285);
        assert_eq!(three.credit(81, 100), 15);
        assert_eq!(three.credit(80, 100), 0);
        assert_eq!(three.credit(0, 100), 0);
        assert_eq!(three.credit(0, 0), 0);
        let by_share = Points { points: 3, cost: 1 };
        assert_eq!(by_share.credit(1, 3), 100);
    }
}
