//! The body that most scenarios of labs 3A and 3B share (the Go suite's `GenericTest`), and its
//! checks.

use crate::kv::{ELECTION_MS, KvLab, Lab3};
use crate::linear::KvOp;
use crate::{Outcome, demand};
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

/// What varies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    /// How many clients.
    pub clients: u64,
    /// Whether all servers crash and restart after each of the three rounds.
    pub crash: bool,
    /// Whether servers are split anew about once a second.
    pub partitions: bool,
    /// Whether clients share keys, instead of each having its own.
    pub random_keys: bool,
}

/// A token that no other client writes, and this one only once.
pub(super) fn token(client: u64, number: u64) -> String {
    format!("x {client} {number} y")
}

/// A client's appends must be in the value, each once, in their order. There may be more: those of
/// other clients, and earlier ones.
pub(super) fn check_appends(value: &str, client: u64, numbers: Range<u64>) -> Outcome {
    let mut last = None;
    for number in numbers {
        let token = token(client, number);
        let Some(at) = value.find(&token) else {
            crate::fail!("exactly once", "{token:?} is missing in {value:?}");
        };
        demand!(
            value.rfind(&token) == Some(at),
            "exactly once",
            "{token:?} is there more than once in {value:?}"
        );
        demand!(last < Some(at), "order of appends", "{token:?} is out of order in {value:?}");
        last = Some(at);
    }
    Ok(())
}

/// One round of one client: until it is told to stop. The answer is the numbers of what it has
/// appended to its own key, and that key's value.
async fn client<L: Lab3>(
    lab: KvLab<L>,
    body: Body,
    number: u64,
    first: u64,
    done: Rc<Cell<bool>>,
) -> Outcome<(Range<u64>, String)> {
    let clerk = lab.clerk_as(number);
    let (mut next, mut value) = (first, String::new());
    if !body.random_keys {
        value = token(number, next);
        next += 1;
        lab.put(clerk, number.to_string(), value.clone()).await;
    }
    let written = next;
    while !done.get() {
        let key = if body.random_keys { lab.below(body.clients) } else { number }.to_string();
        let token = token(number, next);
        if lab.chance(1, 2) {
            if !body.random_keys {
                value.push_str(&token);
            }
            lab.call(clerk, KvOp::Append { key, value: token }).await;
            next += 1;
        } else if body.random_keys && lab.chance(1, 10) {
            lab.call(clerk, KvOp::Put { key, value: token }).await;
            next += 1;
        } else {
            let got = lab.get(clerk, key).await;
            demand!(
                body.random_keys || got == value,
                "get",
                "client {number}, which alone writes key {number}, read {got:?} there instead of \
                 {value:?}"
            );
        }
    }
    Ok((written..next, value))
}

/// Splits the servers in two by a fair coin for each, again and again. The last split stays.
async fn partitioner<L: Lab3>(lab: KvLab<L>, done: Rc<Cell<bool>>) {
    while !done.get() {
        let (one, other) = lab.everyone().into_iter().partition(|_| lab.chance(1, 2));
        lab.partition(&[one, other]);
        let pause = lab.below(200);
        lab.sleep_ms(ELECTION_MS + pause).await;
    }
}

/// Three rounds: five seconds of load, then the faults end, and every client's writes are looked
/// for.
pub(super) async fn generic<L: Lab3>(lab: KvLab<L>, body: Body) -> Outcome {
    let checker = lab.clerk_as(body.clients);
    let mut next = vec![0; body.clients as usize];
    for _ in 0..3 {
        let done = Rc::new(Cell::new(false));
        let clients: Vec<_> = (0..body.clients)
            .map(|number| {
                let first = next[number as usize];
                lab.spawn(client(lab.clone(), body, number, first, Rc::clone(&done)))
            })
            .collect();
        let mut splitting = None;
        if body.partitions {
            lab.sleep_ms(1_000).await;
            splitting = Some(lab.spawn(partitioner(lab.clone(), Rc::clone(&done))));
        }
        lab.sleep_ms(5_000).await;
        done.set(true);
        if let Some(splitting) = splitting {
            splitting.await;
            lab.heal();
            lab.sleep_ms(ELECTION_MS).await;
        }
        if body.crash {
            for server in lab.everyone() {
                lab.crash(server);
            }
            lab.sleep_ms(ELECTION_MS).await;
            for server in lab.everyone() {
                lab.restart(server);
            }
        }
        for (number, client) in (0..).zip(clients) {
            let (numbers, value) = client.await?;
            next[number as usize] = numbers.end;
            let found = lab.get(checker, number.to_string()).await;
            if !body.random_keys {
                check_appends(&found, number, numbers)?;
                demand!(
                    found == value,
                    "exactly once",
                    "client {number} alone wrote {value:?}, and key {number} is {found:?}"
                );
            }
        }
        lab.check_disks()?;
    }
    Ok(())
}

/// A thousand appends by one client, one after the other.
pub(super) async fn speed<L: Lab3>(lab: KvLab<L>) -> Outcome {
    const APPENDS: u64 = 1_000;
    let clerk = lab.clerk();
    lab.get(clerk, "x").await;
    let began = lab.now();
    for number in 0..APPENDS {
        lab.append(clerk, "x", token(0, number)).await;
    }
    let took = lab.now().since(began);
    let value = lab.get(clerk, "x").await;
    check_appends(&value, 0, 0..APPENDS)?;
    let each = took / APPENDS as u32;
    demand!(
        each.as_micros() <= 33_333,
        "speed",
        "an append took {each:?} on average; three in a heartbeat are expected"
    );
    lab.check_disks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_append_must_be_there_once_in_order() {
        let value = |numbers: &[u64]| numbers.iter().map(|n| token(1, *n)).collect::<String>();
        let property = |value: &str| check_appends(value, 1, 1..4).map_err(|it| it.property);
        assert_eq!(property(&(value(&[0, 1, 2]) + &token(2, 1) + &value(&[3, 4]))), Ok(()));
        for broken in [&[1, 2][..], &[1, 2, 2, 3], &[]] {
            assert_eq!(property(&value(broken)), Err("exactly once".to_string()), "{broken:?}");
        }
        assert_eq!(property(&value(&[1, 3, 2])), Err("order of appends".to_string()));
        assert_eq!(property("x 1 11 y"), Err("exactly once".to_string()));
    }
}
