//! Histories of a store that works.

use labrpc::Rng;
use tests::linear::{KvOp, KvOperation, Operation};

/// What a history shall be like.
#[derive(Clone, Copy)]
pub struct Shape {
    pub operations: usize,
    pub clients: u64,
    /// Of a hundred operations, so many are puts,
    pub puts: u32,
    /// so many appends; the others are gets.
    pub appends: u32,
    /// Of a hundred operations, so many never return.
    pub open: u32,
    /// How many different values are written; 0 makes each a token.
    pub values: u64,
    /// How many ticks pass from one event to the next, at most; 0 makes ties.
    pub pace: u64,
}

/// A history of one key and closed-loop clients, whose operations take effect at some instant
/// between call and return. A client goes on after an operation that never returns.
pub fn history(shape: &Shape, dice: &mut Rng) -> Vec<KvOperation> {
    let mut history: Vec<KvOperation> = Vec::with_capacity(shape.operations);
    let mut has_returned = vec![false; shape.operations];
    // For each client: its operation, and whether it has taken effect.
    let mut busy: Vec<Option<(usize, bool)>> = vec![None; shape.clients as usize];
    // Operations that were given up, and may yet take effect.
    let mut given_up: Vec<usize> = Vec::new();
    let (mut value, mut now) = (String::new(), 0);
    while history.len() < shape.operations || busy.iter().any(Option::is_some) {
        now += dice.below(shape.pace + 1);
        if !given_up.is_empty() && dice.chance(1, 8) {
            let place = given_up.swap_remove(dice.below(given_up.len() as u64) as usize);
            take_effect(&mut history[place], &mut value);
        }
        let client = dice.below(shape.clients) as usize;
        match busy[client] {
            None if history.len() < shape.operations => {
                busy[client] = Some((history.len(), false));
                let op = operation(shape, dice, history.len());
                history.push(Operation::open(client as u64, op, now));
            }
            None => {}
            Some((place, false)) if dice.chance(shape.open, 100) => {
                given_up.push(place);
                busy[client] = None;
            }
            Some((place, false)) => {
                take_effect(&mut history[place], &mut value);
                busy[client] = Some((place, true));
            }
            Some((place, true)) => {
                has_returned[place] = !dice.chance(shape.open, 100);
                busy[client] = None;
                if let Some((at, _)) = &mut history[place].end {
                    *at = now;
                }
            }
        }
    }
    for (operation, has_returned) in history.iter_mut().zip(has_returned) {
        if !has_returned {
            operation.end = None;
        }
    }
    history
}

fn operation(shape: &Shape, dice: &mut Rng, number: usize) -> KvOp {
    let value = match shape.values {
        0 => format!("{number}."),
        values => ["a", "b", "ab", ""][dice.below(values) as usize].to_string(),
    };
    match dice.below(100) as u32 {
        draw if draw < shape.puts => KvOp::put("k", value),
        draw if draw < shape.puts + shape.appends => KvOp::append("k", value),
        _ => KvOp::get("k"),
    }
}

/// What it would return is noted, if not yet when.
fn take_effect(operation: &mut KvOperation, value: &mut String) {
    let ret = match &operation.op {
        KvOp::Get { .. } => value.clone(),
        KvOp::Put { value: new, .. } => {
            value.clone_from(new);
            String::new()
        }
        KvOp::Append { value: more, .. } => {
            value.push_str(more);
            String::new()
        }
    };
    operation.end = Some((0, ret));
}
