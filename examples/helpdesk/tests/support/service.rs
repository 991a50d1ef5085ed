//! `helpdesk serve` as a process, and the smallest client that can talk to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Desk;

/// How long anything may take. Nobody waits that long unless something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A service on a port of its own; it ends with this value.
pub(crate) struct Service {
    process: Child,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::start_at(desk, "127.0.0.1:0")
    }

    pub(crate) fn start_at(desk: &Desk, address: &str) -> Self {
        let mut program = desk.program(&["serve", "--address", address]);
        let mut process = program.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once("http://").unwrap();
        Self { process, address: address.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ends, after it was told to.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends this, and gives back what is answered, on a connection of its own.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.write_all(request).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer { head: head.to_owned(), body: body.to_owned() }
    }

    fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.raw(request.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Gives a command as JSON.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], command: &str) -> Answer {
        let json = [("Content-Type", "application/json")];
        self.send("POST", path, &[&json[..], headers].concat(), command)
    }

    /// Reports something; the number of the incident.
    pub(crate) fn report(&self, text: &str) -> String {
        let command = serde_json::json!({ "Report": { "reporter": 7, "text": text } });
        let answer = self.post("/incidents", &[], &command.to_string());
        assert_eq!(answer.status(), 201, "{answer:?}");
        answer.json()["number"].as_str().unwrap().to_owned()
    }

    /// Watches what happens.
    pub(crate) fn watch(&self, path: &str, headers: &[(&str, &str)]) -> Live {
        let mut connection = self.connect();
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        connection.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut live = Live(BufReader::new(connection));
        while live.line().unwrap() != ": live" {}
        live
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = |line: &'_ str| line.split_once(": ").map(|(found, _)| found.eq_ignore_ascii_case(name));
        let line = self.head.lines().find(|line| header(line) == Some(true))?;
        line.split_once(": ").map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The name of the problem that it tells; it tells one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let details = self.json();
        assert_eq!(details["status"], self.status());
        assert!(!details["title"].as_str().unwrap().is_empty());
        assert!(!details["detail"].as_str().unwrap().is_empty());
        details["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }
}

/// What happens, as it is told.
pub(crate) struct Live(BufReader<TcpStream>);

impl Live {
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next thing with its id; `None` when the service has ended it.
    pub(crate) fn next(&mut self) -> Option<(String, Value)> {
        let mut id = String::new();
        // In between stand the sizes of pieces.
        while let Some(line) = self.line() {
            if let Some(found) = line.strip_prefix("id: ") {
                id = found.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((id, serde_json::from_str(data).unwrap()));
            }
        }
        None
    }
}
