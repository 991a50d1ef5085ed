//! The program in a directory of its own.
#![allow(dead_code, reason = "not every test needs everything")]

#[cfg(unix)]
pub(crate) mod browser;
#[cfg(unix)]
pub(crate) mod service;

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use tempfile::TempDir;

pub(crate) struct Desk {
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_helpdesk"));
        program.args(arguments).current_dir(self.directory.path());
        program
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.program(arguments).output().unwrap()
    }

    /// What it prints; it is successful.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains about; it fails with this code.
    pub(crate) fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Reports something; the short number of the incident.
    pub(crate) fn report(&self, text: &str) -> String {
        let said = self.run(&["report", text, "--reporter", "7"]);
        said.split("  ").next().unwrap().to_owned()
    }
}
