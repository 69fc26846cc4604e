//! What is wrong with a key, in words.
//!
//! A write that returns tells nothing, and can always take effect last. So the first return that
//! leaves no order is that of a get, and every fault found at this point is one that this get
//! brought to light.

use super::{Block, Clash, Cut, Decoded, Entry, Epoch, Key, Kind, NONE};
use crate::linear::kv::{Kv, short, short_head};
use crate::linear::violation::sentence;
use crate::linear::{KvOperation, Reason, Violation};
use std::fmt::Write;

/// Explains a key that has no order.
pub fn explain(history: &[KvOperation], key: &Key<'_>) -> Violation {
    let mut gets: Vec<u32> = key.gets(Cut::NOTHING).map(|(get, _)| get).collect();
    gets.sort_unstable_by_key(|get| (key.at(*get).returned, key.at(*get).place));
    let is_fine = |get: &u32| key.check(Cut::at(key.at(*get), true)).is_ok();
    let get = gets[gets.partition_point(is_fine)];
    let (before, after) = (Cut::at(key.at(get), false), Cut::at(key.at(get), true));
    let decoded = key.check(before).ok().expect("there is an order before this get returns");
    let clash = key.check(after).err().expect("there is none when it has returned");
    let words = Words { history, key, get };
    let (reason, text, witnesses) = words.of(&clash);
    let place = |number: u32| key.at(number).place as usize;
    let witnesses =
        witnesses.into_iter().filter(|it| *it != NONE && *it != get).map(place).collect();
    let order = key.order(&decoded, before);
    Violation::new(&Kv, history, (reason, text), (place(get), witnesses), order)
}

struct Words<'a> {
    history: &'a [KvOperation],
    key: &'a Key<'a>,
    /// The get that cannot be placed.
    get: u32,
}

type Said = (Reason, String, Vec<u32>);

