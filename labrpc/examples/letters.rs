//! A first protocol of one's own: ten letters, each to be received exactly once and in order, by a
//! node that crashes, over a network that loses, delays and doubles them. There is no driver for
//! real time yet: so far the simulator is all there is to run `Post` with.

use labrpc::{
    Context, CrashPoint, Instant, Kind, Network, NodeId, Persister, Process, Trace, World,
};
use std::time::Duration;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Mail {
    Letter { number: u64, text: String }, // wants to be acknowledged, so it is a request ...
    Received { upto: u64 },               // ... and this is the reply
}
impl labrpc::Wire for Mail {
    fn kind(&self) -> Kind {
        if let Self::Letter { .. } = self { Kind::Request } else { Kind::Reply }
    }
}

pub(crate) enum Post {
    Sender { to: NodeId, next: u64, alarm: Instant }, // repeats letter `next` until it is received
    Receiver,                                         // its disk is all that it knows
}

impl Process for Post {
    type Message = Mail;
    fn on_message(&mut self, cx: &mut Context<'_, Mail>, from: NodeId, mail: Mail) {
        match (self, mail) {
            (Self::Receiver, Mail::Letter { number, text }) => {
                if number == cx.disk.log().end {
                    cx.disk.append(number, text.as_bytes());
                } // else it is a copy, or late; but the sender may not know that it is here
                // Messages leave when the writes are durable: no crash takes back this promise.
                cx.send(from, Mail::Received { upto: cx.disk.log().end - 1 });
            }
            (Self::Sender { next, .. }, Mail::Received { upto }) => *next = upto.max(*next - 1) + 1,
            (_, astray) => cx.note("refused", format_args!("{astray:?}")), // hostile, but no panic
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Mail>) {
        let Self::Sender { to, next, alarm } = self else { return };
        *alarm = cx.now + Duration::from_millis(20); // a lost message is silence: time is up to us
        cx.send(*to, Mail::Letter { number: *next, text: format!("letter {next}") });
    }

    fn next_wakeup(&self) -> Option<Instant> {
        if let Self::Sender { next: ..=10, alarm, .. } = self { Some(*alarm) } else { None }
    }
}

/// How many letters have been received; panics if one is missing, doubled or out of order.
pub(crate) fn received(world: &World<Post>, receiver: NodeId) -> u64 {
    let disk = world.disk(receiver);
    assert!(disk.log().all(|n| disk.record(n) == format!("letter {n}").as_bytes()));
    disk.log().end - 1
}

pub(crate) fn main() {
    for seed in 0..300 {
        let mut world = World::new(seed, Network::unreliable().with_late_messages());
        world.set_trace(Trace::last(12));
        let to = world.add(|_| Post::Receiver);
        world.add(move |cx| Post::Sender { to, next: 1, alarm: cx.now });
        for point in [CrashPoint::Undone, CrashPoint::Unsent, CrashPoint::Now] {
            world.run_for(Duration::from_millis(20 + seed)); // what is to break must have begun
            world.crash(to, point);
            world.run_for(Duration::from_millis(50));
            world.restart(to).expect("its disk is there");
        }
        let done = world.run_until(Duration::from_secs(60), |world| received(world, to) == 10);
        done.unwrap_or_else(|late| panic!("seed {seed}: {late}\n{:#?}", world.trace()));
        if seed == 7 {
            world.trace().records().for_each(|record| println!("{record}"));
        }
    }
    println!("300 seeds: every letter was received once and in order");
}
