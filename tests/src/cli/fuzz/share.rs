//! Which part of a campaign is this machine's.

use crate::cli::text::thousands;
use std::fmt;
use std::str::FromStr;

/// Every `of`-th seed, beginning with `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub number: u64,
    pub of: u64,
}

impl Share {
    /// Everything.
    pub const ALL: Self = Self { number: 0, of: 1 };

    /// Where in a job array this process runs: what Slurm says, or the index that Kubernetes gives
    /// an indexed job, or that of a job in a matrix of GitHub Actions. The latter two do not tell
    /// how many there are; the recipes put that into a variable of their own.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str| -> Result<Option<u64>, String> {
            let Some(text) = get(name) else { return Ok(None) };
            let number = text.trim().parse();
            number.map(Some).map_err(|_| format!("{name} is `{text}`, and should be a number"))
        };
        let arrays = [
            ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
            ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
            ("STRATEGY_JOB_INDEX", "STRATEGY_JOB_TOTAL"),
        ];
        for (index, total) in arrays {
            let Some(at) = number(index)? else { continue };
            let Some(of) = number(total)? else {
                return Err(format!("{index} is set and {total} is not: say --shard I/N"));
            };
            let place = if index.starts_with("SLURM") {
                let [first, last, step] =
                    ["MIN", "MAX", "STEP"].map(|it| number(&format!("SLURM_ARRAY_TASK_{it}")));
                place_in_array(at, of, first?, last?, step?)?
            } else {
                at
            };
            return Self { number: place, of }.checked().ok_or_else(|| {
                format!("{index} is {at} of {total} {of}: this is no part of a whole")
            });
        }
        Ok(Self::ALL)
    }

    /// The most parts that there can be.
    pub const MOST: u64 = 1_000_000;

    fn checked(self) -> Option<Self> {
        (self.number < self.of && self.of <= Self::MOST).then_some(self)
    }

    /// How many seeds below this one belong to it.
    pub fn below(self, seed: u64) -> u64 {
        seed.saturating_sub(self.number).div_ceil(self.of)
    }
}

/// Which place a task has in an array of Slurm, from 0 on: of 3, 5, 7 and 9 (`--array=3-9:2`), 7 has
/// place 2. A list of numbers that are not equally far apart has no such places.
fn place_in_array(
    task: u64,
    count: u64,
    first: Option<u64>,
    last: Option<u64>,
    step: Option<u64>,
) -> Result<u64, String> {
    let (first, step) = (first.unwrap_or(0), step.unwrap_or(1));
    let bad = || {
        let last = last.map_or(String::new(), |it| format!(" to {it}"));
        Err(format!(
            "SLURM_ARRAY_TASK_ID is {task}, of {count} from {first}{last} by {step}: these are no equal \
             steps; give the array as in 0-30 or 0-30:2, or say --shard I/N"
        ))
    };
    let Some(behind) = task.checked_sub(first) else { return bad() };
    let is_whole =
        |last: u64| last.checked_sub(first).map(|it| it / step.max(1) + 1) == Some(count);
    if step == 0 || !behind.is_multiple_of(step) || last.is_some_and(|last| !is_whole(last)) {
        return bad();
    }
    Ok(behind / step)
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (number, of) = text.split_once('/')?;
            Self { number: number.trim().parse().ok()?, of: of.trim().parse().ok()? }.checked()
        };
        parse().ok_or_else(|| {
            let most = thousands(Self::MOST);
            format!("I/N is wanted, with I from 0 to N-1 and N up to {most}, as in 0/4")
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Share, String> {
        let get = |name: &str| {
            variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_string())
        };
        Share::from_environment(get)
    }

    #[test]
    fn seeds_are_counted_without_looking_at_each() {
        let third = Share { number: 1, of: 3 };
        assert_eq!([0, 1, 2, 4, 5].map(|seed| third.below(seed)), [0, 0, 1, 1, 2]);
        assert_eq!(Share::ALL.below(u64::MAX), u64::MAX);
        assert!("0/1000001".parse::<Share>().is_err() && "3/3".parse::<Share>().is_err());
    }

    #[test]
    fn job_arrays_say_which_part_it_is() {
        assert_eq!(of(&[]), Ok(Share::ALL));
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
        ];
        assert_eq!(of(&slurm), Ok(Share { number: 2, of: 4 }));
        let kubernetes = [("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "10")];
        assert_eq!(of(&kubernetes), Ok(Share { number: 0, of: 10 }));
        let github = [("STRATEGY_JOB_INDEX", "7"), ("STRATEGY_JOB_TOTAL", "8")];
        assert_eq!(of(&github), Ok(Share { number: 7, of: 8 }));
    }

    fn of_slurm([id, count, min, max, step]: [&str; 5]) -> Result<Share, String> {
        of(&[
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_COUNT", count),
            ("SLURM_ARRAY_TASK_MIN", min),
            ("SLURM_ARRAY_TASK_MAX", max),
            ("SLURM_ARRAY_TASK_STEP", step),
        ])
    }

    #[test]
    fn an_array_may_have_steps() {
        for place in 0..16 {
            let task = (2 * place).to_string();
            let share = of_slurm([&task, "16", "0", "30", "2"]);
            assert_eq!(share, Ok(Share { number: place, of: 16 }));
        }
        // 3-10:3 is 3, 6 and 9; Slurm may give 10 or 9 as its end.
        for max in ["10", "9"] {
            assert_eq!(of_slurm(["9", "3", "3", max, "3"]), Ok(Share { number: 2, of: 3 }));
        }
        // 0,1,3: nobody is told another part than it is.
        for task in ["0", "1", "3"] {
            let error = of_slurm([task, "3", "0", "3", "1"]).unwrap_err();
            assert!(error.contains("no equal steps"), "{error}");
        }
        assert!(of_slurm(["3", "2", "0", "2", "2"]).is_err(), "between two steps");
        assert!(of_slurm(["1", "2", "0", "1", "0"]).is_err(), "a step of nothing");
        assert!(of_slurm(["1", "2", "2", "3", "1"]).is_err(), "before the first");
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for variables in [
            &[("JOB_COMPLETION_INDEX", "1")][..],
            &[("JOB_COMPLETION_INDEX", "x"), ("JOB_COMPLETIONS", "2")],
            &[("STRATEGY_JOB_INDEX", "8"), ("STRATEGY_JOB_TOTAL", "8")],
        ] {
            assert!(of(variables).is_err(), "{variables:?}");
        }
        for bad in ["", "1", "1/1", "2/1", "-1/2", "0/0", "a/b", "1/2/3"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_seed_belongs_to_one() {
        for seed in 0..100 {
            let shares = (0..7).map(|number| Share { number, of: 7 });
            assert_eq!(shares.filter(|share| share.below(seed + 1) > share.below(seed)).count(), 1);
        }
    }
}
