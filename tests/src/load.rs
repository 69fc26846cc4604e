//! An open stream of proposals, for benches and for tests that count.
//!
//! Proposals arrive at a fixed rate, whether or not the ones before are committed. What a window of
//! commands cost is told in messages, bytes and steps, which are the same on every machine, and in
//! CPU time, which is not.

use crate::Outcome;
use crate::arena::Limits;
use crate::cluster::{Lab, Retry, Setup};
use cpu_time::ThreadTime;
use labrpc::{Network, Totals, Trace};
use raft::{Config, Consensus};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What stream, on what cluster.
#[derive(Clone, Debug)]
pub struct Load {
    /// The cluster.
    pub setup: Setup,
    /// How many commands arrive in a second of simulated time.
    pub per_second: u64,
    /// How long a command is, at least 8 bytes.
    pub bytes: usize,
    /// Whether one follower is cut off all the time.
    pub one_cut_off: bool,
}

impl Load {
    /// A thousand commands of 16 bytes a second, for five servers on an unreliable network.
    pub fn standard(config: Config) -> Self {
        let setup = Setup {
            network: Network::unreliable(),
            config,
            limits: Limits {
                time: Duration::from_secs(1_000_000),
                steps: u64::MAX,
                rate: u64::MAX,
            },
            ..Setup::new(5)
        };
        Self { setup, per_second: 1_000, bytes: 16, one_cut_off: false }
    }
}

/// What it cost to commit a window of commands.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Commands committed.
    pub commands: u64,
    /// Messages delivered or lost.
    pub messages: u64,
    /// Bytes, as the labs count them.
    pub bytes: u64,
    /// Steps of the world.
    pub steps: u64,
    /// CPU time of this thread.
    pub cpu: Duration,
}

impl Cost {
    /// Commands per second of CPU time.
    pub fn commands_per_cpu_second(&self) -> f64 {
        self.commands as f64 / self.cpu.as_secs_f64()
    }

    /// Messages per second of CPU time.
    pub fn messages_per_cpu_second(&self) -> f64 {
        self.messages as f64 / self.cpu.as_secs_f64()
    }

    /// Messages per command.
    pub fn messages_per_command(&self) -> f64 {
        self.messages as f64 / self.commands as f64
    }

    /// Bytes per command.
    pub fn bytes_per_command(&self) -> f64 {
        self.bytes as f64 / self.commands as f64
    }
}

/// Runs a stream, and tells what each of these windows of commands cost: from one mark to the next,
/// the first from nothing. A failure of any monitor ends it.
pub fn run<R: Consensus + 'static>(load: &Load, seed: u64, marks: &[u64]) -> Outcome<Vec<Cost>> {
    let lab = Lab::<R>::new(load.setup.clone(), seed, Trace::off());
    let costs = Rc::new(RefCell::new(Vec::new()));
    let (sink, load, marks) = (Rc::clone(&costs), load.clone(), marks.to_vec());
    lab.run(|lab| async move {
        for end in feed(lab, &load, &marks).await? {
            sink.borrow_mut().push(end);
        }
        Ok(())
    })?;
    Ok(costs.take())
}

async fn feed<R: Consensus + 'static>(
    lab: Lab<R>,
    load: &Load,
    marks: &[u64],
) -> Outcome<Vec<Cost>> {
    let n = lab.servers();
    lab.one("the first", n, Retry::Yes).await?;
    let mut leader = lab.check_one_leader().await?;
    if load.one_cut_off {
        lab.disconnect((leader + 1) % n);
    }
    let gap = Duration::from_nanos(1_000_000_000 / load.per_second);
    let (mut costs, mut sent) = (Vec::new(), 0_u64);
    let mut command = vec![b'.'; load.bytes.max(8)];
    let (mut before, mut clock) = (figures(&lab), ThreadTime::now());
    for &mark in marks {
        while lab.cluster().highest_applied() < mark {
            sent += 1;
            command[..8].copy_from_slice(&sent.to_be_bytes());
            if lab.start(leader, &command).is_none() {
                leader = (leader + 1) % n;
            }
            lab.sleep(gap).await;
        }
        let now = figures(&lab);
        costs.push(Cost {
            commands: now.0 - before.0,
            messages: messages(&now.1) - messages(&before.1),
            bytes: now.1.bytes - before.1.bytes,
            steps: now.1.steps - before.1.steps,
            cpu: clock.elapsed(),
        });
        (before, clock) = (now, ThreadTime::now());
    }
    Ok(costs)
}

fn messages(totals: &Totals) -> u64 {
    totals.delivered + totals.dropped
}

fn figures<R: Consensus + 'static>(lab: &Lab<R>) -> (u64, Totals) {
    let cluster = lab.cluster();
    (cluster.highest_applied(), cluster.totals())
}
