//! Files that are damaged. Reading gives an error or what was acknowledged.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use factum::{
    Position, Store, Version,
    store::{Filter, StoreError, StoreErrorKind, StreamId},
};
use factum_faults::{Disk, Entry, Image, Ledger, Survivors, Workload, check};
use fastrand::Rng;
use tempfile::TempDir;

use crate::{integrity, new_directory, open, open_on, verify};

const DATABASE: &str = "store.db";
const LOG: &str = "store.db-wal";
const PAGE: usize = 4096;

/// A store that is to be damaged.
struct Sound {
    /// Its files while it is open: most is in the log.
    open: Image,
    /// Its files when it is closed: all is in the database.
    closed: Image,
    entries: Vec<Entry>,
    /// How many events each stream has.
    streams: BTreeMap<StreamId, usize>,
}

impl Sound {
    async fn new() -> Self {
        let disk = Disk::new();
        let directory = new_directory();
        disk.mount(directory.path());
        let ledger = Ledger::default();
        let store = open_on(disk, directory.path(), "").await.unwrap();
        for writer in ["a", "b", "c"] {
            let mut workload = Workload::new(writer, Version::NONE, 4);
            for _ in 0..40 {
                let commit = workload.commit();
                let committed = ledger.append(&*store, commit.clone()).await.unwrap();
                workload.recorded(&commit, Some(&committed));
            }
        }
        let open = disk.image(disk.now(), Survivors::Everything);
        drop(store);
        let closed = disk.image(disk.now(), Survivors::Everything);
        assert!(
            open.files[OsStr::new(LOG)].len() > 100 * PAGE && !closed.files.contains_key(OsStr::new(LOG))
        );
        let entries = ledger.entries();
        let mut streams = BTreeMap::new();
        for append in entries.iter().flat_map(|entry| &entry.commit.appends) {
            *streams.entry(append.stream.clone()).or_default() += append.events.len();
        }
        Self { open, closed, entries, streams }
    }

    fn events(&self) -> usize {
        self.streams.values().sum()
    }

    /// The database of the closed store, damaged like this, in a directory of its own.
    fn damaged(&self, damage: impl FnOnce(&mut Vec<u8>)) -> TempDir {
        damaged(&self.closed, DATABASE, damage)
    }
}

fn damaged(image: &Image, file: &str, damage: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let mut image = image.clone();
    damage(image.files.entry(file.into()).or_default());
    let directory = new_directory();
    image.write_to(directory.path());
    directory
}

fn junk(rng: &mut Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// What reading a damaged store led to.
#[derive(Debug, Default)]
struct Tally {
    /// It could not be opened, or something could not be read.
    refused: usize,
    /// All that was read had the right length, and was right.
    right: usize,
    /// All that was read had the right length, but a value in it was another one: SQLite has no checksums of pages.
    altered: usize,
    /// A stream seemed to be shorter or not there, because an entry of an index was another one.
    hidden: usize,
}

impl Tally {
    /// Reads everything in every way. No way may give fewer events than there were, or more, without an error; only
    /// damage to an entry of an index may hide some of a stream, if SQLite's own check finds it.
    async fn read(&mut self, sound: &Sound, directory: &Path, context: &str) {
        let store = match open(directory).await {
            Ok(store) => store,
            Err(error) => return self.refuse(&error, context),
        };
        let (mut errors, mut hidden) = (Vec::new(), false);
        match count(&*store).await {
            Ok(events) => assert_eq!(events, sound.events(), "{context}: other events than were recorded"),
            Err(error) => errors.push(error),
        }
        for (stream, events) in &sound.streams {
            match store.read_facts(stream, Version::FIRST, usize::MAX).await {
                Ok(facts) if facts.len() < *events => {
                    let said = integrity(directory);
                    assert_ne!(said.ok().as_deref(), Some("ok"), "{context}: {stream} is not all there");
                    hidden = true;
                }
                Ok(facts) => assert_eq!(facts.len(), *events, "{context}: {stream} is longer than it was"),
                Err(error) => errors.push(error),
            }
        }
        match (errors.pop(), check(&*store, &sound.entries).await) {
            (Some(error), _) | (None, Err(error)) => self.refuse(&error, context),
            (None, Ok(findings)) if findings.are_good() => self.right += 1,
            (None, Ok(_)) => self.altered += 1,
        }
        self.hidden += usize::from(hidden);
    }

    fn refuse(&mut self, error: &StoreError, context: &str) {
        let kind = error.kind();
        assert!(
            matches!(kind, StoreErrorKind::Corrupt | StoreErrorKind::Foreign),
            "{context}: {kind:?}, {error}"
        );
        self.refused += 1;
    }
}

async fn count(store: &dyn Store) -> Result<usize, StoreError> {
    let (mut events, mut after) = (0, Position::START);
    loop {
        let page = store.read_all(&Filter::All, after, 100).await?;
        events += page.events.len();
        after = page.last;
        if page.end {
            return Ok(events);
        }
    }
}

/// Bytes anywhere in the file are others than they were.
#[tokio::test]
async fn bytes_are_flipped() {
    let sound = Sound::new().await;
    let mut rng = Rng::with_seed(1);
    let mut tally = Tally::default();
    for _ in 0..400 {
        let mut context = String::new();
        let directory = sound.damaged(|database| {
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..database.len());
                database[at] ^= rng.u8(1..);
                context += &format!("byte {} of page {} flipped, ", at % PAGE, at / PAGE + 1);
            }
        });
        tally.read(&sound, directory.path(), &context).await;
    }
    println!("bytes flipped: {tally:?}");
    assert!(
        tally.refused >= 100 && tally.right >= 20,
        "the damage is not such that it tests much: {tally:?}"
    );
    assert!(tally.hidden <= 4, "{tally:?}");
}

