//! Independent work on several threads, with its results in order.

use crossbeam_channel::unbounded;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does the work of each number below `count` on so many threads at most, and hands the results on in
/// order, each as soon as those before it are there. The first error of `finished` ends it: no more work
/// is begun.
pub fn in_order<T: Send, E>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    mut finished: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let next = &AtomicUsize::new(0);
    let (tell, told) = unbounded();
    thread::scope(|scope| {
        for _ in 0..threads.max(1).min(count) {
            let (tell, work) = (tell.clone(), &work);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || tell.send((number, work(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (number, result) in told {
            early.insert(number, result);
            while let Some(result) = early.remove(&due) {
                finished(due, result)?;
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_up_to_an_error() {
        for threads in [0, 1, 3, 100] {
            let mut seen = Vec::new();
            let all = in_order(
                threads,
                50,
                |it| it * it,
                |number, square| {
                    assert_eq!(square, number * number);
                    seen.push(number);
                    if number == 40 { Err("enough") } else { Ok(()) }
                },
            );
            assert_eq!(all, Err("enough"));
            assert_eq!(seen, (0..=40).collect::<Vec<_>>());
        }
        assert_eq!(in_order(2, 0, |it| it, |_, _| Err("none")), Ok(()));
    }
}
