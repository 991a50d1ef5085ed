//! What cannot be, and what is said of it.

use std::sync::Arc;

use factum::{
    App, Consistency, ExecuteError, Repository, View,
    app::{ReadError, RebuildError, StartError},
    store::{MemoryStore, StoreErrorKind},
};

use crate::{
    app,
    domain::{Account, Balance, Fussy, Highest, MENDED, fill, next, open, pay},
    on_each,
};

#[tokio::test]
async fn who_does_not_know_a_transactional_view_cannot_write() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Balance>(Consistency::Transactional).start().await.unwrap();
        app.repository::<Account>().execute(&1, open("ann")).await.unwrap();
        let plain = Repository::<Account>::new(Arc::clone(&store));
        let error = plain.execute(&1, pay(1)).await.unwrap_err();
        let ExecuteError::Store { cause, .. } = &error else { panic!("{error}") };
        assert_eq!(cause.kind(), StoreErrorKind::Constrained);
        assert!(error.to_string().contains("`balance:"), "{error}");
        assert!(error.to_string().contains("repository of an `App`"), "{error}");
        // One without the view is no better.
        let other = crate::app(&store).start().await.unwrap();
        assert!(other.repository::<Account>().execute(&1, pay(1)).await.is_err());
        assert!(other.transaction().execute::<Account>(&1, pay(1)).commit().await.is_err());
        app.repository::<Account>().execute(&1, pay(1)).await.unwrap();
        assert_eq!(app.view::<Balance>().get(&1).await.unwrap().unwrap().balance, 1);
    })
    .await;
}

#[tokio::test]
async fn a_transactional_view_is_where_the_events_are() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let elsewhere = Arc::new(MemoryStore::new());
        let there = crate::app(&store).read_store(elsewhere.clone());
        let error = there.view::<Balance>(Consistency::Transactional).start().await.unwrap_err();
        assert!(matches!(error, StartError::Elsewhere { view: "balance" }), "{error}");
        // At another level it may be anywhere.
        let app = crate::app(&store)
            .read_store(elsewhere)
            .view::<Balance>(Consistency::Awaited)
            .start()
            .await
            .unwrap();
        app.repository::<Account>().execute(&1, open("ann")).await.unwrap();
        assert!(app.view::<Balance>().get(&1).await.unwrap().is_some());
        app.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn two_views_have_two_tables() {
    let store: Arc<dyn factum::Store> = Arc::new(MemoryStore::new());
    let app =
        App::new(store).view::<Balance>(Consistency::Eventual).view::<next::Balance>(Consistency::Eventual);
    let error = app.start().await.unwrap_err();
    assert!(matches!(error, StartError::SameTable { table: "balance" }), "{error}");
}

/// Its rules need the time of the event before there is one.
#[derive(View, Clone, Debug, PartialEq)]
#[view(of(Account))]
pub struct Ages {
    #[key]
    pub number: u64,
    #[on(Opened = recorded.at + chrono::Duration::days(1))]
    pub due: chrono::DateTime<chrono::Utc>,
}

#[tokio::test]
async fn a_transactional_view_does_not_compute_with_what_is_not_known() {
    let store: Arc<dyn factum::Store> = Arc::new(MemoryStore::new());
    let start = |level| App::new(Arc::clone(&store)).view::<Ages>(level).start();
    let error = start(Consistency::Transactional).await.unwrap_err();
    assert!(matches!(error, StartError::Recorded { view: "ages" }), "{error}");
    start(Consistency::Eventual).await.unwrap();
}

#[tokio::test]
async fn a_view_that_the_app_does_not_have_is_found_out() {
    let store: Arc<dyn factum::Store> = Arc::new(MemoryStore::new());
    let app = App::new(store).view::<Highest>(Consistency::Transactional).start().await.unwrap();
    let error = app.view::<Balance>().get(&1).await.unwrap_err();
    assert!(matches!(error, ReadError::Unknown { view: "balance" }), "{error}");
    let error = app.rebuild::<Balance>().await.unwrap_err();
    assert!(matches!(error, RebuildError::Unknown { view: "balance" }), "{error}");
    let error = app.rebuild::<Highest>().await.unwrap_err();
    assert!(matches!(error, RebuildError::Transactional { view: "highest" }), "{error}");
    let error = app.view::<Highest>().get(&u64::MAX).await.unwrap_err();
    assert!(matches!(error, ReadError::Value { view: "highest", .. }), "{error}");
}

/// It is not made transactional without events that it should have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transactional_view_takes_everything_or_is_none() {
    let _turn = crate::letters::turn().await;
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let plain = Repository::<Account>::new(Arc::clone(&store));
        fill(&plain, 2, 2).await;
        let bad = plain.execute(&2, pay(13)).await.unwrap();
        let start = || crate::app(&store).view::<Fussy>(Consistency::Transactional).start();
        let error = start().await.unwrap_err();
        let StartError::CannotTake { view: "fussy", letters: 1, position, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*position, bad.position);
        assert!(error.to_string().contains("13 is not taken"), "{error}");
        // Nobody is kept from writing by an attempt that failed.
        plain.execute(&2, pay(1)).await.unwrap();
        MENDED.store(true, std::sync::atomic::Ordering::SeqCst);
        let app = start().await.unwrap();
        assert_eq!(app.view::<Fussy>().get(&2).await.unwrap().unwrap().sum, 1 + 2 + 13 + 1);
        MENDED.store(false, std::sync::atomic::Ordering::SeqCst);
    })
    .await;
}
