//! From what SQLite says to what a store says.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::{StoreError, StoreErrorKind};

/// The store's error for one of SQLite's. `doing` completes "SQLite failed …".
pub(super) fn failed(doing: &str, error: Error) -> StoreError {
    failed_together(doing, &Arc::new(error))
}

/// The same for an error that several callers get.
pub(super) fn failed_together(doing: &str, error: &Arc<Error>) -> StoreError {
    StoreError::new(kind(error), format!("SQLite failed {doing}")).because(Arc::clone(error))
}

fn kind(error: &Error) -> StoreErrorKind {
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Corrupt,
            ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_CORRUPTFS => {
                StoreErrorKind::Corrupt
            }
            // All SQL is ours and fixed: where it does not fit, the tables are not the ones that we made.
            ErrorCode::Unknown | ErrorCode::ConstraintViolation => StoreErrorKind::Corrupt,
            ErrorCode::DiskFull => StoreErrorKind::Full,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory => StoreErrorKind::Unavailable,
            ErrorCode::TooBig => StoreErrorKind::Invalid,
            _ => StoreErrorKind::Io,
        },
        Error::SqlInputError { .. }
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::FromSqlConversionFailure(..)
        | Error::Utf8Error(..) => StoreErrorKind::Corrupt,
        Error::NulError(_) | Error::InvalidPath(_) => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Io,
    }
}

/// Whether another connection holds the lock that is needed.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a row with these unique values is there already.
pub(super) fn is_duplicate(error: &Error) -> bool {
    matches!(error.sqlite_error(), Some(failure) if failure.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
}
