//! The lines of a file of commands.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use helpdesk::domain::{IncidentCommand, IncidentNumber};
use serde::{Deserialize, Serialize};

/// A command as it stands on a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `number` and `command`")]
pub(crate) struct Line {
    /// Which incident; a new number where it is reported.
    pub(crate) number: IncidentNumber,
    /// What is asked of it.
    pub(crate) command: IncidentCommand,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// A line that was read and not yet understood.
pub(super) struct RawLine {
    /// From 1 on.
    pub(super) number: u64,
    /// What is recorded as the cause of everything that it leads to: file, line, and a hash of the text. A line that
    /// was corrected has another cause.
    pub(super) cause: String,
    text: Vec<u8>,
}

impl RawLine {
    pub(super) fn parse(&self) -> Result<Line, String> {
        serde_json::from_slice(&self.text).map_err(|error| {
            // The line is known already, and better: serde_json sees one line at a time.
            let error = error.to_string();
            format!("not a command: {}", error.split(" at line ").next().unwrap_or(&error))
        })
    }
}

/// What some programs put before the first line of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file that are not blank.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    source: String,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(path: &Path, reader: R) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self { reader: BufReader::new(reader), source: format!("{name}:"), number: 0 }
    }

    /// What the causes of all lines begin with.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    fn read(&mut self) -> io::Result<Option<RawLine>> {
        loop {
            let mut text = Vec::new();
            if self.reader.read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let mark: &[u8] = if self.number == 1 { BYTE_ORDER_MARK } else { b"" };
            let trimmed = text.strip_prefix(mark).unwrap_or(&text).trim_ascii();
            if !trimmed.is_empty() {
                let cause = format!("{}{}:{:016x}", self.source, self.number, hash(trimmed));
                return Ok(Some(RawLine { number: self.number, cause, text: trimmed.to_vec() }));
            }
        }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = io::Result<RawLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// FNV-1a. It is stored, so it has to be the same in every build of this program.
fn hash(text: &[u8]) -> u64 {
    text.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
