//! The shard master as the linearizability checker sees it: any master that balances, not the
//! reference's.
//!
//! What a master has to say is prescribed: which requests make no sense, which change nothing,
//! which groups there are after each change, and the number of each configuration. Who serves what
//! after groups have joined or left is up to the master. Of that nothing is known before an answer
//! shows it; from then on it has been so ever since. It has to be balanced, and no more shards may
//! have moved than had to.
//!
//! Which [`Problem`](shardmaster::Problem) a request has is not looked at, nor are
//! [`Config::holders`].

use crate::linear::Model;
use labrpc::NodeId;
use shardmaster::{Config, ConfigNum, Gid, Op, Reply, Shard};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// A master of so many shards.
#[derive(Clone, Copy, Debug)]
pub struct MasterModel {
    /// How many shards there are.
    pub shards: u16,
}

/// How few shards can move when they are spread evenly over these groups, whoever served them
/// before: what groups have above their share, the larger shares going to those who have most.
pub(crate) fn fewest_moves(
    before: &[Option<Gid>],
    groups: impl ExactSizeIterator<Item = Gid>,
) -> usize {
    let (shards, count) = (before.len(), groups.len());
    if count == 0 {
        return before.iter().flatten().count();
    }
    let load = |gid: Gid| before.iter().filter(|owner| **owner == Some(gid)).count();
    let mut loads: Vec<usize> = groups.map(load).collect();
    loads.sort_unstable_by(|a, b| b.cmp(a));
    let share = |rank: usize| shards / count + usize::from(rank < shards % count);
    shards - loads.iter().enumerate().map(|(rank, &load)| load.min(share(rank))).sum::<usize>()
}

/// All configurations so far, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Configs(Vec<Rc<Stretch>>);

/// Configurations that have the same groups: one that was made when groups joined or left (or the
/// first of all), and those that moves have made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    /// The number of the first of them.
    first: u64,
    groups: BTreeMap<Gid, Vec<NodeId>>,
    /// Who serves each shard in the first. `None`: nobody if there are no groups, and otherwise one
    /// of them, but nobody has seen which.
    owners: Vec<Option<Gid>>,
    /// Each has made a configuration, and so has moved something.
    moves: Vec<(Shard, Gid)>,
    /// Of all that is above.
    digest: u64,
}

impl Hash for Stretch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
    }
}

impl Stretch {
    fn new(first: u64, groups: BTreeMap<Gid, Vec<NodeId>>, shards: u16) -> Rc<Self> {
        // One group serves everything, whoever balances.
        let only = if groups.len() == 1 { groups.keys().next().copied() } else { None };
        let owners = vec![only; usize::from(shards)];
        Self { first, groups, owners, moves: Vec::new(), digest: 0 }.sealed()
    }

    fn sealed(mut self) -> Rc<Self> {
        let mut hasher = DefaultHasher::new();
        (self.first, &self.groups, &self.owners, &self.moves).hash(&mut hasher);
        self.digest = hasher.finish();
        Rc::new(self)
    }

    fn last(&self) -> u64 {
        self.first + self.moves.len() as u64
    }

    /// Who serves each shard after so many moves, as far as is known.
    fn owners_after(&self, moves: usize) -> Vec<Option<Gid>> {
        let mut owners = self.owners.clone();
        for (shard, gid) in &self.moves[..moves] {
            owners[shard.index()] = Some(*gid);
        }
        owners
    }

    /// Who serves each shard in the last of them, if all of that is known.
    fn end(&self) -> Option<Vec<Option<Gid>>> {
        let owners = self.owners_after(self.moves.len());
        (self.groups.is_empty() || owners.iter().all(Option::is_some)).then_some(owners)
    }

    /// The same with what the configuration after so many moves shows; `None` if it cannot be.
    fn showing(&self, moves: usize, shown: &[Option<Gid>]) -> Option<Self> {
        let known = self.owners_after(moves);
        if shown.len() != known.len() {
            return None;
        }
        let mut seen = self.clone();
        for ((place, known), shown) in known.into_iter().enumerate().zip(shown) {
            match (known, shown) {
                _ if known == *shown => {}
                (None, Some(gid)) => seen.see(place, *gid)?,
                _ => return None,
            }
        }
        seen.is_even().then_some(seen)
    }

