//! Output, coloured where a person looks at it.

use std::{
    env,
    fmt::Display,
    io::{self, BufWriter, IsTerminal, Write},
};

/// Standard output. Everything is written through it, so that a closed pipe is an error to be passed on, not a panic.
pub(crate) struct Screen {
    out: BufWriter<io::Stdout>,
    colours: bool,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        let colours =
            io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { out: BufWriter::new(io::stdout()), colours }
    }

    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Text that matters less.
    pub(crate) fn dim(&self, text: impl Display) -> String {
        if self.colours { format!("\x1b[2m{text}\x1b[0m") } else { text.to_string() }
    }
}
