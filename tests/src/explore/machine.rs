//! The system as a whole: its states, what can happen next, and what comes of it.

use super::network::{Envelope, Flight, Network};
use super::pool::{Memo, Pool};
use super::properties::{Budget, Chronicle, Facts};
use super::server::{Event, Server, Step};
use super::{Bounds, Explorable, MOST_SERVERS};
use crate::Outcome;
use labrpc::{Disk, NodeId, Notes};
use raft::Consensus;

/// A state of the whole system, by numbers: of its servers, of what is in flight, and of what has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub servers: [u32; MOST_SERVERS],
    network: u32,
    chronicle: u32,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// To which server.
    slot: u8,
    /// What; messages by their numbers.
    event: Event<u32>,
    /// The server crashes in the middle of the step, and boots, in one of the ways in which that can
    /// happen.
    torn: Option<u8>,
}

/// What comes of a step: the server, and what it sent.
#[derive(Clone, Copy)]
struct Came {
    server: u32,
    sent: u32,
}

/// A step, and the same step cut short by a crash after each of its writes but the last.
struct Known {
    whole: Outcome<Came>,
    torn: Box<[Torn]>,
}

/// A step that a crash has cut short, and the boot that came to its end: the first after it or, if
/// there are crashes left, one after a boot that was cut short as well.
struct Torn {
    /// After which write the step was cut short, and then each boot but the last.
    after: Vec<u8>,
    came: Outcome<Came>,
}

impl Torn {
    /// How many crashes it takes.
    fn crashes(&self) -> u8 {
        self.after.len() as u8
    }
}

/// All that has come up so far of the system under exploration, each thing once.
pub struct Machine<C: Consensus> {
    bounds: Bounds,
    peers: Vec<NodeId>,
    servers: Pool<Server<C>>,
    /// What is to be seen of each server.
    facts_of: Vec<u32>,
    facts: Pool<Facts>,
    envelopes: Pool<Envelope<C::Message>>,
    /// What steps send.
    sent: Pool<Box<[Flight]>>,
    networks: Pool<Network>,
    /// The messages of each network, as bits.
    masks: Vec<Box<[u64]>>,
    chronicles: Pool<Chronicle>,
    steps: Memo<(u32, Event<u32>), Known>,
    posted: Memo<(u32, u32), u32>,
    saturated: Memo<([u32; MOST_SERVERS], u32), u32>,
    first: State,
}

impl<C: Explorable> Machine<C> {
    /// A system in which nothing has happened yet.
    pub fn new(bounds: Bounds) -> Outcome<Self> {
        let mut machine = Self {
            bounds,
            peers: (0..bounds.servers.into()).map(NodeId::new).collect(),
            servers: Pool::default(),
            facts_of: Vec::new(),
            facts: Pool::default(),
            envelopes: Pool::default(),
            sent: Pool::default(),
            networks: Pool::default(),
            masks: vec![Box::default()],
            chronicles: Pool::default(),
            steps: Memo::default(),
            posted: Memo::default(),
            saturated: Memo::default(),
            first: State { servers: [0; MOST_SERVERS], network: 0, chronicle: 0 },
        };
        let Bounds { elections, heartbeats, crashes, snapshots, .. } = bounds;
        let budget = Budget { elections, heartbeats, crashes, snapshots };
        let mut chronicle = Chronicle::new(bounds.terms, budget);
        let mut first = machine.first;
        first.network = machine.networks.add(Network::default()).0;
        for (slot, me) in machine.peers.clone().into_iter().enumerate() {
            let boot = Server::boot(me, &machine.peers, Disk::default(), &mut Notes::off())?;
            let came = machine.enter(boot);
            first.servers[slot] = came.server;
            first.network = machine.post(first.network, came.sent);
            let facts = machine.facts(came.server);
            chronicle.judge(facts, facts, std::iter::empty())?;
        }
        first.chronicle = machine.chronicles.add(chronicle).0;
        machine.first = first;
        Ok(machine)
    }

    /// The state in which everything begins.
    pub fn first(&self) -> State {
        self.first
    }

