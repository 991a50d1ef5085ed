//! The power fails. What was acknowledged is there when it is back.
//!
//! A killed process does not show a missing sync, because what it wrote is still in the memory of the machine. Here only
//! what was synced is sure to be left.

use std::{path::Path, sync::Arc};

use factum::{Store, Version};
use factum_faults::{Call, Disk, Entry, Ledger, Moment, Outcome, Survivors, Workload};
use fastrand::Rng;
use tempfile::TempDir;

use crate::{examine, new_directory, open, open_on, verify};

const WRITERS: usize = 4;

/// Several writers at once; each gives its next commit when the last one is acknowledged.
async fn write(store: &Arc<dyn Store>, ledger: &Arc<Ledger>, commits: usize, seed: u64) {
    let tasks: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (store, ledger) = (Arc::clone(store), Arc::clone(ledger));
            tokio::spawn(async move {
                let mut workload = Workload::resume(&*store, &number.to_string(), seed).await.unwrap();
                for _ in 0..commits {
                    let commit = workload.commit();
                    let committed = ledger.append(&*store, commit.clone()).await.expect("the disk is well");
                    workload.recorded(&commit, Some(&committed));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the writer does not panic");
    }
}

/// What is left of the disk, in a directory of its own.
fn fail(disk: &Disk, moment: Moment, survivors: Survivors) -> TempDir {
    let directory = new_directory();
    disk.image(moment, survivors).write_to(directory.path());
    directory
}

fn survivors(rng: &mut Rng) -> Survivors {
    match rng.u8(..4) {
        0 => Survivors::Nothing,
        1 => Survivors::Everything,
        _ => Survivors::Some(rng.u64(..)),
    }
}

fn acknowledged(entries: &[Entry]) -> usize {
    entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Acknowledged { .. })).count()
}

/// In each round the writers write on, beginning with what the last power failure of the round before has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_commits_survive() {
    const ROUNDS: u64 = 5;
    const FAILURES: u64 = 6;
    const COMMITS: usize = 200;

    let disk = Disk::new();
    let ledger = Arc::new(Ledger::new(|| disk.now()));
    let mut rng = Rng::with_seed(1);
    let mut directory = new_directory();
    let mut at_stake = 0;
    let (mut syncs, mut merged) = (0, 0);
    for round in 0..ROUNDS {
        disk.mount(directory.path());
        let store = open_on(disk, directory.path(), "").await.unwrap();
        ledger.give_again(&*store).await.unwrap();
        let length = length(directory.path());
        write(&store, &ledger, COMMITS, round).await;
        merged += u64::from(self::length(directory.path()) > length);
        let written = disk.now();
        drop(store);
        syncs += disk.count(Call::Sync);

        for failure in 0..FAILURES {
            // The last one comes late, so that the log grows from round to round until it is merged.
            let last = failure == FAILURES - 1;
            let moment = if last { rng.usize(written / 4 * 3..=written) } else { rng.usize(..=disk.now()) };
            let survivors = survivors(&mut rng);
            let left = fail(disk, moment, survivors);
            let entries = ledger.as_of(moment);
            at_stake += acknowledged(&entries);
            let context =
                format!("round {round}, power failure at {moment} of {}, {survivors:?}", disk.now());
            verify(left.path(), entries.clone(), &context).await;
            if last {
                // Once more without the commits that `verify` gave again.
                directory = fail(disk, moment, survivors);
                ledger.reset(as_before(entries));
            }
        }
    }
    println!(
        "{} power failures, {at_stake} commits acknowledged before them, {syncs} syncs, log merged in {merged} rounds, {} \
         commits in the end",
        ROUNDS * FAILURES,
        ledger.acknowledged()
    );
    assert!(at_stake >= 10_000, "only {at_stake} acknowledged commits were at stake");
    assert!(ledger.acknowledged() >= 500);
    assert!(merged > 0, "the log was never merged into the database while there was writing");
}

/// How long the database is, without what is in the log.
fn length(directory: &Path) -> u64 {
    std::fs::metadata(directory.join("store.db")).map_or(0, |database| database.len())
}

