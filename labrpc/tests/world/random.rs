//! The dice, and the digest of a run. The golden values were computed by a program of its own, in
//! another language, from the definitions of xoshiro256++, `SplitMix64` and Lemire's method.

use labrpc::{Fingerprint, Rng};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn the_generator_is_xoshiro256_plus_plus() {
    let mut dice = Rng::new(1);
    let throws = [(); 4].map(|()| dice.next_u64());
    assert_eq!(
        throws,
        [
            0xcfc5_d07f_6f03_c29b,
            0xbf42_4132_963f_e08d,
            0x19a3_7d57_57aa_f520,
            0xbf08_119f_05cd_56d6
        ]
    );
}

#[test]
fn the_draws_are_golden() {
    let mut dice = Rng::new(1);
    assert_eq!([(); 10].map(|()| dice.below(100)), [81, 74, 10, 74, 18, 59, 98, 52, 9, 13]);
    let mut dice = Rng::new(1);
    let half = (1 << 63) + 1; // every second throw is rejected
    assert_eq!(
        [(); 4].map(|()| dice.below(half)),
        [
            6_882_635_817_876_368_235,
            3_168_237_733_809_651_673,
            3_639_362_766_720_477_220,
            1_442_046_146_537_346_141
        ]
    );
    let mut dice = Rng::new(1);
    let throws = [(); 8].map(|()| dice.between(450..550));
    assert_eq!(throws, [531, 524, 460, 524, 468, 509, 548, 502]);
    let mut dice = Rng::new(1);
    let strikes: Vec<usize> = (0..40).filter(|_| dice.chance(1, 10)).collect();
    assert_eq!(strikes, [8, 12, 14]);
    let mut cards = [0, 1, 2, 3, 4, 5, 6, 7];
    Rng::new(1).shuffle(&mut cards);
    assert_eq!(cards, [4, 2, 1, 7, 3, 0, 5, 6]);
    let mut dice = Rng::new(1);
    let delay = Duration::from_millis(3)..Duration::from_millis(7);
    let throws = [(); 4].map(|()| dice.duration(&delay).as_nanos());
    assert_eq!(throws, [6_246_448, 5_988_418, 3_400_603, 5_984_867]);
    assert_eq!(Rng::new(1).pick(&["a", "b", "c"]), Some(&"c"));
}

#[test]
fn the_streams_are_golden_and_do_not_meet() {
    let first = |stream| Rng::stream(1, stream).next_u64();
    assert_eq!(first([0, 0, 0]), 0xf31a_94db_81a2_9a4e);
    assert_eq!(first([0, 1, 0]), 0xa09b_0e7e_d648_db7c);
    assert_eq!(first([0, 0, 1]), 0x57ee_93df_424c_4fb5);
    assert_eq!(first([1, 0, 0]), 0xed8a_ce59_7554_2e16);
    let mut seen = BTreeSet::new();
    for seed in 0..4 {
        for a in 0..4 {
            for b in [0, 1, 2, 0x1_0000, 0x1_0001, 0x2_0000] {
                for c in 0..100 {
                    assert!(seen.insert(Rng::stream(seed, [a, b, c]).next_u64()));
                }
            }
        }
    }
}

#[test]
fn below_favours_no_number() {
    let mut dice = Rng::new(3);
    let mut counts = [0_i32; 7];
    for _ in 0..70_000 {
        counts[dice.below(7) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (count - 10_000).abs() < 500), "{counts:?}");
}

#[test]
fn the_limits_of_the_draws() {
    let mut dice = Rng::new(1);
    assert_eq!(dice.below(1), 0);
    assert!(dice.below(u64::MAX) < u64::MAX);
    assert_eq!(dice.between(7..8), 7);
    assert!(!dice.chance(0, 5) && dice.chance(5, 5) && dice.chance(6, 5));
    assert_eq!(dice.pick::<u8>(&[]), None);
    let (five, three) = (Duration::from_millis(5), Duration::from_millis(3));
    assert_eq!((dice.duration(&(five..five)), dice.duration(&(five..three))), (five, five));
}

#[test]
#[should_panic(expected = "no number is below 0")]
fn below_nothing_is_nothing() {
    Rng::new(1).below(0);
}

#[test]
#[should_panic(expected = "an empty range: 3..3")]
fn between_needs_room() {
    Rng::new(1).between(3..3);
}

#[test]
fn the_generator_serves_who_prefers_the_traits_of_rand() {
    use rand::Rng as _;
    let (mut ours, mut theirs) = (Rng::new(1), Rng::new(1));
    let mut bytes = [0; 11];
    theirs.fill_bytes(&mut bytes);
    let (first, second) = (ours.next_u64().to_le_bytes(), ours.next_u64().to_le_bytes());
    assert_eq!((&bytes[..8], &bytes[8..]), (&first[..], &second[..3]));
    assert_eq!(u64::from(theirs.next_u32()), ours.next_u64() >> 32);
}

#[test]
fn the_fingerprint_is_golden() {
    let mut print = Fingerprint::default();
    assert_eq!(print.value(), 0x9e37_79b9_7f4a_7c15);
    print.word(0);
    assert_eq!(print.value(), 0xbe8c_ab64_4efd_da51);
    print.bytes(b"");
    assert_eq!(print.value(), 0x5450_d4fd_c23c_55e8);
    print.bytes(&(0..40).collect::<Vec<u8>>());
    assert_eq!(print.value(), 0xaf41_bdd5_89a6_c440);
}

#[test]
fn the_fingerprint_tells_apart_what_differs() {
    let print = |parts: &[&[u8]]| {
        let mut print = Fingerprint::default();
        for part in parts {
            print.bytes(part);
        }
        print.value()
    };
    let texts: [&[&[u8]]; 9] = [
        &[],
        &[b""],
        &[b"\0"],
        &[b"ab"],
        &[b"a", b"b"],
        &[b"b", b"a"],
        &[b"0123456789abcdef"],
        &[b"89abcdef01234567"],
        &[b"0123456789abcdef", b""],
    ];
    let prints: BTreeSet<u64> = texts.iter().map(|parts| print(parts)).collect();
    assert_eq!(prints.len(), texts.len());
}
