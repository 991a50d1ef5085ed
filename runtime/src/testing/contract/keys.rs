//! Idempotency keys: what was recorded under one is found again, and nothing else is recorded under it.
//!
//! A store that remembers no keys refuses them, which the theme `refusal` tries; here it passes.

use super::support::{
    Subject, append, commit, conflict, exact, only, read_all, refused, stream, together, write,
};
use crate::store::{
    AppendError, Capability, Commit, Expected, IdempotencyKey, Name, StoreErrorKind, StreamId,
};

pub(super) fn key(key: impl AsRef<str>) -> IdempotencyKey {
    let category = Name::from_static("contract");
    IdempotencyKey { category, key: key.as_ref().to_owned(), fingerprint: [7; 16] }
}

pub(super) fn remembers(store: &Subject) -> bool {
    store.capabilities().supports(Capability::IdempotencyKeys)
}

/// A commit of `count` events under this key.
pub(super) fn keyed(stream: &StreamId, expected: Expected, count: usize, key: IdempotencyKey) -> Commit {
    let mut commit = commit(stream, expected, count);
    commit.key = Some(key);
    commit
}

pub(super) async fn used(store: &Subject, commit: Commit) -> IdempotencyKey {
    match store.append(commit).await {
        Err(AppendError::KeyUsed { key }) => key,
        other => panic!("expected the key to be used, got {other:?}"),
    }
}

pub(super) async fn what_was_recorded_under_a_key_is_found(store: Subject) {
    if !remembers(&store) {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    write(&store, &a, Expected::NoStream, 2).await;
    assert_eq!(store.remembered(&key("k")).await.unwrap(), None);
    store.append(keyed(&a, exact(2), 3, key("k"))).await.unwrap();
    write(&store, &a, exact(5), 1).await;
    let mut several = Commit::new(vec![append(&b, Expected::Any, 2), append(&a, exact(6), 1)]);
    several.key = Some(IdempotencyKey { fingerprint: [9; 16], ..key("several") });
    store.append(several).await.unwrap();
    write(&store, &b, Expected::Any, 1).await;
    let all = read_all(&store).await;
    let found = store.remembered(&key("k")).await.unwrap().unwrap();
    assert_eq!((found.fingerprint, found.events), ([7; 16], all[2..5].to_vec()));
    let found = store.remembered(&key("several")).await.unwrap().unwrap();
    assert_eq!((found.fingerprint, found.events), ([9; 16], all[6..9].to_vec()));
}

pub(super) async fn another_commit_under_it_is_refused(store: Subject) {
    if !remembers(&store) {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    store.append(keyed(&a, Expected::NoStream, 1, key("k"))).await.unwrap();
    let before = read_all(&store).await;
    for expected in [exact(1), Expected::Any] {
        assert_eq!(used(&store, keyed(&a, expected, 1, key("k"))).await, key("k"));
    }
    used(&store, keyed(&b, Expected::NoStream, 1, key("k"))).await;
    let other = IdempotencyKey { fingerprint: [8; 16], ..key("k") };
    used(&store, keyed(&b, Expected::NoStream, 1, other)).await;
    assert_eq!(read_all(&store).await, before);
    store.append(keyed(&b, Expected::NoStream, 1, key("other"))).await.unwrap();
}

/// The same commit, not another one under its key.
pub(super) async fn a_commit_may_be_given_again(store: Subject) {
    if !remembers(&store) {
        return;
    }
    for (id, expected) in [("a", Expected::NoStream), ("b", Expected::Any)] {
        let commit = keyed(&stream(id), expected, 2, key(id));
        let first = only(store.append(commit.clone()).await.unwrap());
        let again = only(store.append(commit).await.unwrap());
        assert_eq!((again.first, again.positions), (first.first, first.positions));
    }
    assert_eq!(read_all(&store).await.len(), 4);
}

pub(super) async fn a_commit_that_failed_is_not_remembered(store: Subject) {
    if !remembers(&store) {
        return;
    }
    let a = stream("a");
    conflict(&store, keyed(&a, exact(3), 1, key("k"))).await;
    assert_eq!(store.remembered(&key("k")).await.unwrap(), None);
    store.append(keyed(&a, Expected::NoStream, 1, key("k"))).await.unwrap();
}

pub(super) async fn categories_have_their_own(store: Subject) {
    if !remembers(&store) {
        return;
    }
    let other = || IdempotencyKey { category: Name::from_static("contract2"), ..key("k") };
    store.append(keyed(&stream("a"), Expected::NoStream, 1, key("k"))).await.unwrap();
    assert_eq!(store.remembered(&other()).await.unwrap(), None);
    store.append(keyed(&stream("b"), Expected::NoStream, 1, other())).await.unwrap();
    assert_eq!(store.remembered(&other()).await.unwrap().unwrap().events[0].stream, stream("b"));
}

/// In commits that may share a transaction.
pub(super) async fn of_many_under_one_key_one_takes_effect(store: Subject) {
    race(&[store]).await;
}

/// The writers go by turns to these handles on one store.
pub(super) async fn race(stores: &[Subject]) {
    let store = &stores[0];
    const WRITERS: usize = 24;
    const KEYS: usize = 4;
    if !remembers(store) {
        return;
    }
    let won = together(WRITERS, |writer| {
        let store = stores[writer % stores.len()].clone();
        async move {
            let mut won = Vec::new();
            for number in 0..KEYS {
                let stream = stream(format!("{writer}/{number}"));
                match store.append(keyed(&stream, Expected::NoStream, 1, key(format!("{number}")))).await {
                    Ok(_) => won.push((number, stream)),
                    Err(AppendError::KeyUsed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                let own = format!("{writer}/{number}/own");
                let commit = keyed(&super::support::stream(&own), Expected::Any, 1, key(&own));
                store.append(commit).await.unwrap();
            }
            won
        }
    })
    .await;
    let mut won: Vec<_> = won.into_iter().flatten().collect();
    won.sort_unstable();
    assert_eq!(won.len(), KEYS, "{won:?}");
    for (number, stream) in won {
        let found = store.remembered(&key(format!("{number}"))).await.unwrap().unwrap();
        assert_eq!(found.events[0].stream, stream);
    }
    assert_eq!(read_all(store).await.len(), KEYS + WRITERS * KEYS);
}

pub(super) async fn any_text_is_a_key(store: Subject) {
    if !remembers(&store) {
        return;
    }
    let long = "ü".repeat(IdempotencyKey::LONGEST / 2);
    for text in [" ", "a", "A", "\u{0}", "\\", "é", ".", "*", ">", "\u{1F980}", &long] {
        let stream = stream(text);
        store.append(keyed(&stream, Expected::NoStream, 1, key(text))).await.unwrap();
        assert_eq!(store.remembered(&key(text)).await.unwrap().unwrap().events[0].stream, stream);
    }
}

pub(super) async fn no_key_is_empty_or_endless(store: Subject) {
    if !remembers(&store) {
        return;
    }
    for text in ["", &"k".repeat(IdempotencyKey::LONGEST + 1), &"k".repeat(10_000)] {
        let error = refused(&store, keyed(&stream("a"), Expected::NoStream, 1, key(text))).await;
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
    }
    assert!(read_all(&store).await.is_empty());
}
