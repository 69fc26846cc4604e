//! A server alone, over a puppet: the script is its Raft and its clients.

use crate::puppet::{Order, Orders, Puppet};
use crate::purse::{Command as Entry, Op, Purse};
use goldenscript::Context as Line;
use kvraft::rsm::{
    Answer, ClientId, ClientMessage, Config, Message, MessageOf, Reads, Reply, Request, Seq,
    Server, Sessions,
};
use labgob::Bytes;
use labrpc::{Context, Disk, Instant, NodeId, Notes, Persister, Process, Rng};
use raft::{Index, LogId, Term};
use std::error::Error;
use std::fmt::Write;

/// What a script of the server can say. It is n0. The clerk of client 1 is n11, of client 2 n12, …
#[derive(goldenscript::Command)]
pub enum Command {
    /// Boots a server with an empty disk.
    Server {
        /// `index` or `log`
        #[arg(key)]
        reads: Option<String>,
        /// The most bytes of Raft state.
        #[arg(key)]
        max: Option<usize>,
    },
    /// Crashes it and boots it from its disk.
    Restart,
    /// What its Raft does in one step: see [`order`].
    Raft { orders: Vec<String> },
    /// A client asks, by its own clerk or from another node.
    Ask {
        client: u64,
        seq: u64,
        op: Vec<String>,
        #[arg(key)]
        from: Option<u16>,
    },
    /// The service puts an operation of its own into the log.
    Own { op: Vec<String> },
    /// Somebody sends the server an answer.
    Answer { from: u16 },
    /// Shows the server.
    Show,
}

type Subject = Server<Purse, Puppet>;
type Cx<'a> = Context<'a, MessageOf<Purse, Puppet>>;

#[derive(Default)]
pub struct Stage {
    server: Option<Subject>,
    config: Config,
    disk: Disk,
    out: String,
}

impl goldenscript::Runner for Stage {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Line) -> Result<String, Box<dyn Error>> {
        match command {
            Command::Server { reads, max } => {
                let reads = match reads.as_deref() {
                    None | Some("log") => Reads::Log,
                    Some("index") => Reads::Index,
                    Some(other) => return Err(format!("there are no reads by {other}").into()),
                };
                self.config = Config { max_raft_state: *max, reads, ..Config::default() };
                self.disk = Disk::default();
                self.boot();
            }
            Command::Restart => self.boot(),
            Command::Raft { orders } => {
                let orders = orders.iter().map(|text| order(text)).collect::<Result<_, _>>()?;
                self.hear(1, Message::Raft(Orders(orders)));
            }
            Command::Ask { client, seq, op, from } => {
                let from = from.unwrap_or(10 + *client as u16);
                let (client, seq, op) = (ClientId::new(*client), Seq::new(*seq), op_of(op)?);
                let request = Request { client, seq, op };
                self.hear(from, Message::Client(ClientMessage::Request(request)));
            }
            Command::Own { op } => {
                let op = op_of(op)?;
                let id =
                    self.step(|server, cx| server.as_mut().expect("it is up").propose_own(cx, &op));
                if let Err(not_leader) = id {
                    writeln!(self.out, "{not_leader}")?;
                }
            }
            Command::Answer { from } => {
                let (client, seq) = (ClientId::new(1), Seq::new(1));
                let reply = Reply { client, seq, answer: Answer::Done(1) };
                self.hear(*from, Message::Client(ClientMessage::Reply(reply)));
            }
            Command::Show => self.show()?,
        }
        Ok(std::mem::take(&mut self.out))
    }
}

