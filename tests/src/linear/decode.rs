//! Checking one key without a search: its gets are read as lists of the writes that made them.
//!
//! This takes for granted that the values written on the key are not empty and that none begins
//! with another: *tokens*. Then every get's answer is a list of tokens in one way only, and the
//! rest is bookkeeping:
//!
//! 1. The first token of a get names its *epoch*: the time from one put to the next, or from the
//!    beginning to the first put. All gets of one epoch must be beginnings of the longest of them,
//!    which gives the epoch's appends and their order. A token that nobody wrote, one that occurs
//!    twice in the longest gets of all epochs together, a put's token behind others: each is a
//!    fault. That every write takes effect once at most is checked here.
//! 2. Within an epoch everything has a rank: the put 0, the k-th append 2k, a get that shows k
//!    appends 2k + 1. Nothing of a higher rank may have returned when something of a lower one is
//!    called.
//! 3. A write that no get shows, and that returned, stands between two epochs, and is like one that
//!    has a single operation. One that never returned is left out, as is a get that never did; a
//!    write that never returned but is shown returns, as it were, at the end of time.
//! 4. An epoch must come before another if something of it returned before something of the other
//!    was called: if its least return is less than the other's greatest call. The initial epoch's
//!    least return counts as before all time. There is an order of the epochs unless two of them
//!    must each come before the other.
//!
//! To 4: order the epochs by the lesser of their least return r and greatest call c, and where
//! these are equal, by the greater. Let e have to come before f, r(e) < c(f), and not f before e,
//! c(e) <= r(f). If c(f) <= r(f), then e's lesser bound is at most r(e) < c(f), which is f's: e
//! stands first. If r(f) < c(f), e's lesser bound is at most c(e) <= r(f), which is f's; where both
//! are equal, e's are c(e) and r(e), and f's r(f) and c(f), so that e stands first again, as r(e) <
//! c(f). So either this order will do, or whichever two epochs it has the wrong way round must each
//! come before the other.

mod explain;
mod tokens;

use super::{KvOp, KvOperation, Violation};
use tokens::Tokens;

/// No entry, no epoch.
const NONE: u32 = u32::MAX;

/// Checks the operations of one key; `None` if the values written there are not tokens.
pub fn decode(history: &[KvOperation], members: &[u32]) -> Option<Result<(), Violation>> {
    let key = Key::new(history, members)?;
    let checked = key.check(Cut::NOTHING);
    Some(checked.map(drop).map_err(|_| explain::explain(history, &key)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    Put,
    Append,
}

/// An operation on the key. Gets that never returned are left out.
struct Entry<'a> {
    kind: Kind,
    /// Whether it never returned.
    is_open: bool,
    place: u32,
    call: u64,
    returned: u64,
    /// What was written, or what a get showed.
    text: &'a str,
}

/// How much of the history is looked at: it may end before a return.
#[derive(Clone, Copy)]
struct Cut {
    /// Calls later than this have not happened.
    calls: u64,
    /// Returns from here on have not, as time and place in the history.
    returns: (u64, u32),
}

impl Cut {
    const NOTHING: Self = Self { calls: u64::MAX, returns: (u64::MAX, u32::MAX) };

    /// Before, or after, an entry returns.
    fn at(entry: &Entry<'_>, after: bool) -> Self {
        let returns = (entry.returned, entry.place + u32::from(after));
        Self { calls: entry.returned, returns }
    }
}

/// The operations on one key, and its tokens.
struct Key<'a> {
    entries: Vec<Entry<'a>>,
    tokens: Tokens,
}

/// Two or three operations that cannot be brought together. All numbers are of entries.
#[derive(Clone, Copy)]
enum Clash {
    /// From this byte on, a get shows what is no token.
    Unknown { at: usize },
    /// A get shows a write that has not been called.
    Later { write: u32 },
    /// Two gets, or one, show a write in two places.
    Twice { get: u32, other: u32, write: u32 },
    /// A get shows a put from this byte on.
    Inside { put: u32, at: usize },
    /// Neither get is the beginning of the other.
    Fork { get: u32, other: u32 },
    /// The second, which has the higher rank, returned before the first was called. The longest get
    /// of their epoch tells the ranks.
    Rank { first: u32, second: u32, longest: u32 },
    /// Two blocks must each come before the other.
    Cycle(Block, Block),
}

