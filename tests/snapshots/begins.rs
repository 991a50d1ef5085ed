//! Loads that begin at a snapshot.

use std::sync::Arc;

use factum::{Aggregate, ExecuteError, LoadError, Rejection, Repository};

use crate::{change, kept, memory, plain, program, set, write};

program!(loads, 1, snapshot(every = 10));

/// Of an event before the snapshot nothing is seen any more: what was changed there shows that it began behind it.
#[tokio::test]
async fn a_load_begins_where_the_snapshot_ends() {
    let store = memory();
    let ledgers = write!(loads, &store, 1, 1..=11);
    let whole = ledgers.load(&1).await.unwrap().unwrap();
    let snapshot = kept(&store, 1, 12).await;
    assert_eq!(snapshot.fingerprint, loads::Ledger::SNAPSHOT.unwrap().fingerprint());
    assert_eq!(ledgers.load(&1).await.unwrap().unwrap(), whole);
    change(&store, 1, |snapshot| set(snapshot, "total", 1_000)).await;
    ledgers.execute(&1, loads::LedgerCommand::Add { step: 5 }).await.unwrap();
    let from_there = ledgers.load(&1).await.unwrap().unwrap();
    assert_eq!((from_there.total, from_there.version.get(), from_there.ended), (1_005, 13, false));
    assert!(ledgers.snapshot_counts().used >= 3);
    assert_eq!(ledgers.snapshot_counts().kept, 1);
}

program!(seldom, 1, snapshot(every = 10));

#[tokio::test]
async fn there_is_another_one_after_so_many_events() {
    let store = memory();
    let ledgers = write!(seldom, &store, 1, 1..=8);
    ledgers.load(&1).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(store.snapshot(&crate::stream(1)).await.unwrap(), None);
    for step in 0..30 {
        // Each command sees the state before it; what it loaded is kept when it is done.
        ledgers.execute(&1, seldom::LedgerCommand::Add { step }).await.unwrap();
        if step >= 1 {
            kept(&store, 1, 10 + (step - 1) / 10 * 10).await;
        }
    }
    assert_eq!(ledgers.snapshot_counts().kept, 3);
}

program!(warm, 1, snapshot(every = 10));

/// Whoever knows the state need not load it, and keeps it all the same.
#[tokio::test]
async fn what_is_warm_is_kept_too() {
    let store = memory();
    let ledgers = Repository::<warm::Ledger>::new(Arc::clone(&store));
    ledgers.execute(&1, warm::LedgerCommand::Open { owner: "Ann".to_owned() }).await.unwrap();
    for step in 2..=25 {
        ledgers.execute(&1, warm::LedgerCommand::Add { step }).await.unwrap();
        if step >= 10 {
            kept(&store, 1, step / 10 * 10).await;
        }
    }
    // Together with others, too: five wait while one is at work.
    let commands = (26..=31).map(|step| {
        let ledgers = ledgers.clone();
        tokio::spawn(async move { ledgers.execute(&1, warm::LedgerCommand::Add { step }).await.unwrap() })
    });
    for command in commands.collect::<Vec<_>>() {
        command.await.unwrap();
    }
    let snapshot = store.snapshot(&crate::stream(1)).await.unwrap().unwrap();
    assert!(snapshot.version >= 30, "{}", snapshot.version);
    let counts = ledgers.snapshot_counts();
    assert_eq!((counts.used, counts.kept, counts.failed), (0, 3, 0));
    let state = ledgers.load(&1).await.unwrap().unwrap();
    assert_eq!((state.total, state.version.get()), ((2..=31).sum(), 31));
    assert_eq!(ledgers.snapshot_counts().used, 1);
}

program!(ends, 1, snapshot(every = 1));

#[tokio::test]
async fn what_has_ended_stays_so() {
    let store = memory();
    let ledgers = write!(ends, &store, 1, [1]).cold();
    let close = plain::LedgerCommand::Close { by: "Ann".to_owned() };
    Repository::<plain::Ledger>::new(Arc::clone(&store)).execute(&1, close).await.unwrap();
    assert!(ledgers.load(&1).await.unwrap().unwrap().ended);
    kept(&store, 1, 3).await;
    assert!(ledgers.load(&1).await.unwrap().unwrap().ended);
    for command in
        [ends::LedgerCommand::Add { step: 1 }, ends::LedgerCommand::Open { owner: "Ann".to_owned() }]
    {
        let refused = ledgers.execute(&1, command).await;
        assert!(matches!(refused, Err(ExecuteError::Rejected(Rejection::Ended))), "{refused:?}");
    }
    assert!(!ledgers.load_at_version(&1, 2).await.unwrap().unwrap().ended);
    assert!(ledgers.snapshot_counts().used >= 3);
}

