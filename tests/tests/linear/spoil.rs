//! How to break a history.

use labrpc::Rng;
use tests::linear::{KvOp, KvOperation};

/// Changes something that may matter.
pub fn spoil(history: &mut [KvOperation], dice: &mut Rng) {
    let texts: Vec<String> = history.iter().map(|it| text_of(it).to_string()).collect();
    let mut any = || dice.below(texts.len() as u64) as usize;
    let mut place = any();
    if history[place].ret().is_none_or(String::is_empty) {
        place = any();
    }
    let victim = &mut history[place];
    let other = dice.pick(&texts).cloned().unwrap_or_default();
    match dice.below(6) {
        0 => victim.call = victim.call.saturating_sub(dice.below(9)),
        1 => {
            let late = dice.below(9);
            victim.call += late;
            if let Some((at, _)) = &mut victim.end {
                *at += late;
            }
        }
        2 => {
            if let Some((at, _)) = &mut victim.end {
                *at = victim.call + dice.below(4);
            }
        }
        3 => {
            let key = victim.op.key().to_string();
            victim.op = match &victim.op {
                KvOp::Put { value, .. } => KvOp::append(key, value),
                KvOp::Append { value, .. } => KvOp::put(key, value),
                KvOp::Get { .. } => KvOp::get(key),
            };
        }
        _ => {
            if let (KvOp::Get { .. }, Some((_, ret))) = (&victim.op, &mut victim.end) {
                match dice.below(4) {
                    0 => *ret = other,
                    1 => *ret += &other,
                    2 => ret.truncate(dice.below(ret.len() as u64 + 1) as usize),
                    _ => *ret = other + ret,
                }
            }
        }
    }
}

/// What was written, or what a get shows.
fn text_of(operation: &KvOperation) -> &str {
    match &operation.op {
        KvOp::Put { value, .. } | KvOp::Append { value, .. } => value,
        KvOp::Get { .. } => operation.ret().map_or("", String::as_str),
    }
}
