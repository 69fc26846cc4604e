//! All scenarios there are, ready to run: what the `lab` command and the `#[test]`s choose from.
//!
//! A [`Case`] hides what its scenario is generic over, so that the labs' scenarios, which stand on
//! different traits, are of one type here. A [`Catalogue`] holds them in order and knows what people
//! call them: parts, scenarios, and the names that the Go suites of all years have for them.

use crate::kv::{Lab3, Over};
use crate::run::{self, Monitors, Options, Play, Report};
use crate::scale::Measure;
use crate::shard::{self, Lab4A, Lab4B};
use crate::suites::{self, Entry, Scenario};
use crate::swarm::{self, System, Trial, Trier};
use kvraft::rsm::Reads;
use raft::Consensus;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// How a scenario is run, once what it is generic over is hidden.
pub type Runner = Arc<dyn Fn(u64, &Options) -> Report + Send + Sync>;

/// What a scenario runs on, as it is shown in reports.
pub type Describer = Arc<dyn Fn(&Options) -> serde_json::Value + Send + Sync>;

/// A scenario that can be run.
#[derive(Clone)]
pub struct Case {
    /// What it is.
    pub scenario: Scenario,
    reads: Reads,
    is_graded: bool,
    describe: Describer,
    runner: Runner,
}

impl Case {
    /// A scenario, what it runs on, and how it is run.
    pub fn new(scenario: Scenario, describe: Describer, runner: Runner) -> Self {
        Self { scenario, reads: Reads::Log, is_graded: false, describe, runner }
    }

    /// A scenario on the stage that it was written for.
    pub fn of<C: Play>(entry: Entry<C>) -> Self {
        let scenario = entry.scenario;
        Self::new(
            scenario,
            Arc::new(move |options| C::config(&scenario, options)),
            Arc::new(move |seed, options| run::run(&entry, seed, options)),
        )
    }

    /// Its name, which ends in its part.
    pub fn name(&self) -> &'static str {
        self.scenario.name
    }

    /// What it runs on, as it is shown in reports.
    pub fn config(&self) -> serde_json::Value {
        (self.describe)(&self.options(&Options::default()))
    }

    /// Runs it once.
    pub fn run(&self, seed: u64, options: &Options) -> Report {
        (self.runner)(seed, &self.options(options))
    }

    fn options(&self, options: &Options) -> Options {
        let monitors = if self.is_graded { Monitors::Graded } else { options.monitors };
        Options { reads: self.reads, monitors, ..options.clone() }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the parts are about.
pub(crate) const PARTS: [(&str, &str); 11] = [
    ("2a", "leader election"),
    ("2b", "log replication"),
    ("2c", "persistence"),
    ("2d", "snapshots"),
    ("2x", "beyond the labs: what their suite lets through"),
    ("3a", "key/value service"),
    ("3b", "key/value service with snapshots"),
    ("3x", "beyond the labs: what their suite lets through"),
    ("4a", "the shard master"),
    ("4b", "a sharded key/value store"),
    ("4x", "beyond the labs: what their suite lets through"),
];

/// What a part is about, if it is one of the known.
pub fn about_part(part: &str) -> Option<&'static str> {
    PARTS.iter().find(|(name, _)| *name == part).map(|(_, about)| *about)
}

/// How the command is called in the replay commands that are printed, unless the catalogue says
/// otherwise.
pub const PROGRAM: &str = "cargo run --release --";

/// All scenarios that one program can run, in order.
///
/// ```
/// use tests::catalogue::Catalogue;
/// let catalogue = Catalogue::reference();
/// let chosen = catalogue.resolve(&["TestFigure82C", "2a"]).unwrap();
/// let names: Vec<&str> = chosen.cases.iter().map(|case| case.name()).collect();
/// assert_eq!(names, ["initial_election_2a", "re_election_2a", "many_elections_2a", "figure_8_2c"]);
///
/// let error = catalogue.resolve(&["figure_9_2c"]).unwrap_err();
/// assert_eq!(error.nearest[0], "figure_8_2c");
/// ```
#[derive(Clone, Debug)]
pub struct Catalogue {
    cases: Vec<Case>,
    swarm: BTreeMap<System, Trier>,
    scale: Option<Measure>,
    is_reference: bool,
    program: String,
    reads: Reads,
    is_graded: bool,
}

impl Catalogue {
    /// These cases, in this order. Cases of one part stand together.
    pub fn new(cases: Vec<Case>) -> Self {
        let swarm = BTreeMap::new();
        let program = PROGRAM.to_string();
        let (reads, is_graded) = (Reads::Log, false);
        Self { cases, swarm, scale: None, is_reference: false, program, reads, is_graded }
    }