    /// How many different states of a server there are, and how many different steps.
    pub fn sizes(&self) -> (usize, usize) {
        (self.servers.len(), self.steps.len())
    }

    // ---- what can happen ---------------------------------------------------------------------

    /// All that can happen in a state; of servers that nothing has happened to yet, only the first is
    /// considered.
    pub fn actions(&mut self, state: &State) -> Vec<Action> {
        let (mut actions, mut untouched) = (Vec::new(), 0);
        for slot in 0..self.bounds.servers {
            if self.bounds.symmetry && self.is_untouched(state, slot) {
                untouched += 1;
                if untouched > 1 {
                    continue;
                }
            }
            self.actions_of(state, slot, &mut actions);
        }
        actions
    }

    /// Whether a server is as it was in the beginning, nobody has heard of it, and it is not on record.
    fn is_untouched(&self, state: &State, slot: u8) -> bool {
        let at = usize::from(slot);
        let flights = self.networks.get(state.network).flights();
        state.servers[at] == self.first.servers[at]
            && flights.iter().all(|it| it.from != slot)
            && !self.chronicles.get(state.chronicle).has_led(self.peers[at])
    }

    /// All that can happen to one server.
    fn actions_of(&mut self, state: &State, slot: u8, actions: &mut Vec<Action>) {
        let server = state.servers[usize::from(slot)];
        let Chronicle { proposed, left, .. } = *self.chronicles.get(state.chronicle);
        let facts = self.facts(server);
        let may_ring = if facts.leads {
            left.heartbeats != Some(0)
        } else {
            left.elections != Some(0) && facts.term < self.bounds.terms.into()
        };
        let may_propose = facts.leads && proposed < self.bounds.commands;
        let may_save = left.snapshots > 0 && facts.applied.len() as u64 > facts.covered;
        let mut events = Vec::new();
        events.extend(may_ring.then_some(Event::Alarm));
        events.extend(self.arriving(state.network, slot));
        events.extend(may_propose.then(|| Event::Propose(b'a' + proposed)));
        events.extend(may_save.then_some(Event::Snapshot));
        events.extend((left.crashes > 0).then_some(Event::Crash));
        for event in events {
            actions.push(Action { slot, event, torn: None });
            let crashes = left.crashes - u8::from(event == Event::Crash);
            if crashes > 0 {
                let torn = (0..).zip(&self.known(server, event).torn);
                let torn = torn.filter(|(_, it)| it.crashes() <= crashes);
                actions.extend(torn.map(|(at, _)| Action { slot, event, torn: Some(at) }));
            }
        }
    }

    fn arriving(&self, network: u32, slot: u8) -> impl Iterator<Item = Event<u32>> {
        let flights = self.networks.get(network).flights().iter();
        flights.filter(move |it| it.to == slot).map(|it| Event::Message(it.envelope))
    }

    /// Whether an action is among those that can happen, symmetry or not.
    pub fn is_possible(&mut self, state: &State, action: Action) -> bool {
        let mut actions = Vec::new();
        self.actions_of(state, action.slot, &mut actions);
        actions.contains(&action)
    }

    // ---- what comes of it --------------------------------------------------------------------

    /// What comes of an action in a state: another state, or a property that does not hold.
    pub fn next(&mut self, state: &State, action: Action) -> Outcome<State> {
        let Action { slot, event, torn } = action;
        let slot = usize::from(slot);
        let before = state.servers[slot];
        let known = self.known(before, event);
        let came = match torn {
            None => known.whole.clone()?,
            Some(torn) => known.torn[usize::from(torn)].came.clone()?,
        };
        let torn = torn.map_or(0, |torn| known.torn[usize::from(torn)].crashes());
        let mut next = *state;
        next.servers[slot] = came.server;
        next.network = self.post(state.network, came.sent);
        let looks_alike = self.facts_of[before as usize] == self.facts_of[came.server as usize];
        if looks_alike && torn == 0 && !self.is_counted(before, event) {
            return Ok(next);
        }
        let mut chronicle = self.chronicles.get(state.chronicle).clone();
        let left = &mut chronicle.left;
        match event {
            Event::Alarm if self.facts(before).leads => {
                left.heartbeats = left.heartbeats.map(|it| it - 1);
            }
            Event::Alarm => left.elections = left.elections.map(|it| it - 1),
            Event::Message(_) => {}
            Event::Propose(_) => chronicle.proposed += 1,
            Event::Snapshot => left.snapshots -= 1,
            Event::Crash => left.crashes -= 1,
        }
        chronicle.left.crashes -= torn;
        let servers = next.servers[..self.peers.len()].iter().enumerate();
        let others = servers.filter(|&(other, _)| other != slot).map(|(_, &it)| self.facts(it));
        chronicle.judge(self.facts(before), self.facts(came.server), others)?;
        next.chronicle = self.chronicles.add(chronicle).0;
        Ok(next)
    }

