//! There is no room on the disk, and later there is.

use factum::{
    Metadata, Store, Version,
    store::{Append, AppendError, Commit, Committed, Expected, NewEvent, Payload, StoreErrorKind, StreamId},
};
use factum_faults::{Disk, Fault, Image, Ledger, Survivors};

use crate::{new_directory, open_on, verify};

/// A commit that takes many writes.
fn large(number: usize) -> Commit {
    let text = format!(r#"{{"number":{number},"text":"{}"}}"#, "x".repeat(20_000));
    let event = NewEvent {
        name: "Filled".into(),
        schema: 1,
        payload: Payload::json(text),
        metadata: Some(Metadata::by("somebody").into()),
    };
    let stream = StreamId::new("large", (number % 7).to_string());
    let events = vec![event; 2];
    Commit::new(vec![Append { stream, expected: Expected::Any, tail: None, events }])
}

/// Appends on a disk that may be full: if it is, the answer says so, and that nothing was recorded.
async fn append(store: &dyn Store, ledger: &Ledger, commit: &Commit, context: &str) -> Option<Committed> {
    match ledger.append(store, commit.clone()).await {
        Ok(committed) => Some(committed),
        Err(AppendError::Failed(error)) if error.kind() == StoreErrorKind::Full => None,
        Err(other) => panic!("{context}: {other:?}"),
    }
}

/// There is room for one write, for two, and so on, until the commit fits: alone, and together with others.
#[tokio::test]
async fn appends_are_refused_until_there_is_room() {
    let disk = Disk::new();
    let directory = new_directory();
    disk.mount(directory.path());
    let ledger = Ledger::new(|| disk.now());
    let store = &*open_on(disk, directory.path(), "").await.unwrap();
    let (mut refused, mut number) = (0, 0);
    for alone in [true, false] {
        for nth in 1.. {
            let context = format!("no room from write {nth} on, alone: {alone}");
            let commits: Vec<_> = (0..if alone { 1 } else { 3 }).map(|more| large(number + more)).collect();
            number += commits.len();
            disk.set(Fault::Full(nth));
            let given: Vec<_> = match commits.as_slice() {
                [a, b, c] => {
                    let (a, b, c) = tokio::join!(
                        append(store, &ledger, a, &context),
                        append(store, &ledger, b, &context),
                        append(store, &ledger, c, &context),
                    );
                    vec![a, b, c]
                }
                alone => vec![append(store, &ledger, &alone[0], &context).await],
            };
            refused += given.iter().filter(|given| given.is_none()).count();
            // A full disk can be read, and what is read is what was acknowledged.
            let findings = factum_faults::check(store, &ledger.entries()).await.unwrap();
            assert!(findings.are_good(), "{context}: {findings:#?}");
            let failed = disk.failed();
            disk.repair();
            if failed == 0 {
                break;
            }
            for commit in &commits {
                let again = append(store, &ledger, commit, &context).await;
                assert!(again.is_some(), "{context}: there is room again, and the commit is refused");
            }
        }
    }
    for seed in 0..5 {
        let left = new_directory();
        disk.image(disk.now(), Survivors::Some(seed)).write_to(left.path());
        verify(left.path(), ledger.entries(), "after the disk was full").await;
    }
    println!("{refused} appends refused, {} acknowledged", ledger.acknowledged());
    assert!(refused >= 100, "only {refused} appends were refused");
    assert!(ledger.acknowledged() >= 80);
}

/// The log is to be merged into the file, and there is no room for that. The commit that brought it about is recorded
/// all the same.
#[tokio::test]
async fn the_log_cannot_be_merged() {
    let disk = Disk::new();
    let directory = new_directory();
    disk.mount(directory.path());
    let ledger = Ledger::new(|| disk.now());
    let store = open_on(disk, directory.path(), "").await.unwrap();
    let log = directory.path().join("store.db-wal");
    // The store has the log merged when it has four thousand pages.
    let mut number = 0;
    while std::fs::metadata(&log).map_or(0, |log| log.len()) < 3_980 * 4096 {
        append(&*store, &ledger, &large(number), "there is room").await.unwrap();
        number += 1;
    }
    let (image, entries) = (disk.image(disk.now(), Survivors::Everything), ledger.entries());
    drop(store);

    let (mut refused, mut unmerged) = (0, 0);
    for nth in (1..).step_by(211) {
        let context = format!("no room from write {nth} on");
        let directory = new_directory();
        image.write_to(directory.path());
        disk.mount(directory.path());
        ledger.reset(entries.clone());
        let store = &*open_on(disk, directory.path(), "").await.unwrap();
        disk.set(Fault::Full(nth));
        for more in 0..4 {
            match append(store, &ledger, &large(number + more), &context).await {
                Some(_) => unmerged += u64::from(disk.failed() > 0),
                None => refused += 1,
            }
        }
        let failed = disk.failed();
        disk.repair();
        append(store, &ledger, &large(number + 4), &context).await.expect("there is room again");
        let image = disk.image(disk.now(), Survivors::Some(nth));
        let left = new_directory();
        image.write_to(left.path());
        verify(left.path(), ledger.entries(), &context).await;
        if failed == 0 {
            break;
        }
    }
    println!("{refused} appends refused, {unmerged} recorded although the log could not be merged");
    assert!(refused > 0 && unmerged >= 5, "the log was never to be merged");
}

/// There is no room to make the file, and later there is.
#[tokio::test]
async fn the_file_cannot_be_made() {
    let disk = Disk::new();
    let mut refused = 0;
    for nth in 1.. {
        let directory = new_directory();
        disk.mount(directory.path());
        disk.set(Fault::Full(nth));
        let opened = open_on(disk, directory.path(), "").await;
        let failed = disk.failed();
        disk.repair();
        if let Err(error) = opened {
            assert_eq!(error.kind(), StoreErrorKind::Full, "no room from write {nth} on: {error}");
            refused += 1;
        } else if failed == 0 {
            break;
        }
        let left = Image::of(directory.path());
        verify(directory.path(), Vec::new(), &format!("no room from write {nth} on, left: {left:?}")).await;
        let store = open_on(disk, directory.path(), "").await.unwrap();
        let stream = StreamId::new("large", "1");
        assert!(store.read_stream(&stream, Version::FIRST, 1).await.unwrap().events.is_empty());
    }
    println!("the file could not be made {refused} times");
    assert!(refused >= 12, "it was refused {refused} times");
}