    /// Every scenario of lab 2, for one Raft: the labs' and the directed ones.
    pub fn of_raft<R: Consensus + 'static>() -> Self {
        let all = suites::lab2::<R>().into_iter().chain(suites::lab2x::<R>());
        Self::new(all.map(Case::of).collect()).with_swarm(swarm::of_raft::<R>())
    }

    /// Every scenario of lab 3, for one solution, the labs' and the directed ones: [`Over<R>`](crate::kv::Over) is the reference over
    /// a Raft of one's own.
    pub fn of_kv<L: Lab3>() -> Self {
        let all = suites::lab3::<L>().into_iter().chain(suites::lab3x::<L>());
        Self::new(all.map(Case::of).collect()).with_swarm(swarm::of_kv::<L>())
    }

    /// Every scenario of lab 4A, for one solution.
    pub fn of_master<L: Lab4A>() -> Self {
        let all = suites::lab4a::<L>().into_iter();
        Self::new(all.map(Case::of).collect()).with_swarm(swarm::of_master::<L>())
    }

    /// Every scenario of lab 4B, for one solution: the labs' and the directed ones.
    pub fn of_shards<L: Lab4B>() -> Self {
        let all = suites::lab4b::<L>().into_iter().chain(suites::lab4x::<L>());
        let whole = Self::new(all.map(Case::of).collect()).with_swarm(swarm::of_shards::<L>());
        Self { scale: Some(Measure::of::<L>()), ..whole }
    }

    /// Every scenario that exists, for the reference implementation.
    pub fn reference() -> Self {
        let whole = Self::of_raft::<raft::Raft>()
            .and(Self::of_kv::<Over<raft::Raft>>())
            .and(Self::of_master::<shard::Over<raft::Raft>>())
            .and(Self::of_shards::<shard::Over<raft::Raft>>());
        Self { is_reference: true, ..whole }
    }

    /// The same, and trials of a system.
    #[must_use]
    pub fn with_swarm(mut self, trier: Trier) -> Self {
        self.swarm.insert(trier.system(), trier);
        self
    }

    /// Whether it is of the reference implementation, which notes the
    /// [situations](crate::swarm::marks) that it comes to.
    pub fn is_reference(&self) -> bool {
        self.is_reference
    }

    /// How its sharded store is [measured](crate::scale), if it has one.
    pub fn scale(&self) -> Option<Measure> {
        self.scale
    }

    /// The systems of which it can run trials.
    pub fn systems(&self) -> Vec<System> {
        self.swarm.keys().copied().collect()
    }

    /// Runs a trial; `None`, if it can't run trials of that system.
    pub fn try_out(&self, trial: &Trial, options: &Options) -> Option<Report> {
        self.swarm.get(&trial.system).map(|trier| trier.run(trial, options))
    }

    /// The scenarios of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.cases.extend(other.cases);
        self.swarm.extend(other.swarm);
        self.scale = other.scale.or(self.scale);
        self
    }

    /// The same, with servers that serve reads in this way. It means nothing to lab 2.
    #[must_use]
    pub fn with_reads(mut self, reads: Reads) -> Self {
        self.cases.iter_mut().for_each(|case| case.reads = reads);
        Self { reads, ..self }
    }

    /// The same scenarios, looked at as in a [grade](Monitors::Graded).
    #[must_use]
    pub fn graded(mut self) -> Self {
        self.cases.iter_mut().for_each(|case| case.is_graded = true);
        Self { is_graded: true, ..self }
    }

    /// The same, with another beginning for the replay commands that are printed.
    #[must_use]
    pub fn with_program(self, program: impl Into<String>) -> Self {
        Self { program: program.into(), ..self }
    }

    /// How the command is called in the replay commands that are printed.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// All cases.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case of this exact name.
    pub fn find(&self, name: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.name() == name)
    }

    /// The parts, in order.
    pub fn parts(&self) -> Vec<&'static str> {
        let mut parts: Vec<&str> = self.cases.iter().map(|case| case.scenario.part).collect();
        parts.dedup();
        parts
    }

    /// The command that runs one case again, as one would type it.
    pub fn replay_command(&self, name: &str, seed: u64) -> String {
        let reads = match self.reads {
            Reads::Log => "",
            Reads::Index => " --reads index",
        };
        let graded = if self.is_graded { " --graded" } else { "" };
        format!("{} replay {name} --seed {seed}{reads}{graded}", self.program)
    }

    /// The cases that patterns stand for, each once, in the catalogue's order; all, if there are no
    /// patterns.
    ///
    /// A pattern is a part (`2a`), a lab (`2`, which is its parts but for the directed ones beyond
    /// the labs, `2x`), a scenario, or a Go test of any year; upper and lower case are the same.
    pub fn resolve<S: AsRef<str>>(&self, patterns: &[S]) -> Result<Selection<'_>, Unknown> {
        if patterns.is_empty() {
            return Ok(Selection { cases: self.cases.iter().collect(), notes: Vec::new() });
        }
        let (mut chosen, mut notes) = (BTreeSet::new(), Vec::new());
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            let (meant, by_go_name) = self.matches(pattern);
            if meant.is_empty() {
                return Err(self.unknown(pattern));
            }
            if by_go_name && meant.len() > 1 {
                let names: Vec<&str> = meant.iter().map(|&at| self.cases[at].name()).collect();
                notes.push(format!(
                    "{pattern} stands for {} scenarios: {}",
                    names.len(),
                    names.join(", ")
                ));
            }
            chosen.extend(meant);
        }
        Ok(Selection { cases: chosen.into_iter().map(|at| &self.cases[at]).collect(), notes })
    }

    /// The one case that a pattern stands for.
    pub fn resolve_one(&self, pattern: &str) -> Result<&Case, NotOne> {
        match &self.resolve(&[pattern]).map_err(NotOne::Unknown)?.cases[..] {
            [case] => Ok(case),
            cases => Err(NotOne::Several {
                pattern: pattern.to_string(),
                names: cases.iter().map(|case| case.name()).collect(),
            }),
        }
    }

    /// Which cases a pattern stands for, and whether it is the name of a Go test.
    fn matches(&self, pattern: &str) -> (Vec<usize>, bool) {
        let all = |accept: &dyn Fn(&Scenario) -> bool| -> Vec<usize> {
            (0..self.cases.len()).filter(|&at| accept(&self.cases[at].scenario)).collect()
        };
        let is_lab = !pattern.is_empty() && pattern.bytes().all(|byte| byte.is_ascii_digit());
        let mine = all(&|scenario| {
            let part = scenario.part;
            part.eq_ignore_ascii_case(pattern)
                || scenario.name.eq_ignore_ascii_case(pattern)
                || (is_lab && lab_of(part) == pattern && !part.ends_with('x'))
        });
        if mine.is_empty() {
            let is_called = |name: &&str| name.eq_ignore_ascii_case(pattern);
            (all(&|scenario| scenario.go.iter().any(is_called)), true)
        } else {
            (mine, false)
        }
    }

    fn unknown(&self, pattern: &str) -> Unknown {
        let wanted = pattern.to_lowercase();
        let mut candidates: BTreeSet<&str> = self.parts().into_iter().collect();
        candidates.extend(self.parts().into_iter().map(lab_of));
        candidates.extend(self.cases.iter().map(Case::name));
        if wanted.starts_with("test") {
            candidates.extend(self.cases.iter().flat_map(|case| case.scenario.go));
        }
        Unknown { pattern: pattern.to_string(), nearest: nearest(&wanted, candidates) }
    }
}