    /// Somebody has seen who served a shard in the first configuration.
    fn see(&mut self, place: usize, gid: Gid) -> Option<()> {
        let taken = self.moves.iter().find(|(shard, _)| shard.index() == place);
        // The first to move it has moved it.
        if !self.groups.contains_key(&gid) || taken.is_some_and(|(_, to)| *to == gid) {
            return None;
        }
        self.owners[place] = Some(gid);
        Some(())
    }

    /// Whether the shards are spread evenly, or may be as far as is known.
    fn is_even(&self) -> bool {
        if self.groups.is_empty() {
            return true;
        }
        let load = |gid: &Gid| self.owners.iter().filter(|it| **it == Some(*gid)).count();
        let loads = || self.groups.keys().map(load);
        let most = self.owners.len().div_ceil(self.groups.len());
        let is_known = self.owners.iter().all(Option::is_some);
        let least = if is_known { self.owners.len() / self.groups.len() } else { 0 };
        loads().all(|load| (least..=most).contains(&load))
    }

    /// Whether it can be what became of `before`: no more has moved than must, or that is not
    /// known.
    fn is_minimal_after(&self, before: &Self) -> bool {
        let Some(before) = before.end() else { return true };
        if self.groups.is_empty() || self.owners.iter().any(Option::is_none) {
            return true;
        }
        let moved = before.iter().zip(&self.owners).filter(|(from, to)| from != to).count();
        moved == fewest_moves(&before, self.groups.keys().copied())
    }
}

/// What comes of a request for a change.
enum Change {
    Nonsense,
    Nothing(Configs),
    New(Configs),
}

impl Configs {
    fn latest(&self) -> &Stretch {
        self.0.last().expect("there is a first")
    }

    /// These, with another stretch in place of one of them; `None` if it does not fit between its
    /// neighbours.
    fn with(&self, place: usize, stretch: Stretch) -> Option<Self> {
        let mut configs = self.clone();
        configs.0[place] = stretch.sealed();
        let fits = |place: usize| configs.0[place].is_minimal_after(&configs.0[place - 1]);
        let before = place == 0 || fits(place);
        let after = place + 1 == configs.0.len() || fits(place + 1);
        (before && after).then_some(configs)
    }

    /// After the latest there is one with these groups.
    fn followed_by(&self, groups: BTreeMap<Gid, Vec<NodeId>>, shards: u16) -> Change {
        if groups == self.latest().groups {
            return Change::Nothing(self.clone());
        }
        let mut configs = self.clone();
        configs.0.push(Stretch::new(self.latest().last() + 1, groups, shards));
        Change::New(configs)
    }

    fn join(
        &self,
        joining: &BTreeMap<Gid, Vec<NodeId>>,
        ret: Option<&Reply>,
        shards: u16,
    ) -> Change {
        let mut groups = self.latest().groups.clone();
        for (gid, servers) in joining {
            if gid.get() == 0 || servers.is_empty() || groups.contains_key(gid) {
                return Change::Nonsense;
            }
            // Who comes back with other servers may be turned away: what was written is with those.
            let before = self.0.iter().rev().find_map(|stretch| stretch.groups.get(gid));
            if before.is_some_and(|it| it != servers) && matches!(ret, Some(Reply::Invalid(_))) {
                return Change::Nonsense;
            }
        }
        groups.extend(joining.iter().map(|(gid, servers)| (*gid, servers.clone())));
        self.followed_by(groups, shards)
    }

    fn leave(&self, gids: &[Gid], shards: u16) -> Change {
        let mut groups = self.latest().groups.clone();
        if gids.iter().any(|gid| !groups.contains_key(gid)) {
            return Change::Nonsense;
        }
        groups.retain(|gid, _| !gids.contains(gid));
        self.followed_by(groups, shards)
    }

