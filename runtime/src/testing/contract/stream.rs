//! Reading one stream.

use super::support::{Subject, exact, read, read_all, read_from, stream, write};
use crate::{Version, store::Expected};

pub(super) async fn no_limit_is_exceeded(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 5).await;
    for limit in 0..7 {
        let page = store.read_stream(&stream, Version::FIRST, limit).await.unwrap();
        assert!((1..=limit.max(1)).contains(&page.events.len()), "limit {limit}: {}", page.events.len());
    }
    // A limit that no vector could be made for.
    assert_eq!(read_from(&store, &stream, Version::FIRST, usize::MAX).await.len(), 5);
}

pub(super) async fn the_last_page_has_no_next(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 4).await;
    for (from, limit) in [(1, 4), (1, 9), (3, 2), (4, 1), (4, 0)] {
        let mut from = Version::new(from);
        // Pages may be shorter than asked for, so the last event may be on a later one.
        loop {
            let page = store.read_stream(&stream, from, limit).await.unwrap();
            if page.events.last().is_some_and(|event| event.version == 4) {
                assert_eq!(page.next, None, "from {from}, limit {limit}");
                break;
            }
            from = page.next.unwrap();
        }
    }
    let page = store.read_stream(&stream, Version::new(2), 1).await.unwrap();
    assert_eq!(page.next, Some(Version::new(3)));
}

pub(super) async fn reading_begins_at_any_version(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 3).await;
    write(&store, &stream, exact(3), 4).await;
    let whole = read(&store, &stream).await;
    assert_eq!(read_from(&store, &stream, Version::NONE, 3).await, whole);
    for from in 1..=7 {
        let rest = read_from(&store, &stream, Version::new(from), 2).await;
        assert_eq!(rest, whole[from as usize - 1..]);
    }
}

pub(super) async fn behind_the_end_is_nothing(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 3).await;
    for from in [4, 5, 1_000, i64::MAX as u64, u64::MAX] {
        let page = store.read_stream(&stream, Version::new(from), 2).await.unwrap();
        assert!(page.events.is_empty() && page.next.is_none(), "from {from}");
    }
}

pub(super) async fn pages_of_any_size_are_the_whole(store: Subject) {
    let stream = stream("a");
    for count in [5, 1, 12, 2, 3] {
        write(&store, &stream, Expected::Any, count).await;
    }
    let whole = read(&store, &stream).await;
    assert_eq!(whole.len(), 23);
    for limit in [0, 1, 2, 3, 7, 22, 23, 24] {
        assert_eq!(read_from(&store, &stream, Version::FIRST, limit).await, whole, "pages of {limit}");
    }
}

pub(super) async fn what_is_appended_meanwhile_comes_at_the_end(store: Subject) {
    let stream = stream("a");
    write(&store, &stream, Expected::NoStream, 4).await;
    let mut events = store.read_stream(&stream, Version::FIRST, 2).await.unwrap().events;
    write(&store, &stream, exact(4), 3).await;
    let next = events.last().unwrap().version.next();
    events.extend(read_from(&store, &stream, next, 2).await);
    assert_eq!(events, read(&store, &stream).await);
    assert_eq!(events.len(), 7);
}

pub(super) async fn streams_do_not_mix(store: Subject) {
    let streams: Vec<_> = (0..5).map(|number| stream(format!("{number}"))).collect();
    for round in 0..4 {
        for stream in &streams {
            write(&store, stream, exact(round * 2), 2).await;
        }
    }
    for stream in &streams {
        assert_eq!(read_from(&store, stream, Version::FIRST, 3).await.len(), 8);
    }
    assert_eq!(read_all(&store).await.len(), 40);
}
