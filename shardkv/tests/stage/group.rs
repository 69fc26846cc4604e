//! A server of group 1 alone, over a puppet: the script is its Raft, the master, other groups and
//! clients.

use super::{group_says, master_says, of_op, op_of, shown};
use crate::handmade::{SHARDS, history, servers};
use crate::puppet::{Command as Entry, Order, Orders, Puppet};
use goldenscript::Context as Line;
use kvraft::rsm::{self, ClientId, ClientMessage, Request, Seq};
use labrpc::{Context, Disk, Instant, NodeId, Notes, Process, Rng};
use raft::Term;
use shardkv::{Contents, Group, Message, Op, StoreMessage};
use shardmaster::{Config, ConfigNum, Gid, Shard};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

/// What a script of the group can say. The server is n10; the master's are n1 and n2; group 2 is
/// n20 to n22, and so on; the clerk of client 1 is n101, …
#[derive(goldenscript::Command)]
pub enum Command {
    /// Boots the server with an empty disk. The master's configurations are these, from 1 on.
    Group { rows: Vec<String> },
    /// The master makes more.
    Configs { rows: Vec<String> },
    /// What its Raft does in one step: see [`order`].
    Raft { orders: Vec<String> },
    /// The master answers the latest question, or an earlier one.
    Master {
        what: String,
        #[arg(key)]
        from: Option<u16>,
        #[arg(key)]
        seq: Option<u64>,
    },
    /// Another group answers the latest install of a shard.
    Answer {
        shard: u16,
        what: Vec<String>,
        #[arg(key)]
        from: Option<u16>,
        /// How many installs of that shard there were before.
        #[arg(key)]
        nth: Option<usize>,
    },
    /// Another group's leader brings a shard.
    Install {
        shard: u16,
        since: u64,
        values: Vec<String>,
        #[arg(key)]
        client: Option<u64>,
    },
    /// A client asks.
    Ask { client: u64, seq: u64, op: Vec<String> },
    /// A client asks for what only the group may: `configure NUM` or `drop SHARD NUM`.
    Smuggle { op: Vec<String> },
    /// Time passes.
    Wait { ms: u64 },
    /// Crashes it and boots it from its disk.
    Restart,
    /// Shows the server.
    Show,
}

type Server = Group<Puppet>;
type Cx<'a> = Context<'a, Message<Orders>>;

#[derive(Default)]
pub struct Stage {
    server: Option<Server>,
    history: Vec<Config>,
    /// How long it has run.
    now: Duration,
    disk: Disk,
    rng: Option<Rng>,
    /// The latest questions: to the master, and to other groups.
    query: Option<(ClientId, Seq)>,
    installs: BTreeMap<Shard, Vec<(ClientId, Seq)>>,
    out: String,
}

impl goldenscript::Runner for Stage {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Line) -> Result<String, Box<dyn Error>> {
        match command {
            Command::Group { rows } => {
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                *self = Self { history: history(&rows), ..Self::default() };
                self.boot();
            }
            Command::Configs { rows } => {
                for row in rows {
                    let before = self.history.last().ok_or("there is no history")?;
                    self.history.push(crate::handmade::next(before, row, servers));
                }
            }
            Command::Raft { orders } => {
                let orders = orders.iter().map(|it| self.order(it)).collect::<Result<_, _>>()?;
                self.hear(11, Message::Raft(Orders(orders)));
            }
            Command::Master { what, from, seq } => {
                let (client, latest) = self.query.ok_or("it has not asked")?;
                let seq = seq.map_or(latest, Seq::new);
                let answer = master_says(what, &self.history)?;
                let reply = ClientMessage::Reply(rsm::Reply { client, seq, answer });
                self.hear(from.unwrap_or(1), Message::Master(reply));
            }
            Command::Answer { shard, what, from, nth } => {
                let asked = self.installs.get(&Shard::new(*shard)).ok_or("it has not asked")?;
                let nth = nth.unwrap_or(asked.len() - 1);
                let &(client, seq) = asked.get(nth).ok_or("it has not asked so often")?;
                let answer = group_says(what)?;
                let reply = StoreMessage::Reply(rsm::Reply { client, seq, answer });
                self.hear(from.unwrap_or(20), Message::Store(reply));
            }
            Command::Install { shard, since, values, client } => {
                let client = client.unwrap_or(99);
                let contents = labgob::encode(&contents_of(values)).into();
                let (since, shard) = (ConfigNum::new(*since), Shard::new(*shard));
                self.request(20, client, 1, Op::Install { since, shard, contents });
            }
            Command::Ask { client, seq, op } => {
                self.request(100 + *client as u16, *client, *seq, Op::Client(op_of(op)?));
            }
            Command::Smuggle { op } => {
                let op = self.own(op)?;
                self.request(66, 66, 1, op);
            }
            Command::Wait { ms } => self.wait(Duration::from_millis(*ms)),
            Command::Restart => self.boot(),
            Command::Show => self.show()?,
        }
        Ok(std::mem::take(&mut self.out))
    }
}