    fn moved(&self, shard: Shard, gid: Gid, ret: Option<&Reply>) -> Option<Change> {
        let (place, latest) = (self.0.len() - 1, self.latest());
        if shard.index() >= latest.owners.len() || !latest.groups.contains_key(&gid) {
            return Some(Change::Nonsense);
        }
        let mut next = latest.clone();
        let by_hand = latest.moves.iter().rev().find(|(moved, _)| *moved == shard);
        match by_hand.map(|(_, to)| *to).or(latest.owners[shard.index()]) {
            Some(owner) if owner == gid => Some(Change::Nothing(self.clone())),
            // The answer tells who has it. (Who was not answered may as well not have asked.)
            None if matches!(ret, Some(Reply::Unchanged(_))) => {
                next.see(shard.index(), gid)?;
                next.is_even().then(|| self.with(place, next).map(Change::Nothing))?
            }
            _ => {
                next.moves.push((shard, gid));
                self.with(place, next).map(Change::New)
            }
        }
    }

    /// These, if a query for this number can have been answered so.
    fn showing(&self, num: Option<ConfigNum>, config: &Config) -> Option<Self> {
        let latest = self.latest().last();
        let num = num.map_or(latest, |num| num.get().min(latest));
        let place = self.0.partition_point(|stretch| stretch.first <= num) - 1;
        let stretch = &self.0[place];
        if config.num.get() != num || config.groups != stretch.groups {
            return None;
        }
        let seen = stretch.showing((num - stretch.first) as usize, &config.shards)?;
        if seen.owners == stretch.owners { Some(self.clone()) } else { self.with(place, seen) }
    }
}

impl Model for MasterModel {
    type Op = Op;
    type Ret = Reply;
    type State = Configs;

    fn initial(&self) -> Configs {
        Configs(vec![Stretch::new(0, BTreeMap::new(), self.shards)])
    }

    fn step(&self, state: &Configs, op: &Op, ret: Option<&Reply>) -> Option<Configs> {
        let change = match op {
            Op::Query { num } => {
                return match ret {
                    None => Some(state.clone()),
                    Some(Reply::Config(config)) => state.showing(*num, config),
                    Some(_) => None,
                };
            }
            Op::Join { groups } => state.join(groups, ret, self.shards),
            Op::Leave { gids } => state.leave(gids, self.shards),
            Op::Move { shard, gid } => state.moved(*shard, *gid, ret)?,
        };
        let next = match (&change, ret) {
            (Change::Nonsense, None | Some(Reply::Invalid(_))) => return Some(state.clone()),
            (Change::Nothing(next) | Change::New(next), None) => next,
            (Change::Nothing(next), Some(Reply::Unchanged(num)))
            | (Change::New(next), Some(Reply::Made(num)))
                if num.get() == next.latest().last() =>
            {
                next
            }
            _ => return None,
        };
        Some(next.clone())
    }

    /// A query changes nothing but what is known, and what it shows has been so ever since: to know
    /// it earlier rules out nothing that would not be ruled out later.
    fn is_read(&self, op: &Op, ret: Option<&Reply>) -> bool {
        matches!(op, Op::Query { .. }) && ret.is_some()
    }

    fn describe(&self, op: &Op, ret: Option<&Reply>) -> String {
        match ret {
            Some(ret) => format!("{op:?} -> {ret:?}"),
            None => format!("{op:?} -> ?"),
        }
    }

