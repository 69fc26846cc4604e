//! What the network does to messages: how long they take, which of them get lost, copied, held
//! back.

use crate::time::{duration_text, parse_duration};
use crate::{Kind, Rng};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A probability, as so many cases of so many: a fraction of integers, so that it means the same on
/// every machine.
///
/// ```
/// use labrpc::Chance;
/// assert_eq!(Chance::of(1, 10).to_string(), "1/10");
/// assert_eq!("1/10".parse(), Ok(Chance { num: 1, den: 10 }));
/// assert!("1/0".parse::<Chance>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    /// In so many cases …
    pub num: u32,
    /// … of so many, at least 1.
    pub den: u32,
}

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self { num: 0, den: 1 };

    /// It happens in `num` cases of `den`; always, if `num` is the greater.
    ///
    /// # Panics
    /// If `den` is 0.
    pub const fn of(num: u32, den: u32) -> Self {
        assert!(den > 0, "a chance of so many in none");
        Self { num, den }
    }

    fn strikes(self, dice: &mut Rng) -> bool {
        dice.chance(self.num, self.den)
    }
}

/// What the network does to messages; a value, so that it can be printed, compared and changed.
///
/// The presets are the labs' (6.824's labrpc), as far as a network of messages can have them: there
/// a call over a dead link fails after a while, here a lost message is silence and the sender owns
/// the timer.
///
/// As text it is the nearest preset and what differs from it:
///
/// ```
/// use labrpc::{Chance, Network};
/// let rough = Network { duplicate: Chance::of(1, 20), ..Network::unreliable() };
/// assert_eq!(rough.request_loss, Chance::of(1, 10));
/// assert_eq!(rough.to_string(), "unreliable duplicate=1/20");
/// assert_eq!("unreliable duplicate=1/20".parse(), Ok(rough));
/// assert_eq!("reliable late".parse(), Ok(Network::reliable().with_late_messages()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// How long every message takes, uniformly; the end is excluded, here and below. An empty range
    /// is its start.
    pub delay: Range<Duration>,
    /// What is added for a request, uniformly.
    pub request_delay: Range<Duration>,
    /// How often a request gets lost.
    pub request_loss: Chance,
    /// How often a reply gets lost.
    pub reply_loss: Chance,
    /// How often a reply is held back for `reorder_delay`; while this is not [`Chance::NEVER`]
    /// replies are tested for cut links when they are sent only, as in the labs.
    pub reorder: Chance,
    /// The least delay of a reply held back, and the most that comes on top of it. The labs draw
    /// twice, the second time below the first, so that short delays are likelier than long ones.
    pub reorder_delay: (Duration, Duration),
    /// How often a message arrives twice, the copy after a further `duplicate_delay`.
    pub duplicate: Chance,
    /// How much later the copy comes.
    pub duplicate_delay: Range<Duration>,
    /// How often a request is held back for `late_delay`.
    pub late: Chance,
    /// How long a late request is held back.
    pub late_delay: Range<Duration>,
    /// Whether what was sent to a node before it crashed may arrive after its restart, and its
    /// replies from before may still arrive elsewhere. (Its requests do in any case.)
    pub across_lives: bool,
}

impl Network {
    /// Each message takes 3 to 7 ms, and none is lost by chance.
    pub const fn reliable() -> Self {
        Self {
            delay: ms(3)..ms(7),
            request_delay: ms(0)..ms(0),
            request_loss: Chance::NEVER,
            reply_loss: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_delay: (ms(200), ms(2000)),
            duplicate: Chance::NEVER,
            duplicate_delay: ms(0)..ms(50),
            late: Chance::NEVER,
            late_delay: ms(500)..ms(5000),
            across_lives: false,
        }
    }

    /// Requests take up to 27 ms longer, and one request in ten and one reply in ten are lost.
    pub const fn unreliable() -> Self {
        Self {
            request_delay: ms(0)..ms(27),
            request_loss: Chance::of(1, 10),
            reply_loss: Chance::of(1, 10),
            ..Self::reliable()
        }
    }

    /// The same network, in which two replies of three are held back for 0.2 to 2.2 seconds.
    #[must_use]
    pub const fn with_long_reordering(self) -> Self {
        Self { reorder: Chance::of(2, 3), ..self }
    }

    /// The same network with the faults that the labs never had: copies, requests that are seconds
    /// late, and messages that outlive a crash.
    #[must_use]
    pub const fn with_late_messages(self) -> Self {
        Self { duplicate: Chance::of(1, 10), late: Chance::of(1, 20), across_lives: true, ..self }
    }

