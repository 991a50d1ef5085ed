//! What the server and the driver say, as errors of the store.

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};

use crate::store::{StoreError, StoreErrorKind};

/// The error of this doing.
pub(super) fn failed(doing: &str, error: Error) -> StoreError {
    let kind = kind(&error);
    let hint = match kind {
        StoreErrorKind::Unavailable => " (try again later)",
        StoreErrorKind::Denied => " (ask the owner of the database for the right)",
        _ => "",
    };
    StoreError::new(kind, format!("{doing} failed{hint}")).because(Plain(error))
}

/// What an error that has to do with the connection itself means.
pub(super) fn not_connected(error: Error) -> StoreError {
    let state = error.code().map(SqlState::code).unwrap_or_default();
    let (kind, advice) = match state {
        "28000" | "28P01" => (
            StoreErrorKind::Denied,
            "PostgreSQL refuses this user: see that user name and password in the URL are right",
        ),
        "3D000" => (StoreErrorKind::Invalid, "the server has no such database: make it with `createdb`"),
        "42501" => (StoreErrorKind::Denied, "the user may not connect to this database"),
        "53300" => {
            (StoreErrorKind::Unavailable, "PostgreSQL has no connection left: raise `max_connections`")
        }
        _ => match kind(&error) {
            StoreErrorKind::Io | StoreErrorKind::Unavailable => (
                StoreErrorKind::Unavailable,
                "PostgreSQL cannot be reached: see that it runs and that host and port in the URL are right",
            ),
            other => (other, "PostgreSQL refuses the connection"),
        },
    };
    // The driver asks for a password that the URL does not have before the server can refuse.
    let kind = if error.as_db_error().is_none() && error.to_string().contains("password missing") {
        StoreErrorKind::Denied
    } else {
        kind
    };
    StoreError::new(kind, advice).because(Plain(error))
}

/// Whether the server has said that the transaction is rolled back. Anything else leaves open what became of it: the
/// connection was lost, or the session ended in the middle of a commit.
pub(super) fn is_definite(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| matches!(error.parsed_severity(), Some(Severity::Error)))
}

/// Whether the connection is of no more use.
pub(super) fn is_lost(error: &Error) -> bool {
    error.is_closed() || !is_definite(error)
}

fn kind(error: &Error) -> StoreErrorKind {
    let Some(state) = error.code().map(SqlState::code) else {
        return StoreErrorKind::Unavailable;
    };
    match (state, state.get(..2).unwrap_or_default()) {
        ("42501", _) | (_, "28") => StoreErrorKind::Denied,
        ("53100", _) => StoreErrorKind::Full,
        ("25006", _) => StoreErrorKind::Denied,
        // Tables or functions are not as this code made them.
        (_, "42") => StoreErrorKind::Foreign,
        ("54000", _) => StoreErrorKind::Invalid,
        ("55P03", _) | (_, "08" | "53" | "57" | "40") => StoreErrorKind::Unavailable,
        (_, "XX") => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Io,
    }
}

/// What the driver says, in one line with what the server says; its own text has the kind of error only.
#[derive(Debug)]
struct Plain(Error);

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.as_db_error(), std::error::Error::source(&self.0)) {
            (Some(error), _) => write!(f, "{}", said(error)),
            (None, Some(source)) => write!(f, "{}: {source}", self.0),
            (None, None) => write!(f, "{}", self.0),
        }
    }
}

impl std::error::Error for Plain {}

fn said(error: &DbError) -> String {
    let detail = error.detail().or(error.hint()).map(|more| format!(" ({more})")).unwrap_or_default();
    format!("{} [{}]{detail}", error.message(), error.code().code())
}
