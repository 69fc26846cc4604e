//! The laws of `balance`, one by one: see its file. What is least is found by trying everything.

use proptest::collection::vec;
use proptest::prelude::*;
use shardmaster::{Gid, balance};
use std::collections::BTreeSet;

type Shards = Vec<Option<Gid>>;

/// Who serves what before, some of them groups that are no more, and the groups that there are.
fn case(shards: usize, gids: u64) -> impl Strategy<Value = (Shards, BTreeSet<Gid>)> {
    let owner = prop::option::weighted(0.9, (1..=gids).prop_map(Gid::new));
    let groups = prop::collection::btree_set((1..=gids).prop_map(Gid::new), 0..=gids as usize);
    (vec(owner, 1..=shards), groups)
}

fn load(shards: &[Option<Gid>], gid: Gid) -> usize {
    shards.iter().filter(|owner| **owner == Some(gid)).count()
}

fn is_even(shards: &[Option<Gid>], groups: &BTreeSet<Gid>) -> bool {
    let loads = || groups.iter().map(|&gid| load(shards, gid));
    shards.iter().all(|owner| owner.is_some_and(|gid| groups.contains(&gid)))
        && loads().max() <= loads().min().map(|least| least + 1)
}

fn moves(before: &[Option<Gid>], after: &[Option<Gid>]) -> usize {
    before.iter().zip(after).filter(|(before, after)| before != after).count()
}

/// The least number of moves after which all is even: each group keeps what it has up to its share,
/// and the larger shares go to groups that have as much.
fn least_moves(before: &[Option<Gid>], groups: &BTreeSet<Gid>) -> usize {
    let (share, larger) = (before.len() / groups.len(), before.len() % groups.len());
    let loads = || groups.iter().map(|&gid| load(before, gid));
    let kept: usize = loads().map(|load| load.min(share)).sum();
    before.len() - kept - loads().filter(|load| *load > share).count().min(larger)
}

/// The same, by trying all assignments that there are.
fn least_moves_of_all(before: &[Option<Gid>], groups: &BTreeSet<Gid>) -> usize {
    let gids: Vec<Gid> = groups.iter().copied().collect();
    let total = gids.len().pow(before.len() as u32);
    let assignment = |number: usize| -> Shards {
        let digit = |place: usize| number / gids.len().pow(place as u32) % gids.len();
        (0..before.len()).map(|place| Some(gids[digit(place)])).collect()
    };
    let even = (0..total).map(assignment).filter(|after| is_even(after, groups));
    even.map(|after| moves(before, &after)).min().expect("it can be evened out")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn first_law_it_is_even((before, groups) in case(40, 12)) {
        let after = balance(&before, groups.iter().copied());
        prop_assert_eq!(after.len(), before.len());
        prop_assert!(groups.is_empty() || is_even(&after, &groups), "{:?}", after);
    }

    #[test]
    fn second_law_without_groups_nobody_serves_anything((before, _) in case(40, 12)) {
        prop_assert_eq!(balance(&before, []), vec![None; before.len()]);
    }

    #[test]
    fn third_law_nothing_moves_without_need((before, groups) in case(40, 12)) {
        prop_assume!(!groups.is_empty());
        let after = balance(&before, groups.iter().copied());
        prop_assert_eq!(moves(&before, &after), least_moves(&before, &groups));
    }

    #[test]
    fn fourth_law_the_order_does_not_matter(
        (before, groups) in case(40, 12), swaps in vec((0..12_usize, 0..12_usize), 0..20),
    ) {
        let mut named: Vec<Gid> = groups.iter().copied().collect();
        for (one, other) in swaps {
            if one.max(other) < named.len() {
                named.swap(one, other);
            }
        }
        // Nor whether one is named twice.
        named.extend(groups.first());
        prop_assert_eq!(balance(&before, named), balance(&before, groups));
    }

    #[test]
    fn fifth_law_what_is_balanced_stays((before, groups) in case(40, 12)) {
        let after = balance(&before, groups.iter().copied());
        prop_assert_eq!(balance(&after, groups.iter().copied()), after.clone());
        // Whoever made it so.
        let is_done = !groups.is_empty() && is_even(&before, &groups);
        prop_assert!(!is_done || after == before);
    }

    /// The others' shards are nobody else's affair: who neither has too much nor gets any keeps
    /// what he has.
    #[test]
    fn nobody_swaps((before, groups) in case(40, 12)) {
        let after = balance(&before, groups.iter().copied());
        for gid in groups {
            let given = before.iter().zip(&after).any(|(b, a)| *b == Some(gid) && b != a);
            let taken = before.iter().zip(&after).any(|(b, a)| *a == Some(gid) && b != a);
            prop_assert!(!(given && taken), "{} gives and takes: {:?}", gid, after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_other_assignment_is_better((before, groups) in case(6, 4)) {
        prop_assume!(!groups.is_empty());
        let after = balance(&before, groups.iter().copied());
        let least = least_moves_of_all(&before, &groups);
        prop_assert_eq!(moves(&before, &after), least);
        prop_assert_eq!(least_moves(&before, &groups), least, "the formula");
    }
}

fn gids(numbers: &[u64]) -> Shards {
    numbers.iter().map(|&number| (number != 0).then_some(Gid::new(number))).collect()
}

fn balanced(before: &[u64], groups: &[u64]) -> Shards {
    balance(&gids(before), groups.iter().copied().map(Gid::new))
}

#[test]
fn with_more_groups_than_shards_some_have_none() {
    assert_eq!(balanced(&[0, 0, 0], &[5, 4, 3, 2, 1]), gids(&[1, 2, 3]));
    // Who has one keeps it, whatever its gid.
    assert_eq!(balanced(&[5, 5, 4], &[1, 2, 3, 4, 5]), gids(&[5, 1, 4]));
}

/// What is written in its documentation.
#[test]
fn who_has_too_much_keeps_the_first_and_who_has_most_gets_the_larger_share() {
    assert_eq!(balanced(&[1, 2, 1, 2, 1], &[1, 2, 3]), gids(&[1, 2, 1, 2, 3]));
    assert_eq!(balanced(&[2, 2, 2, 1, 0], &[1, 2]), gids(&[2, 2, 2, 1, 1]));
    assert_eq!(balanced(&[0; 5], &[7, 8]), gids(&[7, 7, 7, 8, 8]));
}

#[test]
fn what_is_of_a_group_that_is_no_more_is_shared_out() {
    assert_eq!(balanced(&[9, 1, 9, 2, 9, 9], &[1, 2]), gids(&[1, 1, 1, 2, 2, 2]));
}

/// What it says depends on nothing else: in a later version, on another machine, it is the same.
#[test]
fn it_says_the_same_for_ever() {
    let mut shards = vec![None; 10];
    let mut said = String::new();
    for groups in [&[100][..], &[100, 101], &[100, 101, 102], &[101, 102], &[101, 102, 7, 8, 9]] {
        shards = balance(&shards, groups.iter().copied().map(Gid::new));
        let row: Vec<String> = shards.iter().flatten().map(|gid| gid.get().to_string()).collect();
        said += &(row.join(" ") + "\n");
    }
    assert_eq!(
        said,
        "\
        100 100 100 100 100 100 100 100 100 100\n\
        100 100 100 100 100 101 101 101 101 101\n\
        100 100 100 100 102 101 101 101 102 102\n\
        101 101 102 102 102 101 101 101 102 102\n\
        101 101 102 102 7 7 8 8 9 9\n"
    );
}
