//! The way of a message: sent, judged by the network, delivered or lost.

use super::node::Busy;
use super::{Pending, World};
use crate::network::Fate;
use crate::trace::{Event, Fingerprint, Loss, Mark};
use crate::{Kind, NodeId, Process, Rng, SimTime, Wire};
use std::time::Duration;

/// A message on its way, as bytes.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub from: NodeId,
    pub to: NodeId,
    pub kind: Kind,
    /// Whether it counts as an RPC: a request, or a reply that answers nothing.
    pub counts: bool,
    pub sent: SimTime,
    pub from_life: u32,
    pub to_life: u32,
    /// Whether lives that have ended meanwhile don't matter to it.
    pub across_lives: bool,
    /// A reply that is not tested again when it arrives.
    pub tested_once: bool,
    pub bytes: Vec<u8>,
    pub digest: u64,
}

fn text<P: Process>(bytes: &[u8]) -> String {
    match labgob::decode::<P::Message>(bytes) {
        Ok(message) => format!("{message:?}"),
        Err(error) => format!("{} bytes that are no message: {error}", bytes.len()),
    }
}

impl<P: Process> World<P> {
    /// Hands a message to the network.
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, message: &P::Message) {
        assert!(to.index() < self.nodes.len(), "{from} sent to {to}, which does not exist");
        let mut bytes = self.buffers.pop().unwrap_or_default();
        bytes.clear();
        labgob::encode_into(message, &mut bytes);
        self.send_bytes(from, to, message.kind(), bytes);
    }

    /// Sends bytes as if `from` had sent them as a request, for tests of hostile input. Bytes that
    /// are no message are counted in [`Totals::garbled`](crate::Totals::garbled) when they arrive.
    ///
    /// ```
    /// use labrpc::{Network, World};
    /// use std::time::Duration;
    /// let mut world = World::new(1, Network::reliable());
    /// let (a, b) = (world.add(|_| ()), world.add(|_| ()));
    /// world.inject(a, b, b"no () at all");
    /// world.run_for(Duration::from_secs(1));
    /// assert_eq!((world.totals().garbled, world.totals().delivered), (1, 0));
    /// ```
    ///
    /// # Panics
    /// If there is no such node.
    pub fn inject(&mut self, from: NodeId, to: NodeId, bytes: &[u8]) {
        self.send_bytes(from, to, Kind::Request, bytes.to_vec());
    }

    fn send_bytes(&mut self, from: NodeId, to: NodeId, kind: Kind, bytes: Vec<u8>) {
        let mut digest = Fingerprint::default();
        digest.bytes(&bytes);
        let answers = kind == Kind::Reply && self.links.at(to, from).unanswered > 0;
        if answers {
            self.links.at_mut(to, from).unanswered -= 1;
        }
        let cut = self.links.is_cut(from, to);
        let link = self.links.at_mut(from, to);
        let number = link.sent;
        link.sent += 1;
        let network = link.network.as_deref().unwrap_or(&self.network);
        let flight = InFlight {
            from,
            to,
            kind,
            counts: !answers,
            sent: self.now,
            from_life: self.nodes[from.index()].life,
            to_life: self.nodes[to.index()].life,
            across_lives: network.across_lives,
            tested_once: kind == Kind::Reply && network.reorder.num > 0,
            bytes,
            digest: digest.value(),
        };
        if flight.counts {
            self.totals.rpcs += 1;
        }
        if kind == Kind::Request {
            self.totals.bytes += flight.bytes.len() as u64;
        }
        if cut {
            return self.lose(flight, Loss::CutAtSending);
        }
        // The dice of a message belong to it alone, so that taking one fault away from a run leaves
        // all other messages as they were.
        let way = (from.index() as u64) << 16 | to.index() as u64;
        match network.judge(kind, &mut Rng::stream(self.seed, [1, way, number])) {
            Fate::Lost => self.lose(flight, Loss::Chance),
            Fate::Arrives { delay, copy } => {
                if let Some(delay) = copy {
                    self.totals.copies += 1;
                    self.mark(Mark::Copy, Some(to), from.index() as u64, flight.digest, || {
                        Event::Copy { from, message: text::<P>(&flight.bytes) }
                    });
                    let slot = self.keep(flight.clone());
                    self.push(self.now + delay, Pending::Arrive(slot));
                }
                let slot = self.keep(flight);
                self.push(self.now + delay, Pending::Arrive(slot));
            }
        }
    }

    fn keep(&mut self, flight: InFlight) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.in_flight[slot as usize] = Some(flight);
            return slot;
        }
        self.in_flight.push(Some(flight));
        u32::try_from(self.in_flight.len() - 1).expect("fewer than 2^32 messages in flight")
    }

    fn take(&mut self, slot: u32) -> InFlight {
        self.free.push(slot);
        self.in_flight[slot as usize].take().expect("each message arrives once")
    }

    pub(super) fn lose(&mut self, flight: InFlight, why: Loss) {
        self.totals.dropped += 1;
        let InFlight { from, to, sent, digest, bytes, .. } = flight;
        let what = from.index() as u64 | (why as u64) << 16;
        self.mark(Mark::Drop, Some(to), what, digest, || {
            let message = text::<P>(&bytes);
            Event::Drop { from, sent, why, message }
        });
        self.buffers.push(bytes);
    }

    pub(super) fn lose_slot(&mut self, slot: u32, why: Loss) {
        let flight = self.take(slot);
        self.lose(flight, why);
    }

    /// Why a message that has come to the end of its way is lost all the same.
    fn lost_on_the_way(&self, flight: &InFlight) -> Option<Loss> {
        let (from, to) = (flight.from, flight.to);
        let (sender, receiver) = (&self.nodes[from.index()], &self.nodes[to.index()]);
        let reply = flight.kind == Kind::Reply;
        let author_is_gone = flight.from_life != sender.life || sender.process.is_none();
        let from_earlier_life = reply && author_is_gone && !flight.tested_once;
        if receiver.process.is_none() {
            Some(Loss::Down)
        } else if !flight.across_lives && (flight.to_life != receiver.life || from_earlier_life) {
            Some(Loss::EarlierLife)
        } else if reply && !flight.tested_once && self.links.is_cut(from, to) {
            Some(Loss::CutOnTheWay)
        } else {
            None
        }
    }

    /// A message has come to the end of its way. It is lost, waits, or is handled.
    pub(super) fn arrive(&mut self, slot: u32) -> bool {
        let flight = self.in_flight[slot as usize].as_ref().expect("each message arrives once");
        let (from, to) = (flight.from, flight.to);
        if let Some(why) = self.lost_on_the_way(flight) {
            self.lose_slot(slot, why);
            return true;
        }
        let link = self.links.at_mut(from, to);
        if link.clogged {
            link.held.push(slot);
            return false;
        }
        if self.nodes[to.index()].keeps_waiting() {
            self.nodes[to.index()].inbox.push_back(slot);
            self.serve_next(to);
            return false;
        }
        self.deliver(slot);
        true
    }

    /// Sees to it that a node with something to do gets to it, unless it is paused. A wake-up that
    /// had to wait goes first and takes no time.
    pub(super) fn serve_next(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        if node.paused || node.busy.is_some() || (node.inbox.is_empty() && !node.woken) {
            return;
        }
        let woken = node.woken;
        let wait = if woken { Duration::ZERO } else { node.service_time };
        self.busy_for(id, wait, !woken);
    }

    fn busy_for(&mut self, id: NodeId, time: Duration, on_message: bool) {
        let node = &mut self.nodes[id.index()];
        let number = node.served;
        node.served = number.wrapping_add(1);
        node.busy = Some(Busy { number, on_message });
        self.push(self.now + time, Pending::Serve(id, number));
    }

    /// A node has finished with a message, or gets to a wake-up that had to wait.
    pub(super) fn serve(&mut self, id: NodeId, number: u32) -> bool {
        let node = &mut self.nodes[id.index()];
        let Some(busy) = node.busy.take_if(|busy| busy.number == number) else { return false };
        let happened = if node.woken {
            // The wake-up was due before this message was finished. It goes first; the message,
            // if there is one, is ready and follows at once.
            node.woken = false;
            let due = node.wants_to_wake_at(self.now) == Some(self.now);
            if busy.on_message {
                self.busy_for(id, Duration::ZERO, true);
            }
            if due {
                self.wake(id)
            } else {
                self.set_alarm(id);
                false
            }
        } else if let Some(slot) = node.inbox.pop_front() {
            self.deliver(slot);
            true
        } else {
            false
        };
        self.serve_next(id);
        happened
    }

    fn deliver(&mut self, slot: u32) {
        let flight = self.take(slot);
        let Ok(message) = labgob::decode::<P::Message>(&flight.bytes) else {
            self.totals.garbled += 1;
            return self.lose(flight, Loss::Garbled);
        };
        let InFlight { from, to, kind, counts, sent, bytes, digest, .. } = flight;
        let traffic = &mut self.nodes[to.index()].traffic;
        traffic.bytes += bytes.len() as u64;
        if counts {
            traffic.rpcs += 1;
            traffic.rpcs_in_this_life += 1;
        }
        match kind {
            Kind::Request => self.links.at_mut(from, to).unanswered += 1,
            Kind::Reply => self.totals.bytes += bytes.len() as u64,
        }
        self.totals.delivered += 1;
        self.buffers.push(bytes);
        self.mark(kind.into(), Some(to), from.index() as u64, digest, || {
            let message = format!("{message:?}");
            Event::Deliver { from, sent, message }
        });
        self.run_step(to, |process, cx| process.on_message(cx, from, message));
    }
}
