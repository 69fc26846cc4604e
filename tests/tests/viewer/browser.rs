//! A headless Chromium, as far as the tests of the viewer need one: it is told what to do in the
//! `DevTools` protocol, as JSON through a pipe, so that no crate is needed for it.
//!
//! With `--remote-debugging-pipe` Chromium reads from file descriptor 3 and writes to 4, messages
//! that end with a zero byte. A shell puts the two where a child of this program has its standard
//! input and output.

use serde_json::{Value, json};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long an answer may take: a busy machine is slow, and a browser that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a browser may be called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

const SWITCHES: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1280,800",
];

/// A page in a browser of its own.
pub struct Page {
    browser: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    asked: u64,
    session: Option<String>,
    /// What went wrong in the page, in the browser's words.
    errors: Vec<String>,
    loaded: bool,
    /// Where the browser keeps its things: it must outlive the browser.
    _profile: tempfile::TempDir,
}

/// The browser: what `LAB_CHROMIUM` names, or the first one on the path.
fn program() -> PathBuf {
    if let Some(named) = env::var_os("LAB_CHROMIUM") {
        return named.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).flat_map(|place| NAMES.map(|name| place.join(name)));
    places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "these tests need a Chromium: none of {NAMES:?} is on the PATH; \
             install one, or name one with LAB_CHROMIUM=/path/to/it"
        )
    })
}

impl Page {
    /// Opens a file, and waits until it is there.
    pub fn open(file: &Path, address: &str) -> Self {
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let program = program();
        let mut browser = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#])
            .arg(&program)
            .args(SWITCHES)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let to = browser.stdin.take().expect("it is piped");
        let out = BufReader::new(browser.stdout.take().expect("it is piped"));
        let (sender, from) = channel();
        #[allow(clippy::disallowed_methods, reason = "a browser that hangs is no reason to hang")]
        thread::spawn(move || {
            for message in out.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("a browser writes JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let (errors, loaded) = (Vec::new(), false);
        let mut page =
            Self { browser, to, from, asked: 0, session: None, errors, loaded, _profile: profile };
        let target = page.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.ask("Target.attachToTarget", &target);
        page.session = session["sessionId"].as_str().map(str::to_string);
        for domain in ["Page", "Runtime", "Log"] {
            page.ask(&format!("{domain}.enable"), &json!({}));
        }
        let (width, height) = (1280, 800);
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        page.ask("Emulation.setDeviceMetricsOverride", &size);
        page.ask("Page.navigate", &json!({ "url": format!("file://{}{address}", file.display()) }));
        while !page.loaded {
            page.hear();
        }
        page.settle();
        page
    }

    /// Has the browser do something, and waits for its answer.
    pub fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        self.to.flush().expect("the browser listens");
        loop {
            let message = self.hear();
            if message["id"] == self.asked {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// The next thing that the browser says.
    fn hear(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!(
                "{} says nothing; does it start by itself, with --headless?",
                program().display()
            )
        });
        let what = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.exceptionThrown") => {
                self.errors.push(what["exceptionDetails"].to_string());
            }
            Some("Runtime.consoleAPICalled")
                if what["type"] == "error" || what["type"] == "warning" =>
            {
                self.errors.push(what["args"].to_string());
            }
            Some("Log.entryAdded") if what["entry"]["level"] == "error" => {
                self.errors.push(what["entry"].to_string());
            }
            _ => {}
        }
        message
    }

    /// What an expression is in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.ask("Runtime.evaluate", &parameters);
        let details = &result["exceptionDetails"];
        assert!(details.is_null(), "{expression}: {}", details["exception"]["description"]);
        result["result"]["value"].clone()
    }

    /// The same, of a number.
    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.value(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}, and no number"))
    }

    /// The same, of a number that counts something.
    pub fn count(&mut self, expression: &str) -> u64 {
        let value = self.value(expression);
        value.as_u64().unwrap_or_else(|| panic!("{expression} is {value}, and counts nothing"))
    }

    /// The same, of a text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}, and no text")).to_string()
    }

    /// Waits until what was asked for is drawn.
    pub fn settle(&mut self) {
        self.value(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
        );
    }

    /// Presses a key, as `KeyboardEvent.key` calls it.
    pub fn key(&mut self, key: &str) {
        let mut event = json!({ "type": "keyDown", "key": key });
        if key.chars().count() == 1 {
            event["text"] = json!(key);
        }
        self.ask("Input.dispatchKeyEvent", &event);
        self.ask("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key }));
        self.settle();
    }

    /// Types a text, key by key.
    pub fn keys(&mut self, text: &str) {
        for key in text.chars() {
            self.key(&key.to_string());
        }
    }

    /// Does something with the mouse.
    pub fn mouse(&mut self, kind: &str, x: f64, y: f64, more: &Value) {
        let mut event = json!({ "type": kind, "x": x, "y": y, "button": "none" });
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        self.ask("Input.dispatchMouseEvent", &event);
        self.settle();
    }

    /// Presses the mouse's button at one place and lets go of it at another.
    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        let pressed = json!({ "button": "left", "buttons": 1, "clickCount": 1 });
        let released = json!({ "button": "left", "buttons": 0, "clickCount": 1 });
        self.mouse("mouseMoved", from.0, from.1, &json!({}));
        self.mouse("mousePressed", from.0, from.1, &pressed);
        if from != to {
            let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
            for (x, y) in [middle, to] {
                self.mouse("mouseMoved", x, y, &json!({ "button": "left", "buttons": 1 }));
            }
        }
        self.mouse("mouseReleased", to.0, to.1, &released);
    }

    /// Clicks at a place.
    pub fn click_at(&mut self, x: f64, y: f64) {
        self.drag((x, y), (x, y));
    }

    /// Where the middle of an element is.
    pub fn middle(&mut self, selector: &str) -> (f64, f64) {
        let there = format!(
            "(() => {{ const box = document.querySelector({}).getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + box.height / 2]; }})()",
            json!(selector)
        );
        let place = self.value(&there);
        let at = |side: usize| place[side].as_f64().expect("a place");
        (at(0), at(1))
    }

    /// Clicks on an element.
    pub fn click(&mut self, selector: &str) {
        let (x, y) = self.middle(selector);
        self.click_at(x, y);
    }

    /// Demands that the page has complained of nothing.
    pub fn assert_no_errors(&mut self) {
        self.settle();
        assert_eq!(self.errors, [""; 0]);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // If it does not want to end by itself it is ended; either way it is gone before its folder.
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.to.flush();
        while self.from.recv_timeout(Duration::from_secs(5)).is_ok() {}
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
