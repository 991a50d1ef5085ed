//! Tables that are filled anew beside those that everybody reads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{Consistency, RunningApp, view::SqlView};

use super::{
    fill,
    ledger::{Ledger, NextLedger, expected, tables},
    on_each,
};
use crate::{
    app,
    domain::{Account, pay},
    status_of, until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rows_are_there_after_they_were_filled_anew() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).sql_view(Ledger, Consistency::Awaited).page_size(5).start().await.unwrap();
        fill(&app, 4, 4).await;
        let before = tables(&app).await;
        assert_eq!(before, expected(&app).await);
        for generation in 2..4 {
            app.rebuild_sql::<Ledger>().await.unwrap().done().await.unwrap();
            assert_eq!(tables(&app).await, before);
            let reader = format!("ledger#{generation}");
            until("the new reader is the only one", || async {
                status_of(&app, "ledger").iter().all(|status| status.reader == reader)
            })
            .await;
        }
        // Nothing is left of the others: their names are free.
        for name in ["accounts__1", "owners__2", "accounts__3"] {
            let sql = format!("CREATE TABLE {name} (x INTEGER)");
            assert!(house.meddle(&sql).await.unwrap(), "{name} is free");
        }
        app.shutdown().await;
    })
    .await;
}

/// Reads until it is told to stop; each time the tables are whole ones, of this version or the next. How often of which.
async fn look_on(app: RunningApp, going_on: Arc<AtomicBool>) -> [usize; 2] {
    let mut looked = [0, 0];
    let ledger = app.sql_view::<Ledger>();
    while going_on.load(Ordering::SeqCst) {
        match ledger.query("SELECT count(balance) FROM {accounts}", &[]).await {
            Ok(found) => {
                assert_eq!(found, [[5.into()]], "a half view");
                looked[0] += 1;
            }
            // The next one has other columns.
            Err(_) => {
                let found = ledger.query("SELECT count(*) FROM payments", &[]).await.unwrap();
                assert_eq!(found, [[25.into()]], "a half view");
                looked[1] += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    looked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_version_is_filled_beside_the_one_that_everybody_reads() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let old = app(&store).sql_view(Ledger, Consistency::Eventual).start().await.unwrap();
        fill(&old, 6, 4).await;
        tables(&old).await;
        let going_on = Arc::new(AtomicBool::new(true));
        let looking = tokio::spawn(look_on(old.clone(), Arc::clone(&going_on)));
        let new = app(&store)
            .sql_view(NextLedger, Consistency::Eventual)
            .page_size(2)
            .rebuild_at_most(40)
            .start()
            .await
            .unwrap();
        let balances = "SELECT balance FROM {accounts} ORDER BY number";
        assert_eq!(old.sql_view::<Ledger>().query(balances, &[]).await.unwrap().len(), 5, "the old ones");
        assert_eq!(new.rebuilds().await.len(), 1);
        new.rebuilds().await.remove(0).done().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        going_on.store(false, Ordering::SeqCst);
        let [before, behind] = looking.await.unwrap();
        assert!(before > 10 && behind > 0, "{before} {behind}");
        let next = new.sql_view::<NextLedger>();
        let found = next.query("SELECT count(*) FROM {accounts}", &[]).await.unwrap();
        assert_eq!(found, [[6.into()]]);
        let sums = "SELECT a.number FROM {accounts} a WHERE a.cents <> \
                    (SELECT sum(p.cents) FROM {payments} p WHERE p.number = a.number)";
        assert_eq!(next.query(sums, &[]).await.unwrap(), Vec::<factum::read::Values>::new());
        assert!(next.query("SELECT * FROM owners", &[]).await.is_err(), "it is gone with its version");
        // The old version sees with the next event that it is out of work.
        new.repository::<Account>().execute(&3, pay(1)).await.unwrap();
        until("the old one has stopped", || async {
            status_of(&old, Ledger::NAME).iter().all(factum::app::Status::is_stopped)
        })
        .await;
        new.shutdown().await;
    })
    .await;
}