impl Stage {
    fn step(&mut self, f: impl FnOnce(&mut Option<Server>, &mut Cx<'_>)) {
        let (mut outbox, mut notes) = (Vec::new(), Notes::on());
        let rng = self.rng.get_or_insert_with(|| Rng::new(1));
        let now = Instant::ZERO + self.now;
        let me = NodeId::new(10);
        let mut cx = Context::new(me, now, rng, &mut self.disk, &mut outbox, &mut notes);
        f(&mut self.server, &mut cx);
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
                    let shard = of_op(&it.op).expect("groups ask each other for nothing else");
                    let asked = self.installs.entry(shard).or_default();
                    if asked.last() != Some(&(it.client, it.seq)) {
                        asked.push((it.client, it.seq));
                    }
                }
                _ => {}
            }
        }
    }

    fn boot(&mut self) {
        let (masters, servers) = ([1, 2].map(NodeId::new), servers(1));
        self.step(|server, cx| {
            let config = rsm::Config::default();
            *server = Some(Group::boot(cx, Gid::new(1), &servers, &masters, SHARDS, config));
        });
    }

    fn hear(&mut self, from: u16, message: Message<Orders>) {
        self.step(|server, cx| {
            let server = server.as_mut().expect("it is up");
            server.on_message(cx, NodeId::new(from), message);
        });
    }

    fn request(&mut self, from: u16, client: u64, seq: u64, op: Op) {
        let request = Request { client: ClientId::new(client), seq: Seq::new(seq), op };
        self.hear(from, Message::Store(ClientMessage::Request(request)));
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000 {
            let server = self.server.as_ref().expect("it is up");
            let due = server.next_wakeup().map(|due| due - Instant::ZERO);
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.step(|server, cx| server.as_mut().expect("it is up").on_wakeup(cx));
        }
        panic!("it wakes up without end");
    }

    fn show(&mut self) -> Result<(), Box<dyn Error>> {
        let server = self.server.as_ref().ok_or("there is no server")?;
        let store = server.server().service();
        let (num, settled) = (store.config().num, store.is_settled());
        let phases: Vec<String> =
            store.shards().iter().map(|(shard, it)| format!("{shard} {:?}", it.phase())).collect();
        write!(self.out, "{num}, {}", phases.join(", "))?;
        writeln!(self.out, "; settled: {settled}, refused {}", server.refused())?;
        match server.next_wakeup() {
            Some(at) => writeln!(self.out, "alarm at {}ms", at.as_nanos() / 1_000_000)?,
            None => writeln!(self.out, "no alarm")?,
        }
        Ok(())
    }

    /// `configure NUM`, `drop SHARD NUM`
    fn own(&self, words: &[String]) -> Result<Op, Box<dyn Error>> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match words[..] {
            ["configure", num] => Op::Configure(self.history[num.parse::<usize>()?].clone()),
            ["drop", shard, num] => {
                Op::Drop { since: ConfigNum::new(num.parse()?), shard: Shard::new(shard.parse()?) }
            }
            _ => return Err(format!("there is no {words:?}").into()),
        })
    }

    /// - `lead T`, `follow`, `hold`, `commit`
    /// - `replace configure NUM`, `replace drop SHARD NUM`: another leader's entry is committed
    fn order(&self, text: &str) -> Result<Order, Box<dyn Error>> {
        let words: Vec<String> = text.split(' ').map(String::from).collect();
        Ok(match words[0].as_str() {
            "lead" => Order::Lead(Term::new(words[1].parse()?)),
            "follow" => Order::Follow,
            "hold" => Order::Hold(true),
            "commit" => Order::Commit,
            "replace" => Order::Replace(labgob::encode(&Entry::Own(self.own(&words[1..])?)).into()),
            _ => return Err(format!("there is no order {text}").into()),
        })
    }
}

/// `key=value`
fn contents_of(values: &[String]) -> Contents {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').expect("a value is KEY=VALUE");
        (key.to_string(), value.to_string())
    };
    Contents { values: values.iter().map(pair).collect(), ..Contents::default() }
}
