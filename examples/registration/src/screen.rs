//! Output: aligned, and coloured where a person looks at it.

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

/// How a piece of text stands out; the number is what a terminal calls it.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
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

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.colours { format!("\x1b[{}m{text}\x1b[0m", style as u8) } else { text.to_owned() }
    }

    /// Names of at most eight letters and values, the values below each other.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) -> io::Result<()> {
        for (name, value) in pairs {
            let name = self.paint(Style::Dim, &format!("{name:8}"));
            self.line(format_args!("  {name}  {value}"))?;
        }
        Ok(())
    }
}
