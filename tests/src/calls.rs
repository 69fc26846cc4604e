//! What clients do, as a stage keeps it: the history that is judged, and where each operation is
//! found in the trace.

use crate::arena::film::ClientCall;
use crate::linear::{History, Model, Operation, OperationId, Verdict};
use crate::{Outcome, fail};
use labrpc::{NodeId, SimTime};
use std::fmt::{Debug, Write};

/// The operations of all clients of a service.
pub struct Calls<M: Model> {
    model: M,
    history: History<M::Op, M::Ret>,
    places: Vec<Place>,
}

/// Which operation of [`Calls`].
#[derive(Clone, Copy, Debug)]
pub struct Call {
    id: OperationId,
    place: usize,
}

struct Place {
    node: NodeId,
    began: SimTime,
    ended: Option<SimTime>,
}

/// How many operations without an answer are named.
const NAMED: usize = 3;

impl<M: Model> Calls<M> {
    /// None yet of a service that is to do as its model does.
    pub fn of(model: M) -> Self {
        Self { model, history: History::default(), places: Vec::new() }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// A client calls from a node.
    pub fn begin(&mut self, client: u64, node: NodeId, now: SimTime, op: M::Op) -> Call {
        self.places.push(Place { node, began: now, ended: None });
        Call { id: self.history.call(client, op), place: self.places.len() - 1 }
    }

    /// A call returns.
    pub fn end(&mut self, call: Call, now: SimTime, answer: M::Ret) {
        self.places[call.place].ended = Some(now);
        self.history.finish(call.id, answer);
    }

    /// All operations, in the order of their calls.
    pub fn operations(&self) -> &[Operation<M::Op, M::Ret>] {
        self.history.operations()
    }

    /// All operations, in simulated time.
    pub fn client_calls(&self) -> Vec<ClientCall> {
        let all = self.places.iter().zip(self.operations());
        let call = |(place, operation): (&Place, &Operation<M::Op, M::Ret>)| {
            let Place { node, began, ended } = *place;
            let what = self.model.describe(&operation.op, operation.ret());
            let what = match self.model.part(&operation.op) {
                part if part.is_empty() => what,
                part => format!("{part}: {what}"),
            };
            ClientCall { node, began, ended, what }
        };
        all.map(call).collect()
    }

    /// How many operations have been answered.
    pub fn completed(&self) -> usize {
        self.places.iter().filter(|place| place.ended.is_some()).count()
    }

    /// What a verdict on these operations means to a run: whether there is an order of all that
    /// explains what clients saw.
    pub fn judged(&self, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Linearizable => Ok(()),
            Verdict::NotLinearizable(violation) => {
                let named = std::iter::once(&violation.operation).chain(&violation.witnesses);
                let mut text = violation.to_string().trim_end().to_string();
                for &operation in named {
                    let _ = write!(text, "\n{}", self.describe(operation));
                }
                fail!("linearizability", "{text}")
            }
            Verdict::Undecided(undecided) => fail!("linearizability", "{undecided}"),
        }
    }

    /// Where an operation is found in the trace.
    fn describe(&self, operation: usize) -> String {
        let (place, what) = (&self.places[operation], &self.operations()[operation]);
        let secs = |at: SimTime| at.as_nanos() as f64 / 1e9;
        let ended = place.ended.map_or("now".to_string(), |at| format!("{:.6} s", secs(at)));
        let began = secs(place.began);
        format!(
            "  client {} is {}: from {began:.6} s to {ended} in the trace",
            what.client, place.node
        )
    }

    /// The clients that wait for an answer, the longest first, if any do.
    pub fn waiting(&self) -> Option<String>
    where
        M::Op: Debug,
    {
        let open: Vec<usize> =
            (0..self.places.len()).filter(|&it| self.places[it].ended.is_none()).collect();
        let named = open.iter().take(NAMED).map(|&it| {
            let (place, what) = (&self.places[it], &self.operations()[it]);
            let began = place.began.as_nanos() as f64 / 1e9;
            format!(
                "client {} ({}) has waited since {began:.3} s for {:?}",
                what.client, place.node, what.op
            )
        });
        let mut text = named.collect::<Vec<_>>().join("; ");
        if open.len() > NAMED {
            let _ = write!(text, "; and {} more", open.len() - NAMED);
        }
        (!open.is_empty()).then_some(text)
    }
}