/// Whole pages are lost.
#[tokio::test]
async fn pages_are_lost() {
    let sound = Sound::new().await;
    let mut rng = Rng::with_seed(2);
    let mut tally = Tally::default();
    let pages = sound.closed.files[OsStr::new(DATABASE)].len() / PAGE;
    for page in 0..pages {
        for (how, content) in [("zero", vec![0; PAGE]), ("random", junk(&mut rng, PAGE))] {
            let directory =
                sound.damaged(|database| database[page * PAGE..][..PAGE].copy_from_slice(&content));
            tally.read(&sound, directory.path(), &format!("page {} is {how}", page + 1)).await;
        }
    }
    println!("pages lost: {tally:?}");
    assert!(tally.refused >= pages && tally.hidden == 0, "{tally:?}");
}

/// The end of the file is missing. An empty file is left out: it is a new one.
#[tokio::test]
async fn the_file_is_cut_off() {
    let sound = Sound::new().await;
    let mut tally = Tally::default();
    let length = sound.closed.files[OsStr::new(DATABASE)].len();
    let pages = (1..length / PAGE).map(|page| page * PAGE);
    let lengths = [1, 2, 15, 16, 17, 99, 100, 101, 511, 512, PAGE - 1, PAGE + 1, length / 2 + 1, length - 1];
    for length in pages.chain(lengths) {
        let directory = sound.damaged(|database| database.truncate(length));
        tally.read(&sound, directory.path(), &format!("cut off at {length}")).await;
    }
    println!("cut off: {tally:?}");
    // Without its last byte the file is as good as with another one in its place.
    assert!(tally.refused >= 40 && tally.right + tally.altered <= 1 && tally.hidden == 0, "{tally:?}");
}

/// There is junk behind the end of the file. It does no harm, to what comes next either.
#[tokio::test]
async fn junk_follows_the_database() {
    let sound = Sound::new().await;
    let mut rng = Rng::with_seed(3);
    for length in [1, 100, PAGE, 3 * PAGE, 3 * PAGE + 1] {
        let directory = sound.damaged(|database| database.extend(junk(&mut rng, length)));
        let mut tally = Tally::default();
        tally.read(&sound, directory.path(), &format!("{length} bytes of junk")).await;
        assert_eq!(tally.right, 1, "{length} bytes of junk: {tally:?}");

        let ledger = Ledger::default();
        ledger.reset(sound.entries.clone());
        let store = open(directory.path()).await.unwrap();
        let mut workload = Workload::new("d", Version::NONE, 4);
        for _ in 0..10 {
            let commit = workload.commit();
            let committed = ledger.append(&*store, commit.clone()).await.unwrap();
            workload.recorded(&commit, Some(&committed));
        }
        drop(store);
        verify(directory.path(), ledger.entries(), &format!("{length} bytes of junk, then commits")).await;
    }
}

/// There is junk behind the end of the log, or in place of a log, each time that the store is opened.
#[tokio::test]
async fn junk_follows_the_log() {
    let sound = Sound::new().await;
    let mut rng = Rng::with_seed(4);
    for image in [&sound.open, &sound.closed] {
        let directory = new_directory();
        image.write_to(directory.path());
        for time in 0..10 {
            let log = directory.path().join(LOG);
            let mut content = std::fs::read(&log).unwrap_or_default();
            let length = rng.usize(1..3 * PAGE);
            content.extend(junk(&mut rng, length));
            std::fs::write(&log, content).unwrap();
            verify(directory.path(), sound.entries.clone(), &format!("junk in the log, opened {time} times"))
                .await;
        }
    }
}

/// The log is damaged. SQLite takes it up to the damage, as after a power failure: the last commits are gone, whole ones.
#[tokio::test]
async fn the_log_is_damaged() {
    let sound = Sound::new().await;
    let mut rng = Rng::with_seed(5);
    let mut lost = 0;
    for _ in 0..60 {
        let mut context = String::new();
        let directory = damaged(&sound.open, LOG, |log| {
            let at = rng.usize(..log.len());
            context = format!("damage at {at} of {}", log.len());
            if rng.bool() { log.truncate(at) } else { log[at] ^= rng.u8(1..) }
        });
        let store = open(directory.path()).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        let findings = check(&*store, &sound.entries).await.unwrap();
        assert!(findings.wrong.is_empty(), "{context}: {findings:?}");
        let there =
            sound.entries.iter().take_while(|entry| findings.there.contains(&entry.commit.id)).count();
        assert_eq!(there + findings.lost.len(), sound.entries.len(), "{context}: not only the last are gone");
        assert_eq!(integrity(directory.path()).unwrap(), "ok", "{context}");
        lost += findings.lost.len();
    }
    println!("{lost} commits lost to damage of the log");
    assert!(lost > 0, "there was no damage");
}