impl Stage {
    fn step<T>(&mut self, f: impl FnOnce(&mut Option<Subject>, &mut Cx<'_>) -> T) -> T {
        let (mut rng, mut outbox, mut notes) = (Rng::new(1), Vec::new(), Notes::on());
        let (me, now) = (NodeId::new(0), Instant::ZERO);
        let mut cx = Context::new(me, now, &mut rng, &mut self.disk, &mut outbox, &mut notes);
        let result = f(&mut self.server, &mut cx);
        for note in notes.drain() {
            let _ = writeln!(self.out, "{}: {}", note.what, note.detail);
        }
        for (to, message) in outbox {
            let _ = match message {
                Message::Client(ClientMessage::Reply(Reply { client, seq, answer })) => {
                    writeln!(self.out, "-> {to} {client:?} {seq:?} {answer:?}")
                }
                other => writeln!(self.out, "-> {to} {other:?}"),
            };
        }
        result
    }

    fn boot(&mut self) {
        let (config, servers) = (self.config.clone(), [0, 1, 2].map(NodeId::new));
        self.step(|server, cx| {
            *server = Some(Server::boot(cx, &servers, Purse::default(), config));
        });
    }

    fn hear(&mut self, from: u16, message: MessageOf<Purse, Puppet>) {
        self.step(|server, cx| {
            let server = server.as_mut().expect("it is up");
            server.on_message(cx, NodeId::new(from), message);
        });
    }

    fn show(&mut self) -> Result<(), Box<dyn Error>> {
        let server = self.server.as_ref().ok_or("there is no server")?;
        let Purse { coins, sessions } = server.service();
        writeln!(self.out, "applied {}: {coins} coins, {sessions:?}", server.applied())?;
        writeln!(self.out, "waiting {}, refused {}", server.waiting(), server.refused())?;
        let log = self.disk.log();
        writeln!(self.out, "log {log:?}, {} bytes", self.disk.raft_state_bytes())?;
        Ok(())
    }
}

fn op_of(words: &[impl AsRef<str>]) -> Result<Op, Box<dyn Error>> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    Ok(match words[..] {
        ["put", n] => Op::Put(n.parse()?),
        ["take", n] => Op::Take(n.parse()?),
        ["gift", n] => Op::Gift(n.parse()?),
        ["look"] => Op::Look,
        _ => return Err(format!("there is no operation {words:?}").into()),
    })
}

/// - `lead T`, `follow`, `follow N`
/// - `commit I@T`: what was proposed there; `commit I@T no-op`, `commit I@T own OP`,
///   `commit I@T C S OP`, `commit I@T garbage`: that
/// - `install I@T COINS`, `install I@T garbage`
/// - `confirm R I`, `deny R`, `deny R N`
/// - `no-reads`, `alone`
fn order(text: &str) -> Result<Order, Box<dyn Error>> {
    let node = |text: &str| Ok::<_, Box<dyn Error>>(Some(NodeId::new(text.parse()?)));
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words[..] {
        ["lead", term] => Order::Lead(Term::new(term.parse()?)),
        ["follow"] => Order::Follow(None),
        ["follow", leader] => Order::Follow(node(leader)?),
        ["commit", at] => Order::Commit(id(at)?, None),
        ["commit", at, "garbage"] => Order::Commit(id(at)?, Some(Bytes::from(&[99]))),
        ["commit", at, ref what @ ..] => {
            let entry = match what {
                ["no-op"] => Entry::NoOp,
                ["own", op @ ..] => Entry::Own(op_of(op)?),
                [client, seq, op @ ..] => Entry::Client(Request {
                    client: ClientId::new(client.parse()?),
                    seq: Seq::new(seq.parse()?),
                    op: op_of(op)?,
                }),
                _ => return Err(format!("there is no entry {what:?}").into()),
            };
            Order::Commit(id(at)?, Some(labgob::encode(&entry).into()))
        }
        ["install", at, "garbage"] => Order::Install(id(at)?, Bytes::from(&[255; 3])),
        ["install", at, coins] => {
            let purse = Purse { coins: coins.parse()?, sessions: Sessions::default() };
            Order::Install(id(at)?, labgob::encode(&purse).into())
        }
        ["confirm", read, index] => Order::Confirm(read.parse()?, Index::new(index.parse()?)),
        ["deny", read] => Order::Deny(read.parse()?, None),
        ["deny", read, leader] => Order::Deny(read.parse()?, node(leader)?),
        ["no-reads"] => Order::TakeReads(false),
        ["alone"] => Order::BeAlone,
        _ => return Err(format!("there is no order {text}").into()),
    })
}

fn id(text: &str) -> Result<LogId, Box<dyn Error>> {
    let (index, term) = text.split_once('@').ok_or("an entry is INDEX@TERM")?;
    Ok(LogId::new(term.parse()?, index.parse()?))
}
