//! A trial as text, for people to read and to edit: TOML, with a line for each fault.

use super::{System, Trial};
use labrpc::Fault;
use std::fmt;

impl Trial {
    /// The text of this trial.
    ///
    /// # Panics
    /// Never: what a trial holds has a text.
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("a trial has a text")
    }

    /// The trial that a text means.
    pub fn from_text(text: &str) -> Result<Self, BadTrial> {
        let trial: Self = toml::from_str(text).map_err(|error| BadTrial(error.to_string()))?;
        trial.checked()
    }

    /// Whether it can be run: a file may have been written by hand.
    fn checked(self) -> Result<Self, BadTrial> {
        let bad = |why: String| Err(BadTrial(why));
        let between = |what: &str, number: usize, least: usize, most: usize| {
            if (least..=most).contains(&number) {
                return Ok(());
            }
            Err(BadTrial(format!("{what} = {number}: it can be {least} to {most}")))
        };
        between("servers", self.servers, 1, 15)?;
        between("clients", self.clients, 0, 100)?;
        between("max_entries", self.max_entries, 1, 1024)?;
        between("max_in_flight", self.max_in_flight, 1, 64)?;
        match self.system {
            System::Raft | System::ShardMaster => {}
            System::Kv => between("keys", self.keys, 1, 1000)?,
            System::ShardKv => {
                between("keys", self.keys, 1, 1000)?;
                between("groups", self.groups, 1, 20)?;
            }
        }
        if self.system != System::ShardKv {
            between("groups", self.groups, 0, 0)?;
        }
        between("storm_ms", usize::try_from(self.storm_ms).unwrap_or(usize::MAX), 0, 600_000)?;
        between(
            "patience_ms",
            usize::try_from(self.patience_ms).unwrap_or(usize::MAX),
            0,
            600_000,
        )?;
        if self.snapshots == Some(0) {
            return bad("snapshots = 0: leave it out, if there shall be none".to_string());
        }
        for fault in self.plan.0.iter().map(|(_, fault)| fault).chain(&self.lasting) {
            if let Some(stranger) = fault.nodes().iter().find(|it| it.index() >= self.nodes()) {
                let last = self.nodes() - 1;
                return bad(format!("`{fault}`: there is no {stranger}, the last node is n{last}"));
            }
            // What a client does meanwhile would mean nothing.
            let servers = self.all_servers().len();
            let is_for_servers =
                matches!(fault, Fault::Crash { .. } | Fault::LoseDisk { .. } | Fault::Pause { .. });
            if is_for_servers && fault.nodes().iter().any(|it| it.index() >= servers) {
                return bad(format!("`{fault}`: only servers, up to n{}, can", servers - 1));
            }
        }
        Ok(self)
    }
}

/// A text that is no trial, and why.
///
/// ```
/// use tests::swarm::{System, Trial};
/// let text = Trial::draw(System::Kv, 1).to_text().replace("servers", "savers");
/// assert!(Trial::from_text(&text).unwrap_err().to_string().contains("savers"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTrial(String);

impl fmt::Display for BadTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl std::error::Error for BadTrial {}

/// What has a text of its own.
pub(super) mod shown {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn serialize<T: Display, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(it)
    }

    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(Error::custom)
    }
}

/// A plan begins on a line of its own.
pub(super) mod plan {
    use labrpc::Plan;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(plan: &Plan, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("\n{plan}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Plan, D::Error> {
        super::shown::deserialize(from)
    }
}

/// Faults without a time, one on a line.
pub(super) mod faults {
    use labrpc::Fault;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(faults: &[Fault], to: S) -> Result<S::Ok, S::Error> {
        let mut lines = String::from("\n");
        for fault in faults {
            lines.push_str(&fault.to_string());
            lines.push('\n');
        }
        to.serialize_str(&lines)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Fault>, D::Error> {
        let text = String::deserialize(from)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.parse().map_err(Error::custom)).collect()
    }
}

/// How reads are served.
pub(super) mod reads {
    use kvraft::rsm::Reads;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "that is how serde asks")]
    pub fn serialize<S: Serializer>(reads: &Reads, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match reads {
            Reads::Log => "log",
            Reads::Index => "index",
        })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Reads, D::Error> {
        match String::deserialize(from)?.as_str() {
            "log" => Ok(Reads::Log),
            "index" => Ok(Reads::Index),
            other => Err(Error::custom(format_args!("reads are `log` or `index`, not `{other}`"))),
        }
    }
}