/// The number of the lab that a part belongs to.
fn lab_of(part: &str) -> &str {
    part.trim_end_matches(|c: char| !c.is_ascii_digit())
}

/// The few candidates that are most like what was wanted, the likest first.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    const LIKE_ENOUGH: f64 = 0.5;
    const AT_MOST: usize = 4;
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let whole = strsim::normalized_damerau_levenshtein(wanted, &candidate);
        let is_piece = wanted.len() >= 3 && candidate.contains(wanted);
        // The shorter the rest, the better a piece that was typed as it is.
        if is_piece { 1.0 + whole } else { whole }
    };
    let mut ranked: Vec<(f64, &str)> =
        candidates.into_iter().map(|candidate| (likeness(candidate), candidate)).collect();
    ranked.retain(|(likeness, _)| *likeness >= LIKE_ENOUGH);
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked.into_iter().take(AT_MOST).map(|(_, candidate)| candidate.to_string()).collect()
}

/// The cases that were asked for.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// The cases, in the catalogue's order.
    pub cases: Vec<&'a Case>,
    /// What the user may not expect: names that stand for several scenarios.
    pub notes: Vec<String>,
}

/// Nothing is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What was asked for.
    pub pattern: String,
    /// What is called something like it.
    pub nearest: Vec<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no part, scenario or Go test is called `{}`", self.pattern)?;
        if self.nearest.is_empty() {
            write!(f, "; `list` shows all")
        } else {
            write!(f, "\n  the nearest: {}\n  `list` shows all", self.nearest.join(", "))
        }
    }
}

impl std::error::Error for Unknown {}

