//! A service of one's own: a lock, on servers that crash, over a network that loses and delays. A
//! lock alone excludes nobody: a holder that has dozed off is robbed and does not know it. What
//! does is the token, which grows from holder to holder: a store that has seen 4 refuses 3.

use kvraft::rsm::{Actor, Clerk, ClientId, Config, Outcome, Server, Service, Sessions};
use labrpc::{CrashPoint, Network, NodeId, World};
use raft::Raft;
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Lock {
    is_taken: bool,
    latest: Holder,
    sessions: Sessions<Holder>,
}
type Holder = (usize, u64); // who has the lock, or had it last, and the token that came with it
type Node = Actor<Lock, Raft>;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Op {
    Acquire(usize),
    Release(u64), // one's own token, or that of somebody who has had it for too long
}

impl Service for Lock {
    type Op = Op;
    type Reply = Holder;
    fn apply(&mut self, op: &Op) -> Outcome<Holder> {
        match *op {
            Op::Acquire(who) if !self.is_taken => {
                (self.is_taken, self.latest) = (true, (who, self.latest.1 + 1));
            }
            Op::Release(token) if token == self.latest.1 => self.is_taken = false,
            _ => {} // Done, not Refused: that somebody else has it is an answer, and a final one
        }
        Outcome::Done(self.latest)
    }
    fn sessions(&mut self, _: &Op) -> Option<&mut Sessions<Holder>> {
        Some(&mut self.sessions) // so that a question that arrives twice is not obeyed twice
    }
    fn is_read(_: &Op) -> bool {
        false
    }
    fn save(&self) -> Vec<u8> {
        labgob::encode(self)
    }
    fn load(&mut self, state: &[u8]) -> Result<(), labgob::Error> {
        labgob::decode(state).map(|loaded| *self = loaded)
    }
}

/// Clients ask at once; the answer, which is the same for all, when all have it.
fn ask(world: &mut World<Node>, clients: &[usize], op: impl Fn(usize) -> Op) -> Holder {
    let id = |client: usize| NodeId::new(3 + client as u16);
    for &client in clients {
        world.poke(id(client), |node, cx| node.clerk().start(cx, op(client)));
    }
    let reply = |world: &World<Node>, it: usize| Some(*world.node(id(it))?.reply()?.reply());
    let done = |world: &World<Node>| clients.iter().all(|&it| reply(world, it).is_some());
    world.run_until(Duration::from_secs(60), done).expect("two of three servers can go on");
    let answers: Vec<Holder> = clients.iter().filter_map(|&it| reply(world, it)).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0]
}

pub(crate) fn main() {
    let mut world: World<Node> = World::new(3, Network::unreliable().with_late_messages());
    let (servers, names) = ([0, 1, 2].map(NodeId::new), ["ada", "bob", "eve"]);
    for _ in servers {
        world.add(move |cx| Server::boot(cx, &servers, Lock::default(), Config::default()).into());
    }
    for _ in names {
        world.add(move |cx| Clerk::new(ClientId::random(cx.rng), servers.to_vec()).into());
    }
    for round in 0..12 {
        world.crash(servers[round % 3], CrashPoint::AfterWrites(1)); // in the midst of a step
        let (first, old) = ask(&mut world, &[0, 1, 2], Op::Acquire);
        let (mut holder, mut token) = (first, old);
        if round % 3 == 2 {
            println!(
                "{:>15} {} has {old}, and falls asleep",
                world.now().to_string(),
                names[first]
            );
            let others = [(first + 1) % 3, (first + 2) % 3];
            ask(&mut world, &others, |_| Op::Release(old)); // of the two, one does it
            (holder, token) = ask(&mut world, &others, Op::Acquire);
        }
        println!("{:>15} {} writes with {token}", world.now().to_string(), names[holder]);
        ask(&mut world, &[holder], |_| Op::Release(token));
        if old < token {
            println!("{:>15} {} wakes up, and is refused with {old}", "", names[first]);
        }
        world.restart(servers[round % 3]).expect("its disk is there");
    }
    world.run_for(Duration::from_secs(2));
    let lock = |id: NodeId| world.node(id).expect("it is up").server().service();
    assert!(servers.iter().all(|id| lock(*id) == lock(servers[0])), "replicas differ");
}
