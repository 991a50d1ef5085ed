//! The view of the contract's sample.

use chrono::{DateTime, Utc};
use factum::{
    Aggregate, Id, Position, View,
    read::{ColumnType, Condition, Test, Value},
    view::{RecordedUse, Row},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::folder::{History, time};

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentNumber(Uuid);

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Reported { text },
    TextChanged { text },
    Closed { #[audit] solution: String },
    Reopened,
    Looked { #[audit] by: String },
    #[ends]
    Removed,
}]
#[commands {
    Report => Reported,
    ChangeText => TextChanged,
    Close => Closed,
    Reopen => Reopened,
    Look => Looked,
    Remove => Removed,
}]
pub struct Incident {
    #[id]
    pub number: IncidentNumber,
    pub text: String,
}

/// What is to be done.
#[derive(View, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[view(of(Incident), remove_on(Removed))]
pub struct OpenIncident {
    /// Which one.
    #[key]
    pub number: IncidentNumber,
    #[on(Reported, TextChanged)]
    pub text: String,
    #[index]
    #[on(Reported | Reopened = true, Closed = false)]
    pub open: bool,
    #[on(Reported = recorded.at)]
    pub since: DateTime<Utc>,
    #[column(name = "last_close")]
    #[on(Reported = None, Closed = Some(recorded.position))]
    pub closed: Option<Position>,
}

fn history() -> (IncidentNumber, IncidentNumber, History) {
    let (one, two) = (IncidentNumber::new(), IncidentNumber::new());
    let mut history = History::default();
    history
        .add::<Incident>(&one, IncidentEvent::Reported { text: "mouse".into() })
        .add::<Incident>(&two, IncidentEvent::Reported { text: "screen".into() })
        .add::<Incident>(&one, IncidentEvent::TextChanged { text: "mouse broken".into() })
        .add::<Incident>(&one, IncidentEvent::Looked { by: "ann".into() })
        .add::<Incident>(&one, IncidentEvent::Closed { solution: "new".into() });
    (one, two, history)
}

#[test]
fn rows_follow_from_events() {
    let (one, two, mut history) = history();
    let mouse = OpenIncident {
        number: one,
        text: "mouse broken".into(),
        open: false,
        since: time(1),
        closed: Some(Position::new(50)),
    };
    let screen =
        OpenIncident { number: two, text: "screen".into(), open: true, since: time(2), closed: None };
    assert_eq!(history.typed::<OpenIncident>(), [mouse.clone(), screen.clone()]);

    history.add::<Incident>(&one, IncidentEvent::Reopened);
    assert_eq!(history.typed::<OpenIncident>()[0], OpenIncident { open: true, ..mouse });

    history.add::<Incident>(&one, IncidentEvent::Removed);
    assert_eq!(history.typed::<OpenIncident>(), [screen]);
}

#[test]
fn the_table_is_the_struct() {
    let table = OpenIncident::table();
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.ty, column.nullable, column.indexed))
        .collect();
    assert_eq!(
        columns,
        [
            ("number", ColumnType::Uuid, false, false),
            ("text", ColumnType::Text, false, false),
            ("open", ColumnType::Bool, false, true),
            ("since", ColumnType::Time, false, false),
            ("last_close", ColumnType::Text, true, false),
        ]
    );
    assert_eq!((table.name.as_str(), table.key.as_slice()), ("open_incident", &[0][..]));
    let docs: Vec<_> = OpenIncident::COLUMNS.iter().map(|column| (column.ty, column.docs)).collect();
    assert_eq!(docs[..2], [("IncidentNumber", "Which one."), ("String", "")]);
}

#[test]
fn the_model_says_what_the_view_is_made_of() {
    let model = OpenIncident::MODEL;
    assert_eq!((model.name, model.docs), ("OpenIncident", "What is to be done."));
    assert_eq!((model.sources[0].aggregate, model.sources[0].category), ("Incident", "incident"));
    assert_eq!((model.reads_rows, model.recorded), (false, RecordedUse::AsIs));
}

#[test]
fn indexed_columns_can_be_asked_for() {
    let number = IncidentNumber::new();
    let condition = OpenIncident::NUMBER.eq(number).condition().unwrap();
    assert_eq!(condition, Condition { column: 0, test: Test::Equals(Value::Uuid(number.into())) });
    let condition = OpenIncident::OPEN.eq(true).condition().unwrap();
    assert_eq!(condition, Condition { column: 2, test: Test::Equals(Value::Bool(true)) });
    assert_eq!(OpenIncident::OPEN.descending().column(), 2);
}
