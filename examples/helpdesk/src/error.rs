//! What goes wrong, in one line for the person who typed the command.

use std::{error::Error, io, process::ExitCode};

use factum::{Conflict, ExecuteError, Rejection};
use helpdesk::domain::{Incident, IncidentEvent, IncidentNumber};

use crate::words::{event, short};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints the error. A reader who has seen enough and closes the pipe, as `head` does, is none.
pub(crate) fn report(error: &(dyn Error + Send + Sync + 'static)) -> ExitCode {
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("helpdesk: {}", error.to_string().replace('\n', " "));
    ExitCode::FAILURE
}

/// Why a command to this incident was not carried out, in the words of the help desk.
pub(crate) fn explain(number: IncidentNumber, error: &ExecuteError<Incident>) -> String {
    let incident = short(number);
    match error {
        ExecuteError::Rejected(Rejection::NotFound) => format!("there is no incident {number}"),
        ExecuteError::Rejected(Rejection::AlreadyExists) => {
            format!("incident {incident} was reported already")
        }
        ExecuteError::Rejected(Rejection::Ended) => format!("incident {incident} was removed"),
        ExecuteError::Rejected(Rejection::Domain(error)) => format!("incident {incident}: {error}"),
        ExecuteError::Conflict(conflict) => format!("incident {incident} {}", since(conflict)),
        error => error.to_string(),
    }
}

fn since(conflict: &Conflict<IncidentEvent>) -> String {
    let Conflict { expected, actual, since, .. } = conflict;
    if since.is_empty() {
        return format!("has no version {expected} yet: it is at {actual}");
    }
    let since: Vec<_> = since.iter().map(|recorded| event(&recorded.event)).collect();
    format!("is at version {actual}, you expected {expected}; since then: {}", since.join("; "))
}
