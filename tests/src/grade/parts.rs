//! Which parts of the labs count.

use super::lab::Lab;
use crate::catalogue::{PARTS, nearest};
use serde::{Deserialize, Serialize};

/// The parts that are graded: all, if nothing is said. It is written as a list of names, or as nothing.
///
/// ```
/// use tests::grade::{lab::Lab, parts::Parts};
/// let parts = Parts::named(&["2B", "2a"])?;
/// assert_eq!(parts.titles().unwrap(), "2A, 2B");
/// assert!(parts.has("2a") && !parts.has("2c"));
/// assert!(parts.are_of(Lab::Lab2) && !parts.are_of(Lab::Lab3));
/// assert!(Parts::all().has("4x"));
/// assert!(Parts::named(&["2e"]).unwrap_err().contains("2a, 2b, 2c, 2d"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(Option<Vec<String>>);

impl Parts {
    /// Every part of every lab.
    pub fn all() -> Self {
        Self(None)
    }

    /// The parts of these names, as `lab list` has them, in the labs' order; upper and lower case are the same.
    ///
    /// # Errors
    /// If a part is unknown: with those that are called something like it.
    pub fn named<S: AsRef<str>>(names: &[S]) -> Result<Self, String> {
        let names: Vec<String> = names.iter().map(|it| it.as_ref().trim().to_lowercase()).collect();
        let known = || PARTS.iter().map(|(part, _)| *part);
        if let Some(name) = names.iter().find(|it| known().all(|part| part != *it)) {
            let like = nearest(name, known());
            let (what, like) = if like.is_empty() {
                ("there are", known().map(str::to_string).collect())
            } else {
                ("the nearest:", like)
            };
            return Err(format!("no part is called `{name}`; {what} {}", like.join(", ")));
        }
        let is_named = |part: &&str| names.iter().any(|it| it == part);
        Ok(Self(Some(known().filter(is_named).map(str::to_string).collect())))
    }

    /// Whether a part counts.
    pub fn has(&self, part: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|it| it == part))
    }

    /// Whether a part of a lab counts.
    pub fn are_of(&self, lab: Lab) -> bool {
        PARTS.iter().any(|(part, _)| lab.has(part) && self.has(part))
    }

    /// The names of those that count, if not all do: `2A, 2B`.
    pub fn titles(&self) -> Option<String> {
        self.0.as_ref().map(|names| names.join(", ").to_uppercase())
    }

    /// Whether each is of one of these labs.
    ///
    /// # Errors
    /// If one is not: with the parts that are.
    pub fn are_in(&self, labs: &[Lab]) -> Result<(), String> {
        let is_in = |part: &str| labs.iter().any(|lab| lab.has(part));
        let Some(part) = self.0.iter().flatten().find(|part| !is_in(part)) else { return Ok(()) };
        let there: Vec<&str> =
            PARTS.iter().map(|(part, _)| *part).filter(|part| is_in(part)).collect();
        let lab = Lab::ALL.into_iter().find(|lab| lab.has(part)).map_or("no lab", Lab::package);
        let (near, there) = (nearest(part, there.iter().copied()), there.join(", "));
        let nearest = near.first().map(|it| format!("; the nearest: {it}")).unwrap_or_default();
        Err(format!(
            "`{part}` is a part of {lab}, which no submission has; theirs are {there}{nearest}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_there_is_told_with_those_that_are() {
        let parts = Parts::named(&["2a", "4x"]).unwrap();
        assert_eq!(parts.are_in(&[Lab::Lab2, Lab::Lab4B]), Ok(()));
        assert_eq!(Parts::all().are_in(&[]), Ok(()));
        let why = parts.are_in(&[Lab::Lab2]).unwrap_err();
        assert_eq!(
            why,
            "`4x` is a part of lab4b, which no submission has; theirs are 2a, 2b, 2c, 2d, 2x; the nearest: 2x"
        );
        let why = Parts::named(&["everything"]).unwrap_err();
        assert!(why.starts_with("no part is called `everything`; there are 2a, "), "{why}");
    }

    #[test]
    fn they_are_written_as_a_list_or_as_nothing() {
        let parts = Parts::named(&["2b"]).unwrap();
        let json = serde_json::to_string(&(&parts, Parts::all())).unwrap();
        assert_eq!(json, r#"[["2b"],null]"#);
        let read: (Parts, Parts) = serde_json::from_str(&json).unwrap();
        assert_eq!(read, (parts, Parts::all()));
    }
}
