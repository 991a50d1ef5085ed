//! Snapshots that cannot be used: they are folded anew, and replaced.

use std::{sync::Arc, time::Duration};

use factum::{Aggregate, Repository, Version, store::Payload};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{change, kept, memory, program, set, stream, write};

program!(corrupt, 1, snapshot(every = 5));

#[tokio::test]
async fn one_that_cannot_be_read_is_folded_anew_and_replaced() {
    let store = memory();
    let ledgers = write!(corrupt, &store, 1, 1..=9);
    let whole = ledgers.load(&1).await.unwrap().unwrap();
    kept(&store, 1, 10).await;
    let states = [
        Payload::json(""),
        Payload::json("{}"),
        Payload::json("null"),
        Payload::json(r#"{"number":1,"version":10,"owner":3,"total":45,"steps":[],"tags":[]}"#),
        Payload::Other { format: "sealed".into(), bytes: Arc::from(*b"?") },
    ];
    for (state, number) in states.into_iter().zip(1..) {
        change(&store, 1, |snapshot| snapshot.state = state.clone()).await;
        assert_eq!(ledgers.load(&1).await.unwrap().unwrap(), whole, "{state:?}");
        while ledgers.snapshot_counts().kept <= number {
            tokio::task::yield_now().await;
        }
        assert_ne!(kept(&store, 1, 10).await.state, state);
        assert_eq!(ledgers.snapshot_counts().unusable, number);
    }
}

program!(restored, 1, snapshot(every = 5));

/// A backup was restored, and the stream is shorter, or went another way.
#[tokio::test]
async fn one_of_events_that_are_not_there_is_not_used() {
    let store = memory();
    let ledgers = write!(restored, &store, 1, 1..=9);
    let whole = ledgers.load(&1).await.unwrap().unwrap();
    kept(&store, 1, 10).await;
    let mut unusable = 0;
    for (version, other_event) in
        [(11, false), (1_000, false), (u64::MAX >> 1, false), (10, true), (9, false)]
    {
        change(&store, 1, |snapshot| {
            snapshot.version = Version::new(version);
            set(snapshot, "total", 1_000_000);
            if other_event {
                snapshot.last.0 = Uuid::now_v7();
            }
        })
        .await;
        assert_eq!(ledgers.load(&1).await.unwrap().unwrap(), whole, "{version}");
        unusable += 1;
        let counts = ledgers.snapshot_counts();
        assert_eq!((counts.unusable, counts.used), (unusable, 0));
        kept(&store, 1, 10).await;
    }
    assert_eq!(ledgers.load(&1).await.unwrap().unwrap(), whole);
    assert_eq!(ledgers.snapshot_counts().used, 1);
}

program!(first_epoch, 1, snapshot(every = 5, epoch = 1));
program!(second_epoch, 2, snapshot(every = 5, epoch = 2));
program!(none_epoch, 1, snapshot(every = 500));
program!(zero_epoch, 1, snapshot(every = 5, epoch = 0));

#[test]
fn the_epoch_is_part_of_the_fingerprint() {
    let fingerprints = [
        first_epoch::Ledger::SNAPSHOT.unwrap().fingerprint(),
        second_epoch::Ledger::SNAPSHOT.unwrap().fingerprint(),
        none_epoch::Ledger::SNAPSHOT.unwrap().fingerprint(),
    ];
    assert_ne!(fingerprints[0], fingerprints[1]);
    assert_ne!(fingerprints[0], fingerprints[2]);
    assert_eq!(fingerprints[2], zero_epoch::Ledger::SNAPSHOT.unwrap().fingerprint());
    assert_eq!(none_epoch::Ledger::SNAPSHOT.unwrap().every(), 500);
}

/// As while the second one is rolled out.
#[tokio::test]
async fn two_versions_of_a_program_side_by_side_are_both_right() {
    let store = memory();
    let old = write!(first_epoch, &store, 1, 1..=9);
    let new = Repository::<second_epoch::Ledger>::new(Arc::clone(&store));
    let mut total = 45;
    for step in 0..20 {
        if step % 2 == 0 {
            old.execute(&1, first_epoch::LedgerCommand::Add { step }).await.unwrap();
        } else {
            new.execute(&1, second_epoch::LedgerCommand::Add { step }).await.unwrap();
        }
        total += step;
        assert_eq!(old.load(&1).await.unwrap().unwrap().total, total);
        assert_eq!(new.load(&1).await.unwrap().unwrap().total, 2 * total);
        tokio::task::yield_now().await;
    }
    let found = store.snapshot(&stream(1)).await.unwrap().unwrap();
    assert!(found.version.get() >= 10);
    let (old, new) = (old.snapshot_counts(), new.snapshot_counts());
    assert_eq!((old.unusable, old.different, new.unusable, new.different), (0, 0, 0, 0));
}

#[derive(factum::Aggregate, Debug, Serialize, Deserialize)]
#[aggregate(category = "ratio", snapshot(every = 2))]
#[events { #[creates] Measured { #[audit] by: String }, Divided { by: f64 } }]
#[commands { Measure => Measured, Divide => Divided }]
struct Ratio {
    #[id]
    number: u64,
    #[on(Divided = by / 0.0)]
    value: f64,
}

/// JSON has no infinity: what it would come back as is not what it was.
#[tokio::test]
async fn a_state_that_does_not_come_back_is_not_kept() {
    let store = memory();
    let ratios = Repository::<Ratio>::new(Arc::clone(&store));
    ratios.execute(&1, RatioCommand::Measure { by: "Ann".to_owned() }).await.unwrap();
    ratios.execute(&1, RatioCommand::Divide { by: 1.0 }).await.unwrap();
    while ratios.snapshot_counts().failed == 0 {
        assert_eq!(ratios.load(&1).await.unwrap().unwrap().value, f64::INFINITY);
        tokio::task::yield_now().await;
    }
    assert_eq!(ratios.snapshot_counts().kept, 0);
    assert_eq!(store.snapshot(&factum::store::StreamId::new("ratio", "1")).await.unwrap(), None);
}

program!(damaged, 1, snapshot(every = 5));

/// In a file where somebody wrote who should not.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn one_that_is_damaged_in_the_file_is_folded_anew_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = factum::open(&format!("sqlite:{}", path.display())).await.unwrap();
    let ledgers = write!(damaged, &store, 1, 1..=9);
    let whole = ledgers.load(&1).await.unwrap().unwrap();
    let damages = [
        "version = -1",
        "last = x'00'",
        "fingerprint = x''",
        "origin = x'0102'",
        "state = x'00'",
        "state = 3",
        "format = 'json'",
        "state = substr(state, 1, 20)",
    ];
    for (damage, number) in damages.into_iter().zip(1..) {
        // Until the one before is kept, and whoever keeps it is done.
        while ledgers.snapshot_counts().kept < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute(&format!("UPDATE snapshots SET {damage}"), ()).unwrap();
        drop(file);
        assert_eq!(ledgers.load(&1).await.unwrap().unwrap(), whole, "{damage}");
        assert_eq!(ledgers.snapshot_counts().unusable, number, "{damage}");
    }
}
