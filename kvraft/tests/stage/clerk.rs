//! A clerk alone: the script is its servers, its network and its clock.

use goldenscript::Context as Line;
use kvraft::rsm::{Answer, Clerk, ClientId, ClientMessage, Reply, Request, Seq};
use labrpc::{Context, Disk, Instant, NodeId, Notes, Rng};
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// What a script of the clerk can say. Its servers are n0, n1, …; its client is c1.
#[derive(goldenscript::Command)]
pub enum Command {
    /// A clerk of so many servers.
    Clerk { servers: u16 },
    /// Sets out to have something done.
    Start { op: String },
    /// An answer from a server: `done X`, `refused X`, or `elsewhere` and perhaps who leads. To
    /// what was asked last, unless it says otherwise.
    Answer {
        from: u16,
        what: String,
        about: Option<String>,
        #[arg(key)]
        seq: Option<u64>,
        #[arg(key)]
        client: Option<u64>,
    },
    /// Lets so many milliseconds pass, and wakes the clerk when it wants to be woken.
    Wait { ms: u64 },
    /// Wakes it now, though it has not asked for that: an alarm that it asked for earlier.
    Ring,
    /// Asks once more for what was refused, or is under way, after so many milliseconds.
    Again { pause: u64 },
    /// Turns to other servers.
    Turn { servers: Vec<u16> },
    /// Takes the answer out.
    Take,
    /// Shows when it wants to be woken.
    Alarm,
}

type Message = ClientMessage<String, String>;

pub struct Stage {
    clerk: Option<Clerk<String, String>>,
    seq: Seq,
    now: Instant,
    out: String,
}

impl Default for Stage {
    fn default() -> Self {
        Self { clerk: None, seq: Seq::default(), now: Instant::ZERO, out: String::new() }
    }
}

impl goldenscript::Runner for Stage {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Line) -> Result<String, Box<dyn Error>> {
        if let Command::Clerk { servers } = command {
            let servers = (0..*servers).map(NodeId::new).collect();
            self.clerk = Some(Clerk::new(ClientId::new(1), servers));
            return Ok(String::new());
        }
        let clerk = self.clerk.as_mut().ok_or("a script begins with a clerk")?;
        match command {
            Command::Clerk { .. } => unreachable!("it is done before"),
            Command::Start { op } => {
                self.seq = self.step(|clerk, cx| clerk.start(cx, op.clone()));
            }
            Command::Answer { from, what, about, seq, client } => {
                let seq = seq.map_or(self.seq, Seq::new);
                let client = ClientId::new(client.unwrap_or(1));
                let reply = Reply { client, seq, answer: answer(what, about.as_deref())? };
                self.step(|clerk, cx| clerk.on_reply(cx, NodeId::new(*from), reply));
            }
            Command::Wait { ms } => self.wait(Duration::from_millis(*ms)),
            Command::Ring => self.step(Clerk::on_wakeup),
            Command::Again { pause } => {
                self.step(|clerk, cx| clerk.ask_again(cx, Duration::from_millis(*pause)));
            }
            Command::Turn { servers } => {
                clerk.turn_to(servers.iter().copied().map(NodeId::new).collect());
            }
            Command::Take => {
                let taken = clerk.take_reply();
                let refused = if clerk.is_refused() { ", refused" } else { "" };
                writeln!(self.out, "{taken:?}, busy: {}{refused}", clerk.is_busy())?;
            }
            Command::Alarm => match clerk.next_wakeup() {
                Some(at) => writeln!(self.out, "at {}ms", at.as_nanos() / 1_000_000)?,
                None => writeln!(self.out, "none")?,
            },
        }
        Ok(std::mem::take(&mut self.out))
    }
}

impl Stage {
    fn step<T>(
        &mut self,
        f: impl FnOnce(&mut Clerk<String, String>, &mut Context<'_, Message>) -> T,
    ) -> T {
        let (mut rng, mut disk) = (Rng::new(1), Disk::default());
        let (mut outbox, mut notes) = (Vec::new(), Notes::off());
        let (me, now) = (NodeId::new(9), self.now);
        let mut cx = Context::new(me, now, &mut rng, &mut disk, &mut outbox, &mut notes);
        let result = f(self.clerk.as_mut().expect("there is a clerk"), &mut cx);
        for (to, message) in outbox {
            let ms = now.as_nanos() / 1_000_000;
            let _ = match message {
                ClientMessage::Request(Request { client, seq, op }) => {
                    writeln!(self.out, "{ms}ms: asks {to} {client:?} {seq:?} {op:?}")
                }
                ClientMessage::Reply(reply) => writeln!(self.out, "{ms}ms: {to} {reply:?}"),
            };
        }
        result
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000 {
            let clerk = self.clerk.as_ref().expect("there is a clerk");
            let Some(due) = clerk.next_wakeup().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.step(Clerk::on_wakeup);
        }
        panic!("it wakes up without end");
    }
}

fn answer(what: &str, about: Option<&str>) -> Result<Answer<String>, Box<dyn Error>> {
    let text = about.unwrap_or_default().to_string();
    Ok(match what {
        "done" => Answer::Done(text),
        "refused" => Answer::Refused(text),
        "elsewhere" => {
            Answer::NotLeader { leader: about.map(str::parse).transpose()?.map(NodeId::new) }
        }
        _ => return Err(format!("there is no answer {what}").into()),
    })
}