/// The same entries on a disk whose time begins anew.
fn as_before(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        entry.given = 0;
        if let Outcome::Acknowledged { at, .. } = &mut entry.outcome {
            *at = 0;
        }
    }
    entries
}

/// What is found at some power failures of a store that was opened with these options.
async fn with_options(options: &str, mut each: impl AsyncFnMut(&Path, Vec<Entry>, String)) {
    let disk = Disk::new();
    let ledger = Arc::new(Ledger::new(|| disk.now()));
    let directory = new_directory();
    let store = open_on(disk, directory.path(), options).await.unwrap();
    let opened = disk.now();
    write(&store, &ledger, 150, 7).await;
    let written = disk.now();
    drop(store);
    let mut rng = Rng::with_seed(2);
    for _ in 0..8 {
        let moment = rng.usize(opened..=written);
        let survivors = survivors(&mut rng);
        let left = fail(disk, moment, survivors);
        each(
            left.path(),
            ledger.as_of(moment),
            format!("{options}, power failure at {moment}, {survivors:?}"),
        )
        .await;
    }
}

/// `synchronous=normal`: the last commits may be gone, the database is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_fewer_syncs_only_the_last_are_lost() {
    let mut lost = 0;
    with_options("&synchronous=normal", async |directory, entries, context| {
        let store = open(directory).await.unwrap();
        let findings = examine(directory, &*store, &entries, &context).await;
        assert!(findings.wrong.is_empty(), "{context}: {findings:#?}");
        let position = |entry: &Entry| match &entry.outcome {
            Outcome::Acknowledged { places, .. } => places.iter().flat_map(|(_, at)| at).copied().max(),
            _ => None,
        };
        let (gone, there): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| findings.lost.contains(&entry.commit.id));
        if let Some(first_lost) = gone.iter().filter_map(|entry| position(entry)).min() {
            let last = there.iter().filter_map(|entry| position(entry)).max();
            assert!(last.is_none_or(|last| last < first_lost), "{context}: not only the last are lost");
        }
        lost += findings.lost.len();
    })
    .await;
    println!("{lost} acknowledged commits lost with `synchronous=normal`");
    assert!(lost > 0, "the test does not see that commits are not synced");
}

/// `synchronous=off`: this proves that the tests here see a missing sync.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_syncs_commits_are_lost() {
    let (mut lost, mut damaged) = (0, 0);
    with_options("&synchronous=off", async |directory, entries, _| {
        let Ok(store) = open(directory).await else {
            damaged += 1;
            return;
        };
        match factum_faults::check(&*store, &entries).await {
            Ok(findings) => lost += findings.lost.len(),
            Err(_) => damaged += 1,
        }
    })
    .await;
    println!("{lost} acknowledged commits lost with `synchronous=off`, {damaged} databases damaged");
    assert!(lost >= 100, "the test does not see that nothing is synced");
}

/// One writer, and a power failure at every single step: while the file is made, while the first commits are recorded,
/// and while the log is merged into the file at the end.
#[tokio::test]
async fn at_every_step() {
    let disk = Disk::new();
    let ledger = Arc::new(Ledger::new(|| disk.now()));
    let directory = new_directory();
    let store = open_on(disk, directory.path(), "").await.unwrap();
    let made = disk.now();
    let mut workload = Workload::new("alone", Version::NONE, 3);
    for _ in 0..12 {
        let commit = workload.commit();
        let committed = ledger.append(&*store, commit.clone()).await.unwrap();
        workload.recorded(&commit, Some(&committed));
    }
    drop(store);

    let mut failures = 0;
    for moment in 0..=disk.now() {
        for survivors in [Survivors::Nothing, Survivors::Some(moment as u64), Survivors::Everything] {
            let left = fail(disk, moment, survivors);
            let context =
                format!("power failure at {moment} of {} ({made}: made), {survivors:?}", disk.now());
            verify(left.path(), ledger.as_of(moment), &context).await;
            failures += 1;
        }
    }
    println!("{failures} power failures, one at every step");
    assert!(failures >= 300, "there were only {failures}");
}
