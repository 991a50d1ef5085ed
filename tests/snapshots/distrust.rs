//! Snapshots of code that was another one where the derive cannot see it.

use std::{pin::pin, sync::Arc};

use factum::{
    Aggregate, Repository,
    testing::chaos::{ChaosStore, Fault},
};

use crate::{change, elsewhere, kept, memory, plain, program, set, write};

program!(before, 1, snapshot(every = 5));
program!(after, 3, snapshot(every = 5));

/// `worth` was changed, and its callers were not: the fingerprint is the same.
#[tokio::test]
async fn a_changed_function_is_found_out() {
    let store = memory();
    for id in 1..=3 {
        write!(before, &store, id, 1..=9).load(&id).await.unwrap();
        kept(&store, id, 10).await;
        change(&store, id, elsewhere).await;
    }
    assert_eq!(
        before::Ledger::SNAPSHOT.unwrap().fingerprint(),
        after::Ledger::SNAPSHOT.unwrap().fingerprint()
    );
    let ledgers = Repository::<after::Ledger>::new(Arc::clone(&store));
    assert_eq!(ledgers.load(&1).await.unwrap().unwrap().total, 135);
    let counts = ledgers.snapshot_counts();
    assert_eq!((counts.used, counts.checked, counts.different), (1, 1, 1));
    // From now on all that others made are replaced.
    for id in 2..=3 {
        assert_eq!(ledgers.load(&id).await.unwrap().unwrap().total, 135);
        while ledgers.snapshot_counts().kept < id {
            tokio::task::yield_now().await;
        }
    }
    let counts = ledgers.snapshot_counts();
    assert_eq!((counts.used, counts.checked, counts.different, counts.kept), (1, 1, 1, 3));
    for id in 1..=3 {
        assert_eq!(ledgers.load(&id).await.unwrap().unwrap().total, 135);
    }
    assert_eq!(ledgers.snapshot_counts().used, 4);
}

program!(ahead, 1, snapshot(every = 5));

/// A command must not be decided on the wrong state either.
#[tokio::test]
async fn commands_and_states_of_then_find_it_out_too() {
    let store = memory();
    let ledgers = write!(ahead, &store, 1, 1..=9);
    ledgers.load(&1).await.unwrap();
    for found in 1..=2 {
        kept(&store, 1, 10).await;
        change(&store, 1, |snapshot| {
            elsewhere(snapshot);
            set(snapshot, "owner", "somebody else");
        })
        .await;
        if found == 1 {
            assert_eq!(ledgers.load_at_version(&1, 10).await.unwrap().unwrap().owner, "Ann");
        } else {
            ledgers.execute(&1, ahead::LedgerCommand::Add { step: 1 }).await.unwrap();
        }
        assert_eq!(ledgers.load(&1).await.unwrap().unwrap().owner, "Ann");
    }
    assert_eq!(ledgers.snapshot_counts().different, 1);
}

program!(unordered, 1, snapshot(every = 1));

/// A set comes in any order, a list does not.
#[tokio::test]
async fn another_order_of_a_set_is_no_difference() {
    let store = memory();
    for id in 0..20_u64 {
        let ledgers = write!(unordered, &store, id, [1, 2]);
        let plain = Repository::<plain::Ledger>::new(Arc::clone(&store));
        for tag in ["a", "b", "c", "d", "e"] {
            plain.execute(&id, plain::LedgerCommand::Tag { tag: tag.to_owned() }).await.unwrap();
        }
        ledgers.load(&id).await.unwrap();
        kept(&store, id, 8).await;
        change(&store, id, |snapshot| {
            elsewhere(snapshot);
            let tags: Vec<_> = ["e", "a", "d", "b", "c"].map(String::from).into();
            set(snapshot, "tags", tags);
        })
        .await;
        assert_eq!(ledgers.load(&id).await.unwrap().unwrap().tags.len(), 5);
    }
    let ledgers = Repository::<unordered::Ledger>::new(Arc::clone(&store));
    let counts = ledgers.snapshot_counts();
    // The first ones, and then a sample.
    assert_eq!((counts.checked, counts.different, counts.unusable), (8, 0, 0));
}

