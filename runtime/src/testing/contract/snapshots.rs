//! Snapshots: what was kept last is found, as it was given.
//!
//! A store that keeps none refuses them, which the theme `refusal` tries; here it passes.

use uuid::Uuid;

use super::support::{Subject, exact, read_all, stream, together, write};
use crate::{
    Version,
    store::{Capability, EventId, Expected, Name, Payload, Snapshot, StreamId},
};

/// A snapshot that differs from those of other versions in everything.
pub(super) fn snapshot(stream: &StreamId, version: u64) -> Snapshot {
    let number = u128::from(version);
    Snapshot {
        stream: stream.clone(),
        version: Version::new(version),
        last: EventId(Uuid::from_u128(number << 1)),
        fingerprint: (number << 2).to_be_bytes(),
        origin: Uuid::from_u128(number << 3),
        state: Payload::json(format!("{{\"sum\":{version}}}")),
    }
}

pub(super) fn keeps(store: &Subject) -> bool {
    store.capabilities().supports(Capability::Snapshots)
}

/// Keeps it, and sees that it is found.
async fn keep(store: &Subject, snapshot: Snapshot) {
    store.save_snapshot(snapshot.clone()).await.unwrap();
    assert_eq!(store.snapshot(&snapshot.stream).await.unwrap(), Some(snapshot));
}

pub(super) async fn where_none_was_kept_is_none(store: Subject) {
    if !keeps(&store) {
        return;
    }
    assert_eq!(store.snapshot(&stream("nobody")).await.unwrap(), None);
    write(&store, &stream("a"), Expected::NoStream, 3).await;
    assert_eq!(store.snapshot(&stream("a")).await.unwrap(), None);
}

pub(super) async fn what_was_kept_comes_back(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let a = stream("a");
    write(&store, &a, Expected::NoStream, 3).await;
    keep(&store, snapshot(&a, 3)).await;
    assert_eq!(store.snapshot(&a).await.unwrap(), Some(snapshot(&a, 3)));
}

/// One that nobody can use must not stand in the way of one that somebody can.
pub(super) async fn the_last_one_takes_the_place_of_any_other(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let a = stream("a");
    write(&store, &a, Expected::NoStream, 9).await;
    for version in [3, 9, 9, 5, 1, 6] {
        keep(&store, snapshot(&a, version)).await;
    }
    let same_code = Snapshot { fingerprint: snapshot(&a, 6).fingerprint, ..snapshot(&a, 2) };
    keep(&store, same_code).await;
}

pub(super) async fn each_stream_has_its_own(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let other = StreamId::new("contract2", "a");
    let streams = [stream("a"), stream("b"), other, StreamId::new("contract", "A")];
    for (stream, version) in streams.iter().zip(1..) {
        store.save_snapshot(snapshot(stream, version)).await.unwrap();
    }
    for (stream, version) in streams.iter().zip(1..) {
        assert_eq!(store.snapshot(stream).await.unwrap(), Some(snapshot(stream, version)));
    }
}

pub(super) async fn any_text_names_their_stream(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let long = "ü".repeat(600);
    let names = ["", " ", "a", "A", "a ", "\u{0}", "\\", "\\0", "é", ".", "*", ">", "\u{1F980}", &long];
    for (id, version) in names.iter().zip(1..) {
        store.save_snapshot(snapshot(&stream(id), version)).await.unwrap();
    }
    for (id, version) in names.iter().zip(1..) {
        assert_eq!(store.snapshot(&stream(id)).await.unwrap(), Some(snapshot(&stream(id), version)));
    }
}

pub(super) async fn their_state_comes_back_byte_for_byte(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let a = stream("a");
    let large = format!("{{\"text\":\"{}\"}}", "größe\\u0000 ".repeat(40_000));
    for json in ["{ \"b\" : 1.0,\n\"a\":\t[ ] }", "\"\\u0000\\\\ \\n\u{1F980}\"", &large] {
        keep(&store, Snapshot { state: Payload::json(json), ..snapshot(&a, 1) }).await;
    }
    let bytes: Vec<u8> = (0..=255).chain(*b"\n{}\n").collect();
    let format = Name::from("sealed \\ \u{0}");
    keep(&store, Snapshot { state: Payload::Other { format, bytes: bytes.into() }, ..snapshot(&a, 1) }).await;
}

/// That is found out by whoever uses it.
pub(super) async fn a_stream_may_be_behind_its_snapshot(store: Subject) {
    if !keeps(&store) {
        return;
    }
    keep(&store, snapshot(&stream("nobody"), 7)).await;
    let a = stream("a");
    write(&store, &a, Expected::NoStream, 1).await;
    keep(&store, snapshot(&a, 1_000_000)).await;
    write(&store, &a, exact(1), 1).await;
    assert_eq!(store.snapshot(&a).await.unwrap(), Some(snapshot(&a, 1_000_000)));
}

pub(super) async fn no_event_comes_of_them(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let a = stream("a");
    write(&store, &a, Expected::NoStream, 2).await;
    let (events, head) = (read_all(&store).await, store.head().await.unwrap());
    keep(&store, snapshot(&a, 2)).await;
    keep(&store, snapshot(&stream("b"), 1)).await;
    assert_eq!((read_all(&store).await, store.head().await.unwrap()), (events, head));
    write(&store, &a, exact(2), 1).await;
    write(&store, &stream("b"), Expected::NoStream, 1).await;
}

/// In the midst of appends to the same streams.
pub(super) async fn of_many_at_once_one_is_kept_whole(store: Subject) {
    if !keeps(&store) {
        return;
    }
    const WRITERS: u64 = 16;
    let a = stream("a");
    together(WRITERS as usize, |writer| {
        let (store, a) = (store.clone(), a.clone());
        async move {
            let (version, own) = (writer as u64 + 1, stream(format!("{writer}")));
            write(&store, &a, Expected::Any, 1).await;
            for _ in 0..3 {
                store.save_snapshot(snapshot(&a, version)).await.unwrap();
                // So that they do not keep in step.
                for _ in 0..version % 4 {
                    tokio::task::yield_now().await;
                }
                let found = store.snapshot(&a).await.unwrap().unwrap();
                assert_eq!(found, snapshot(&a, found.version.get()));
                keep(&store, snapshot(&own, version)).await;
            }
        }
    })
    .await;
    assert_eq!(read_all(&store).await.len() as u64, WRITERS);
}
