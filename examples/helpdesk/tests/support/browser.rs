//! A browser without a window, over the pipe of its own protocol.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::service::PATIENCE;

const MISSING: &str =
    "Chromium is not installed (Debian: apt-get install chromium; else say where it is with CHROMIUM)";

/// The browser wants its protocol on the third and fourth file.
const START: &str = r#"program=$1; shift; exec "$program" "$@" 3<&0 4>&1 0</dev/null 1>&2 2>/dev/null"#;

/// What it is started with. Nothing but our own page is opened in it, so it needs no cage, which not every machine has.
const OPTIONS: [&str; 7] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
];

/// A browser with one page; it ends with this value.
pub(crate) struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    /// What went wrong in the page.
    pub(crate) faults: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// `None`, loudly, where there is no browser; unless `FACTUM_SERVERS=required` says that nothing is to be left out.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var("FACTUM_SERVERS").as_deref() != Ok("required"), "{MISSING}");
            // Past the test harness, which keeps to itself what a test prints that passes.
            let _ = writeln!(std::io::stderr(), "\nNOT TESTED in a browser: {MISSING}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            .args(["-c", START, "browser"])
            .arg(program)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let (session, faults) = (None, Vec::new());
        let mut browser = Self { process, to, from, session, calls: 0, faults, _profile: profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 740);
        Some(browser)
    }

    /// Calls a method of the protocol; what it gives.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).unwrap();
            assert!(answer.pop().is_some(), "the browser has ended");
            let mut answer: Value = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    /// Keeps what goes wrong in the page. That the service refuses something is no fault of it.
    fn note(&mut self, message: &Value) {
        let (parameters, entry) = (&message["params"], &message["params"]["entry"]);
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.faults.push(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if entry["level"] == "error" && entry["source"] != "network" => {
                self.faults.push(entry.to_string());
            }
            _ => {}
        }
    }

    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Light or dark, as the person likes it.
    pub(crate) fn scheme(&mut self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
    }

    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// What this piece of JavaScript comes to.
    pub(crate) fn evaluate(&mut self, code: &str) -> Value {
        let asked =
            json!({ "expression": code, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{code}: {answer} {:?}", self.faults);
        answer["result"]["value"].take()
    }

    /// Waits until this is so, looking whenever the page changes.
    pub(crate) fn wait_for(&mut self, condition: &str) {
        let limit = PATIENCE.as_millis();
        let code = format!(
            "new Promise((resolve, reject) => {{
                const so = () => {{ try {{ return !!({condition}); }} catch {{ return false; }} }};
                if (so()) return resolve(true);
                const watch = new MutationObserver(() => so() && done(resolve, true));
                const late = setTimeout(() => done(reject, document.body.innerText), {limit});
                const done = (tell, what) => {{ watch.disconnect(); clearTimeout(late); tell(what); }};
                watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
            }})"
        );
        self.evaluate(&code);
    }

    /// What stands in the element with this id.
    pub(crate) fn text(&mut self, id: &str) -> String {
        self.evaluate(&format!("document.getElementById('{id}').innerText")).as_str().unwrap().to_owned()
    }

    /// Presses a key where the focus is.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Presses the key that goes on, chooses or sends.
    pub(crate) fn press_enter(&mut self) {
        for (kind, text) in [("keyDown", "\r"), ("keyUp", "")] {
            let event = json!({
                "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": text
            });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types into the element that this selects.
    pub(crate) fn type_into(&mut self, selector: &str, text: &str) {
        self.evaluate(&format!("document.querySelector('{selector}').focus()"));
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Keeps a picture of the page, if `HELPDESK_PICTURES` names a directory for it.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(directory) = env::var_os("HELPDESK_PICTURES") else { return };
        // What is moving comes to its end.
        self.evaluate(
            "Promise.allSettled(document.getAnimations().map(one => one.finished)).then(() => true)",
        );
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let picture = base64(picture["data"].as_str().unwrap());
        fs::write(Path::new(&directory).join(name), picture).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the browser is.
fn program() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let directories: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| directories.iter().map(move |path| path.join(name)))
        .find(|path| path.exists())
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(digit(*byte)));
        let bits = bits << (6 * (4 - four.len()) + 8);
        bytes.extend(&bits.to_be_bytes()[..four.len() - 1]);
    }
    bytes
}
