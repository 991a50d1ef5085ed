//! `#[aggregate(…)]`: names, derives, errors.

use std::{collections::HashSet, hash::Hash};

use factum::{Aggregate, Rejection};

/// A type that serde does not know, and that cannot be compared.
#[derive(Clone, Debug)]
pub struct Handle(fn() -> u32);

#[derive(Aggregate, Clone, Debug)]
#[aggregate(
    error = Box<str>,
    event = Fact,
    command = Wish,
    event_derive(Eq, PartialOrd, Ord, Hash),
    command_derive(!PartialEq, !Serialize, !Deserialize),
    category = "doors"
)]
#[events {
    #[creates]
    Hung { #[serde(rename = "n")] count },
    Moved { count },
}]
#[commands {
    Hang => Hung,
    #[require(self.count < 3, "worn".into())]
    #[decide(Ok(Fact::Moved { count: handle.0() }))]
    Move { handle: Handle } => Moved,
}]
pub struct Door {
    #[id]
    number: String,
    count: u32,
}

fn two() -> u32 {
    2
}

#[test]
fn the_enums_have_the_names_and_derives_that_were_asked_for() {
    fn is_hashed<T: Hash + Ord>(_: &T) {}
    let hung = Fact::Hung { count: 1 };
    is_hashed(&hung);
    assert!(HashSet::from([hung.clone()]).contains(&hung));
    let command = Wish::Move { handle: Handle(two) };
    assert!(format!("{command:?}").starts_with("Move"));
    Door::given([hung]).when(command).then([Fact::Moved { count: 2 }]);
}

#[test]
fn a_creating_command_goes_without_serde_too() {
    Door::given([]).when(Wish::Hang { count: 1 }).then([Fact::Hung { count: 1 }]);
}

#[test]
fn the_error_is_what_was_declared() {
    let moved = Door::given([Fact::Hung { count: 3 }]).when(Wish::Move { handle: Handle(two) });
    moved.then_rejected(Rejection::Domain("worn".into()));
    assert_eq!(Door::CATEGORY, "doors");
}

/// Events that cannot be compared need not be.
#[derive(Aggregate)]
#[aggregate(event_derive(!PartialEq), command_derive(!PartialEq, !Debug))]
#[events {
    #[creates]
    Made { #[audit] scale: Scale },
}]
#[commands {
    Make => Made,
}]
struct Ruler {
    #[id]
    _number: u8,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Scale(f64);

#[test]
fn usual_derives_can_be_left_out() {
    let ctx = factum::Context::new(Default::default(), factum::Version::NONE, factum::Metadata::new());
    let Ok(decision) = Ruler::handle(None, &1, RulerCommand::Make { scale: Scale(1.5) }, &ctx) else {
        panic!()
    };
    assert!(matches!(decision.as_slice(), [RulerEvent::Made { scale: Scale(1.5) }]));
}

/// Without an error type the domain refuses nothing.
#[test]
fn an_aggregate_needs_no_error_type() {
    fn error<A: Aggregate<Error = std::convert::Infallible>>() {}
    error::<Ruler>();
}