    /// Whether there is a bound on how often this may happen to a server.
    fn is_counted(&self, server: u32, event: Event<u32>) -> bool {
        match event {
            Event::Alarm if self.facts(server).leads => self.bounds.heartbeats.is_some(),
            Event::Alarm => self.bounds.elections.is_some(),
            Event::Message(_) => false,
            Event::Propose(_) | Event::Snapshot | Event::Crash => true,
        }
    }

    fn facts(&self, server: u32) -> &Facts {
        self.facts.get(self.facts_of[server as usize])
    }

    /// What a server does with an event; it is made to do it if that has not come up before.
    fn known(&mut self, server: u32, event: Event<u32>) -> &Known {
        let key = (server, event);
        if self.steps.find(&key).is_none() {
            let mut notes = Notes::off();
            let it = self.servers.get(server);
            let (me, step) = (it.me, it.step(&self.peers, self.spelled(event), &mut notes));
            let mut torn = Vec::new();
            let whole = step.map(|step| self.enter_with(step, &[], me, &mut torn));
            self.steps.add(key, Known { whole, torn: torn.into() });
        }
        let number = self.steps.find(&key).expect("it is known by now");
        self.steps.get(number)
    }

    /// Enters a step, and what comes of it if a crash cuts it short: a boot, which may be cut short itself
    /// as long as there may be more crashes.
    fn enter_with(
        &mut self,
        mut step: Step<C>,
        after: &[u8],
        me: NodeId,
        torn: &mut Vec<Torn>,
    ) -> Came {
        let disks = std::mem::take(&mut step.torn);
        if after.len() < self.bounds.crashes.into() {
            for (write, disk) in (1..).zip(disks) {
                let after = after.iter().copied().chain([write]).collect::<Vec<u8>>();
                let boot = Server::boot(me, &self.peers, disk, &mut Notes::off());
                let came = boot.map(|boot| self.enter_with(boot, &after, me, torn));
                torn.push(Torn { after, came });
            }
        }
        self.enter(step)
    }

    /// An event with the message itself, instead of its number.
    fn spelled(&self, event: Event<u32>) -> Event<(NodeId, C::Message)> {
        match event {
            Event::Message(number) => {
                let Envelope { from, message, .. } = self.envelopes.get(number);
                Event::Message((*from, message.clone()))
            }
            Event::Alarm => Event::Alarm,
            Event::Propose(command) => Event::Propose(command),
            Event::Snapshot => Event::Snapshot,
            Event::Crash => Event::Crash,
        }
    }

    /// Gives numbers to what a step has made.
    fn enter(&mut self, step: Step<C>) -> Came {
        let Step { server, facts, sent, .. } = step;
        let from = server.me;
        let (number, is_new) = self.servers.add(server);
        if is_new {
            self.facts_of.push(self.facts.add(facts).0);
        }
        let fly = |(to, message): (NodeId, C::Message)| Flight {
            from: from.index() as u8,
            to: to.index() as u8,
            envelope: self.envelopes.add(Envelope { from, to, message }).0,
        };
        let sent = sent.into_iter().map(fly).collect();
        Came { server: number, sent: self.sent.add(sent).0 }
    }

