//! The rules of the domain: given what has happened, when this is asked, then that happens.

use factum::{Aggregate, Rejection};

use super::{Incident, IncidentCommand, IncidentError, IncidentEvent, IncidentNumber, Status, UserNumber};

// What was published stays readable: compared with `factum.lock/`, which `FACTUM_LOCK=update cargo test` writes.
factum::locked!(Incident);

factum::laws!(Incident);

const ANN: UserNumber = UserNumber(1);
const BOB: UserNumber = UserNumber(2);

fn reported() -> IncidentEvent {
    IncidentEvent::Reported { reporter: ANN, text: "mouse broken".into() }
}

fn assigned(to: UserNumber, from: Option<UserNumber>) -> IncidentEvent {
    IncidentEvent::Assigned { to, from }
}

fn closed() -> IncidentEvent {
    IncidentEvent::Closed { solution: "new mouse".into() }
}

fn reopened() -> IncidentEvent {
    IncidentEvent::Reopened { reason: "broken again".into() }
}

fn reopen(to: UserNumber) -> IncidentCommand {
    IncidentCommand::Reopen { reason: "broken again".into(), to }
}

fn change_text() -> IncidentCommand {
    IncidentCommand::ChangeText { text: "left button broken".into() }
}

#[test]
fn an_incident_begins_with_a_report() {
    let report = IncidentCommand::Report { reporter: ANN, text: "mouse broken".into() };
    Incident::given([]).when(report.clone()).then([reported()]);
    Incident::given([reported()]).when(report).then_rejected(Rejection::AlreadyExists);
    Incident::given([]).when(change_text()).then_rejected(Rejection::NotFound);
}

#[test]
fn who_had_it_before_is_kept_for_the_record() {
    Incident::given([reported()]).when(IncidentCommand::Assign { to: ANN }).then([assigned(ANN, None)]);
    Incident::given([reported(), assigned(ANN, None)])
        .when(IncidentCommand::Assign { to: BOB })
        .then([assigned(BOB, Some(ANN))]);
}

#[test]
fn a_closed_incident_stays_as_it_is() {
    let close = IncidentCommand::Close { solution: "new mouse".into() };
    Incident::given([reported()]).when(close.clone()).then([closed()]);
    for command in [close, change_text(), IncidentCommand::Assign { to: BOB }] {
        Incident::given([reported(), closed()]).when(command).then_rejected(IncidentError::AlreadyClosed);
    }
}

#[test]
fn a_closed_incident_is_reopened_by_naming_who_takes_care_of_it() {
    Incident::given([reported()]).when(reopen(BOB)).then_rejected(IncidentError::StillOpen);
    Incident::given([reported(), closed()]).when(reopen(BOB)).then([reopened(), assigned(BOB, None)]);
    Incident::given([reported(), assigned(BOB, None), closed()]).when(reopen(BOB)).then([reopened()]);
}

#[test]
fn the_state_is_what_the_events_come_to() {
    let text_changed = IncidentEvent::TextChanged { text: "left button broken".into() };
    Incident::given([reported(), text_changed, assigned(BOB, None), closed()]).when(reopen(ANN)).then_state(
        &Incident {
            number: factum::SampleId::sample(),
            reporter: ANN,
            text: "left button broken".into(),
            assignee: Some(ANN),
            solution: None,
            status: Status::Open,
            edits: 1,
        },
    );
}

#[test]
fn nothing_follows_the_removal() {
    Incident::given([reported()]).when(IncidentCommand::Remove).then([IncidentEvent::Removed]);
    Incident::given([reported(), IncidentEvent::Removed])
        .when(IncidentCommand::Remove)
        .then_rejected(Rejection::Ended);
}

/// Commands are read from files, so their form is part of what others rely on.
#[test]
fn commands_are_read_from_json() {
    let parse = |json| serde_json::from_str::<IncidentCommand>(json).unwrap();
    assert_eq!(
        parse(r#"{"Report": {"reporter": 1, "text": "mouse broken"}}"#),
        IncidentCommand::Report { reporter: ANN, text: "mouse broken".into() }
    );
    assert_eq!(parse(r#""Remove""#), IncidentCommand::Remove);
}

#[test]
fn a_number_is_printed_as_it_is_parsed() {
    let number = IncidentNumber::new();
    assert_eq!(number.to_string().parse(), Ok(number));
}

#[test]
fn the_documents_are_current() {
    let stale = factum::document::stale::<Incident>(concat!(env!("CARGO_MANIFEST_DIR"), "/model")).unwrap();
    assert_eq!(stale, [""; 0], "run `cargo run -p helpdesk --example model`");
}
