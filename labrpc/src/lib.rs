//! A deterministic world for distributed state machines.

mod id;
mod links;
mod nemesis;
mod network;
mod persister;
mod process;
mod rng;
mod time;
mod trace;
mod world;

pub use id::NodeId;
pub use links::Links;
pub use nemesis::{BadFault, BadPlan, Fault, Plan, Storm, Trouble};
pub use network::{BadNetwork, Chance, Network};
pub use persister::{Disk, Persister, Writes};
pub use process::{Context, Kind, Note, Notes, Process, Wire};
pub use rng::Rng;
pub use time::{Instant, SimTime};
pub use trace::{Difference, Event, Fingerprint, Loss, Record, Trace, first_difference};
pub use world::{CrashPoint, DiskLost, TimedOut, Totals, Traffic, World};
