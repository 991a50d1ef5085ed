//! What may be asked of a store.

use factum::store::{CommitId, Filter, Name, NewEvent, Payload, StreamId};
use proptest::{collection::vec, prelude::*, sample::Index};

/// One thing to do, and the handle to do it with.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) handle: Index,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Append(Vec<Writing>),
    /// Some commit that was given before, with whatever outcome.
    AppendAgain(Index),
    ReadStream {
        stream: StreamId,
        from: u64,
        limit: usize,
    },
    /// After some event, the last one, or before the first.
    ReadAll {
        filter: Filter,
        after: Index,
        limit: usize,
    },
    Reopen,
}

/// An append, as far as it can be told without knowing the stream.
#[derive(Clone, Debug)]
pub(crate) struct Writing {
    pub(crate) stream: StreamId,
    pub(crate) expectation: Expectation,
    /// Whether the last tail that was seen of the stream is handed back, however old.
    pub(crate) with_tail: bool,
    pub(crate) events: Vec<NewEvent>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Expectation {
    NoStream,
    /// The version that the stream has.
    Right,
    /// One that is so much too low or too high.
    Wrong(i64),
    Any,
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    (any::<Index>(), action()).prop_map(|(handle, action)| Operation { handle, action })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => vec(writing(), 1..4).prop_map(Action::Append),
        2 => any::<Index>().prop_map(Action::AppendAgain),
        3 => (stream(), 0..12_u64, 0..8_usize)
            .prop_map(|(stream, from, limit)| Action::ReadStream { stream, from, limit }),
        3 => (filter(), any::<Index>(), 0..8_usize)
            .prop_map(|(filter, after, limit)| Action::ReadAll { filter, after, limit }),
        1 => Just(Action::Reopen),
    ]
}

fn writing() -> impl Strategy<Value = Writing> {
    let events = prop_oneof![20 => vec(event(), 1..4), 1 => Just(Vec::new())];
    (stream(), expectation(), any::<bool>(), events).prop_map(|(stream, expectation, with_tail, events)| {
        Writing { stream, expectation, with_tail, events }
    })
}

fn expectation() -> impl Strategy<Value = Expectation> {
    prop_oneof![
        2 => Just(Expectation::NoStream),
        6 => Just(Expectation::Right),
        1 => (-3..=3_i64).prop_map(Expectation::Wrong),
        4 => Just(Expectation::Any),
    ]
}

/// Few, so that they meet.
fn stream() -> impl Strategy<Value = StreamId> {
    (category(), prop_oneof![Just("1"), Just("2"), Just("")])
        .prop_map(|(category, id)| StreamId::new(category, id))
}

fn category() -> impl Strategy<Value = Name> {
    prop_oneof![Just(Name::from_static("user")), Just(Name::from_static("users"))]
}

fn filter() -> impl Strategy<Value = Filter> {
    let known = category().prop_map(|category| vec![category]);
    let categories = prop_oneof![
        4 => known,
        1 => Just(vec![Name::from_static("users"), Name::from_static("user")]),
        1 => Just(vec![Name::from_static("nobody")]),
        1 => Just(Vec::new()),
    ];
    prop_oneof![2 => Just(Filter::All), 3 => categories.prop_map(Filter::Categories)]
}

fn event() -> impl Strategy<Value = NewEvent> {
    (0..1_000_u32, 1..3_u32).prop_map(|(number, schema)| NewEvent {
        name: Name::from_static("Counted"),
        schema,
        payload: Payload::json(format!("{{\"number\":{number}}}")),
        metadata: None,
    })
}

/// The same for the same run of a test: what fails once fails again.
pub(crate) fn commit_id(number: usize) -> CommitId {
    CommitId::from_uuid(uuid::Uuid::from_u128((0xfac7_u128 << 112) | ((number as u128 + 1) << 16)))
}