    /// The network's decision on one message, from dice that belong to this message alone.
    ///
    /// Each die is thrown whether or not its outcome matters, so that taking one fault away leaves
    /// everything else about the message as it was, too.
    pub(crate) fn judge(&self, kind: Kind, dice: &mut Rng) -> Fate {
        let mut delay = throw(&self.delay, dice);
        let (extra, loss, held) = match kind {
            Kind::Request => (&self.request_delay, self.request_loss, self.late),
            Kind::Reply => (&(Duration::ZERO..Duration::ZERO), self.reply_loss, self.reorder),
        };
        delay += throw(extra, dice);
        let (lost, held) = (loss.strikes(dice), held.strikes(dice));
        let copied = self.duplicate.strikes(dice);
        let behind = throw(&self.duplicate_delay, dice);
        if lost {
            return Fate::Lost;
        }
        if held && kind == Kind::Request {
            delay += throw(&self.late_delay, dice);
        } else if held {
            let (least, most) = self.reorder_delay;
            let below = throw(&(Duration::ZERO..most), dice);
            delay += least + throw(&(Duration::ZERO..below), dice);
        }
        Fate::Arrives { delay, copy: copied.then(|| delay + behind) }
    }
}

/// A duration in `range`; it takes a throw of the dice even where there is no choice.
fn throw(range: &Range<Duration>, dice: &mut Rng) -> Duration {
    if range.is_empty() {
        dice.next_u64();
    }
    dice.duration(range)
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Arrives { delay: Duration, copy: Option<Duration> },
}

// ---- text ------------------------------------------------------------------------------------

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl FromStr for Chance {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let parsed = || {
            let (num, den) = text.split_once('/')?;
            Some(Self { num: num.parse().ok()?, den: den.parse().ok().filter(|&den| den > 0)? })
        };
        parsed().ok_or_else(|| BadNetwork(text.to_string()))
    }
}

/// A text that is no [`Network`] and no [`Chance`]; holds the part that was not understood.
///
/// ```
/// use labrpc::{BadNetwork, Network};
/// let error = "reliable delay=3".parse::<Network>().unwrap_err();
/// assert_eq!(error, BadNetwork("delay=3".into()));
/// assert_eq!(error.to_string(), "`delay=3` says nothing about a network");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNetwork(pub String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` says nothing about a network", self.0)
    }
}

impl std::error::Error for BadNetwork {}

fn range_text(range: &Range<Duration>) -> String {
    format!("{}..{}", duration_text(range.start), duration_text(range.end))
}

fn parse_range(text: &str) -> Option<Range<Duration>> {
    let (start, end) = text.split_once("..")?;
    Some(parse_duration(start)?..parse_duration(end)?)
}

impl Network {
    fn fields(&self) -> [(&'static str, String); 11] {
        let (least, most) = self.reorder_delay;
        [
            ("delay", range_text(&self.delay)),
            ("request_delay", range_text(&self.request_delay)),
            ("request_loss", self.request_loss.to_string()),
            ("reply_loss", self.reply_loss.to_string()),
            ("reorder", self.reorder.to_string()),
            ("reorder_delay", format!("{}+{}", duration_text(least), duration_text(most))),
            ("duplicate", self.duplicate.to_string()),
            ("duplicate_delay", range_text(&self.duplicate_delay)),
            ("late", self.late.to_string()),
            ("late_delay", range_text(&self.late_delay)),
            ("across_lives", self.across_lives.to_string()),
        ]
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "delay" => self.delay = parse_range(value)?,
            "request_delay" => self.request_delay = parse_range(value)?,
            "request_loss" => self.request_loss = value.parse().ok()?,
            "reply_loss" => self.reply_loss = value.parse().ok()?,
            "reorder" => self.reorder = value.parse().ok()?,
            "reorder_delay" => {
                let (least, most) = value.split_once('+')?;
                self.reorder_delay = (parse_duration(least)?, parse_duration(most)?);
            }
            "duplicate" => self.duplicate = value.parse().ok()?,
            "duplicate_delay" => self.duplicate_delay = parse_range(value)?,
            "late" => self.late = value.parse().ok()?,
            "late_delay" => self.late_delay = parse_range(value)?,
            "across_lives" => self.across_lives = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

const PRESETS: [(&str, Network); 8] = [
    ("reliable", Network::reliable()),
    ("unreliable", Network::unreliable()),
    ("reliable reordering", Network::reliable().with_long_reordering()),
    ("unreliable reordering", Network::unreliable().with_long_reordering()),
    ("reliable late", Network::reliable().with_late_messages()),
    ("unreliable late", Network::unreliable().with_late_messages()),
    ("reliable reordering late", Network::reliable().with_long_reordering().with_late_messages()),
    (
        "unreliable reordering late",
        Network::unreliable().with_long_reordering().with_late_messages(),
    ),
];

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields();
        let differing = |preset: &Self| -> Vec<&(&str, String)> {
            let same = preset.fields();
            fields.iter().zip(&same).filter(|(a, b)| a != b).map(|(field, _)| field).collect()
        };
        let nearest = PRESETS.iter().map(|(name, preset)| (name, differing(preset)));
        let (name, differing) = nearest.min_by_key(|(_, d)| d.len()).expect("there are presets");
        f.write_str(name)?;
        differing.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let mut network = Self::reliable();
        for word in text.split_whitespace() {
            network = match word.split_once('=') {
                None if word == "reliable" => Self::reliable(),
                None if word == "unreliable" => Self::unreliable(),
                None if word == "reordering" => network.with_long_reordering(),
                None if word == "late" => network.with_late_messages(),
                Some((key, value)) if network.set(key, value).is_some() => network,
                _ => return Err(BadNetwork(word.to_string())),
            };
        }
        Ok(network)
    }
}
