//! `evolution`: a database of the first day, read and continued by the third version of the domain.

mod tour;

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A library whose events have changed twice.
#[derive(Debug, Parser)]
#[command(name = "evolution", version)]
enum Args {
    /// Read and continue a copy of what the first day stored, and show which changes are refused
    Tour {
        /// A new file for the copy; without it, it is removed at the end
        file: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args::Tour { file } = Args::parse();
    let mut out = io::stdout();
    let done = tour::run(file, &mut out).await;
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Who closes the pipe has seen enough.
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("evolution: {error}");
            ExitCode::FAILURE
        }
    }
}