/// A value from its put to the next put.
struct Epoch {
    /// The put; none for the initial epoch.
    put: u32,
    longest: u32,
    /// Where the longest get's appends begin among those of all.
    start: u32,
    end: u32,
}

/// An append, and how long the value is with it.
struct Shown {
    append: u32,
    end: usize,
}

/// The gets that show the same number of appends of an epoch: the least return, and the greatest
/// call.
#[derive(Clone, Copy)]
struct Level {
    first: (u64, u32),
    last: (u64, u32),
}

/// What stands together in any order: an epoch, or a write that nobody saw. `None` is before all
/// time.
#[derive(Clone, Copy)]
struct Block {
    /// The epoch; [`NONE`] for a write that nobody saw.
    epoch: u32,
    /// The least return, and whose it is.
    first: (Option<u64>, u32),
    /// The greatest call, and whose it is.
    last: (Option<u64>, u32),
}

/// A key that was read.
struct Decoded {
    epochs: Vec<Epoch>,
    /// The epoch of every entry.
    epoch_of: Vec<u32>,
    /// The appends of all epochs, one epoch after the other.
    shown: Vec<Shown>,
    /// The blocks in an order of theirs.
    blocks: Vec<Block>,
}

impl<'a> Key<'a> {
    fn new(history: &'a [KvOperation], members: &[u32]) -> Option<Self> {
        let entry = |place: &u32| {
            let operation = &history[*place as usize];
            let (kind, text) = match (&operation.op, operation.ret()) {
                (KvOp::Get { .. }, ret) => (Kind::Get, ret?),
                (KvOp::Put { value, .. }, _) => (Kind::Put, value),
                (KvOp::Append { value, .. }, _) => (Kind::Append, value),
            };
            Some(Entry {
                kind,
                is_open: operation.end.is_none(),
                place: *place,
                call: operation.call,
                returned: operation.returned_or_never(),
                text,
            })
        };
        let entries: Vec<Entry<'a>> = members.iter().filter_map(entry).collect();
        let tokens = Tokens::new(&entries)?;
        Some(Self { entries, tokens })
    }

