//! What goes wrong, in one line for the person who typed the command.

use std::{error::Error, io, process::ExitCode};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints the error. A reader who has seen enough and closes the pipe, as `head` does, is none.
pub(crate) fn report(error: &(dyn Error + Send + Sync + 'static)) -> ExitCode {
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("timeline: {}", error.to_string().replace('\n', " "));
    ExitCode::FAILURE
}
