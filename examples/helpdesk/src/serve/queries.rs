//! What is asked.

use axum::{
    Json, Router,
    extract::State as Shared,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, Utc};
use factum::{
    Version,
    app::{Find, Found},
    read::Place,
    view::{Column, Row},
};
use helpdesk::{
    domain::{IncidentNumber, UserNumber},
    views::OpenIncident,
};
use serde::Deserialize;

use super::{
    Service,
    given::{Asked, Number, entity_tag, only},
    live,
    problem::Problem,
    told::{Happened, Page, Past, State},
};
use crate::overview::{OverviewError, Work};

/// How many incidents or events one answer holds where nobody says another number, and at most.
const MANY: usize = 100;
const MOST: usize = 500;

pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/", get(page))
        .route("/incidents", get(list))
        .route("/incidents/{number}", get(incident))
        .route("/incidents/{number}/history", get(history))
        .route("/workload", get(workload))
        .route("/events", get(live::events))
}

/// The page. Nothing of it comes from elsewhere, and it may send nothing elsewhere.
async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; \
                  script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-cache")];
    (headers, Html(include_str!("page.html")))
}

/// Which incidents.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    open: Option<bool>,
    assignee: Option<UserNumber>,
    /// What a page said in `next`.
    after: Option<String>,
    limit: Option<usize>,
}

/// The incidents, those that were reported last first.
async fn list(Shared(service): Shared<Service>, Asked(listed): Asked<Listed>) -> Result<Json<Page>, Problem> {
    let (view, position) = service.desk.view::<OpenIncident>().await.map_err(OverviewError::from)?;
    let mut find: Find<OpenIncident> =
        view.all().order(OpenIncident::SINCE.descending()).limit(listed.limit.unwrap_or(MANY).min(MOST));
    if let Some(open) = listed.open {
        find = find.and(OpenIncident::OPEN.eq(open));
    }
    if let Some(user) = listed.assignee {
        find = find.and(OpenIncident::ASSIGNEE.eq(Some(user)));
    }
    if let Some(after) = listed.after {
        find = find.after(place(&after)?);
    }
    let Found { rows: incidents, next, .. } = find.await.map_err(OverviewError::from)?;
    let next = incidents.last().filter(|_| next.is_some());
    let next = next.map(|row| format!("{}_{}", row.since.timestamp_micros(), row.number));
    Ok(Json(Page { incidents, next, position }))
}

/// The place behind a row, as `next` names it.
fn place(text: &str) -> Result<Place, Problem> {
    let parts = || {
        let (since, number) = text.split_once('_')?;
        let since = DateTime::<Utc>::from_timestamp_micros(since.parse().ok()?)?;
        Some((since, number.parse::<IncidentNumber>().ok()?))
    };
    let (since, number) = parts()
        .ok_or_else(|| Problem::InvalidRequest("`after` takes what `next` of a page says".to_owned()))?;
    let order = Some(since.to_value().map_err(OverviewError::from)?);
    Ok(Place { order, key: OpenIncident::key_values(&number).map_err(OverviewError::from)? })
}

/// Which state of an incident.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    version: Option<Version>,
    at: Option<DateTime<Utc>>,
}

/// An incident as it is, or as it was.
async fn incident(
    Shared(service): Shared<Service>,
    Number(number): Number,
    Asked(when): Asked<When>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let incidents = &service.desk.incidents;
    let (found, otherwise) = match when {
        When { version: None, at: None } => (incidents.load(&number).await, Problem::NoSuchIncident(number)),
        When { version: Some(version), at: None } => {
            (incidents.load_at_version(&number, version).await, Problem::NoSuchIncident(number))
        }
        When { version: None, at: Some(at) } => {
            (incidents.load_as_of(&number, at).await, Problem::NotYet(number))
        }
        When { version: Some(_), at: Some(_) } => {
            return Err(Problem::InvalidRequest("give `version` or `at`, not both".to_owned()));
        }
    };
    let found = found.map_err(|error| Problem::of_load(number, error))?.ok_or(otherwise)?;
    let tag = entity_tag(found.version);
    let known =
        only(&headers, &header::IF_NONE_MATCH)?.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(State::from(found)).into_response()
    };
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Which part of a history.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    after: Option<Version>,
    limit: Option<usize>,
}

/// What happened to an incident, oldest first.
async fn history(
    Shared(service): Shared<Service>,
    Number(number): Number,
    Asked(Part { after, limit }): Asked<Part>,
) -> Result<Json<Past>, Problem> {
    let (after, limit) = (after.unwrap_or(Version::NONE), limit.unwrap_or(MANY).clamp(1, MOST));
    let mut history = service.desk.incidents.history_stream(&number);
    let (mut events, mut last, mut exists) = (Vec::new(), after, false);
    while let Some(recorded) = history.next().await {
        let recorded = recorded.map_err(|error| Problem::of_load(number, error))?;
        exists = true;
        if recorded.version <= after {
            continue;
        }
        // What is several events today belongs together.
        if events.len() >= limit && recorded.version > last {
            return Ok(Json(Past { events, next: Some(last) }));
        }
        last = recorded.version;
        events.push(Happened::from(&recorded));
    }
    if exists { Ok(Json(Past { events, next: None })) } else { Err(Problem::NoSuchIncident(number)) }
}

/// Who has how much to do.
async fn workload(Shared(service): Shared<Service>) -> Result<Json<Vec<Work>>, Problem> {
    Ok(Json(service.desk.workload().await?))
}
