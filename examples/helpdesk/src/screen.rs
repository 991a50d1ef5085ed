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
    Plain = 0,
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
        match style {
            Style::Plain => text.to_owned(),
            style if self.colours => format!("\x1b[{}m{text}\x1b[0m", style as u8),
            _ => text.to_owned(),
        }
    }

    /// Names and values, the values below each other.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) -> io::Result<()> {
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in pairs {
            let name = self.paint(Style::Dim, &format!("{name:width$}"));
            self.line(format_args!("  {name}  {value}"))?;
        }
        Ok(())
    }

    /// Rows below headings, each column as wide as its widest cell.
    pub(crate) fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: &[[Cell; N]],
    ) -> io::Result<()> {
        let headings = headings.map(|heading| Cell::new(heading).style(Style::Dim));
        let rows: Vec<_> = std::iter::once(&headings).chain(rows).collect();
        let mut widths = [0; N];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row.iter()) {
                *width = cell.text.chars().count().max(*width);
            }
        }
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let padding = " ".repeat(width.saturating_sub(cell.text.chars().count()));
                let text = self.paint(cell.style, &cell.text);
                line += &if cell.right { padding + &text } else { text + &padding };
                line += "  ";
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

/// A cell of a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain, right: false }
    }

    pub(crate) fn number(number: impl Display) -> Self {
        Self { right: true, ..Self::new(number.to_string()) }
    }

    pub(crate) fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

/// Text that somebody typed, fit for a line: without line breaks, and without anything that a terminal would obey.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
