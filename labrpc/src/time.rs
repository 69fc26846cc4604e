//! Two kinds of time: the world's, which nobody inside can see, and each node's own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds of a duration; more than 584 years count as 584 years.
pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration in milliseconds, exact to the nanosecond: `3ms`, `0.5ms`.
pub(crate) fn duration_text(d: Duration) -> String {
    let nanos = nanos(d);
    let text = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
    format!("{}ms", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The duration that such a text means, or the text of a point in time.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_suffix("ms")?;
    let (millis, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !digits(millis) || !digits(fraction) || fraction.is_empty() || fraction.len() > 6 {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<6}").parse().ok()?;
    millis.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(nanos).map(Duration::from_nanos)
}

macro_rules! point_in_time {
    ($name:ident) => {
        impl $name {
            /// The start of time.
            pub const ZERO: Self = Self(0);

            /// The point this many nanoseconds after the start.
            pub const fn from_nanos(nanos: u64) -> Self {
                Self(nanos)
            }

            /// Nanoseconds since the start.
            pub const fn as_nanos(self) -> u64 {
                self.0
            }

            /// The time from `earlier` to here; zero where `earlier` is later.
            pub fn since(self, earlier: Self) -> Duration {
                Duration::from_nanos(self.0.saturating_sub(earlier.0))
            }
        }

        impl Add<Duration> for $name {
            type Output = Self;
            fn add(self, d: Duration) -> Self {
                Self(self.0.saturating_add(nanos(d)))
            }
        }

        impl Sub for $name {
            type Output = Duration;
            fn sub(self, earlier: Self) -> Duration {
                self.since(earlier)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = format!("{}.{:06}ms", self.0 / 1_000_000, self.0 % 1_000_000);
                f.pad(&text)
            }
        }
    };
}

/// A reading of a node's own clock, in nanoseconds.
///
/// Clocks of different nodes may drift apart, so a reading means something to the node that took
/// it and to nobody else; that is why no message carries one.
///
/// ```
/// use labrpc::Instant;
/// use std::time::Duration;
/// let deadline = Instant::ZERO + Duration::from_millis(250);
/// assert_eq!(deadline.to_string(), "250.000000ms");
/// assert_eq!(deadline.since(Instant::ZERO), Duration::from_millis(250));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);
point_in_time!(Instant);

/// True time in a world, in nanoseconds since it was made; only a driver sees it.
///
/// ```
/// use labrpc::SimTime;
/// use std::time::Duration;
/// assert_eq!((SimTime::ZERO + Duration::from_micros(1500)).to_string(), "1.500000ms");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SimTime(u64);
point_in_time!(SimTime);

/// How a node's clock runs: fast or slow by so many parts in a million, from a point on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    since: SimTime,
    reading: Instant,
    drift_ppm: i32,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    /// A clock that shows true time.
    pub(crate) const TRUE: Self =
        Self { since: SimTime::ZERO, reading: Instant::ZERO, drift_ppm: 0 };

    pub(crate) fn drift_ppm(&self) -> i32 {
        self.drift_ppm
    }

    /// What the clock shows at `now`, which is not before the last change of its drift.
    pub(crate) fn read(&self, now: SimTime) -> Instant {
        let passed = now.0 - self.since.0;
        let shown = if self.drift_ppm == 0 {
            passed
        } else {
            let shown = i128::from(passed) * (MILLION + i128::from(self.drift_ppm)) / MILLION;
            u64::try_from(shown).unwrap_or(u64::MAX)
        };
        Instant(self.reading.0.saturating_add(shown))
    }

    /// The first point in true time, from `now` on, at which the clock shows `wanted` or more.
    pub(crate) fn when(&self, wanted: Instant, now: SimTime) -> SimTime {
        let ahead = wanted.0.saturating_sub(self.reading.0);
        let needed = if self.drift_ppm == 0 {
            ahead
        } else {
            let rate = MILLION + i128::from(self.drift_ppm);
            u64::try_from((i128::from(ahead) * MILLION + rate - 1) / rate).unwrap_or(u64::MAX)
        };
        now.max(SimTime(self.since.0.saturating_add(needed)))
    }

    /// The same clock, which from `now` on gains `drift_ppm` millionths, or loses them.
    pub(crate) fn drifting(&self, now: SimTime, drift_ppm: i32) -> Self {
        assert!(drift_ppm > -1_000_000, "a clock cannot run backwards: {drift_ppm} ppm");
        Self { since: now, reading: self.read(now), drift_ppm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_never_comes_before_the_clock_shows_it() {
        for drift_ppm in [-500_000, -333, -1, 0, 1, 7, 250_000, 1_000_000] {
            let clock = Clock::TRUE.drifting(SimTime(12_345), drift_ppm);
            for wanted in [12_345, 12_346, 99_999, 1_000_000_007] {
                let at = clock.when(Instant(wanted), SimTime(12_345));
                assert!(clock.read(at) >= Instant(wanted), "{drift_ppm} ppm, {wanted} ns");
                if at > SimTime(12_345) {
                    assert!(clock.read(SimTime(at.0 - 1)) < Instant(wanted));
                }
            }
        }
    }

    #[test]
    fn a_change_of_drift_does_not_make_the_clock_jump() {
        let fast = Clock::TRUE.drifting(SimTime::ZERO, 100_000);
        let later = SimTime(1_000_000);
        assert_eq!(fast.read(later), Instant(1_100_000));
        assert_eq!(fast.drifting(later, -100_000).read(later), Instant(1_100_000));
    }

    #[test]
    fn durations_survive_as_text() {
        for (nanos, text) in [
            (0, "0ms"),
            (1, "0.000001ms"),
            (500_000, "0.5ms"),
            (10_000_000, "10ms"),
            (1_234_567_891, "1234.567891ms"),
            (u64::MAX, "18446744073709.551615ms"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(duration_text(duration), text);
            assert_eq!(parse_duration(text), Some(duration));
            assert_eq!(parse_duration(&SimTime(nanos).to_string()), Some(duration));
        }
        for bad in ["", "ms", "5", "5s", "-5ms", "+5ms", ".5ms", "5.ms", "0.0000001ms", "5 ms"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(parse_duration("18446744073709.551616ms"), None);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let fast = Clock::TRUE.drifting(SimTime::ZERO, 1_000_000);
        assert_eq!(fast.read(SimTime(u64::MAX)), Instant(u64::MAX));
        assert_eq!(Instant(u64::MAX) + Duration::from_nanos(1), Instant(u64::MAX));
        let slow = Clock::TRUE.drifting(SimTime::ZERO, -500_000);
        assert_eq!(slow.when(Instant(u64::MAX), SimTime::ZERO), SimTime(u64::MAX));
        assert_eq!(Instant(3).since(Instant(5)), Duration::ZERO);
    }
}
