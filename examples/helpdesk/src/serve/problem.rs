//! What goes wrong, as `application/problem+json` (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use factum::{Conflict, ExecuteError, LoadError, Rejection, Version, ViewRefused, app::ReadError};
use helpdesk::domain::{Incident, IncidentError, IncidentEvent, IncidentNumber};
use serde::Serialize;
use serde_json::json;

use super::{given::entity_tag, told::Happened};
use crate::overview::OverviewError;

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("there is nothing at this address")]
    NoSuchPage,
    #[error("there is something at this address, but it does not take this method")]
    NoSuchMethod,
    #[error("there is no incident {0}")]
    NoSuchIncident(IncidentNumber),
    #[error("incident {number} has no version {asked}: it is at {latest}")]
    NoSuchVersion { number: IncidentNumber, asked: Version, latest: Version },
    #[error("incident {0} did not exist yet at that time")]
    NotYet(IncidentNumber),
    #[error("`{0}` is not the number of an incident: those look like 019a2f60-7f8e-7c3e-9a41-3f6f2d0c8b57")]
    InvalidNumber(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the body has to be JSON: say so with `Content-Type: application/json`")]
    NotJson,
    #[error("{0}")]
    TooLarge(String),
    #[error("the body is no command: {0}")]
    NotACommand(String),
    #[error("it cannot be recorded: {0}")]
    DoesNotFit(String),
    #[error("another command was given under this Idempotency-Key before: use a new key for a new command")]
    KeyReused,
    #[error(
        "say which version you have seen, with `If-Match: \"3\"`, or `If-Match: *` if it does not matter"
    )]
    VersionRequired,
    #[error("incident {number} is at version {}, and not at {} any more", .conflict.actual, .conflict.expected)]
    Changed { number: IncidentNumber, conflict: Box<Conflict<IncidentEvent>> },
    #[error("incident {0} was reported already")]
    Exists(IncidentNumber),
    #[error("incident {0} was removed, and takes no more commands")]
    Removed(IncidentNumber),
    #[error("incident {0}: {1}")]
    Refused(IncidentNumber, IncidentError),
    #[error(
        "the answer took too long; whether a command was carried out is told when it is given again under its Idempotency-Key"
    )]
    TooSlow,
    #[error("too many watch already: try again later")]
    TooManyWatch,
    #[error("the store is not ready: try again later")]
    Unavailable(#[source] Cause),
    #[error(
        "it is unknown whether the command was carried out: give it again under the same Idempotency-Key, or look"
    )]
    Unknown(#[source] Cause),
    #[error("something is wrong here, and who runs this service can read what")]
    Internal(#[source] Cause),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
#[derive(Serialize)]
struct Details {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(flatten)]
    more: serde_json::Value,
}

impl Problem {
    /// The status, a name that a program can rely on, and what it is in general.
    const fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "no-such-page", "No such page"),
            Self::NoSuchMethod => (StatusCode::METHOD_NOT_ALLOWED, "no-such-method", "No such method"),
            Self::NoSuchIncident(_) => (StatusCode::NOT_FOUND, "no-such-incident", "No such incident"),
            Self::NoSuchVersion { .. } => (StatusCode::NOT_FOUND, "no-such-version", "No such version"),
            Self::NotYet(_) => (StatusCode::NOT_FOUND, "not-yet", "Not reported yet"),
            Self::InvalidNumber(_) => {
                (StatusCode::BAD_REQUEST, "invalid-number", "Not a number of an incident")
            }
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid-request", "Not understood"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "Not JSON"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::NotACommand(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-a-command", "Not a command"),
            Self::DoesNotFit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "does-not-fit", "Cannot be recorded"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Key used before"),
            Self::VersionRequired => {
                (StatusCode::PRECONDITION_REQUIRED, "version-required", "Which version have you seen?")
            }
            Self::Changed { .. } => {
                (StatusCode::PRECONDITION_FAILED, "changed-meanwhile", "Changed meanwhile")
            }
            Self::Exists(_) => (StatusCode::CONFLICT, "exists", "Reported already"),
            Self::Removed(_) => (StatusCode::CONFLICT, "removed", "Removed"),
            Self::Refused(_, IncidentError::AlreadyClosed) => {
                (StatusCode::CONFLICT, "already-closed", "Closed already")
            }
            Self::Refused(_, IncidentError::StillOpen) => (StatusCode::CONFLICT, "still-open", "Still open"),
            Self::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "too-slow", "Took too long"),
            Self::TooManyWatch => (StatusCode::SERVICE_UNAVAILABLE, "too-many-watch", "Too many watch"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not ready"),
            Self::Unknown(_) => (StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", "Outcome unknown"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Our fault"),
        }
    }

    /// What a program can make use of besides.
    fn more(&self) -> serde_json::Value {
        match self {
            Self::Changed { conflict, .. } => json!({
                "expected": conflict.expected,
                "actual": conflict.actual,
                "since": conflict.since.iter().map(Happened::from).collect::<Vec<_>>(),
            }),
            Self::NoSuchVersion { latest, .. } => json!({ "latest": latest }),
            _ => json!({}),
        }
    }

    /// Why a command to this incident was not carried out.
    pub(super) fn of_command(number: IncidentNumber, error: ExecuteError<Incident>) -> Self {
        match error {
            ExecuteError::Rejected(Rejection::NotFound) => Self::NoSuchIncident(number),
            ExecuteError::Rejected(Rejection::AlreadyExists) => Self::Exists(number),
            ExecuteError::Rejected(Rejection::Ended) => Self::Removed(number),
            ExecuteError::Rejected(Rejection::Domain(error)) => Self::Refused(number, error),
            ExecuteError::Conflict(conflict) if conflict.actual == Version::NONE => {
                Self::NoSuchIncident(number)
            }
            ExecuteError::Conflict(conflict) => Self::Changed { number, conflict },
            ExecuteError::KeyReused { .. } => Self::KeyReused,
            error @ ExecuteError::Unknown { .. } => Self::Unknown(error.into()),
            // Such as a number that no column of a list can hold.
            ExecuteError::View { refused: refused @ ViewRefused::Project { .. }, .. } => {
                Self::DoesNotFit(refused.to_string())
            }
            ExecuteError::View { refused: refused @ ViewRefused::Store { .. }, .. } => {
                Self::Unavailable(refused.into())
            }
            error @ ExecuteError::Store { .. } => Self::Unavailable(error.into()),
            ExecuteError::Load(error) => Self::of_load(number, error),
            error => Self::Internal(error.into()),
        }
    }

    /// Why this incident could not be read.
    pub(super) fn of_load(number: IncidentNumber, error: LoadError) -> Self {
        match error {
            LoadError::NoSuchVersion { latest, .. } if latest == Version::NONE => {
                Self::NoSuchIncident(number)
            }
            LoadError::NoSuchVersion { asked, latest, .. } => Self::NoSuchVersion { number, asked, latest },
            error @ LoadError::Store { .. } => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<OverviewError> for Problem {
    fn from(error: OverviewError) -> Self {
        match error {
            OverviewError::View(ReadError::Row { .. } | ReadError::Unknown { .. })
            | OverviewError::Column(_) => Self::Internal(error.into()),
            error => Self::Unavailable(error.into()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Self::Unavailable(cause) | Self::Unknown(cause) | Self::Internal(cause) = &self {
            eprintln!("helpdesk: {}", cause.to_string().replace('\n', " "));
        }
        let (status, name, title) = self.kind();
        let details = Details {
            r#type: format!("tag:helpdesk.example,2026:{name}"),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            more: self.more(),
        };
        let mut response = (status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if let Self::Changed { conflict, .. } = &self {
            headers.insert(header::ETAG, entity_tag(conflict.actual));
        }
        response
    }
}
