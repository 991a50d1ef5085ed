//! Whoever reads on gets pages that were read before he asked.

use std::time::Duration;

use factum::store::{Expected, Filter, Name, Payload, Position};
use factum_tests::postgres::Postgres;

use super::{Subject, commit};

/// The positions of a page, and whether it is the last one.
async fn page(store: &Subject, filter: &Filter, after: u128, limit: usize) -> (Vec<u128>, bool) {
    let page = store.read_all(filter, Position::new(after), limit).await.unwrap();
    (page.events.iter().map(|event| event.position.get()).collect(), page.end)
}

/// Long enough for a page that is read ahead to be there.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn what_was_read_ahead_hides_nothing_that_came_later() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    store.append(commit("a", Expected::NoStream, 5)).await.unwrap();
    assert_eq!(page(&store, &Filter::All, 0, 2).await, (vec![1, 2], false));
    assert_eq!(page(&store, &Filter::All, 2, 2).await, (vec![3, 4], false));
    pause().await;
    store.append(commit("b", Expected::NoStream, 2)).await.unwrap();
    assert_eq!(page(&store, &Filter::All, 4, 2).await, (vec![5, 6], false));
    pause().await;
    assert_eq!(page(&store, &Filter::All, 6, 2).await, (vec![7], true));
    store.append(commit("c", Expected::NoStream, 1)).await.unwrap();
    assert_eq!(page(&store, &Filter::All, 7, 2).await, (vec![8], true));
}

/// Several pages come at once, and not all of them are full or followed by more.
#[tokio::test]
async fn pages_that_came_together_are_those_that_would_come_one_by_one() {
    let Some(server) = Postgres::shared() else { return };
    for recorded in 0..12 {
        let store = factum::open(&server.fresh()).await.unwrap();
        if recorded > 0 {
            store.append(commit("a", Expected::NoStream, recorded)).await.unwrap();
        }
        let filter = Filter::Categories(vec![Name::from_static("server")]);
        for filter in [&Filter::All, &filter] {
            let mut after = 0;
            loop {
                let last = (after + 3).min(recorded as u128);
                let expected = ((after + 1..=last).collect(), last == recorded as u128);
                let found = page(&store, filter, after, 3).await;
                assert_eq!(found, expected, "of {recorded}");
                if found.1 {
                    break;
                }
                after = last;
            }
        }
    }
}

#[tokio::test]
async fn what_comes_while_pages_are_handed_out_is_behind_them() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    store.append(commit("a", Expected::NoStream, 20)).await.unwrap();
    let (mut after, mut read) = (0, Vec::new());
    loop {
        let (positions, end) = page(&store, &Filter::All, after, 2).await;
        after = positions.last().copied().unwrap_or(after);
        read.extend(positions);
        if (6..=18).contains(&after) {
            pause().await;
            store.append(commit(&format!("{after}"), Expected::NoStream, 1)).await.unwrap();
        }
        if end {
            break;
        }
    }
    assert_eq!(read, (1..=27).collect::<Vec<_>>());
}

/// Events too large for many of them to be read ahead.
#[tokio::test]
async fn pages_of_large_events_are_as_large_as_asked_for() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    store.append(commit("a", Expected::NoStream, 6)).await.unwrap();
    let mut large = commit("b", Expected::NoStream, 6);
    for event in large.appends.iter_mut().flat_map(|append| &mut append.events) {
        event.payload = Payload::json(format!("\"{}\"", "x".repeat(3 << 20)));
    }
    store.append(large).await.unwrap();
    for after in [0, 2, 4, 6, 8, 10] {
        assert_eq!(page(&store, &Filter::All, after, 2).await, (vec![after + 1, after + 2], after == 10));
        pause().await;
    }
}

#[tokio::test]
async fn what_was_read_ahead_is_for_who_asks_for_just_that() {
    let Some(server) = Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    store.append(commit("a", Expected::NoStream, 9)).await.unwrap();
    let others = Filter::Categories(vec![Name::from_static("others")]);
    for (filter, after, limit, expected) in [
        (&Filter::All, 4, 3, (vec![5, 6, 7], false)),
        (&Filter::All, 5, 2, (vec![6, 7], false)),
        (&others, 4, 2, (vec![], true)),
        (&Filter::All, 4, 2, (vec![5, 6], false)),
    ] {
        assert_eq!(page(&store, &Filter::All, 0, 2).await.0, [1, 2]);
        assert_eq!(page(&store, &Filter::All, 2, 2).await.0, [3, 4]);
        pause().await;
        assert_eq!(page(&store, filter, after, limit).await, expected);
    }
}