program!(reordered, 1, snapshot(every = 1));

#[tokio::test]
async fn another_order_of_a_list_is_one() {
    let store = memory();
    let ledgers = write!(reordered, &store, 1, [1, 2]);
    ledgers.load(&1).await.unwrap();
    kept(&store, 1, 3).await;
    change(&store, 1, |snapshot| {
        elsewhere(snapshot);
        set(snapshot, "steps", vec![2, 1]);
    })
    .await;
    assert_eq!(ledgers.load(&1).await.unwrap().unwrap().steps, [1, 2]);
    assert_eq!(ledgers.snapshot_counts().different, 1);
}

program!(inherited, 1, snapshot(every = 5));

/// A snapshot that was made from a snapshot of others is not this process's own word.
#[tokio::test]
async fn what_goes_back_to_others_is_theirs() {
    let store = memory();
    // So many are checked.
    for id in 100..108 {
        write!(inherited, &store, id, 1..=9).load(&id).await.unwrap();
        kept(&store, id, 10).await;
        change(&store, id, elsewhere).await;
        Repository::<inherited::Ledger>::new(Arc::clone(&store)).load(&id).await.unwrap();
    }
    let ledgers = write!(inherited, &store, 1, 1..=9);
    ledgers.load(&1).await.unwrap();
    let own = kept(&store, 1, 10).await.origin;
    change(&store, 1, elsewhere).await;
    let steps = || inherited::LedgerCommand::AddAll { steps: (1..=6).collect() };
    ledgers.execute(&1, steps()).await.unwrap();
    ledgers.load(&1).await.unwrap();
    assert_ne!(kept(&store, 1, 16).await.origin, own);
    assert_eq!((ledgers.snapshot_counts().checked, ledgers.snapshot_counts().different), (8, 0));
}

program!(doubted, 1, snapshot(every = 5));

/// What is warm goes back to a snapshot too. Once others are found to be wrong, no command is decided on it any more, be it
/// alone or together with others.
#[tokio::test]
async fn what_is_warm_is_not_believed_either() {
    let store = memory();
    let chaos = Arc::new(ChaosStore::new(Arc::clone(&store)));
    let ledgers = Repository::<doubted::Ledger>::new(Arc::clone(&chaos) as Arc<_>);
    let from_elsewhere = async |id: u64| {
        write!(doubted, &store, id, 1..=9).load(&id).await.unwrap();
        kept(&store, id, 10).await;
        change(&store, id, elsewhere).await;
    };
    // So many are checked.
    for id in 100..108 {
        from_elsewhere(id).await;
        ledgers.load(&id).await.unwrap();
    }
    for id in 1..=3 {
        from_elsewhere(id).await;
        change(&store, id, |snapshot| set(snapshot, "total", 1_000)).await;
    }
    let balance = async |id: u64| {
        let receipt = ledgers.execute(&id, doubted::LedgerCommand::Balance).await.unwrap();
        receipt.events[0].event.clone()
    };
    let balanced = |total| doubted::LedgerEvent::Balanced { total };
    // Nobody can see that it is wrong …
    assert_eq!([balance(1).await, balance(2).await], [balanced(1_000), balanced(1_000)]);
    // … not even this one, for which others wait …
    chaos.inject(1, Fault::RequestLost);
    let (mut first, mut second, mut third) = (pin!(balance(2)), pin!(balance(2)), pin!(balance(2)));
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(futures_util::poll!(waiting).is_pending());
    }
    // … until one of many is looked at again.
    while ledgers.snapshot_counts().different == 0 {
        ledgers.load(&3).await.unwrap();
        assert!(ledgers.snapshot_counts().used < 2_000, "none was looked at");
    }
    assert_eq!(balance(1).await, balanced(45));
    assert_eq!(first.await, balanced(1_000));
    let together = futures_util::future::join(second, third).await;
    assert_eq!(together, (balanced(45), balanced(45)));
}