    fn describe_state(&self, state: &Configs) -> String {
        let latest = state.latest();
        let mut text = format!("#{} [", latest.last());
        for owner in latest.owners_after(latest.moves.len()) {
            let blank = if text.ends_with('[') { "" } else { " " };
            let _ = match owner {
                Some(gid) => write!(text, "{blank}{}", gid.get()),
                None if latest.groups.is_empty() => write!(text, "{blank}-"),
                None => write!(text, "{blank}?"),
            };
        }
        let _ = write!(text, "] {:?}", latest.groups);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::{Operation, Verdict, check};
    use kvraft::rsm::{Outcome, Service};
    use labrpc::Rng;
    use shardmaster::{Master, Problem};

    const SHARDS: u16 = 10;

    fn gid(number: u64) -> Gid {
        Gid::new(number)
    }

    fn join(gids: &[u64]) -> Op {
        let servers = |number: u64| vec![NodeId::new(number as u16), NodeId::new(7)];
        Op::Join { groups: gids.iter().map(|&number| (gid(number), servers(number))).collect() }
    }

    fn leave(gids: &[u64]) -> Op {
        Op::Leave { gids: gids.iter().copied().map(Gid::new).collect() }
    }

    fn give(shard: u16, to: u64) -> Op {
        Op::Move { shard: Shard::new(shard), gid: gid(to) }
    }

    fn query(num: u64) -> Op {
        Op::Query { num: Some(ConfigNum::new(num)) }
    }

    const LATEST: Op = Op::Query { num: None };

    /// What a master answers to one request after the other.
    fn said(ops: &[Op], mut master: impl FnMut(&Op) -> Reply) -> Vec<(Op, Reply)> {
        ops.iter().map(|op| (op.clone(), master(op))).collect()
    }

    fn reference() -> impl FnMut(&Op) -> Reply {
        let mut master = Master::new(SHARDS);
        move |op| match master.apply(op) {
            Outcome::Done(reply) | Outcome::Refused(reply) => reply,
        }
    }

    /// A master that does with the last shard what the reference does with the first, and knows
    /// nothing of holders.
    fn mirrored() -> impl FnMut(&Op) -> Reply {
        let mut master = reference();
        move |op| {
            let op = match op {
                Op::Move { shard, gid } if shard.get() < SHARDS => {
                    Op::Move { shard: Shard::new(SHARDS - 1 - shard.get()), gid: *gid }
                }
                other => other.clone(),
            };
            let mut reply = master(&op);
            if let Reply::Config(config) = &mut reply {
                config.shards.reverse();
                config.holders.clear();
            }
            reply
        }
    }

    fn is_accepted(said: &[(Op, Reply)]) -> bool {
        let told = |(place, (op, reply)): (usize, &(Op, Reply))| {
            let at = 2 * place as u64;
            Operation::completed(0, op.clone(), at, at + 1, reply.clone())
        };
        let history: Vec<_> = said.iter().enumerate().map(told).collect();
        let report = check(&MasterModel { shards: SHARDS }, &history, 1_000_000);
        report.verdict == Verdict::Linearizable
    }

    fn story() -> Vec<Op> {
        let mut ops = vec![LATEST, join(&[1]), LATEST, join(&[2, 3]), LATEST, give(0, 3), LATEST];
        ops.extend([give(9, 1), give(9, 1), give(9, 9), give(10, 1), query(2), query(99)]);
        ops.extend([leave(&[2]), join(&[1]), leave(&[7]), join(&[4, 5]), LATEST, leave(&[1, 3])]);
        ops.extend([LATEST, query(3), leave(&[4, 5]), LATEST, join(&[2, 1]), query(0), LATEST]);
        ops
    }

    /// The story as the reference tells it, with something done to every answer.
    fn told(mut change: impl FnMut(usize, &mut Reply)) -> Vec<(Op, Reply)> {
        let mut said = said(&story(), reference());
        said.iter_mut().enumerate().for_each(|(place, (_, reply))| change(place, reply));
        said
    }

    #[test]
    fn any_master_that_balances_is_one() {
        assert!(is_accepted(&said(&story(), reference())));
        assert!(is_accepted(&said(&story(), mirrored())));
    }

    #[test]
    fn which_problem_there_is_does_not_matter_but_that_there_is_one() {
        let another = |_, reply: &mut Reply| {
            if let Reply::Invalid(problem) = reply {
                *problem = Problem::GroupZero;
            }
        };
        assert!(is_accepted(&told(another)));
        let ignored = |_, reply: &mut Reply| {
            if let Reply::Invalid(_) = reply {
                *reply = Reply::Unchanged(ConfigNum::new(4));
            }
        };
        assert!(!is_accepted(&told(ignored)));
    }

    #[test]
    fn whatever_is_asked() {
        for seed in 0..300 {
            let mut dice = Rng::new(seed);
            let mut ops = Vec::new();
            for _ in 0..30 {
                let mut some =
                    || -> Vec<u64> { (0..dice.below(3)).map(|_| dice.below(6)).collect() };
                let gids = some();
                ops.push(match dice.below(6) {
                    0 | 1 => join(&gids),
                    2 => leave(&gids),
                    3 => give(dice.below(11) as u16, dice.below(6)),
                    4 => query(dice.below(20)),
                    _ => LATEST,
                });
            }
            assert!(is_accepted(&said(&ops, reference())), "{ops:?}");
            assert!(is_accepted(&said(&ops, mirrored())), "{ops:?}");
        }
    }

    /// What the story shows in the place of one of its queries.
    fn shown_otherwise(place: usize, change: impl Fn(&mut Config)) -> bool {
        is_accepted(&told(|at, reply| {
            if let (true, Reply::Config(config)) = (at == place, reply) {
                change(config);
            }
        }))
    }

    #[test]
    fn shards_are_spread_evenly() {
        let ops = [join(&[1, 2]), LATEST];
        let mut said = said(&ops, reference());
        assert!(is_accepted(&said));
        let Reply::Config(config) = &mut said[1].1 else { panic!("a query") };
        config.shards[9] = Some(gid(1));
        assert!(!is_accepted(&said), "six and four");
        config_of(&mut said[1]).shards = vec![Some(gid(1)); 10];
        assert!(!is_accepted(&said));
        config_of(&mut said[1]).shards[0] = None;
        assert!(!is_accepted(&said), "nobody's");
        config_of(&mut said[1]).shards = vec![Some(gid(3)); 10];
        assert!(!is_accepted(&said), "a stranger's");
        config_of(&mut said[1]).shards.pop();
        assert!(!is_accepted(&said), "not enough");
    }

    fn config_of(said: &mut (Op, Reply)) -> &mut Config {
        let Reply::Config(config) = &mut said.1 else { panic!("no query") };
        config
    }

    #[test]
    fn no_more_move_than_must() {
        for ops in [
            vec![join(&[1, 2]), LATEST, join(&[3]), LATEST],
            vec![join(&[1, 2]), LATEST, give(9, 1), give(8, 1), join(&[3]), LATEST],
            // What was before is seen later.
            vec![join(&[1, 2]), join(&[3]), LATEST, query(1)],
            vec![join(&[1, 2]), join(&[3]), give(0, 2), query(2), query(1)],
        ] {
            let mut said = said(&ops, reference());
            assert!(is_accepted(&said));
            // The first and the last shard are in other places than they should be.
            let late = ops.iter().rposition(|op| *op == LATEST || *op == query(2)).unwrap();
            let config = config_of(&mut said[late]);
            let (one, other) = (config.shards[1], config.shards[6]);
            assert_ne!(one, other);
            (config.shards[1], config.shards[6]) = (other, one);
            assert!(!is_accepted(&said), "{ops:?}");
        }
    }

    #[test]
    fn what_was_said_stands() {
        // An earlier configuration is another one by now: in its groups, or in its shards.
        let swap = |config: &mut Config| config.shards.swap(1, 9);
        let earlier = story().iter().position(|op| *op == query(2)).unwrap();
        assert!(shown_otherwise(earlier, |_| ()));
        assert!(!shown_otherwise(earlier, swap));
        assert!(!shown_otherwise(earlier, |config| drop(config.groups.remove(&gid(2)))));
        assert!(!shown_otherwise(earlier, |config| config
            .groups
            .values_mut()
            .for_each(Vec::clear)));
        assert!(!shown_otherwise(earlier, |config| config.num = config.num.next()));
        // It is the first time that it is shown, and what was moved from there is known.
        let ops = [join(&[1, 2]), give(0, 2), query(1), LATEST];
        let mut said = said(&ops, reference());
        assert!(is_accepted(&said));
        config_of(&mut said[2]).shards.swap(0, 9);
        assert!(!is_accepted(&said), "it was moved to where it was");
    }

    #[test]
    fn numbers_come_one_by_one() {
        let ops = [join(&[1]), join(&[2]), LATEST];
        let mut said = said(&ops, reference());
        assert!(is_accepted(&said));
        said[1].1 = Reply::Made(ConfigNum::new(3));
        assert!(!is_accepted(&said));
        config_of(&mut said[2]).num = ConfigNum::new(3);
        assert!(!is_accepted(&said), "a number is left out");
    }

    #[test]
    fn no_change_is_lost() {
        let mut said = said(&[join(&[1]), join(&[2]), LATEST], reference());
        said[2].1 = reference_after(&[join(&[1])]);
        assert!(!is_accepted(&said), "as if the second had never joined");
        config_of(&mut said[2]).num = ConfigNum::new(2);
        assert!(!is_accepted(&said));
    }

    fn reference_after(ops: &[Op]) -> Reply {
        let ops: Vec<Op> = ops.iter().cloned().chain([LATEST]).collect();
        said(&ops, reference()).pop().unwrap().1
    }

    #[test]
    fn a_move_to_who_has_it_already_changes_nothing() {
        let num = ConfigNum::new;
        let (made, unchanged) = (Reply::Made(num(2)), Reply::Unchanged(num(1)));
        let after = |ops: &[Op], reply: &Reply, more: &[(Op, Reply)]| {
            let mut said = said(ops, reference());
            said.last_mut().unwrap().1 = reply.clone();
            said.extend_from_slice(more);
            is_accepted(&said)
        };
        // Who has it is known.
        assert!(after(&[join(&[1]), give(0, 1)], &unchanged, &[]));
        assert!(!after(&[join(&[1]), give(0, 1)], &made, &[]));
        let seen = [join(&[1, 2]), LATEST, give(0, 1)];
        assert!(after(&seen, &unchanged, &[]));
        assert!(!after(&seen, &made, &[]));
        // It is not, and the answer tells.
        let unseen = [join(&[1, 2]), give(0, 1)];
        let first = |number: u64| {
            let mut shown = (query(1), reference_after(&[join(&[1, 2])]));
            if number != 1 {
                config_of(&mut shown).shards.swap(0, 9);
            }
            shown
        };
        assert!(after(&unseen, &unchanged, &[first(1)]));
        assert!(!after(&unseen, &unchanged, &[first(2)]));
        assert!(after(&unseen, &made, &[first(2)]));
        assert!(!after(&unseen, &made, &[first(1)]));
    }

    #[test]
    fn an_answer_that_never_came_may_be_either() {
        let model = MasterModel { shards: SHARDS };
        let (known, latest) = (reference_after(&[join(&[1])]), reference_after(&[]));
        for reply in [known, latest] {
            let history =
                [Operation::open(0, join(&[1]), 1), Operation::completed(1, LATEST, 2, 3, reply)];
            assert_eq!(check(&model, &history, 1_000).verdict, Verdict::Linearizable);
        }
    }

    #[test]
    fn who_comes_back_with_other_servers_may_be_turned_away() {
        let servers = vec![NodeId::new(99)];
        let back = Op::Join { groups: [(gid(1), servers)].into() };
        for (reply, is_right) in [
            (Reply::Made(ConfigNum::new(3)), true),
            (Reply::Invalid(Problem::NoServers), true),
            (Reply::Unchanged(ConfigNum::new(2)), false),
        ] {
            let mut said = said(&[join(&[1]), leave(&[1])], reference());
            said.push((back.clone(), reply));
            assert_eq!(is_accepted(&said), is_right);
        }
    }

    #[test]
    fn the_state_is_shown_as_far_as_it_is_known() {
        let model = MasterModel { shards: 3 };
        let step = |state: &Configs, op: &Op| model.step(state, op, None).unwrap();
        let first = model.initial();
        assert_eq!(model.describe_state(&first), "#0 [- - -] {}");
        let two = step(&step(&first, &join(&[1, 2])), &give(1, 2));
        assert_eq!(model.describe_state(&two), "#2 [? 2 ?] {g1: [n1, n7], g2: [n2, n7]}");
    }

    #[test]
    fn least_moves() {
        let before: Vec<Option<Gid>> = [1, 1, 1, 1, 2, 9].map(|it| Some(gid(it))).to_vec();
        let least = |gids: &[u64]| fewest_moves(&before, gids.iter().copied().map(Gid::new));
        assert_eq!((least(&[1, 2]), least(&[1]), least(&[3, 4]), least(&[])), (2, 2, 6, 6));
        assert_eq!(least(&[1, 2, 3, 4, 5, 6, 7]), 4);
    }
}