    fn at(&self, number: u32) -> &Entry<'a> {
        &self.entries[number as usize]
    }

    /// Whether an entry has returned.
    fn has_returned(entry: &Entry<'_>, cut: Cut) -> bool {
        !entry.is_open && (entry.returned, entry.place) < cut.returns
    }

    /// When it returns; at the end of time if it has not.
    fn returned(&self, number: u32, cut: Cut) -> (u64, u32) {
        let entry = self.at(number);
        let at = if Self::has_returned(entry, cut) { entry.returned } else { u64::MAX };
        (at, number)
    }

    /// The gets that have returned.
    fn gets(&self, cut: Cut) -> impl Iterator<Item = (u32, &Entry<'a>)> {
        (0..)
            .zip(&self.entries)
            .filter(move |(_, it)| it.kind == Kind::Get && Self::has_returned(it, cut))
    }

    /// Reads the key's history as far as `cut`.
    fn check(&self, cut: Cut) -> Result<Decoded, Clash> {
        let mut decoded = self.assign(cut)?;
        self.read_longest(&mut decoded, cut)?;
        let levels = self.levels(&decoded, cut)?;
        decoded.blocks = self.rank(&decoded, &levels, cut)?;
        for (number, entry) in (0..).zip(&self.entries) {
            let is_seen = decoded.epoch_of[number as usize] != NONE;
            if entry.kind != Kind::Get && !is_seen && Self::has_returned(entry, cut) {
                let (first, last) = (Some(entry.returned), Some(entry.call));
                let block = Block { epoch: NONE, first: (first, number), last: (last, number) };
                decoded.blocks.push(block);
            }
        }
        put_in_order(&mut decoded.blocks)?;
        Ok(decoded)
    }

    /// The writer of the token with which a text begins, `at` bytes behind the beginning of a get.
    fn writer(&self, get: u32, at: usize, cut: Cut) -> Result<u32, Clash> {
        let text = &self.at(get).text.as_bytes()[at..];
        let write = self.tokens.first_of(text, &self.entries).ok_or(Clash::Unknown { at })?;
        if self.at(write).call > cut.calls {
            return Err(Clash::Later { write });
        }
        Ok(write)
    }

    /// Gives every get its epoch, and finds the longest get of each.
    fn assign(&self, cut: Cut) -> Result<Decoded, Clash> {
        let initial = Epoch { put: NONE, longest: NONE, start: 0, end: 0 };
        let mut epochs = vec![initial];
        let mut epoch_of = vec![NONE; self.entries.len()];
        // Most gets are of the same epoch as one of the last few before.
        let mut recent = [0_u32; 4];
        for (get, entry) in self.gets(cut) {
            let text = entry.text.as_bytes();
            let begins = |epoch: &u32| {
                let put = epochs[*epoch as usize].put;
                put != NONE && text.starts_with(self.at(put).text.as_bytes())
            };
            let epoch = if text.is_empty() {
                0
            } else if let Some(at) = recent.iter().position(begins) {
                recent[..=at].rotate_right(1);
                recent[0]
            } else {
                let write = self.writer(get, 0, cut)?;
                let epoch = &mut epoch_of[write as usize];
                if self.at(write).kind == Kind::Append {
                    0
                } else {
                    if *epoch == NONE {
                        *epoch = epochs.len() as u32;
                        epochs.push(Epoch { put: write, longest: NONE, start: 0, end: 0 });
                    }
                    recent.rotate_right(1);
                    recent[0] = *epoch;
                    *epoch
                }
            };
            epoch_of[get as usize] = epoch;
            let longest = &mut epochs[epoch as usize].longest;
            if *longest == NONE {
                *longest = get;
                continue;
            }
            let other = self.at(*longest).text.as_bytes();
            let (short, long) =
                if text.len() > other.len() { (other, text) } else { (text, other) };
            if !long.starts_with(short) {
                return Err(Clash::Fork { get, other: *longest });
            }
            if text.len() > other.len() {
                *longest = get;
            }
        }
        Ok(Decoded { epochs, epoch_of, shown: Vec::new(), blocks: Vec::new() })
    }

    /// Reads the appends of each epoch from its longest get.
    fn read_longest(&self, decoded: &mut Decoded, cut: Cut) -> Result<(), Clash> {
        for number in 0..decoded.epochs.len() {
            let Epoch { put, longest: get, .. } = decoded.epochs[number];
            let start = decoded.shown.len() as u32;
            if get != NONE {
                let mut at = self.begin(put);
                while at < self.at(get).text.len() {
                    let write = self.writer(get, at, cut)?;
                    if self.at(write).kind == Kind::Put {
                        return Err(Clash::Inside { put: write, at });
                    }
                    let epoch = &mut decoded.epoch_of[write as usize];
                    if *epoch != NONE {
                        let other = decoded.epochs[*epoch as usize].longest;
                        return Err(Clash::Twice { get, other, write });
                    }
                    *epoch = number as u32;
                    at += self.at(write).text.len();
                    decoded.shown.push(Shown { append: write, end: at });
                }
            }
            let epoch = &mut decoded.epochs[number];
            (epoch.start, epoch.end) = (start, decoded.shown.len() as u32);
        }
        Ok(())
    }

    /// How long the value is that a put begins.
    fn begin(&self, put: u32) -> usize {
        if put == NONE { 0 } else { self.at(put).text.len() }
    }

    /// How many appends of its epoch a get shows.
    fn count(&self, decoded: &Decoded, get: u32) -> Result<u32, Clash> {
        let epoch = &decoded.epochs[decoded.epoch_of[get as usize] as usize];
        let shown = &decoded.shown[epoch.start as usize..epoch.end as usize];
        let len = self.at(get).text.len();
        let count = shown.partition_point(|it| it.end <= len);
        let end =
            count.checked_sub(1).map_or_else(|| self.begin(epoch.put), |last| shown[last].end);
        if end == len { Ok(count as u32) } else { Err(Clash::Unknown { at: end }) }
    }

    /// The levels of all epochs: each has one more than it has appends.
    fn levels(&self, decoded: &Decoded, cut: Cut) -> Result<Vec<Level>, Clash> {
        let empty = Level { first: (u64::MAX, NONE), last: (0, NONE) };
        let mut levels = vec![empty; decoded.shown.len() + decoded.epochs.len()];
        for (get, entry) in self.gets(cut) {
            let epoch = decoded.epoch_of[get as usize];
            let count = self.count(decoded, get)?;
            let start = decoded.epochs[epoch as usize].start;
            let level = &mut levels[(start + epoch + count) as usize];
            if level.first.1 == NONE || entry.returned < level.first.0 {
                level.first = (entry.returned, get);
            }
            if level.last.1 == NONE || entry.call > level.last.0 {
                level.last = (entry.call, get);
            }
        }
        Ok(levels)
    }

    /// Goes through each epoch from its highest rank to its lowest, and makes a block of it.
    fn rank(&self, decoded: &Decoded, levels: &[Level], cut: Cut) -> Result<Vec<Block>, Clash> {
        let mut blocks = Vec::with_capacity(decoded.epochs.len());
        for (number, epoch) in (0..).zip(&decoded.epochs) {
            let longest = epoch.longest;
            let (mut first, mut last) = ((u64::MAX, NONE), (0, NONE));
            let mut below = |returned: (u64, u32), call: (u64, u32)| {
                if first.1 != NONE && first.0 < call.0 {
                    return Err(Clash::Rank { first: call.1, second: first.1, longest });
                }
                if first.1 == NONE || returned.0 < first.0 {
                    first = returned;
                }
                if last.1 == NONE || call.0 > last.0 {
                    last = call;
                }
                Ok(())
            };
            let write = |write: u32| (self.returned(write, cut), (self.at(write).call, write));
            for shown in (epoch.start..=epoch.end).rev() {
                let level = levels[(shown + number) as usize];
                if level.first.1 != NONE {
                    below(level.first, level.last)?;
                }
                if shown > epoch.start {
                    let (returned, call) = write(decoded.shown[shown as usize - 1].append);
                    below(returned, call)?;
                }
            }
            if epoch.put == NONE {
                let last = if last.1 == NONE { (None, NONE) } else { (Some(last.0), last.1) };
                blocks.push(Block { epoch: number, first: (None, NONE), last });
            } else {
                let (returned, call) = write(epoch.put);
                below(returned, call)?;
                let (first, last) = ((Some(first.0), first.1), (Some(last.0), last.1));
                blocks.push(Block { epoch: number, first, last });
            }
        }
        Ok(blocks)
    }

    /// The places in the history of what has taken effect, in an order that explains it.
    fn order(&self, decoded: &Decoded, cut: Cut) -> Vec<usize> {
        let mut gets: Vec<(u32, u32, u64, u32)> = self
            .gets(cut)
            .filter_map(|(get, entry)| {
                let count = self.count(decoded, get).ok()?;
                Some((decoded.epoch_of[get as usize], count, entry.call, get))
            })
            .collect();
        gets.sort_unstable();
        let mut order = Vec::new();
        for block in &decoded.blocks {
            let Some(epoch) = decoded.epochs.get(block.epoch as usize) else {
                order.push(block.first.1);
                continue;
            };
            order.extend((epoch.put != NONE).then_some(epoch.put));
            let from = gets.partition_point(|get| get.0 < block.epoch);
            let mut mine = gets[from..].iter().take_while(|get| get.0 == block.epoch).peekable();
            for count in 0..=epoch.end - epoch.start {
                if count > 0 {
                    order.push(decoded.shown[(epoch.start + count) as usize - 1].append);
                }
                while let Some(get) = mine.next_if(|get| get.1 == count) {
                    order.push(get.3);
                }
            }
        }
        order.into_iter().map(|number| self.at(number).place as usize).collect()
    }
}

/// Puts the blocks in an order in which they can come, if there is one.
fn put_in_order(blocks: &mut [Block]) -> Result<(), Clash> {
    let bounds = |block: &Block| {
        let (r, c) = (block.first.0, block.last.0);
        (r.min(c), r.max(c))
    };
    blocks.sort_by_key(bounds);
    let mut latest: Option<Block> = None;
    for block in &*blocks {
        if let Some(before) = latest
            && block.first.0 < before.last.0
        {
            return Err(Clash::Cycle(before, *block));
        }
        if latest.is_none_or(|latest| latest.last.0 < block.last.0) {
            latest = Some(*block);
        }
    }
    Ok(())
}