/// A pattern that does not stand for exactly one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOne {
    /// It stands for none.
    Unknown(Unknown),
    /// It stands for several.
    Several {
        /// What was asked for.
        pattern: String,
        /// The scenarios that it stands for.
        names: Vec<&'static str>,
    },
}

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::Several { pattern, names } => {
                let (count, names) = (names.len(), names.join(", "));
                write!(f, "`{pattern}` stands for {count} scenarios, choose one: {names}")
            }
        }
    }
}

impl std::error::Error for NotOne {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(selection: &Selection<'a>) -> Vec<&'a str> {
        selection.cases.iter().map(|case| case.name()).collect()
    }

    /// A catalogue with a part beyond the labs, and a Go name that stands for two scenarios.
    fn small() -> Catalogue {
        let reference = Catalogue::reference();
        let case = |from: &str, name, part, go| {
            let mut case = reference.find(from).expect("a scenario").clone();
            case.scenario = Scenario { name, part, go, ..case.scenario };
            case
        };
        Catalogue::new(vec![
            case("initial_election_2a", "one_2a", "2a", &["TestOne2A", "TestBoth"]),
            case("basic_agree_2b", "two_2b", "2b", &["TestTwo2B", "TestBoth"]),
            case("re_election_2a", "three_2x", "2x", &[]),
            case("re_election_2a", "four_20a", "20a", &["TestFour"]),
        ])
    }

    #[test]
    fn a_lab_is_its_parts_and_not_those_beyond() {
        let catalogue = small();
        let resolve = |patterns: &[&str]| names(&catalogue.resolve(patterns).unwrap());
        assert_eq!(resolve(&[]), ["one_2a", "two_2b", "three_2x", "four_20a"]);
        assert_eq!(resolve(&["2"]), ["one_2a", "two_2b"]);
        assert_eq!(resolve(&["2X"]), ["three_2x"]);
        assert_eq!(resolve(&["20"]), ["four_20a"]);
        assert_eq!(resolve(&["two_2b", "2a", "2"]), ["one_2a", "two_2b"], "in order, each once");
        assert_eq!(catalogue.parts(), ["2a", "2b", "2x", "20a"]);
    }

    #[test]
    fn a_go_name_may_stand_for_several() {
        let catalogue = small();
        let both = catalogue.resolve(&["testboth"]).unwrap();
        assert_eq!(names(&both), ["one_2a", "two_2b"]);
        assert_eq!(both.notes, ["testboth stands for 2 scenarios: one_2a, two_2b"]);
        assert!(catalogue.resolve(&["2", "TestOne2A"]).unwrap().notes.is_empty());
        let error = catalogue.resolve_one("TestBoth").err().unwrap().to_string();
        assert_eq!(error, "`TestBoth` stands for 2 scenarios, choose one: one_2a, two_2b");
        assert_eq!(catalogue.resolve_one("TestFour").ok().unwrap().name(), "four_20a");
    }

    #[test]
    fn what_is_unknown_is_told_its_neighbours() {
        let catalogue = Catalogue::reference();
        let nearest = |pattern: &str| catalogue.resolve(&[pattern]).err().unwrap().nearest;
        assert_eq!(nearest("inital_election_2a")[0], "initial_election_2a");
        assert_eq!(nearest("figure_8")[..2], ["figure_8_2c", "figure_8_2x"]);
        assert_eq!(nearest("un_crash"), ["snapshot_install_un_crash_2d"]);
        assert!(nearest("TestFigur82C").contains(&"TestFigure82C".to_string()));
        assert_eq!(nearest("2e")[..2], ["2", "2a"]);
        assert!(nearest("quorum").is_empty());
        for nothing in ["", " ", "²", "--"] {
            assert!(catalogue.resolve(&[nothing]).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn the_setup_is_shown() {
        let catalogue = Catalogue::reference();
        let config = &catalogue.find("snapshot_install_unreliable_2d").unwrap().config();
        assert_eq!(config["network"], "unreliable");
        assert_eq!(config["snapshot_every"], 10);
        assert_eq!(config["election_timeout_ms"], serde_json::json!([400, 800]));
    }

    #[test]
    fn names_are_unique_end_in_their_part_and_parts_stand_together() {
        let catalogue = Catalogue::reference();
        let names: BTreeSet<&str> = catalogue.cases().iter().map(Case::name).collect();
        assert_eq!(names.len(), catalogue.cases().len());
        for case in catalogue.cases() {
            let Scenario { name, part, about, .. } = case.scenario;
            assert!(name.ends_with(&format!("_{part}")), "{name} is of part {part}");
            assert!(about_part(part).is_some(), "nothing is said of part {part}");
            assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about:?}");
        }
        let (mut parts, all) = (catalogue.parts(), catalogue.parts().len());
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), all);
    }
}
