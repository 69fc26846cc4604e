//! Who waits for what: the clients that a server owes an answer.
//!
//! None of this survives a crash, nor has to: a client that hears nothing asks again.

use super::{ClientId, Seq};
use labrpc::NodeId;
use raft::{Index, LogId, ReadId};
use std::collections::BTreeMap;

/// What an answer hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ticket {
    /// That this very entry is applied. Its index alone says nothing: a later leader may have put
    /// another command there.
    Entry(LogId),
    /// That Raft says how far the state must have come.
    Read(ReadId),
}

/// A client that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiter<O> {
    /// Where to send the answer.
    pub node: NodeId,
    pub client: ClientId,
    pub seq: Seq,
    /// The read; other operations are in the log.
    pub read: Option<O>,
}

/// Everybody who waits: at most one operation per client.
#[derive(Clone, Debug)]
pub(super) struct Waiting<O> {
    waiters: BTreeMap<Ticket, Waiter<O>>,
    by_client: BTreeMap<ClientId, Ticket>,
}

impl<O> Default for Waiting<O> {
    fn default() -> Self {
        Self { waiters: BTreeMap::new(), by_client: BTreeMap::new() }
    }
}

impl<O> Waiting<O> {
    /// A client asks, perhaps again. Whether its operation is under way already; then it is at
    /// `node` that it waits.
    pub fn is_under_way(&mut self, client: ClientId, seq: Seq, node: NodeId) -> bool {
        let waiter = self.by_client.get(&client).and_then(|ticket| self.waiters.get_mut(ticket));
        // A client that asks for something later no longer waits for this; one that asks for
        // something earlier is an echo.
        let Some(waiter) = waiter.filter(|waiter| waiter.seq >= seq) else { return false };
        if waiter.seq == seq {
            waiter.node = node;
        }
        true
    }

    pub fn add(&mut self, ticket: Ticket, waiter: Waiter<O>) {
        if let Some(before) = self.by_client.insert(waiter.client, ticket) {
            self.waiters.remove(&before);
        }
        self.waiters.insert(ticket, waiter);
    }

    /// Who waits for this, if anybody does.
    pub fn take(&mut self, ticket: Ticket) -> Option<Waiter<O>> {
        let waiter = self.waiters.remove(&ticket)?;
        self.by_client.remove(&waiter.client);
        Some(waiter)
    }

    /// The next who waits for an entry at or below an index. Those who wait at one time wait for
    /// entries of one term, so their tickets are in the order of the log.
    pub fn take_entry_up_to(&mut self, index: Index) -> Option<(LogId, Waiter<O>)> {
        let (&ticket, _) = self.waiters.first_key_value()?;
        match ticket {
            Ticket::Entry(id) if id.index <= index => Some((id, self.take(ticket)?)),
            _ => None,
        }
    }

    /// The next who waits for anything.
    pub fn take_first(&mut self) -> Option<(Ticket, Waiter<O>)> {
        let (&ticket, _) = self.waiters.first_key_value()?;
        Some((ticket, self.take(ticket)?))
    }

    pub fn len(&self) -> usize {
        self.waiters.len()
    }
}
