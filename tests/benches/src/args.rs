//! What the command line says.

use std::path::PathBuf;

use clap::Parser;

use crate::{backends::NAMES, measures::Measure};

/// Measures factum against programs written by hand for the same work, on the same server, interleaved in one run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub struct Args {
    /// On which stores; all of them where none is named.
    #[arg(value_parser = NAMES)]
    pub backends: Vec<String>,
    /// What to measure, separated by commas; everything where nothing is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Measure>,
    /// How long a round of commands takes.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// How many rounds each side has.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Where to draw commands per second against clients.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}