program!(then, 1, snapshot(every = 1));

#[tokio::test]
async fn states_of_then_begin_at_a_snapshot_that_is_not_later() {
    let store = memory();
    let ledgers = write!(then, &store, 1, 1..=3);
    ledgers.load(&1).await.unwrap();
    kept(&store, 1, 4).await;
    let writer = Repository::<plain::Ledger>::new(Arc::clone(&store));
    for step in 4..=6 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        writer.execute(&1, plain::LedgerCommand::Add { step }).await.unwrap();
    }
    change(&store, 1, |snapshot| set(snapshot, "owner", "of the snapshot")).await;
    let owner = |version: u64| if version < 4 { "Ann" } else { "of the snapshot" };
    for (event, version) in ledgers.history(&1).await.unwrap().into_iter().zip(1..) {
        let at_version = ledgers.load_at_version(&1, version).await.unwrap().unwrap();
        assert_eq!((at_version.version.get(), at_version.owner.as_str()), (version, owner(version)));
        // The first four were recorded at two moments.
        let as_of = ledgers.load_as_of(&1, event.at).await.unwrap().unwrap();
        assert!(as_of.version.get() >= version);
        assert_eq!(as_of.owner, owner(as_of.version.get()));
    }
    let late = ledgers.load_at_version(&1, 8).await;
    assert!(matches!(late, Err(LoadError::NoSuchVersion { .. })), "{late:?}");
    let first = ledgers.history(&1).await.unwrap()[0].at;
    assert!(ledgers.load_as_of(&1, first - chrono::TimeDelta::seconds(1)).await.unwrap().is_none());
    // Nobody keeps a snapshot of then.
    assert_eq!(ledgers.snapshot_counts().kept, 1);
}

program!(rebased, 1, snapshot(every = 1));

/// The events since the version that the caller saw are looked at, though a snapshot has them.
#[tokio::test]
async fn fields_are_compared_with_what_a_snapshot_has() {
    let store = memory();
    let ledgers = write!(rebased, &store, 1, 1..=3);
    let rename = |owner: &str| rebased::LedgerCommand::Rename { owner: owner.to_owned() };
    let rename_elsewhere = plain::LedgerCommand::Rename { owner: "Bob".to_owned() };
    Repository::<plain::Ledger>::new(Arc::clone(&store)).execute(&1, rename_elsewhere).await.unwrap();
    ledgers.load(&1).await.unwrap();
    kept(&store, 1, 5).await;
    let conflict = ledgers.execute(&1, rename("Eve")).rebase_from(4).await;
    assert!(matches!(conflict, Err(ExecuteError::Conflict(_))), "{conflict:?}");
    ledgers.execute(&1, rebased::LedgerCommand::Add { step: 1 }).rebase_from(4).await.unwrap();
    ledgers.execute(&1, rename("Eve")).rebase_from(5).await.unwrap();
}

program!(steps, 1, snapshot(every = 3));

#[tokio::test]
async fn transactions_use_and_keep_them() {
    let store = memory();
    for id in 1..=2 {
        crate::record(&store, id, 1..=3).await;
    }
    for round in 0..2 {
        let add = || steps::LedgerCommand::Add { step: 7 };
        factum::transaction(&store)
            .execute::<steps::Ledger>(&1, add())
            .execute::<steps::Ledger>(&2, add())
            .commit()
            .await
            .unwrap();
        kept(&store, 1, 4).await;
        kept(&store, 2, 4).await;
        let ledgers = Repository::<steps::Ledger>::new(Arc::clone(&store));
        assert_eq!(ledgers.load(&1).await.unwrap().unwrap().total, 6 + 7 * (round + 1));
    }
    assert!(Repository::<steps::Ledger>::new(store).snapshot_counts().used >= 2);
}
