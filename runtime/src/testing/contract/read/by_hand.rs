//! Somebody goes around the store. Nothing of others is touched, and nothing is told that is not so.
//!
//! A store that nobody can get at with SQL passes.

use super::{
    super::Harness,
    support::{Subject, all, code, kind, live, number, prepared, put, query, ticket, tickets},
};
use crate::{
    read::{ReadStore, WorkError},
    store::StoreErrorKind,
};

/// A store with a live view, and whether this could be done to it.
async fn after(harness: &dyn Harness<dyn ReadStore>, sql: &str) -> Option<(Subject, crate::read::Build)> {
    let store = harness.open().await.expect("the store opens");
    let build = live(&store, &tickets(), vec![ticket(1, "one", 1), ticket(2, "two", 2)]).await;
    // Statements that were used before are no excuse.
    all(&store, &tickets()).await;
    store.rows(&tickets(), &build, &[number(1)]).await.unwrap();
    harness.meddle(sql).await.unwrap().then_some((store, build))
}

pub(super) async fn tables_of_others_are_left_alone(harness: &dyn Harness<dyn ReadStore>) {
    let store = harness.open().await.expect("the store opens");
    if !harness.meddle("CREATE TABLE tickets (number INTEGER)").await.unwrap() {
        return;
    }
    assert_eq!(kind(store.prepare(&tickets(), code(1), false).await), StoreErrorKind::Foreign);
    assert_eq!(store.builds("tickets").await.unwrap(), []);
    assert!(harness.meddle("INSERT INTO tickets VALUES (1)").await.unwrap(), "it is there still");
    assert!(harness.meddle("DROP TABLE tickets").await.unwrap());
    let build = prepared(&store, &tickets(), 1).await;
    // Where it is to go, there is one by now.
    assert!(harness.meddle("CREATE TABLE tickets (number INTEGER)").await.unwrap());
    assert_eq!(kind(store.promote(&build, false).await), StoreErrorKind::Foreign);
    assert!(harness.meddle("DROP TABLE tickets").await.unwrap());
    put(&store, &tickets(), &build, vec![ticket(1, "one", 1)]).await;
    store.promote(&build, false).await.unwrap();
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", 1)]);
}

/// What a store says of a build whose table is not as it was made; and that it can be built anew.
async fn is_damaged(store: &Subject, build: &crate::read::Build) {
    assert_eq!(kind(store.find(&query(&tickets())).await), StoreErrorKind::Altered);
    assert_eq!(kind(store.rows(&tickets(), build, &[number(1)]).await), StoreErrorKind::Altered);
    assert_eq!(kind(store.examine(&tickets(), build).await), StoreErrorKind::Altered);
    assert_eq!(kind(store.prepare(&tickets(), code(1), false).await), StoreErrorKind::Altered);
    let after = store.position(&build.reader()).await.unwrap();
    let work = super::support::work(store, &tickets(), build, vec![ticket(3, "three", 3)], Vec::new()).await;
    let outcome = store.write(work).await;
    assert!(matches!(outcome, Err(WorkError::Row { .. } | WorkError::Store(_))), "{outcome:?}");
    assert_eq!(store.position(&build.reader()).await.unwrap(), after);
    let anew = store.prepare(&tickets(), code(1), true).await.unwrap();
    put(store, &tickets(), &anew, vec![ticket(4, "four", 4)]).await;
    store.promote(&anew, false).await.unwrap();
    assert_eq!(all(store, &tickets()).await, [ticket(4, "four", 4)]);
    assert_eq!(store.builds("tickets").await.unwrap().len(), 1);
    store.examine(&tickets(), &anew).await.unwrap();
    assert_eq!(kind(store.examine(&tickets(), build).await), StoreErrorKind::Missing);
}

pub(super) async fn a_table_that_is_gone_is_an_error(harness: &dyn Harness<dyn ReadStore>) {
    if let Some((store, build)) = after(harness, "DROP TABLE tickets").await {
        is_damaged(&store, &build).await;
    }
}

pub(super) async fn a_column_that_is_gone_is_an_error(harness: &dyn Harness<dyn ReadStore>) {
    if let Some((store, build)) = after(harness, "ALTER TABLE tickets RENAME COLUMN title TO name").await {
        is_damaged(&store, &build).await;
    }
}

/// It is a table like any other.
pub(super) async fn a_row_that_somebody_changed_is_read(harness: &dyn Harness<dyn ReadStore>) {
    let changed = "UPDATE tickets SET title = 'other', \"rank\" = NULL WHERE number = 2";
    let Some((store, build)) = after(harness, changed).await else { return };
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", 1), ticket(2, "other", None)]);
    let rows = store.rows(&tickets(), &build, &[number(2)]).await.unwrap();
    assert_eq!(rows, [Some(ticket(2, "other", None))]);
}
