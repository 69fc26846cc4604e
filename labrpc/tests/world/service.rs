//! A service of seven handlers and its clients: the fixture of the labs' own tests of labrpc.

use labrpc::{Context, Instant, Kind, Network, NodeId, Process, Wire, World};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What can be asked of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Parses a number, and logs the text.
    H1(String),
    /// Names a number, and logs it.
    H2(i64),
    /// Negates a number, after 20 seconds.
    H3(i64),
    /// Takes its argument behind a pointer.
    H4(Box<Pair>),
    /// Takes the same argument as a value.
    H5(Pair),
    /// Counts the bytes of a text.
    H6(String),
    /// Makes a text of so many letters.
    H7(usize),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub x: i64,
    pub y: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Number(i64),
    Text(String),
}

impl Reply {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_string())
    }

    /// The answer of H2.
    pub fn named(number: i64) -> Self {
        Self::Text(format!("handler2-{number}"))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Call { number: u64, request: Request },
    Return { number: u64, reply: Reply },
}

impl Wire for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Call { .. } => Kind::Request,
            Self::Return { .. } => Kind::Reply,
        }
    }
}

/// A server or a client; one of the two halves stays empty.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The arguments that the handlers H1 and H2 have logged.
    pub log: Vec<String>,
    /// What the server will answer later.
    slow: VecDeque<(Instant, NodeId, Message)>,
    calls: u64,
    /// What the client has got, by the number of the call.
    pub replies: BTreeMap<u64, Reply>,
    /// The requests that a client still has to make, each when the one before has returned.
    pub to_do: VecDeque<Request>,
    server: Option<NodeId>,
}

impl Node {
    fn handle(&mut self, request: Request) -> Reply {
        match request {
            Request::H1(text) => {
                self.log.push(text.clone());
                Reply::Number(text.parse().unwrap_or(0))
            }
            Request::H2(number) => {
                self.log.push(number.to_string());
                Reply::named(number)
            }
            Request::H3(number) => Reply::Number(-number),
            Request::H4(_) => Reply::text("pointer"),
            Request::H5(_) => Reply::text("no pointer"),
            Request::H6(text) => Reply::Number(i64::try_from(text.len()).unwrap()),
            Request::H7(letters) => Reply::Text("y".repeat(letters)),
        }
    }

    fn call(&mut self, cx: &mut Context<'_, Message>, to: NodeId, request: Request) -> u64 {
        self.calls += 1;
        cx.send(to, Message::Call { number: self.calls, request });
        self.calls
    }
}

impl Process for Node {
    type Message = Message;

    fn on_message(&mut self, cx: &mut Context<'_, Message>, from: NodeId, message: Message) {
        match message {
            Message::Call { number, request } => {
                let takes_long = matches!(request, Request::H3(_));
                let answer = Message::Return { number, reply: self.handle(request) };
                if takes_long {
                    self.slow.push_back((cx.now + Duration::from_secs(20), from, answer));
                } else {
                    cx.send(from, answer);
                }
            }
            Message::Return { number, reply } => {
                self.replies.insert(number, reply);
                if let (Some(server), Some(next)) = (self.server, self.to_do.pop_front()) {
                    self.call(cx, server, next);
                }
            }
        }
    }

    fn on_wakeup(&mut self, cx: &mut Context<'_, Message>) {
        while self.next_wakeup().is_some_and(|due| due <= cx.now) {
            let (_, to, answer) = self.slow.pop_front().expect("it is what is due");
            cx.send(to, answer);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.slow.front().map(|&(due, ..)| due)
    }
}

/// A world with a server, and the labs' words for it.
pub struct Lab {
    pub world: World<Node>,
    pub server: NodeId,
}

impl Lab {
    pub fn new(seed: u64, network: Network) -> Self {
        let mut world = World::new(seed, network);
        let server = world.add(|_| Node::default());
        Self { world, server }
    }

    pub fn client(&mut self) -> NodeId {
        self.world.add(|_| Node::default())
    }

    /// Starts a call and returns its number.
    pub fn start(&mut self, client: NodeId, request: Request) -> u64 {
        let server = self.server;
        self.world.poke(client, |node, cx| node.call(cx, server, request)).expect("it is up")
    }

    /// Starts a sequence of calls, each when the one before has returned.
    pub fn start_all(&mut self, client: NodeId, requests: impl IntoIterator<Item = Request>) {
        let server = self.server;
        let started = self.world.poke(client, |node, cx| {
            node.server = Some(server);
            node.to_do.extend(requests);
            let first = node.to_do.pop_front().expect("a request");
            node.call(cx, server, first);
        });
        started.expect("the client is up");
    }

    pub fn reply(&self, client: NodeId, call: u64) -> Option<&Reply> {
        self.world.node(client).expect("the client is up").replies.get(&call)
    }

    /// Calls and waits, a second at most.
    pub fn call(&mut self, client: NodeId, request: Request) -> Option<Reply> {
        let call = self.start(client, request);
        let returned =
            |world: &World<Node>| world.node(client).unwrap().replies.contains_key(&call);
        self.world.run_until(Duration::from_secs(1), returned).ok()?;
        self.reply(client, call).cloned()
    }

    /// How many requests the server has handled.
    pub fn count(&self) -> u64 {
        self.world.traffic(self.server).rpcs_in_this_life
    }

    pub fn log(&self) -> &[String] {
        &self.world.node(self.server).expect("the server is up").log
    }
}
