//! What has been applied: one command per index, by whoever applied it first.

use labrpc::Fingerprint;
use raft::LogId;

/// A digest of a command; two that differ have different digests, but for a chance of 2⁻⁶⁴.
pub type Digest = u64;

/// The digest of a command.
pub fn digest(command: &[u8]) -> Digest {
    let mut print = Fingerprint::default();
    print.bytes(command);
    print.value()
}

/// The first application of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry; the term is not known of one that came with a snapshot only.
    pub id: Option<LogId>,
    /// Its command's digest.
    pub digest: Digest,
    place: usize,
}

/// The commands that have been applied anywhere, by index.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Option<Entry>>,
    bytes: Vec<u8>,
}

impl Ledger {
    /// What was applied at an index, if anything was.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(index as usize)?.as_ref()
    }

    /// The command that was first applied at an index.
    pub fn command(&self, index: u64) -> Option<&[u8]> {
        let entry = self.get(index)?;
        let (len, rest) = labgob::decode_prefix::<u64>(&self.bytes[entry.place..]).ok()?;
        Some(&rest[..len as usize])
    }

    /// The highest index that was applied.
    pub fn highest(&self) -> u64 {
        (self.entries.len() as u64).saturating_sub(1)
    }

    /// Notes the application of a command, unless one is there already; what is not known of the
    /// entry that is there is filled in.
    pub fn note(&mut self, index: u64, id: Option<LogId>, digest: Digest, command: &[u8]) {
        let at = index as usize;
        if self.entries.len() <= at {
            self.entries.resize(at + 1, None);
        }
        if self.entries[at].is_none() {
            let place = self.bytes.len();
            labgob::encode_into(&(command.len() as u64), &mut self.bytes);
            self.bytes.extend_from_slice(command);
            self.entries[at] = Some(Entry { id, digest, place });
        } else if let Some(Entry { id: unknown @ None, .. }) = &mut self.entries[at] {
            *unknown = id;
        }
    }
}