impl Words<'_> {
    fn at(&self, number: u32) -> &Entry<'_> {
        self.key.at(number)
    }

    /// An operation, for a sentence.
    fn name(&self, number: u32) -> String {
        sentence(&Kv, self.history, self.at(number).place as usize)
    }

    /// The other of two gets, of which one is ours.
    fn other(&self, a: u32, b: u32) -> u32 {
        if a == self.get { b } else { a }
    }

    /// That one operation returned before another was called.
    fn precedes(&self, first: u32, second: u32) -> String {
        let (returned, call) = (self.at(first).returned, self.at(second).call);
        let (first, second) = (self.name(first), self.name(second));
        format!("{first} had returned, at {returned}, before {second} was called, at {call}")
    }

    fn of(&self, clash: &Clash) -> Said {
        let get = self.name(self.get);
        match *clash {
            Clash::Unknown { at } => self.unknown(at),
            Clash::Later { write } => {
                let (returned, call) = (self.at(self.get).returned, self.at(write).call);
                let write_name = self.name(write);
                let text = format!(
                    "{get} returned at {returned}, but shows what {write_name} wrote, which was \
                     called only at {call}"
                );
                (Reason::Future, text, vec![write])
            }
            Clash::Twice { get: a, other: b, write } if a == b => {
                let write_name = self.name(write);
                let text = format!(
                    "{get} shows {write_name} twice: what was asked for once was done twice"
                );
                (Reason::Twice, text, vec![write])
            }
            Clash::Twice { get: a, other: b, write } => {
                let other = self.other(a, b);
                let (write_name, other_name) = (self.name(write), self.name(other));
                let text = format!(
                    "{get} shows {write_name}, and so does {other_name}, behind another put or \
                     none: what was asked for once was done twice"
                );
                (Reason::Twice, text, vec![write, other])
            }
            Clash::Inside { put, at } => {
                let (put_name, before) = (self.name(put), short(&self.at(self.get).text[..at]));
                let text = format!(
                    "{get} shows what {put_name} wrote, and before that {before}, which the put \
                     should have replaced"
                );
                (Reason::PutInside, text, vec![put])
            }
            Clash::Fork { get: a, other: b } => self.fork(self.other(a, b)),
            Clash::Rank { first, second, longest } => self.rank(first, second, longest),
            Clash::Cycle(a, b) => self.cycle(&a, &b),
        }
    }

    fn unknown(&self, at: usize) -> Said {
        let (get, text) = (self.name(self.get), self.at(self.get).text);
        let behind = if at == 0 { String::new() } else { format!(", behind {},", bytes(at)) };
        let shows = format!("{get} shows{behind} {}", short_head(&text[at..]));
        match self.key.tokens.that_begins_with(&text.as_bytes()[at..], &self.key.entries) {
            Some(write) => {
                let text = format!("{shows}, which is only a part of {}", self.name(write));
                (Reason::Phantom, text, vec![write])
            }
            None => (Reason::Phantom, format!("{shows}, which nobody has written"), Vec::new()),
        }
    }

    fn fork(&self, other: u32) -> Said {
        let (a, b) = (self.at(self.get).text, self.at(other).text);
        let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        // Whole tokens are easier to read than what is left of them.
        let mut at = 0;
        while let Some(write) = self.key.tokens.first_of(&a.as_bytes()[at..], &self.key.entries) {
            let end = at + self.at(write).text.len();
            if end > common {
                break;
            }
            at = end;
        }
        let (get, other_name) = (self.name(self.get), self.name(other));
        let (a, b) = (short_head(&a[at..]), short_head(&b[at..]));
        let alike = match at {
            0 => "do not begin alike".to_string(),
            at => format!("are alike in {} only", bytes(at)),
        };
        let text = format!(
            "{get} and {other_name} {alike}: then the one shows {a} and the other {b}, so that \
             neither can have grown from the other"
        );
        (Reason::Fork, text, vec![other])
    }

    fn rank(&self, first: u32, second: u32, longest: u32) -> Said {
        let get = self.name(self.get);
        if first != self.get {
            let (first_name, second_name) = (self.name(first), self.name(second));
            let precedes = self.precedes(second, first);
            let text = format!(
                "as {get} shows, {first_name} took effect before {second_name}; but {precedes}"
            );
            return (Reason::Order, text, vec![second, first]);
        }
        let (returned, call) = (self.at(second).returned, self.at(first).call);
        let second_name = self.name(second);
        let does = if self.at(second).kind == Kind::Get { "shows less than" } else { "misses" };
        let mut text = format!(
            "{get} {does} {second_name}, which had returned, at {returned}, before it was called, \
             at {call}"
        );
        if longest != second && longest != self.get {
            let longest = self.name(longest);
            let _ = write!(text, "; that it belongs to the same value is known from {longest}");
        }
        (Reason::Stale, text, vec![second, longest])
    }

    fn cycle(&self, a: &Block, b: &Block) -> Said {
        // The other check has told everything of the epochs but which of them is the get's.
        let decoded = self.key.assign(Cut::at(self.at(self.get), true));
        let Ok(Decoded { epochs, epoch_of, .. }) = decoded else {
            unreachable!("epochs have been found before they were ordered")
        };
        let (own, other) = if a.epoch == epoch_of[self.get as usize] { (a, b) } else { (b, a) };
        let witnesses = vec![other.first.1, other.last.1, own.first.1, own.last.1];
        let get = self.name(self.get);
        if other.epoch == NONE && own.last.1 == self.get {
            let write = other.first.1;
            let (returned, call) = (self.at(write).returned, self.at(self.get).call);
            let write_name = self.name(write);
            let mut text = format!(
                "{get} misses {write_name}, which had returned, at {returned}, before it was \
                 called, at {call}; "
            );
            if own.first.1 == NONE {
                text += "only a put could have replaced that, and what it shows begins with none";
            } else {
                let precedes = self.precedes(own.first.1, write);
                let _ = write!(text, "nor can what it shows have come since: {precedes}");
            }
            return (Reason::Stale, text, witnesses);
        }
        let value = |block: &Block| match epochs.get(block.epoch as usize) {
            None => self.name(block.first.1),
            Some(Epoch { put: NONE, .. }) => "the value before any put".to_string(),
            Some(Epoch { put, .. }) => format!("the value that began with {}", self.name(*put)),
        };
        let before = |x: &Block, y: &Block| match x.first.1 {
            NONE => "that was there before any put".to_string(),
            first => self.precedes(first, y.last.1),
        };
        let text = format!(
            "as {get} shows, {} must have come before {}, for {}; and after it, for {}",
            value(own),
            value(other),
            before(own, other),
            before(other, own),
        );
        (Reason::Cycle, text, witnesses)
    }
}

fn bytes(number: usize) -> String {
    if number == 1 { "the first byte".to_string() } else { format!("the first {number} bytes") }
}
