//! What the tests start is stopped when they end, however they end.

#![allow(clippy::expect_used, reason = "it is how a test fails")]

use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Runs a piece of shell when it is dropped or its process ends, also when that is killed.
#[derive(Debug)]
pub struct Guard {
    process: Child,
    /// When this is closed, the process goes to work.
    alive: Option<ChildStdin>,
}

impl Guard {
    /// Waits to run this piece of shell, in which `$1`, `$2` … are these paths.
    ///
    /// # Panics
    /// There is no shell.
    #[must_use]
    pub fn new(work: &str, paths: &[&Path]) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", &format!("read -r _; {work}"), "guard"])
            .args(paths)
            // What ends this process from the keyboard does not end the guard.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be run");
        let alive = process.stdin.take();
        Self { process, alive }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.alive = None;
        let _ = self.process.wait();
    }
}

/// A port of the loopback interface that nobody uses.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
