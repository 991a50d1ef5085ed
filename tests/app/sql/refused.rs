//! What cannot be, and what is said of it.

use std::sync::Arc;

use factum::{
    App, Consistency, Recorded,
    app::{ReadError, StartError},
    handler::HandlerError,
    read::SqlTransaction,
    store::{MemoryStore, StoreErrorKind},
    view::SqlView,
};

use super::{
    fill,
    ledger::{Ledger, NextLedger, tables},
    on_each,
};
use crate::{
    app,
    domain::{Account, AccountEvent},
};

#[tokio::test]
async fn it_cannot_be_written_with_the_commits() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let error = app(&store).sql_view(Ledger, Consistency::Transactional).start().await.unwrap_err();
        assert!(matches!(error, StartError::NotData { view: "ledger" }), "{error}");
        assert!(error.to_string().contains("`Awaited`") && error.to_string().contains("by_hand"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_store_without_sql_says_so_at_once() {
    let error = App::new(Arc::new(MemoryStore::new())).sql_view(Ledger, Consistency::Eventual).start().await;
    let StartError::Store { view: "ledger", cause } = error.unwrap_err() else { panic!("another error") };
    assert_eq!(cause.kind(), StoreErrorKind::Invalid);
    assert!(cause.to_string().contains("SQLite or PostgreSQL"), "{cause}");
}

#[tokio::test]
async fn two_views_cannot_have_one_table() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let both =
            app(&store).sql_view(Ledger, Consistency::Eventual).sql_view(Wrong::<0>, Consistency::Eventual);
        let error = both.start().await.unwrap_err();
        assert!(matches!(error, StartError::SameTable { table: "owners" }), "{error}");
        let twice =
            app(&store).sql_view(Ledger, Consistency::Eventual).sql_view(NextLedger, Consistency::Eventual);
        assert!(matches!(twice.start().await, Err(StartError::SameTable { .. })));
    })
    .await;
}

/// Views whose definitions are wrong in different ways.
struct Wrong<const HOW: usize>;

/// What the error says, and the tables.
type Wrongly = (&'static str, &'static [(&'static str, &'static str)]);

const WRONG: [Wrongly; 6] = [
    ("owners", &[("owners", "CREATE TABLE {owners} (owner TEXT)")]),
    ("is wrong", &[("items", "CREATE TABEL {items} (x TEXT)")]),
    ("in braces", &[("items", "CREATE TABLE items (x TEXT)")]),
    ("at least one", &[]),
    ("ends with `__`", &[("items__2", "CREATE TABLE {items__2} (x TEXT)")]),
    ("does not belong to the view", &[("foreign_items", "CREATE TABLE {foreign_items} (x TEXT)")]),
];

impl<const HOW: usize> SqlView for Wrong<HOW> {
    type Source = Account;
    const NAME: &'static str = "wrong";
    const VERSION: u32 = 1;
    const TABLES: &'static [(&'static str, &'static str)] = WRONG[HOW].1;

    async fn project(
        &self,
        _: &Recorded<AccountEvent>,
        _: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        Ok(())
    }
}

async fn is_refused<const HOW: usize>(store: &Arc<dyn factum::Store>) {
    let error = app(store).sql_view(Wrong::<HOW>, Consistency::Eventual).start().await.unwrap_err();
    assert!(error.to_string().contains(WRONG[HOW].0), "{error}");
}

#[tokio::test]
async fn a_definition_that_is_wrong_leaves_nothing() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        assert!(house.meddle("CREATE TABLE foreign_items (x INTEGER)").await.unwrap());
        is_refused::<1>(&store).await;
        is_refused::<2>(&store).await;
        is_refused::<3>(&store).await;
        is_refused::<4>(&store).await;
        is_refused::<5>(&store).await;
        assert!(house.meddle("INSERT INTO foreign_items VALUES (1)").await.unwrap(), "it is there still");
        assert!(house.meddle("CREATE TABLE items (x INTEGER)").await.unwrap(), "the name is free");
        let books = Arc::clone(&store).read_store().unwrap();
        assert_eq!(books.builds("wrong").await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn questions_change_nothing() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).sql_view(Ledger, Consistency::Awaited).start().await.unwrap();
        fill(&app, 2, 2).await;
        let before = tables(&app).await;
        let ledger = app.sql_view::<Ledger>();
        for (sql, values) in [
            ("DELETE FROM {accounts} RETURNING number", 0),
            ("DELETE FROM {accounts}", 0),
            ("SELECT nothing FROM {accounts}", 0),
            ("SELECT $1", 0),
            ("SELECT number FROM {accounts}", 1),
        ] {
            let error = ledger.query(sql, &vec![1.into(); values]).await.unwrap_err();
            let ReadError::Store { view: "ledger", cause } = &error else { panic!("{error}") };
            assert_eq!(cause.kind(), StoreErrorKind::Invalid, "{sql}: {error}");
        }
        assert_eq!(tables(&app).await, before);
        let other = app.sql_view::<Wrong<0>>().query("SELECT 1", &[]).await.unwrap_err();
        assert!(matches!(other, ReadError::Unknown { view: "wrong" }), "{other}");
        app.shutdown().await;
    })
    .await;
}
