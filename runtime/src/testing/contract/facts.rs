//! Reading what a fold needs: the events of one stream without their envelopes.

use std::sync::Arc;

use super::{
    support::{Subject, event, exact, only, read, stream, write},
    tail::commit_with,
};
use crate::{
    Position, Version,
    store::{Append, Commit, Expected, Facts, Name, NewEvent, Payload, StreamId, StreamPage},
};

type Plain = (Version, Name, u32, Payload);

fn facts_of(facts: &Facts) -> Vec<Plain> {
    let payload = |given: Result<&str, &Payload>| given.map_or_else(Payload::clone, Payload::json);
    facts.iter().map(|fact| (fact.version, fact.name.clone(), fact.schema, payload(fact.payload))).collect()
}

fn events_of(page: &StreamPage) -> Vec<Plain> {
    let events = page.events.iter().cloned();
    events.map(|event| (event.version, event.name, event.schema, event.payload)).collect()
}

/// Nine events of every kind, in three commits.
async fn filled(store: &Subject) -> StreamId {
    let stream = stream("a");
    let json = |text: &str| NewEvent { payload: Payload::json(text), ..event(0) };
    let other = |bytes: &[u8]| NewEvent {
        payload: Payload::Other { format: Name::from("sealed"), bytes: Arc::from(bytes) },
        ..event(0)
    };
    let commits = [
        vec![json("{}"), json(r#"{"text":"größe 😀"}"#), other(b"\x00\xff"), json("")],
        vec![other(b""), NewEvent { name: Name::from("Größer"), schema: 7, ..json("{\"a\": 1}") }],
        vec![event(1), event(2), NewEvent { schema: u32::MAX, ..event(3) }],
    ];
    for events in commits {
        let append = Append { stream: stream.clone(), expected: Expected::Any, tail: None, events };
        store.append(Commit::new(vec![append])).await.unwrap();
        write(store, &super::support::stream("another"), Expected::Any, 1).await;
    }
    stream
}

pub(super) async fn they_are_those_of_the_events(store: Subject) {
    let stream = filled(&store).await;
    for from in [0, 1, 2, 3, 5, 8, 9, 10, 11, i64::MAX as u64, u64::MAX] {
        for limit in [0, 1, 2, 3, 8, 9, 10, usize::MAX] {
            let page = store.read_stream(&stream, Version::new(from), limit).await.unwrap();
            let facts = store.read_facts(&stream, Version::new(from), limit).await.unwrap();
            assert_eq!(facts_of(&facts), events_of(&page), "from {from}, at most {limit}");
            assert_eq!(facts.next, page.next, "from {from}, at most {limit}");
            assert_eq!(facts.tail.is_some(), page.tail.is_some(), "from {from}, at most {limit}");
            let last = page.events.last().map_or(Position::START, |last| last.position);
            assert_eq!(facts.position, last, "from {from}, at most {limit}");
        }
    }
}

pub(super) async fn pages_of_any_size_are_the_whole(store: Subject) {
    let stream = filled(&store).await;
    let whole = read(&store, &stream).await;
    assert_eq!(whole.len(), 9);
    for limit in [0, 1, 2, 4, 9, 100] {
        let mut from = Version::FIRST;
        let mut facts = Vec::new();
        loop {
            let page = store.read_facts(&stream, from, limit).await.unwrap();
            assert!(page.len() <= limit.max(1));
            facts.extend(facts_of(&page));
            match page.next {
                Some(next) => {
                    assert!(next > from, "a page came no further");
                    from = next;
                }
                None => break,
            }
        }
        let events = StreamPage { events: whole.clone(), ..StreamPage::default() };
        assert_eq!(facts, events_of(&events), "pages of {limit}");
    }
}

pub(super) async fn nobody_has_none(store: Subject) {
    filled(&store).await;
    let facts = store.read_facts(&stream("nobody's"), Version::FIRST, 10).await.unwrap();
    assert!(facts.is_empty() && facts.next.is_none());
    assert_eq!(facts.position, Position::START);
}

pub(super) async fn an_append_takes_their_tail(store: Subject) {
    let stream = stream("a");
    for version in [0, 2, 4, 6] {
        let tail = store.read_facts(&stream, Version::FIRST, 100).await.unwrap().tail;
        let answer = store.append(commit_with(&stream, exact(version), tail)).await.unwrap();
        assert_eq!(only(answer).first, version + 1);
    }
    assert_eq!(read(&store, &stream).await.len(), 8);
}
