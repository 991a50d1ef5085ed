//! What is refused, and left as it was.

use std::sync::{Arc, atomic::Ordering};

use chrono::TimeDelta;
use factum::{
    Metadata, Version,
    copy::{CopyError, Part},
    store::{
        Append, Capability, Commit, CommitId, Expected, MemoryStore, Name, NewEvent, Original, Payload,
        RecordedEvent, StoreErrorKind,
    },
};

use crate::{
    Subject, all, are_the_same,
    history::{History, stream},
    strange::{How, Strange},
};

fn memory() -> Subject {
    Arc::new(MemoryStore::new())
}

async fn source() -> Subject {
    let from = memory();
    History::of(11, 5).write(&from, 400).await;
    from
}

/// Writes an event as it is, but for its position.
async fn put(store: &Subject, event: RecordedEvent) {
    let original = Original { id: event.id, at: event.at };
    let RecordedEvent { stream, name, schema, payload, metadata, .. } = event;
    let events = vec![NewEvent { name, schema, payload, metadata }];
    let append = Append { stream, expected: Expected::Any, tail: None, events };
    store.append(Commit::new(vec![append]).with_originals(vec![original])).await.unwrap();
}

/// A target whose last event is another one in any part is not touched.
#[tokio::test]
async fn a_target_with_other_events() {
    type Change = fn(&mut RecordedEvent);
    let changes: [(Part, Change); 8] = [
        (Part::Place, |event| event.stream = stream("another")),
        (Part::Place, |event| event.stream = factum::store::StreamId::new("another", event.stream.id())),
        (Part::Id, |event| event.id = CommitId::new().event(0)),
        (Part::Name, |event| event.name = Name::from("Another")),
        (Part::Schema, |event| event.schema = 77),
        (Part::Payload, |event| event.payload = Payload::json("{\"number\":-1}")),
        (Part::Time, |event| event.at += TimeDelta::microseconds(1)),
        (Part::Metadata, |event| event.metadata = Some(Arc::new(Metadata::by("eve")))),
    ];
    let from = source().await;
    let events = all(&from).await;
    for (part, change) in changes {
        for number in [1, 137] {
            let to = memory();
            for (index, mut event) in events.iter().take(number).cloned().enumerate() {
                if index + 1 == number {
                    change(&mut event);
                }
                put(&to, event).await;
            }
            let before = all(&to).await;
            let error = factum::copy(&from, &to).page(50).await.unwrap_err();
            let told = error.to_string();
            let CopyError::Differs(difference) = error else { panic!("{error:?}") };
            assert_eq!((difference.part, difference.number), (part, number as u64));
            assert_eq!(difference.source, events[number - 1]);
            assert_eq!(Some(&difference.target), before.last());
            assert!(told.contains(&format!("event {number}")) && told.len() < 500, "{told}");
            assert_eq!(all(&to).await, before, "nothing was written");
        }
    }
}

#[tokio::test]
async fn a_target_with_more_events() {
    let from = source().await;
    let to = memory();
    factum::copy(&from, &to).await.unwrap();
    History::new(1, vec![stream("more")]).write(&to, 1).await;
    let before = all(&to).await;
    match factum::copy(&from, &to).await.unwrap_err() {
        CopyError::TargetHasMore { number, event } => {
            assert_eq!(number as usize, all(&from).await.len() + 1);
            assert_eq!((event.stream, event.version), (stream("more"), Version::FIRST));
        }
        error => panic!("{error}"),
    }
    assert_eq!(all(&to).await, before);
}

#[tokio::test]
async fn itself() {
    let from = source().await;
    let before = all(&from).await;
    assert!(matches!(factum::copy(&from, &from.clone()).await, Err(CopyError::SameStore)));
    assert_eq!(all(&from).await, before);
}

#[tokio::test]
async fn a_target_that_cannot_keep_ids_and_times() {
    let (from, to) = (source().await, memory());
    let target = Strange::new(&to, How::KeepsNoOriginals);
    let subject: Subject = target.clone();
    match factum::copy(&from, &subject).await.unwrap_err() {
        CopyError::Target(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Unsupported(Capability::Originals));
        }
        error => panic!("{error}"),
    }
    assert_eq!(target.asked.load(Ordering::Relaxed), 0);
}

/// Smaller commits are tried where the target finds one too large, down to single events.
#[tokio::test]
async fn a_target_that_takes_small_commits_only() {
    let from = memory();
    History::of(11, 300).write(&from, 3_000).await;
    for most in [1, 2, 3, 100] {
        let to = memory();
        let target: Subject = Strange::new(&to, How::RefusesMoreThan(most));
        factum::copy(&from, &target).await.unwrap();
        are_the_same(&to, &from).await;
    }
    let none: Subject = Strange::new(&memory(), How::RefusesMoreThan(0));
    match factum::copy(&from, &none).await.unwrap_err() {
        CopyError::Target(error) => assert!(error.to_string().contains("1 events, at most 0"), "{error}"),
        error => panic!("{error}"),
    }
}

/// The comparison at the end: a target that does not give back what it was given.
#[tokio::test]
async fn a_target_that_is_not_faithful() {
    fn another(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        events.iter_mut().for_each(|event| event.schema &= 0xffff);
        events
    }
    fn fewer(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        let short = events.len() < 97;
        events.truncate(events.len() - usize::from(short && !events.is_empty()));
        events
    }
    fn swapped(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        if events.len() > 7 {
            events.swap(6, 7);
        }
        events
    }
    let from = source().await;
    let copy = async |change| {
        let target: Subject = Strange::new(&memory(), How::Changes(change));
        factum::copy(&from, &target).page(97).await.unwrap_err()
    };
    let CopyError::Differs(difference) = copy(another).await else { panic!("a changed event") };
    assert_eq!((difference.part, difference.source.schema), (Part::Schema, u32::MAX));
    let CopyError::Missing { number, .. } = copy(fewer).await else { panic!("a lost event") };
    assert_eq!(number as usize, all(&from).await.len());
    let CopyError::Differs(difference) = copy(swapped).await else { panic!("another order") };
    assert_eq!(difference.number, 7);
}
