//! `recorded` and `id` in rules.

use chrono::{DateTime, Utc};
use factum::{Position, Version, View, store::RecordedEvent, view::RecordedUse};

use crate::{
    domain::{Order, OrderNumber, added, noted, number, placed},
    folder::{History, time},
};

fn described(recorded: &RecordedEvent) -> String {
    format!("{}@{}", recorded.name, recorded.version.get())
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Trace {
    #[key]
    pub number: OrderNumber,
    #[on(Placed = recorded.actor().unwrap_or("nobody").to_owned(), Noted = recorded.metadata().actor.clone().unwrap_or_default())]
    pub by: String,
    #[on(Placed | Noted = recorded.version)]
    pub version: Version,
    #[on(Placed | Noted = recorded.at)]
    pub at: DateTime<Utc>,
    #[on(Placed = recorded.position, Noted = recorded.position)]
    pub position: Position,
    #[on(Placed = None, Noted = Some(recorded.at))]
    pub noted: Option<DateTime<Utc>>,
    #[on(Placed = format!("{id} in {shop}"), Noted = recorded.stream.id().to_owned() + &note)]
    pub text: String,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Year {
    #[key]
    pub number: OrderNumber,
    #[on(Placed = recorded.at.format("%Y").to_string())]
    pub year: String,
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Order))]
pub struct Described {
    #[key]
    pub number: OrderNumber,
    #[on(Placed = described(recorded), Added => self.text.push_str(&format!("{item} {}", described(recorded))))]
    pub text: String,
}

#[test]
fn the_envelope_is_in_scope() {
    let mut history = History::default();
    history
        .add::<Order>(&number(4), placed("ann", "Rome"))
        .by("bob")
        .add::<Order>(&number(5), placed("ann", "Paris"))
        .add::<Order>(&number(4), noted("!"));
    let [four, five] = history.typed::<Trace>().try_into().unwrap();
    assert_eq!(
        four,
        Trace {
            number: number(4),
            by: "bob".into(),
            version: Version::new(2),
            at: time(3),
            position: Position::new(30),
            noted: Some(time(3)),
            text: "4!".into(),
        }
    );
    assert_eq!((five.by.as_str(), five.text.as_str(), five.noted), ("bob", "5 in Paris", None));
    assert_eq!((Trace::MODEL.recorded, Trace::MODEL.reads_rows), (RecordedUse::AsIs, false));
}

#[test]
fn whoever_computes_with_the_time_says_so() {
    assert_eq!(Year::MODEL.recorded, RecordedUse::Computed);
    assert_eq!(Described::MODEL.recorded, RecordedUse::Computed);
    let mut history = History::default();
    history.add::<Order>(&number(4), placed("ann", "Rome")).add::<Order>(&number(4), added("pear", 1, 1.0));
    assert_eq!(history.typed::<Described>()[0].text, "Placed@1pear Added@2");
}
