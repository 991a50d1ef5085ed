//! What goes wrong, in one line for the person who typed the command.

use std::{error::Error, io, process::ExitCode};

use factum::{Conflict, ExecuteError, Rejection};
use registration::domain::{User, UserEvent};

use crate::words::user_event;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints the error. A reader who has seen enough and closes the pipe, as `head` does, is none.
pub(crate) fn report(error: &(dyn Error + Send + Sync + 'static)) -> ExitCode {
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("registration: {}", error.to_string().replace('\n', " "));
    ExitCode::FAILURE
}

/// Why a command to a user was not carried out, in words for who gave it.
pub(crate) fn explain(error: &ExecuteError<User>) -> String {
    match error {
        ExecuteError::Rejected(Rejection::NotFound) => "there is no such user".to_owned(),
        ExecuteError::Rejected(Rejection::AlreadyExists) => "the user has registered already".to_owned(),
        ExecuteError::Rejected(Rejection::Ended) => "the user has deregistered".to_owned(),
        ExecuteError::Rejected(Rejection::Domain(error)) => error.to_string(),
        ExecuteError::Conflict(conflict) => since(conflict),
        ExecuteError::Taken(taken) => format!("the `{}` is somebody else's", taken.field),
        ExecuteError::KeyReused { .. } => "something else was asked under this key before".to_owned(),
        error => error.to_string(),
    }
}

fn since(conflict: &Conflict<UserEvent>) -> String {
    let Conflict { expected, actual, fields, since, .. } = conflict;
    let since: Vec<_> = since.iter().map(|recorded| user_event(&recorded.event)).collect();
    let over = if fields.is_empty() { String::new() } else { format!(" over `{}`", fields.join("`, `")) };
    format!("it is at version {actual}, you saw {expected}; since then{over}: {}", since.join("; "))
}
