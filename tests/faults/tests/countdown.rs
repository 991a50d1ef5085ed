//! The disk fails a call: the first one, the second one, and so on, until everything goes through.

use std::{path::Path, sync::Arc};

use factum::{
    Store, Version,
    store::{AppendError, Commit, Committed, StoreError, StoreErrorKind},
};
use factum_faults::{Disk, Entry, Fault, Image, Ledger, Survivors, Workload};

use crate::{new_directory, open_on, verify};

/// How often something is tried: after a single fault the second attempt must succeed.
const ATTEMPTS: usize = 2;

/// The writer who has the store for itself, and reads too.
const ALONE: &str = "alone";

/// Everything the same every time: the file is opened; some append at the same time, which share transactions, before
/// anything was read; and one appends and reads in turn. The answer is whether all of it succeeded in the end.
async fn series(disk: &Disk, directory: &Path, ledger: &Ledger, context: &str) -> bool {
    let Some(store) = open(disk, directory, context).await else { return false };
    let store = &*store;
    let (d, e, f) = tokio::join!(
        write(store, ledger, "d", 2, context),
        write(store, ledger, "e", 2, context),
        write(store, ledger, "f", 2, context),
    );
    d && e && f && write(store, ledger, ALONE, 5, context).await
}

/// Appends some commits to a stream and reads it after each, until something fails for good.
async fn write(store: &dyn Store, ledger: &Ledger, writer: &str, commits: usize, context: &str) -> bool {
    let mut workload = Workload::new(writer, Version::NONE, 5);
    for _ in 0..commits {
        let commit = workload.commit();
        let Some(committed) = append(store, ledger, &commit, context).await else { return false };
        workload.recorded(&commit, Some(&committed));
        if writer == ALONE && !read(store, context).await {
            return false;
        }
    }
    true
}

async fn open(disk: &Disk, directory: &Path, context: &str) -> Option<Arc<dyn Store>> {
    for _ in 0..ATTEMPTS {
        match open_on(disk, directory, "").await {
            Ok(store) => return Some(store),
            Err(error) => assert_names_the_disk(&error, context),
        }
    }
    None
}

async fn append(store: &dyn Store, ledger: &Ledger, commit: &Commit, context: &str) -> Option<Committed> {
    for _ in 0..ATTEMPTS {
        match ledger.append(store, commit.clone()).await {
            Ok(committed) => return Some(committed),
            Err(AppendError::Failed(cause)) => assert_names_the_disk(&cause, context),
            Err(AppendError::Unknown { commit: id, cause }) => {
                assert_eq!(id, commit.id, "{context}");
                assert_names_the_disk(&cause, context);
            }
            Err(other) => panic!("{context}: {other}"),
        }
    }
    None
}

async fn read(store: &dyn Store, context: &str) -> bool {
    for _ in 0..ATTEMPTS {
        match store.read_stream(&Workload::own(ALONE), Version::FIRST, 100).await {
            Ok(_) => return true,
            Err(error) => assert_names_the_disk(&error, context),
        }
    }
    false
}

/// A disk that fails is neither a damaged file nor somebody else's.
fn assert_names_the_disk(error: &StoreError, context: &str) {
    let kind = error.kind();
    assert!(matches!(kind, StoreErrorKind::Io | StoreErrorKind::Unavailable), "{context}: {kind:?}, {error}");
}

/// A fault at every call, alone and for ever, beginning with these files. Afterwards the disk is well again; or the power
/// fails as well.
async fn every_call_fails(files: &Image, entries: &[Entry]) {
    let disk = Disk::new();
    for (fault, single) in [(Fault::Once as fn(u64) -> Fault, true), (Fault::From, false)] {
        let (mut faults, mut open, mut acknowledged) = (0, 0, 0);
        for nth in 1.. {
            let fault = fault(nth);
            let context = format!("{fault:?}");
            let directory = new_directory();
            files.write_to(directory.path());
            let ledger = Ledger::default();
            ledger.reset(entries.to_vec());
            disk.mount(directory.path());
            disk.set(fault);
            let succeeded = series(disk, directory.path(), &ledger, &context).await;
            let failed = disk.failed();
            disk.repair();
            assert!(succeeded || !single, "{context}: the store does not recover from a single fault");
            if failed == 0 {
                break;
            }
            faults += failed;
            acknowledged += ledger.acknowledged() - entries.len();
            open += ledger.entries().iter().filter(|entry| entry.outcome.is_open()).count();
            let survivors = if nth % 2 == 0 { Survivors::Nothing } else { Survivors::Some(nth) };
            let left = new_directory();
            disk.image(disk.now(), survivors).write_to(left.path());
            let powerless = format!("{context}, then a power failure, {survivors:?}");
            verify(left.path(), ledger.entries(), &powerless).await;
            verify(directory.path(), ledger.entries(), &context).await;
        }
        println!("{faults} faults, {acknowledged} commits acknowledged, {open} with unknown outcome");
        assert!(faults >= 150, "there were only {faults}");
        assert!(acknowledged >= 500, "only {acknowledged} commits were acknowledged");
        assert!(single || open >= 10, "only {open} outcomes were unknown");
    }
}

#[tokio::test]
async fn every_call_fails_in_a_new_store() {
    every_call_fails(&Image::default(), &[]).await;
}

#[tokio::test]
async fn every_call_fails_in_a_store_with_events() {
    let directory = new_directory();
    let ledger = Ledger::default();
    let store = open_on(Disk::new(), directory.path(), "").await.unwrap();
    for writer in ["a", "b", "c"] {
        assert!(write(&*store, &ledger, writer, 10, "no fault").await);
    }
    drop(store);
    every_call_fails(&Image::of(directory.path()), &ledger.entries()).await;
}

/// The power fails, and when it is back the disk fails while the store recovers, and then the power fails again.
#[tokio::test]
async fn recovery_fails() {
    let disk = Disk::new();
    let directory = new_directory();
    let ledger = Ledger::new(|| disk.now());
    assert!(series(disk, directory.path(), &ledger, "no fault").await);
    let crashes: Vec<_> = [2, 1, 0]
        .into_iter()
        .map(|third| disk.now() - third * disk.now() / 3)
        .map(|moment| (disk.image(moment, Survivors::Some(1)), ledger.as_of(moment)))
        .collect();

    let mut faults = 0;
    for (number, (image, entries)) in crashes.iter().enumerate() {
        for fault in [Fault::Once as fn(u64) -> Fault, Fault::From] {
            for nth in 1.. {
                let fault = fault(nth);
                let context = format!("crash {number}, then {fault:?}");
                let directory = new_directory();
                image.write_to(directory.path());
                disk.mount(directory.path());
                disk.set(fault);
                if let Some(store) = open(disk, directory.path(), &context).await {
                    read(&*store, &context).await;
                }
                let failed = disk.failed();
                disk.repair();
                if failed == 0 {
                    break;
                }
                faults += failed;
                let left = new_directory();
                disk.image(disk.now(), Survivors::Some(nth)).write_to(left.path());
                verify(left.path(), entries.clone(), &format!("{context}, then a power failure")).await;
                verify(directory.path(), entries.clone(), &context).await;
            }
        }
    }
    println!("{faults} faults during recovery");
    assert!(faults >= 300, "there were only {faults}");
}
