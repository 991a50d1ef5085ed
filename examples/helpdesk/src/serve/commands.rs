//! What is to be done.
//!
//! The body is a command of the domain as it is, such as `{"Close":{"solution":"new mouse"}}`; so nothing here has to know
//! which commands there are.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use helpdesk::domain::{IncidentCommand, IncidentNumber};
use uuid::Uuid;

use super::{
    Service,
    given::{Asked, By, Command, Conditions, Number, Seen, entity_tag},
    problem::Problem,
    told::Done,
};

pub(super) fn router() -> Router<Service> {
    Router::new().route("/incidents", post(report)).route("/incidents/{number}", post(command))
}

/// What the numbers of incidents are made from that are reported under a key, so that the second time it is the same one.
const REPORTS: Uuid = Uuid::from_u128(0x8d0b_51f2_6c3e_4e9a_b7a4_90c1_5d2f_e863);

/// Reports an incident, to which a number is given.
async fn report(
    State(service): State<Service>,
    Asked(by): Asked<By>,
    conditions: Conditions,
    Command(command): Command,
) -> Result<Response, Problem> {
    if !creates(&command) {
        return Err(Problem::NotACommand(
            "only `Report` makes an incident; give the others to /incidents/{number}".to_owned(),
        ));
    }
    let number = match &conditions.key {
        Some(key) => Uuid::new_v5(&REPORTS, key.as_bytes()).into(),
        None => IncidentNumber::new(),
    };
    carry_out(&service, number, by, conditions, command).await
}

/// Gives a command to an incident.
async fn command(
    State(service): State<Service>,
    Number(number): Number,
    Asked(by): Asked<By>,
    conditions: Conditions,
    Command(command): Command,
) -> Result<Response, Problem> {
    if conditions.seen == Seen::Unsaid && !creates(&command) {
        return Err(Problem::VersionRequired);
    }
    carry_out(&service, number, by, conditions, command).await
}

const fn creates(command: &IncidentCommand) -> bool {
    matches!(command, IncidentCommand::Report { .. })
}

async fn carry_out(
    service: &Service,
    number: IncidentNumber,
    by: By,
    conditions: Conditions,
    command: IncidentCommand,
) -> Result<Response, Problem> {
    let created = creates(&command);
    let mut execute = service.desk.incidents.execute(&number, command).with(by.metadata());
    if let Seen::Exactly(version) = conditions.seen {
        execute = execute.expecting(version);
    }
    if let Some(key) = conditions.key {
        execute = execute.once(key);
    }
    let receipt = execute.await.map_err(|error| Problem::of_command(number, error))?;
    let mut response = Json(Done::new(number, &receipt)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::ETAG, entity_tag(receipt.version));
    if created {
        let location = HeaderValue::try_from(format!("/incidents/{number}"));
        headers.extend(location.ok().map(|location| (header::LOCATION, location)));
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}
