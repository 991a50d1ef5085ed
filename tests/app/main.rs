//! Apps: views kept ready by events, at each level, on each store that keeps views.
#![allow(missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod altered;
mod books;
mod changes;
mod domain;
mod killed;
mod letters;
mod levels;
mod processes;
mod query;
mod rebuild;
mod refused;
mod replay;
mod retired;
mod silent;
mod sql;

use std::{future::Future, sync::Arc, time::Duration};

use factum::{
    App, Consistency, RunningApp, Store,
    app::{State, Status},
    read::{Query, Values},
    testing::contract::Harness,
    view::View,
};
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Schema;
use factum_tests::stores::Memory;
#[cfg(feature = "sqlite")]
use factum_tests::stores::SqliteFile;

/// The stores that keep views, as far as they can be tried here.
pub(crate) async fn houses() -> Vec<(&'static str, Box<dyn Harness>)> {
    let mut houses: Vec<(_, Box<dyn Harness>)> = vec![("memory", Box::new(Memory::default()))];
    #[cfg(feature = "sqlite")]
    houses.push(("sqlite", Box::new(SqliteFile::new("?synchronous=off"))));
    #[cfg(all(feature = "postgres", unix))]
    houses.push(("postgres", Box::new(Schema::new())));
    houses.retain(|(_, house)| house.missing().is_none());
    let mut with_views = Vec::new();
    for (name, house) in houses {
        if house.open().await.unwrap().read_store().is_some() {
            with_views.push((name, house));
        }
    }
    with_views
}

/// A new store of this kind.
pub(crate) async fn fresh(kind: &str) -> Arc<dyn Store> {
    let houses = houses().await;
    let (_, house) = houses.into_iter().find(|(name, _)| *name == kind).unwrap();
    let store = house.open().await.unwrap();
    // Its files are to be there as long as the store is.
    Box::leak(house);
    store
}

/// Does the same on each store.
pub(crate) async fn on_each<F: Future<Output = ()>>(test: impl Fn(Box<dyn Harness>) -> F) {
    for (name, house) in houses().await {
        eprintln!("on {name}");
        test(house).await;
    }
}

pub(crate) const LEVELS: [Consistency; 3] =
    [Consistency::Transactional, Consistency::Awaited, Consistency::Eventual];

/// An app whose leases are short, so that tests are.
pub(crate) fn app(store: &Arc<dyn Store>) -> App {
    App::new(Arc::clone(store)).lease(Duration::from_secs(1))
}

/// The rows of a view as its table has them, without waiting for anything.
pub(crate) async fn table<V: View>(store: &Arc<dyn Store>) -> Vec<Values> {
    let query = Query {
        table: V::table(),
        conditions: Vec::new(),
        order: None,
        descending: false,
        after: None,
        limit: 1_000_000,
    };
    Arc::clone(store).read_store().unwrap().find(&query).await.unwrap()
}

/// All rows of a view, when it has seen everything that has happened so far.
pub(crate) async fn rows<V: View>(app: &RunningApp) -> Vec<V> {
    let head = app.store().head().await.unwrap();
    app.view::<V>()
        .after_position(head)
        .within(Duration::from_secs(30))
        .all()
        .limit(100_000)
        .await
        .unwrap()
        .rows
}

/// Waits until something is so; two minutes are too long, on whatever machine.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(120), waited).await.is_ok(), "never: {what}");
}

/// The readers of a view.
pub(crate) fn status_of(app: &RunningApp, view: &str) -> Vec<Status> {
    app.status().into_iter().filter(|status| status.reader.split('#').next() == Some(view)).collect()
}

pub(crate) async fn until_state(app: &RunningApp, view: &str, is_so: impl Fn(&State) -> bool) {
    until("the state", || async { status_of(app, view).iter().any(|status| is_so(&status.state)) }).await;
}
