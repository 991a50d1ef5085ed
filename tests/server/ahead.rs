//! Whoever reads on gets pages that were read before he asked.

use std::time::Duration;

use factum::store::{Expected, Filter, Name, Position};
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
