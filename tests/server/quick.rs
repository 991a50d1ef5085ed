//! The statements that only look at what they have to: they must not believe what is no longer so.

use factum::{
    Version,
    store::{AppendError, Commit, Expected},
};
use factum_tests::postgres::Postgres;

use super::{Subject, all, commit, events_of, somebody, stream};

/// An append behind the last event of this stream, as it was read.
async fn behind_what_was_read(store: &Subject, id: &str) -> Commit {
    let facts = store.read_facts(&stream(id), Version::FIRST, 100).await.unwrap();
    let mut next = commit(id, Expected::Exact(3.into()), 1);
    next.appends[0].tail = facts.tail;
    next
}

/// A server that takes over may not have heard of what was acknowledged last. It is lost, but not the order of the rest.
#[tokio::test]
async fn events_that_were_read_and_are_gone_leave_no_gap() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let named = format!("{url}&application_name=lost");
    let store = factum::open(&named).await.unwrap();
    let admin = somebody(&url).await;
    store.append(commit("a", Expected::NoStream, 3)).await.unwrap();
    let next = behind_what_was_read(&store, "a").await;

    admin.batch_execute("DELETE FROM events WHERE version > 1").await.unwrap();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lost'";
    assert!(admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0);
    let refused = store.append(next).await.unwrap_err();
    let AppendError::Conflict { actual, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(actual.get(), 1);
    assert_eq!(events_of(&store, "a").await.len(), 1);
}

#[tokio::test]
async fn who_is_alone_and_too_late_is_told_so() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let (here, there) = (factum::open(&url).await.unwrap(), factum::open(&url).await.unwrap());
    here.append(commit("a", Expected::NoStream, 3)).await.unwrap();
    let next = behind_what_was_read(&here, "a").await;
    there.append(commit("a", Expected::Exact(3.into()), 2)).await.unwrap();
    let refused = here.append(next.clone()).await.unwrap_err();
    let AppendError::Conflict { actual, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(actual.get(), 5);

    // Given again, what was recorded is recognised.
    let next = commit("b", Expected::NoStream, 1);
    let first = here.append(next.clone()).await.unwrap();
    assert_eq!(here.append(next).await.unwrap().position(), first.position());
}

/// As after a copy of the tables that did not bring the sequence along.
#[tokio::test]
async fn a_sequence_that_was_left_behind_catches_up() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    store.append(commit("a", Expected::NoStream, 5)).await.unwrap();
    somebody(&url).await.batch_execute("ALTER SEQUENCE positions RESTART").await.unwrap();
    for id in ["b", "c"] {
        store.append(commit(id, Expected::NoStream, 1)).await.unwrap();
    }
    let positions: Vec<_> = all(&store).await.iter().map(|event| event.position).collect();
    assert_eq!(positions.len(), 7);
    assert!(positions.is_sorted());
}

/// The same, where commits that were refused have left gaps, into which nothing may come.
#[tokio::test]
async fn a_sequence_that_was_left_behind_fills_no_gap() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    let admin = somebody(&url).await;
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    admin.batch_execute("SELECT setval('positions', 10)").await.unwrap();
    let last = store.append(commit("b", Expected::NoStream, 5)).await.unwrap().position();
    admin.batch_execute("ALTER SEQUENCE positions RESTART WITH 3").await.unwrap();
    let store = factum::open(&url).await.unwrap();
    for id in ["c", "d"] {
        assert!(store.append(commit(id, Expected::NoStream, 1)).await.unwrap().position() > last);
    }
}
