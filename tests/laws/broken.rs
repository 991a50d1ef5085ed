//! Models that break a law, each in one way.

use std::cell::Cell;

use factum::{
    Aggregate,
    testing::laws::{Commands, Laws},
};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Number, fails};

fn laws<A>() -> Laws<A>
where
    A: Aggregate<Id = Number> + std::fmt::Debug + PartialEq,
    A::Event: Clone + std::fmt::Debug + PartialEq,
    A::Command: for<'de> Deserialize<'de> + std::fmt::Debug,
    A::Error: std::fmt::Debug,
{
    Laws::new(Commands::made_up())
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened { name },
    Renamed { name },
    Added { amount: u8 },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    Add => Added,
}]
pub struct Overflowing {
    #[id]
    number: Number,
    name: String,
    #[on(Added += amount)]
    total: u8,
}

#[test]
fn a_fold_that_overflows_is_found_and_printed_as_code() {
    let told = fails(|| laws::<Overflowing>().nothing_panics());
    let (what, code) = told.split_once("\n\n").unwrap();
    assert!(
        what.starts_with("`Overflowing` breaks a law: folding `Added` panicked at tests/laws/broken.rs:"),
        "{what}"
    );
    assert!(what.ends_with("attempt to add with overflow"), "{what}");
    let lines: Vec<_> = code.lines().collect();
    assert_eq!(lines[0], "Overflowing::given([");
    assert_eq!(lines[1], "    OverflowingEvent::Opened { name: \"name\".into() },");
    assert!(lines[2].starts_with("    OverflowingEvent::Added { amount: "), "{code}");
    assert_eq!(lines[3], "])");
    assert!(lines[4].starts_with(".when(OverflowingCommand::Add { amount: "), "{code}");
    assert!(lines[5].starts_with(".then([OverflowingEvent::Added { amount: "), "{code}");
    assert_eq!(lines.len(), 6, "nothing is left that is not needed: {code}");
}

#[test]
fn the_printed_code_fails_as_the_law_does() {
    let code = || {
        Overflowing::given([
            OverflowingEvent::Opened { name: "name".into() },
            OverflowingEvent::Added { amount: 255 },
        ])
        .when(OverflowingCommand::Add { amount: 1 })
        .then([OverflowingEvent::Added { amount: 1 }]);
    };
    let failure = std::panic::catch_unwind(code).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&"attempt to add with overflow"));
}

#[test]
fn other_laws_leave_a_panic_to_the_one_that_is_about_it() {
    laws::<Overflowing>().events_survive_json();
    laws::<Overflowing>().replay_equals_live();
    laws::<Overflowing>().every_event_is_reached();
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = ())]
#[events { #[creates] Opened { names } }]
#[commands {
    #[require(names[0] != "x", ())]
    Open => Opened,
}]
pub struct Careless {
    #[id]
    number: Number,
    names: Vec<String>,
}

#[test]
fn a_guard_that_panics_is_found() {
    let told = fails(|| laws::<Careless>().nothing_panics());
    assert!(
        told.starts_with("`Careless` breaks a law: deciding `Open` panicked at tests/laws/broken.rs:"),
        "{told}"
    );
    assert!(told.contains("the len is 0 but the index is 0"), "{told}");
    assert!(
        told.ends_with("\nCareless::given([])\n.when(CarelessCommand::Open { names: vec![] })\n.then([]);"),
        "{told}"
    );
}

/// Is written in small letters.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Tag(String);

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.replace('e', "E"))
    }
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Opened { name }, Tagged { #[audit] tag: Tag } }]
#[commands { Open => Opened, AddTag => Tagged }]
pub struct Forgetful {
    #[id]
    number: Number,
    name: String,
}

#[test]
fn an_event_that_is_read_as_another_is_found() {
    let told = fails(|| laws::<Forgetful>().events_survive_json());
    let start =
        "`Forgetful` breaks a law: an event that is stored and read again is another (- before, + after)\n";
    assert!(told.starts_with(start), "{told}");
    assert!(told.contains("\n+         \""), "{told}");
    assert!(
        told.contains("\nForgetful::given([ForgetfulEvent::Opened { name: \"name\".into() }])\n"),
        "{told}"
    );
    assert!(told.contains("\n.when(ForgetfulCommand::AddTag { tag: Tag("), "{told}");
    laws::<Forgetful>().replay_equals_live();
}

#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(snapshot(every = 10))]
#[events { #[creates] Opened { #[audit] name: String }, Tagged { tag: String } }]
#[commands { Open => Opened, AddTag => Tagged }]
pub struct Kept {
    #[id]
    number: Number,
    #[on(Tagged => self.tags.push(Tag(tag)))]
    tags: Vec<Tag>,
}

#[test]
fn a_state_that_is_kept_as_another_is_found() {
    let told = fails(|| laws::<Kept>().snapshot_and_tail_equal_all());
    let start = "`Kept` breaks a law: a snapshot at version 2 and the events since come to another state (- before, + after)\n";
    assert!(told.starts_with(start), "{told}");
    assert!(told.contains(".when(KeptCommand::AddTag { tag: "), "{told}");
    laws::<Kept>().replay_equals_live();
    // Without snapshots nothing is kept.
    laws::<Forgetful>().snapshot_and_tail_equal_all();
}

thread_local! {
    static FOLDED: Cell<u32> = const { Cell::new(0) };
}

fn folded_ever() -> u32 {
    FOLDED.set(FOLDED.get().wrapping_add(1));
    FOLDED.get()
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Opened { name }, Counted }]
#[commands { Open => Opened, Count => Counted }]
pub struct Moody {
    #[id]
    number: Number,
    name: String,
    #[on(Counted = folded_ever())]
    count: u32,
}

#[test]
fn a_fold_that_depends_on_more_than_events_is_found() {
    let told = fails(|| laws::<Moody>().replay_equals_live());
    let start = "`Moody` breaks a law: the state that stored events come to is another (- before, + after)\n";
    assert!(told.starts_with(start), "{told}");
    assert!(told.ends_with(
        "\n\nMoody::given([MoodyEvent::Opened { name: \"name\".into() }])\n.when(MoodyCommand::Count)\n.then([MoodyEvent::Counted]);"
    ), "{told}");
    laws::<Moody>().events_survive_json();
}
