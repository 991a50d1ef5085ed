//! What the server and the driver say, as errors of the store.

use std::io;

use tokio_postgres::{
    Error,
    error::{DbError, Severity, SqlState},
};
use tokio_rustls::rustls;

use super::tls::verify;
use crate::store::{StoreError, StoreErrorKind};

/// The error of this doing.
pub(super) fn failed(doing: &str, error: Error) -> StoreError {
    let kind = kind(&error);
    let hint = match kind {
        StoreErrorKind::Unavailable => " (try again later)",
        StoreErrorKind::Denied => " (ask the owner of the database for the right)",
        _ => "",
    };
    StoreError::new(kind, format!("{doing} failed{hint}")).because(plain(&error))
}

/// What an error that has to do with the connection itself means.
pub(super) fn not_connected(error: &Error) -> StoreError {
    let (kind, advice) = handshake(error).unwrap_or_else(|| refused(error));
    StoreError::new(kind, advice).because(plain(error))
}

fn refused(error: &Error) -> (StoreErrorKind, &'static str) {
    match error.code().map(SqlState::code).unwrap_or_default() {
        "28000" => (
            StoreErrorKind::Denied,
            "PostgreSQL refuses this user: see that user name and password in the URL are right, and that `pg_hba.conf` lets \
             the user in like this (where it wants encryption, use `sslmode=require` or stricter; where it wants a \
             certificate, `sslcert` and `sslkey`)",
        ),
        "28P01" => (
            StoreErrorKind::Denied,
            "PostgreSQL refuses this user: see that user name and password in the URL are right",
        ),
        "3D000" => (StoreErrorKind::Invalid, "the server has no such database: make it with `createdb`"),
        "42501" => (StoreErrorKind::Denied, "the user may not connect to this database"),
        "57P03" | "57P01" => {
            (StoreErrorKind::Unavailable, "PostgreSQL is starting or stopping: try again in a moment")
        }
        "53300" => {
            (StoreErrorKind::Unavailable, "PostgreSQL has no connection left: raise `max_connections`")
        }
        // The driver asks for a password that the URL does not have before the server can refuse.
        "" if plain(error).contains("password missing") => (
            StoreErrorKind::Denied,
            "PostgreSQL asks for a password: name it in the URL (`postgres://user:password@host/database`)",
        ),
        "" if error.to_string().contains("authenticati") => (
            StoreErrorKind::Denied,
            "PostgreSQL and the driver did not agree on how the user proves who he is",
        ),
        _ => match kind(error) {
            StoreErrorKind::Io | StoreErrorKind::Unavailable => (
                StoreErrorKind::Unavailable,
                "PostgreSQL cannot be reached: see that it runs and that host and port in the URL are right",
            ),
            other => (other, "PostgreSQL refuses the connection"),
        },
    }
}

/// What it means if it has to do with encryption.
fn handshake(error: &Error) -> Option<(StoreErrorKind, &'static str)> {
    let inner = || source(error)?.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>();
    if let Some(error) = inner() {
        return Some((StoreErrorKind::Denied, verify::advice(error)));
    }
    if !is_about_tls(error) {
        return None;
    }
    let lacking = source(error).is_some_and(|why| why.to_string().contains("server does not support TLS"));
    Some(match lacking {
        true => (
            StoreErrorKind::Denied,
            "the server does not encrypt connections: switch on `ssl` in its `postgresql.conf`, or use \
             `sslmode=disable` on a network that is yours alone",
        ),
        false => (StoreErrorKind::Denied, "an encrypted connection was not agreed on"),
    })
}

/// Whether an encrypted connection was not agreed on.
pub(super) fn is_about_tls(error: &Error) -> bool {
    // The driver does not give the kind of an error away otherwise.
    error.as_db_error().is_none() && error.to_string().contains("TLS handshake")
}

fn source(error: &Error) -> Option<&(dyn std::error::Error + 'static)> {
    std::error::Error::source(error)
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

pub(super) fn kind(error: &Error) -> StoreErrorKind {
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
pub(super) fn plain(error: &Error) -> String {
    match (error.as_db_error(), source(error)) {
        (Some(error), _) => said(error),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn said(error: &DbError) -> String {
    let detail = error.detail().or(error.hint()).map(|more| format!(" ({more})")).unwrap_or_default();
    format!("{} [{}]{detail}", error.message(), error.code().code())
}
