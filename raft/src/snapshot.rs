//! Lab 2D: log compaction (section 7).

use crate::Index;
use crate::message::{InstallSnapshot, InstallSnapshotReply, Message};
use crate::raft::{Cx, Node};
use crate::refusal::Refusal;
use crate::storage;
use labgob::Bytes;
use labrpc::NodeId;

impl Node {
    /// The service has everything up to `upto` in `state`. One that is older than the snapshot at
    /// hand is ignored.
    ///
    /// # Panics
    /// If the service has not been given everything up to `upto`.
    pub fn take_snapshot(&mut self, cx: &mut Cx<'_>, upto: Index, state: &[u8]) {
        assert!(
            upto <= self.applied,
            "{}: a snapshot of {upto} when only {} is applied",
            self.me,
            self.applied
        );
        if upto <= self.log.snapshot().index {
            cx.note("ignored", format_args!("a snapshot up to {upto}, which is covered"));
            return;
        }
        let last = self.log.id_at(upto).expect("what is applied and not covered is held");
        storage::save_snapshot(cx.disk, last, state);
        storage::compact(cx.disk, &mut self.log, last, self.config.snapshot_tail);
        cx.note("snapshot", format_args!("up to {last}, {} bytes", state.len()));
    }

    /// Sends the snapshot on the disk to a follower that lags behind the start of the log.
    pub fn send_snapshot(&mut self, cx: &mut Cx<'_>, slot: usize) {
        let (last, state) =
            storage::read_snapshot(cx.disk).expect("a log that begins late has one");
        let state = Bytes::from(state);
        cx.note("sends snapshot", format_args!("up to {last} to {}", self.peers[slot]));
        let request = InstallSnapshot { term: self.term(), last, state };
        self.timers.due[slot] = cx.now + self.config.heartbeat;
        cx.send(self.peers[slot], Message::InstallSnapshot(request));
    }

    /// Figure 13, `InstallSnapshot` RPC, receiver implementation.
    pub fn on_install_snapshot(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        request: &InstallSnapshot,
    ) -> Result<(), Refusal> {
        let matched = if request.term < self.term() {
            None
        } else if request.last.index <= self.commit {
            // It was overtaken: taking it would roll the service back.
            cx.note("overtaken snapshot", format_args!("up to {}", request.last));
            Some(self.commit)
        } else if self.log.term_at(self.commit) > Some(request.last.term) {
            // Terms never fall along a log, and every leader has what is committed.
            return Err(Refusal::ContradictsCommitted);
        } else {
            self.install(cx, request);
            Some(request.last.index)
        };
        let reply = InstallSnapshotReply { term: self.term(), matched };
        cx.send(from, Message::InstallSnapshotReply(reply));
        Ok(())
    }

    fn install(&mut self, cx: &mut Cx<'_>, request: &InstallSnapshot) {
        let last = request.last;
        // First the snapshot, then the end of the log that it replaces: see `storage::load`.
        storage::save_snapshot(cx.disk, last, &request.state);
        if self.log.term_at(last.index) == Some(last.term) {
            // "If existing log entry has same index and term as snapshot's last included entry,
            // retain log entries following it and reply": others may have been told of them.
            if self.log.last().index > last.index {
                cx.note("keeps what follows", format_args!("{last}, up to {}", self.log.last()));
            }
            storage::compact(cx.disk, &mut self.log, last, self.config.snapshot_tail);
        } else {
            storage::discard_log(cx.disk, last);
            self.log.replace(last);
        }
        self.commit_up_to(cx, last.index);
        cx.note("installed snapshot", format_args!("up to {last}"));
    }
}
