//! The seeds of an examination: those that students know, and those that they don't.

use super::result::SeedName;
use std::collections::BTreeSet;

/// Which seeds each scenario is run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    visible: u64,
    hidden: Vec<u64>,
}

impl Seeds {
    /// The seeds from 0 to `visible` - 1, which students know, and hidden ones, in their order.
    ///
    /// # Errors
    /// If there is none, a hidden one is there twice, or is one of the visible.
    pub fn new(visible: u64, hidden: Vec<u64>) -> Result<Self, String> {
        let mut known = BTreeSet::new();
        for seed in &hidden {
            if *seed < visible {
                return Err(format!(
                    "seed {seed} cannot be hidden: 0 to {} are visible",
                    visible - 1
                ));
            }
            if !known.insert(*seed) {
                return Err(format!("the hidden seed {seed} is there twice"));
            }
        }
        if visible == 0 && hidden.is_empty() {
            return Err("there are neither visible nor hidden seeds".to_string());
        }
        Ok(Self { visible, hidden })
    }

    /// Reads hidden seeds: one number in each line; blank lines, and what follows a `#`, mean nothing.
    ///
    /// # Errors
    /// If a line is something else: it is named by its number only, as what it says is a secret.
    pub fn parse(text: &str) -> Result<Vec<u64>, String> {
        let mut seeds = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let seed = line.parse();
                seeds.push(seed.map_err(|error| format!("line {}: {error}", number + 1))?);
            }
        }
        Ok(seeds)
    }

    /// How many there are that students know.
    pub fn visible(&self) -> u64 {
        self.visible
    }

    /// How many there are that they don't.
    pub fn hidden(&self) -> u64 {
        self.hidden.len() as u64
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.visible() + self.hidden()
    }

    /// All, visible ones first: what each is called, and what it is.
    pub fn iter(&self) -> impl Iterator<Item = (SeedName, u64)> {
        let visible = (0..self.visible).map(|seed| (SeedName::Visible(seed), seed));
        let hidden = (1..).zip(&self.hidden).map(|(n, seed)| (SeedName::Hidden(n), *seed));
        visible.chain(hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_seeds_are_a_number_in_each_line() {
        assert_eq!(Seeds::parse("# autumn\n17\n\n 4711 # a good one\n"), Ok(vec![17, 4711]));
        let error = Seeds::parse("17\n0x11\n").unwrap_err();
        assert!(error.starts_with("line 2: ") && !error.contains("0x11"), "{error}");
        assert!(Seeds::parse("-1").is_err());
    }

    #[test]
    fn seeds_have_names_that_do_not_tell_the_hidden_ones() {
        let seeds = Seeds::new(2, vec![4711, 17]).unwrap();
        let names: Vec<String> = seeds.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["seed 0", "seed 1", "hidden seed no. 1", "hidden seed no. 2"]);
        let numbers: Vec<u64> = seeds.iter().map(|(_, seed)| seed).collect();
        assert_eq!(numbers, [0, 1, 4711, 17]);
        for (visible, hidden) in [(0, vec![]), (5, vec![4]), (0, vec![7, 7])] {
            assert!(Seeds::new(visible, hidden).is_err());
        }
    }
}
