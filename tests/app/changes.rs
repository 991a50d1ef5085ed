//! Views that change between one program and the next.

use std::sync::Arc;

use factum::{Consistency, Repository};

use crate::{
    LEVELS, app,
    domain::{Account, Amounts, Balance, fill, next, open, pay},
    fresh, houses, on_each, rows, until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_may_change_its_level_between_runs() {
    on_each(|house| async move {
        use Consistency::{Awaited, Eventual, Transactional};
        let store = house.open().await.unwrap();
        let plain = Repository::<Account>::new(Arc::clone(&store));
        fill(&plain, 3, 4).await;
        let mut number = 10;
        for level in [Eventual, Awaited, Transactional, Transactional, Eventual, Transactional, Awaited] {
            let app = app(&store).view::<Balance>(level).view::<Amounts>(level).start().await.unwrap();
            let accounts = app.repository::<Account>();
            accounts.execute(&number, open("eve")).await.unwrap();
            accounts.execute(&number, pay(3)).await.unwrap();
            number += 1;
            let accounts = rows::<Balance>(&app).await;
            assert_eq!(accounts.len() as u64, number - 7, "{level:?}");
            assert!(accounts.iter().skip(3).all(|row| row.balance == 3), "{level:?}: {accounts:?}");
            let threes =
                app.view::<Amounts>().after_position(store.head().await.unwrap()).get(&3).await.unwrap();
            assert_eq!(threes.unwrap().times as u64, 3 + number - 10, "{level:?}");
            app.shutdown().await;
            // Whoever does not know it can write if and only if it is not transactional.
            let outcome = plain.execute(&1, pay(0)).await;
            assert_eq!(outcome.is_err(), level == Transactional, "{level:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_has_changed_is_another_one() {
    for (kind, _) in houses().await {
        for level in LEVELS {
            let store = fresh(kind).await;
            let old = app(&store).view::<Balance>(level).start().await.unwrap();
            fill(&old.repository::<Account>(), 3, 4).await;
            assert_eq!(rows::<Balance>(&old).await.len(), 3);
            let new = app(&store).view::<next::Balance>(level).start().await.unwrap();
            let accounts = new.repository::<Account>();
            until("the new rows", || async {
                matches!(new.view::<next::Balance>().get(&1).await, Ok(Some(row)) if row.double == 20)
            })
            .await;
            accounts.execute(&1, pay(1)).await.unwrap();
            until("what has come since", || async {
                new.view::<next::Balance>().get(&1).await.unwrap().unwrap().double == 22
            })
            .await;
            // The program of before reads what is not its own, and says so; if the view is transactional, it cannot write.
            let outcome = old.repository::<Account>().execute(&1, pay(1)).await;
            assert_eq!(outcome.is_err(), level == Consistency::Transactional);
            assert!(old.view::<Balance>().get(&1).await.is_err());
            old.shutdown().await;
            new.shutdown().await;
        }
    }
}

/// Programs in which a view has different levels, at the same time. The one that started last has its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_levels_at_the_same_time_count_nothing_twice() {
    use Consistency::{Eventual, Transactional};
    for (kind, _) in houses().await {
        for (before, after) in [(Transactional, Eventual), (Eventual, Transactional)] {
            let store = fresh(kind).await;
            let old = app(&store).view::<Amounts>(before).start().await.unwrap();
            let accounts = old.repository::<Account>();
            accounts.execute(&1, open("ann")).await.unwrap();
            accounts.execute(&1, pay(1)).await.unwrap();
            let new = app(&store).view::<Amounts>(after).start().await.unwrap();
            let mut paid = 1;
            for _ in 0..5 {
                paid += i64::from(accounts.execute(&1, pay(1)).await.is_ok());
                paid += i64::from(new.repository::<Account>().execute(&1, pay(1)).await.is_ok());
            }
            assert_eq!(paid, 6, "on {kind}: who has the old level cannot write");
            assert_eq!(
                rows::<Amounts>(&new).await,
                [Amounts { amount: 1, times: paid }],
                "on {kind}, {before:?}"
            );
            old.shutdown().await;
            accounts.execute(&1, pay(1)).await.unwrap_err();
            assert_eq!(rows::<Amounts>(&new).await, [Amounts { amount: 1, times: paid }]);
            new.shutdown().await;
        }
    }
}
