//! What comes with a request: numbers, bodies, headers.

use axum::{
    RequestPartsExt,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
};
use factum::{Metadata, Version, store::IdempotencyKey};
use helpdesk::domain::{IncidentCommand, IncidentNumber};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::problem::Problem;

/// How large a body may be, in bytes.
pub(super) const LARGEST_BODY: usize = 64 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A version as an entity tag.
pub(super) fn entity_tag(version: Version) -> HeaderValue {
    // Digits between quotes are always a header.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The number of an incident in the path.
pub(super) struct Number(pub(super) IncidentNumber);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Path(text) = parts
            .extract::<Path<String>>()
            .await
            .map_err(|error| Problem::InvalidRequest(error.body_text()))?;
        text.parse().map(Self).map_err(|_| Problem::InvalidNumber(text))
    }
}

/// What stands behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asked = Query::<T>::try_from_uri(&parts.uri);
        asked.map(|Query(asked)| Self(asked)).map_err(|error| Problem::InvalidRequest(error.body_text()))
    }
}

/// Who asks for something to be done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    by: Option<String>,
}

impl By {
    /// What is recorded beside the events.
    pub(super) fn metadata(self) -> Metadata {
        self.by.filter(|by| !by.is_empty()).map_or_else(Metadata::new, Metadata::by)
    }
}

/// A command in the body.
pub(super) struct Command(pub(super) IncidentCommand);

impl<S: Send + Sync> FromRequest<S> for Command {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // A form of another site can send what it likes, but not under this type without asking first.
        let json = request.headers().get(header::CONTENT_TYPE).and_then(|content| content.to_str().ok());
        let json = json.and_then(|content| content.split(';').next()).unwrap_or_default().trim();
        if !json.eq_ignore_ascii_case("application/json") {
            return Err(Problem::NotJson);
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::TooLarge(format!("the body has more than {LARGEST_BODY} bytes"))
            } else {
                Problem::InvalidRequest(error.body_text())
            }
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| match error.classify() {
            Category::Data => Problem::NotACommand(error.to_string()),
            _ => Problem::InvalidRequest(format!("the body is no JSON: {error}")),
        })
    }
}

/// Which version of an incident somebody has seen: `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is said.
    Unsaid,
    /// It does not matter.
    Any,
    /// This one.
    Exactly(Version),
}

/// What the headers of a command say.
pub(super) struct Conditions {
    pub(super) seen: Seen,
    /// Under which key the command takes effect once.
    pub(super) key: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self { seen: seen(&parts.headers)?, key: key(&parts.headers)? })
    }
}

fn seen(headers: &HeaderMap) -> Result<Seen, Problem> {
    let Some(text) = only(headers, &header::IF_MATCH)? else { return Ok(Seen::Unsaid) };
    if text == "*" {
        return Ok(Seen::Any);
    }
    let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    tag.and_then(|version| version.parse().ok()).map(Seen::Exactly).ok_or_else(|| {
        Problem::InvalidRequest(format!(
            "`If-Match: {text}` names no version: give the ETag back, such as `\"3\"`"
        ))
    })
}

/// The key, with or without the quotes that the draft of the header asks for.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(text) = only(headers, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() || key.len() > IdempotencyKey::LONGEST {
        return Err(Problem::InvalidRequest(format!(
            "an Idempotency-Key has 1 to {} characters, and should be a new UUID for each command",
            IdempotencyKey::LONGEST
        )));
    }
    Ok(Some(key.to_owned()))
}

/// The value of a header that may stand there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text.trim())),
        _ => Err(Problem::InvalidRequest(format!("`{name}` has to stand there once, in ASCII"))),
    }
}