    /// The network after something was sent.
    fn post(&mut self, network: u32, sent: u32) -> u32 {
        if self.sent.get(sent).is_empty() {
            return network;
        }
        if let Some(number) = self.posted.find(&(network, sent)) {
            return *self.posted.get(number);
        }
        let after = self.networks.get(network).with(self.sent.get(sent), self.bounds.in_flight);
        let (after, is_new) = self.networks.add(after);
        if is_new {
            self.masks.push(self.networks.get(after).mask());
        }
        self.posted.add((network, sent), after);
        after
    }

    // ---- covering ----------------------------------------------------------------------------

    /// Whether all that can go wrong after `b` can go wrong after `a`: the servers are the same, and in
    /// flight, to come and on record is at least as much.
    pub fn covers(&self, a: &State, b: &State) -> bool {
        let (more, fewer) = (&self.masks[a.network as usize], &self.masks[b.network as usize]);
        a.servers == b.servers
            && fewer.len() <= more.len()
            && fewer.iter().zip(more).all(|(fewer, more)| fewer & !more == 0)
            && (a.chronicle == b.chronicle
                || self.chronicles.get(a.chronicle).covers(self.chronicles.get(b.chronicle)))
    }

    /// A state with everything in flight that can come there without any other change.
    pub fn saturate(&mut self, state: &State) -> State {
        let key = (state.servers, state.network);
        if self.saturated.find(&key).is_none() {
            let mut full = *state;
            loop {
                let silent = self.silent(&full);
                if silent.is_empty() {
                    break;
                }
                for (_, sent) in silent {
                    full.network = self.post(full.network, sent);
                }
            }
            self.saturated.add(key, full.network);
        }
        let number = self.saturated.find(&key).expect("it is known by now");
        State { network: *self.saturated.get(number), ..*state }
    }

    /// What puts something in flight and changes nothing else.
    pub fn silent_steps(&mut self, state: &State) -> Vec<Action> {
        self.silent(state).into_iter().map(|(action, _)| action).collect()
    }

    /// The same, and what is sent.
    fn silent(&mut self, state: &State) -> Vec<(Action, u32)> {
        let mut silent = Vec::new();
        for slot in 0..self.bounds.servers {
            let server = state.servers[usize::from(slot)];
            let mut events: Vec<_> = self.arriving(state.network, slot).collect();
            let beats = self.facts(server).leads && self.bounds.heartbeats.is_none();
            events.extend(beats.then_some(Event::Alarm));
            for event in events {
                let Ok(Came { server: after, sent }) = self.known(server, event).whole else {
                    continue;
                };
                if after == server && self.post(state.network, sent) != state.network {
                    silent.push((Action { slot, event, torn: None }, sent));
                }
            }
        }
        silent
    }

    // ---- telling -----------------------------------------------------------------------------

    /// An action in words, and what the server notes of it.
    pub fn describe(&mut self, state: &State, action: Action) -> Vec<String> {
        let Action { slot, event, torn } = action;
        let number = state.servers[usize::from(slot)];
        let torn = torn.map(|torn| self.known(number, event).torn[usize::from(torn)].after.clone());
        let server = self.servers.get(state.servers[usize::from(slot)]);
        let me = server.me;
        let what = match event {
            Event::Message(number) => {
                let Envelope { from, message, .. } = self.envelopes.get(number);
                format!("<- {from:<4} {message:?}")
            }
            Event::Alarm if server.raft.status().is_leader => "heartbeats are due".to_string(),
            Event::Alarm => "election time-out".to_string(),
            Event::Propose(command) => format!("is asked to commit {}", char::from(command)),
            Event::Snapshot => "takes a snapshot".to_string(),
            Event::Crash => "crashes, and boots".to_string(),
        };
        let mut notes = Notes::on();
        let failure = server.step(&self.peers, self.spelled(event), &mut notes).err();
        let mut lines = vec![what];
        lines.extend(notes.drain().map(|note| format!("** {}: {}", note.what, note.detail)));
        lines.extend(failure.map(|failure| format!("{}: {}", failure.property, failure.facts)));
        for (which, write) in torn.into_iter().flatten().enumerate() {
            let step = if which == 0 { "this step" } else { "the boot that follows" };
            lines.push(format!("crashes after write {write} of {step}"));
        }
        lines.into_iter().map(|line| format!("{me:<4} {line}")).collect()
    }
}
