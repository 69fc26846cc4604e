//! The shard master as the linearizability checker sees it.

use crate::linear::Model;
use kvraft::rsm::{Outcome, Service};
use shardmaster::{Master, Op, Reply};

/// The master of so many shards. What it may answer is what [`Master`] says when its operations
/// come one after the other.
#[derive(Clone, Copy, Debug)]
pub struct MasterModel {
    /// How many shards there are.
    pub shards: u16,
}

impl Model for MasterModel {
    type Op = Op;
    type Ret = Reply;
    /// All configurations so far, whose encoding tells them apart.
    type State = Vec<u8>;

    fn initial(&self) -> Vec<u8> {
        Master::new(self.shards).save()
    }

    fn step(&self, state: &Vec<u8>, op: &Op, ret: Option<&Reply>) -> Option<Vec<u8>> {
        let mut master = Master::new(self.shards);
        master.load(state).expect("it was saved");
        let Outcome::Done(reply) = master.apply(op) else { return None };
        ret.is_none_or(|ret| *ret == reply).then(|| master.save())
    }

    fn describe(&self, op: &Op, ret: Option<&Reply>) -> String {
        match ret {
            Some(ret) => format!("{op:?} -> {ret:?}"),
            None => format!("{op:?} -> ?"),
        }
    }

    fn describe_state(&self, state: &Vec<u8>) -> String {
        let mut master = Master::new(self.shards);
        match master.load(state) {
            Ok(()) => format!("{:?}", master.latest()),
            Err(error) => error.to_string(),
        }
    }
}
