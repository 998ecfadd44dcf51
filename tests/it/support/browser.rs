//! Headless Chromium, driven over its debugging pipe: pages are opened, looked at, judged by axe.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, venv};

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// The first browser of those that `scripts/browser` looks for.
const FIRST: &str = r#"to=$1 from=$2; shift 2
for name in chromium google-chrome chromium-browser; do
    ! "$name" --version >/dev/null 2>&1 || exec "$name" "$@" 3<"$to" 4>"$from" 2>/dev/null
done
echo "none of chromium, google-chrome and chromium-browser starts" >&2; exit 127"#;

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    /// `prefers-color-scheme`.
    pub scheme: &'static str,
}

/// A browser of its own.
pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    asked: u64,
    session: Option<String>,
    /// Whatever it told without being asked, since the page was opened.
    told: Vec<Value>,
    _folder: TempDir,
}

impl Browser {
    /// Starts it with a profile of its own. A missing browser is a failure, not a skip.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&to, &from]).status().unwrap();
        assert!(made.success());
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        // Chromium reads its orders from descriptor 3 and answers on 4.
        let child = Command::new("sh")
            .args(["-c", FIRST, "sh"])
            .args([&to, &from])
            .args(FLAGS)
            .args([&profile, "about:blank"])
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(to).unwrap();
        let answers = BufReader::new(File::open(from).unwrap());
        let (tell, from) = channel();
        std::thread::spawn(move || {
            for answer in answers.split(0).map_while(Result::ok) {
                if tell.send(serde_json::from_slice(&answer).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self { child, to, from, asked: 0, session: None, told: Vec::new(), _folder: folder };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Opens a file as it is looked at, and waits until it is loaded.
    pub fn open(&mut self, path: &Path, look: Look) {
        let size = json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": look.scheme}]});
        self.ask("Emulation.setEmulatedMedia", scheme);
        self.told.clear();
        self.ask("Page.navigate", json!({"url": format!("file://{}", path.display())}));
        while !self.told.iter().any(|told| told["method"] == "Page.loadEventFired") {
            let told = self.next();
            self.told.push(told);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// What the page complained of since it was opened: errors of scripts and of the console, what its policy refused.
    pub fn complaints(&self) -> Vec<&Value> {
        let is_one = |told: &&Value| {
            told["method"] == "Runtime.exceptionThrown"
                || (told["method"] == "Log.entryAdded" && told["params"]["entry"]["level"] == "error")
                || (told["method"] == "Runtime.consoleAPICalled" && told["params"]["type"] == "error")
        };
        self.told.iter().filter(is_one).collect()
    }

    /// What the page has asked for, itself among it.
    pub fn requests(&self) -> Vec<&str> {
        let sent = self.told.iter().filter(|told| told["method"] == "Network.requestWillBeSent");
        sent.filter_map(|told| told["params"]["request"]["url"].as_str()).collect()
    }

    /// What axe finds wrong with the page, by its rules' names.
    pub fn violations(&mut self) -> Vec<String> {
        let source = venv::folder().join("axe/axe_playwright_python/axe.min.js");
        let source = std::fs::read_to_string(&source)
            .unwrap_or_else(|error| panic!("`{}`: {error}; run `make browser`", source.display()));
        self.value(&format!("{source}; true"));
        let found = self.value(
            "axe.run(document, {preload: false}).then(result => result.violations.map(rule => rule.id + ': ' + \
             rule.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary).join('; ')))",
        );
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Presses the tabulator.
    pub fn tab(&mut self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            self.ask("Input.dispatchKeyEvent", key);
        }
    }

    /// The whole page as a picture.
    pub fn screenshot(&mut self, path: &Path) {
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        std::fs::write(path, STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut order = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] != id {
                self.told.push(answer);
                continue;
            }
            assert!(answer.get("error").is_none(), "{method}: {answer}");
            return answer["result"].clone();
        }
    }

    fn next(&self) -> Value {
        let missing = "Chromium does not answer; where it is missing `make browser` installs it, or says what to install";
        self.from.recv_timeout(PATIENCE).expect(missing)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
