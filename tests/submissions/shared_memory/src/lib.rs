//! No Raft, no log, no disk: the servers of a run are in one process, and a `static` is their store.
//!
//! Expected: not allowed. With `--allow statics` it passes most of lab 3.

use kvraft::{kv::Op, rsm::Config};
use labrpc::{Context, Instant, Kind, NodeId, Process, Wire};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;
use tests::kv::{KvClerk, KvServer, Lab3};

static STORE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Ping(u64),
    Pong(u64),
}
impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Ping(_) => Kind::Request,
            Self::Pong(_) => Kind::Reply,
        }
    }
}
pub struct Server {
    is_first: bool,
}
impl Process for Server {
    type Message = Message;
    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        if let Message::Ping(n) = message {
            cx.send(from, Message::Pong(n));
        }
    }
    fn on_wakeup(&mut self, _: &mut Context<'_, Message>) {}
    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}
impl KvServer for Server {
    fn is_leader(&self) -> bool {
        self.is_first
    }
}
pub struct Clerk {
    servers: Vec<NodeId>,
    op: Option<Op>,
    n: u64,
    pongs: BTreeSet<NodeId>,
    again: Option<Instant>,
    reply: Option<String>,
}
impl Clerk {
    fn ask(&mut self, cx: &mut Context<'_, Message>) {
        for &it in &self.servers {
            cx.send(it, Message::Ping(self.n));
        }
        self.again = Some(cx.now + Duration::from_millis(100));
    }
}
impl KvClerk for Clerk {
    fn start(&mut self, cx: &mut Context<'_, Message>, op: Op) {
        self.n += 1;
        (self.op, self.reply) = (Some(op), None);
        self.pongs.clear();
        self.ask(cx);
    }
    fn reply(&self) -> Option<&str> {
        self.reply.as_deref()
    }
}
impl Process for Clerk {
    type Message = Message;
    fn on_message(&mut self, _: &mut Context<'_, Message>, from: NodeId, message: Message) {
        let Message::Pong(n) = message else { return };
        if n != self.n {
            return;
        }
        self.pongs.insert(from);
        if 2 * self.pongs.len() <= self.servers.len() {
            return;
        }
        let Some(op) = self.op.take() else { return };
        self.again = None;
        let mut store = STORE.lock().unwrap();
        self.reply = Some(match op {
            Op::Get { key } => store.get(&key).cloned().unwrap_or_default(),
            Op::Put { key, value } => {
                store.insert(key, value);
                String::new()
            }
            Op::Append { key, value } => {
                store.entry(key).or_default().push_str(&value);
                String::new()
            }
        });
    }
    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        self.ask(cx);
    }
    fn next_wakeup(&self) -> Option<Instant> {
        self.again
    }
}
pub struct Lab;
impl Lab3 for Lab {
    type Message = Message;
    type Server = Server;
    type Clerk = Clerk;
    fn server(cx: &mut Context<'_, Message>, servers: &[NodeId], _: &Config) -> Server {
        Server { is_first: cx.me == servers[0] }
    }
    fn clerk(_: &mut Context<'_, Message>, servers: &[NodeId]) -> Clerk {
        Clerk {
            servers: servers.to_vec(),
            op: None,
            n: 0,
            pongs: BTreeSet::new(),
            again: None,
            reply: None,
        }
    }
}
