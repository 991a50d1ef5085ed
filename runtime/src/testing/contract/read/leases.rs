//! Leases: one holder at a time, by the clock of the store.

use std::time::Duration;

use tokio::time::Instant;

use super::{super::support::together, support::Subject};

/// Longer than any case takes.
const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for its end.
const SHORT: Duration = Duration::from_millis(400);
/// How much two clocks may differ within that.
const SLACK: Duration = Duration::from_millis(60);

/// Whether this holder gets it.
pub(super) async fn takes(store: &Subject, work: &str, holder: &str, duration: Duration) -> bool {
    let lease = store.lease(work, holder, duration).await.unwrap();
    if let Some(lease) = &lease {
        assert_eq!((lease.work.as_str(), lease.holder.as_str()), (work, holder));
        let remaining = lease.remaining;
        assert!(
            remaining <= duration + SLACK && remaining + SLACK * 10 >= duration,
            "{remaining:?} of {duration:?}"
        );
    }
    lease.is_some()
}

/// How long it takes until this holder gets it.
async fn waits(store: &Subject, work: &str, holder: &str) -> Duration {
    let begun = Instant::now();
    while !takes(store, work, holder, LONG).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "the lease does not run out");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

pub(super) async fn what_is_free_is_taken(store: Subject) {
    assert!(takes(&store, "mail", "one", LONG).await);
    assert!(!takes(&store, "mail", "two", LONG).await);
    assert!(!takes(&store, "mail", "two", SHORT).await);
}

pub(super) async fn who_holds_one_renews_it(store: Subject) {
    for _ in 0..3 {
        assert!(takes(&store, "mail", "one", LONG).await);
        assert!(!takes(&store, "mail", "two", LONG).await);
    }
}

pub(super) async fn one_that_ran_out_is_free(store: Subject) {
    let begun = Instant::now();
    assert!(takes(&store, "mail", "one", SHORT).await);
    waits(&store, "mail", "two").await;
    assert!(begun.elapsed() + SLACK >= SHORT, "after {:?}", begun.elapsed());
    assert!(!takes(&store, "mail", "one", LONG).await, "the one before has lost it");
    // Nobody came in between: it goes on.
    assert!(takes(&store, "post", "one", Duration::from_millis(1)).await);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(takes(&store, "post", "one", LONG).await);
    assert!(!takes(&store, "post", "two", LONG).await);
}

pub(super) async fn one_that_is_renewed_runs_on(store: Subject) {
    assert!(takes(&store, "mail", "one", SHORT).await);
    assert!(takes(&store, "mail", "one", LONG).await);
    tokio::time::sleep(SHORT * 2).await;
    assert!(!takes(&store, "mail", "two", LONG).await);
    // From when it is renewed, not from when it would have run out.
    let begun = Instant::now();
    assert!(takes(&store, "mail", "one", SHORT).await);
    waits(&store, "mail", "two").await;
    assert!(begun.elapsed() + SLACK >= SHORT);
}

pub(super) async fn one_that_is_released_is_free(store: Subject) {
    assert!(takes(&store, "mail", "one", LONG).await);
    store.release("mail", "one").await.unwrap();
    assert!(takes(&store, "mail", "two", LONG).await);
    for _ in 0..2 {
        store.release("mail", "two").await.unwrap();
    }
    assert!(takes(&store, "mail", "one", LONG).await);
}

pub(super) async fn only_its_holder_releases_it(store: Subject) {
    store.release("mail", "nobody").await.unwrap();
    assert!(takes(&store, "mail", "one", LONG).await);
    store.release("mail", "two").await.unwrap();
    store.release("post", "one").await.unwrap();
    assert!(!takes(&store, "mail", "two", LONG).await);
}

pub(super) async fn pieces_of_work_are_kept_apart(store: Subject) {
    for (work, holder) in [("mail", "one"), ("Mail", "two"), ("mail ", "one"), ("", "two"), ("ä'🦀", "one")]
    {
        assert!(takes(&store, work, holder, LONG).await);
    }
    store.release("Mail", "two").await.unwrap();
    assert!(!takes(&store, "mail", "two", LONG).await);
    assert!(takes(&store, "Mail", "one", LONG).await);
}

pub(super) async fn of_many_who_want_it_one_gets_it(store: Subject) {
    for round in 0..5 {
        let got = together(8, |holder| {
            let store = store.clone();
            async move { takes(&store, &format!("{round}"), &format!("{holder}"), LONG).await }
        })
        .await;
        assert_eq!(got.iter().filter(|got| **got).count(), 1);
    }
}
