//! Views that no program has any more.

use std::sync::Arc;

use factum::{
    Consistency::{Eventual, Transactional},
    Repository,
    app::StartError,
};

use crate::{
    app,
    domain::{Account, Amounts, Balance, Highest, fill, open, pay},
    on_each, rows,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_let_go_keeps_nobody_from_writing() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let start = || app(&store).view::<Balance>(Transactional).view::<Highest>(Transactional).start();
        let old = start().await.unwrap();
        fill(&old.repository::<Account>(), 2, 2).await;
        let plain = Repository::<Account>::new(Arc::clone(&store));
        let error = plain.execute(&1, pay(1)).await.unwrap_err().to_string();
        let names = ["balance", "highest"].map(|view| format!("`App::retire::<…>(\"{view}\")`"));
        assert!(names.iter().any(|name| error.contains(name)), "{error}");

        let without = || app(&store).retire::<Account>("balance").retire::<Account>("highest");
        let new = without().view::<Amounts>(Eventual).start().await.unwrap();
        for table in ["balance", "highest"] {
            assert_eq!(new.read_store().builds(table).await.unwrap(), []);
        }
        plain.execute(&1, pay(10)).await.unwrap();
        new.repository::<Account>().execute(&2, pay(10)).await.unwrap();
        // Who has it still writes neither events nor rows.
        let version = plain.load(&1).await.unwrap().unwrap().version;
        old.repository::<Account>().execute(&1, pay(1)).await.unwrap_err();
        assert_eq!(plain.load(&1).await.unwrap().unwrap().version, version);
        old.shutdown().await;
        new.shutdown().await;
        // It may be said again; and one that starts with the views has them, whole.
        without().start().await.unwrap().shutdown().await;
        let again = start().await.unwrap();
        assert_eq!(rows::<Balance>(&again).await.iter().map(|row| row.balance).collect::<Vec<_>>(), [13, 13]);
        assert_eq!(rows::<Highest>(&again).await.len(), 2);
        plain.execute(&1, pay(1)).await.unwrap_err();
        again.shutdown().await;
    })
    .await;
}

/// What is in the database beside it stays.
#[tokio::test]
async fn only_the_view_that_is_named_is_let_go() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let start = || app(&store).view::<Balance>(Transactional).view::<Highest>(Eventual);
        let both = start().start().await.unwrap();
        both.repository::<Account>().execute(&1, open("ann")).await.unwrap();
        both.shutdown().await;
        let error = start().retire::<Account>("balance").start().await.unwrap_err();
        assert!(matches!(error, StartError::Retired { view: "balance", category: "account" }), "{error}");
        let one =
            app(&store).retire::<Account>("highest").view::<Balance>(Transactional).start().await.unwrap();
        one.repository::<Account>().execute(&1, pay(1)).await.unwrap();
        assert_eq!(rows::<Balance>(&one).await[0].balance, 1);
        assert_eq!(one.read_store().builds("highest").await.unwrap(), []);
        assert!(Repository::<Account>::new(store).execute(&1, pay(1)).await.is_err());
        one.shutdown().await;
    })
    .await;
}
