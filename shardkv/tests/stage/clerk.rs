//! A clerk alone: the script is everybody else.

use super::{group_says, master_says, op_of, shown};
use crate::handmade::{history, next, servers};
use goldenscript::Context as Line;
use kvraft::rsm::{self, ClientId, ClientMessage, Seq};
use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
use shardkv::{Clerk, Message, StoreMessage};
use shardmaster::Config;
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// What a script of the clerk can say. The master's servers are n1 and n2; group 2 is n20 to n22, …
#[derive(goldenscript::Command)]
pub enum Command {
    /// A new clerk. The master's configurations are these, from 1 on.
    Clerk { rows: Vec<String> },
    /// The master makes more.
    Configs { rows: Vec<String> },
    /// It is to do something.
    Start { op: Vec<String> },
    /// The master answers the latest question, or an earlier one.
    Master {
        what: String,
        #[arg(key)]
        from: Option<u16>,
        #[arg(key)]
        seq: Option<u64>,
    },
    /// A server of a group answers, if nothing else is said about the latest question.
    Answer {
        from: u16,
        what: Vec<String>,
        #[arg(key)]
        seq: Option<u64>,
    },
    /// Somebody sends it what clerks have no use for.
    Nonsense,
    /// Time passes.
    Wait { ms: u64 },
    /// Shows the clerk.
    Show,
}

type Cx<'a> = Context<'a, Message<()>>;

#[derive(Default)]
pub struct Stage {
    clerk: Option<Clerk>,
    history: Vec<Config>,
    /// How long it has run.
    now: Duration,
    query: Option<(ClientId, Seq)>,
    asked: Option<(ClientId, Seq)>,
    out: String,
}

impl goldenscript::Runner for Stage {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Line) -> Result<String, Box<dyn Error>> {
        match command {
            Command::Clerk { rows } => {
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                *self = Self { history: history(&rows), ..Self::default() };
                self.step(|clerk, cx| {
                    *clerk = Some(Clerk::new(cx, [1, 2].map(NodeId::new).to_vec()));
                });
            }
            Command::Configs { rows } => {
                for row in rows {
                    let before = self.history.last().ok_or("there is no history")?;
                    self.history.push(next(before, row, servers));
                }
            }
            Command::Start { op } => {
                let op = op_of(op)?;
                self.step(|clerk, cx| clerk.as_mut().expect("there is one").start(cx, op));
            }
            Command::Master { what, from, seq } => {
                let (client, latest) = self.query.ok_or("it has not asked")?;
                let seq = seq.map_or(latest, Seq::new);
                let answer = master_says(what, &self.history)?;
                let reply = ClientMessage::Reply(rsm::Reply { client, seq, answer });
                self.hear(from.unwrap_or(1), Message::Master(reply));
            }
            Command::Answer { from, what, seq } => {
                let (client, latest) = self.asked.ok_or("it has not asked")?;
                let seq = seq.map_or(latest, Seq::new);
                let answer = group_says(what)?;
                let reply = StoreMessage::Reply(rsm::Reply { client, seq, answer });
                self.hear(*from, Message::Store(reply));
            }
            Command::Nonsense => {
                self.hear(66, Message::Raft(()));
                let request = rsm::Request {
                    client: ClientId::new(1),
                    seq: Seq::new(1),
                    op: shardmaster::Op::Query { num: None },
                };
                self.hear(66, Message::Master(ClientMessage::Request(request)));
            }
            Command::Wait { ms } => self.wait(Duration::from_millis(*ms)),
            Command::Show => {
                let clerk = self.clerk.as_ref().ok_or("there is no clerk")?;
                let num = clerk.config().map(|config| config.num);
                let (reply, busy) = (clerk.reply(), clerk.is_busy());
                write!(self.out, "{reply:?}, busy: {busy}, knows {num:?}")?;
                writeln!(self.out, ", refused {}", clerk.refused())?;
            }
        }
        Ok(std::mem::take(&mut self.out))
    }
}

impl Stage {
    fn step(&mut self, f: impl FnOnce(&mut Option<Clerk>, &mut Cx<'_>)) {
        let (mut rng, mut disk) = (Rng::new(1), Disk::default());
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let now = Instant::ZERO + self.now;
        let me = NodeId::new(101);
        let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
        f(&mut self.clerk, &mut cx);
        let ms = self.now.as_millis();
        for note in notes.drain() {
            let _ = writeln!(self.out, "{ms}ms: {}: {}", note.what, note.detail);
        }
        for (to, message) in outbox {
            let _ = writeln!(self.out, "{ms}ms: {}", shown(to, &message));
            match message {
                Message::Master(ClientMessage::Request(it)) => {
                    self.query = Some((it.client, it.seq));
                }
                Message::Store(ClientMessage::Request(it)) => {
                    self.asked = Some((it.client, it.seq));
                }
                other => panic!("a clerk says {other:?}"),
            }
        }
    }

    fn hear(&mut self, from: u16, message: Message<()>) {
        self.step(|clerk, cx| {
            clerk.as_mut().expect("there is one").on_message(cx, NodeId::new(from), message);
        });
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000 {
            let clerk = self.clerk.as_ref().expect("there is one");
            let due = clerk.next_wakeup().map(|due| due - Instant::ZERO);
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.step(|clerk, cx| clerk.as_mut().expect("there is one").on_wakeup(cx));
        }
        panic!("it wakes up without end");
    }
}
