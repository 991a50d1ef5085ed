//! From each kind of store to each.

use std::sync::Arc;

use factum::{
    Position, Repository, Version,
    store::{Append, Commit, Expected, Name, NewEvent, Payload},
    testing::contract::Harness,
};
#[cfg(all(feature = "jetstream", unix))]
use factum_tests::nats::Stream;
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Schema;
#[cfg(feature = "sqlite")]
use factum_tests::stores::SqliteFile;
use factum_tests::{
    counter::{Counter, CounterCommand},
    stores::Memory,
};

use crate::{
    Subject, all, are_the_same,
    history::{History, odd_streams},
    ids,
};

/// One of each kind, as far as it can be tried here.
pub(crate) fn houses() -> Vec<(&'static str, Box<dyn Harness>)> {
    let mut houses: Vec<(_, Box<dyn Harness>)> = vec![("memory", Box::new(Memory::default()))];
    #[cfg(feature = "sqlite")]
    houses.push(("sqlite", Box::new(SqliteFile::new("?synchronous=off"))));
    #[cfg(all(feature = "postgres", unix))]
    houses.push(("postgres", Box::new(Schema::new())));
    #[cfg(all(feature = "jetstream", unix))]
    houses.push(("jetstream", Box::new(Stream::new())));
    houses.retain(|(_, house)| house.missing().is_none());
    houses
}

/// Some counters, whose ids are awkward too.
async fn count(store: &Subject) -> Vec<String> {
    let counters = Repository::<Counter>::new(Arc::clone(store));
    let names: Vec<_> =
        ["a.b", "*", ">", "%", "ä 語\u{0}", "", &"y".repeat(1_000)].map(str::to_owned).to_vec();
    for (steps, name) in names.iter().enumerate() {
        let open = CounterCommand::Open { label: name.clone() };
        counters.execute(name, open).await.unwrap();
        for step in 0..steps as u64 {
            counters.execute(name, CounterCommand::Add { step }).await.unwrap();
        }
    }
    for (added, name) in names.iter().enumerate() {
        let steps = (100..100 + added as u64).collect();
        counters.execute(name, CounterCommand::AddAll { steps }).await.unwrap();
    }
    names
}

async fn moves(from: &Subject, to: &Subject, way: &str) {
    let mut history = History::new(7, odd_streams());
    history.write_long_ago(from, 300).await;
    history.write(from, 300).await;
    let counters = count(from).await;
    History::of(8, 3).write(from, 200).await;
    let before = all(from).await;

    let mut steps = Vec::new();
    let copied = factum::copy(from, to).page(100).on_progress(|progress| steps.push(progress)).await.unwrap();
    let after = all(to).await;
    assert_eq!(all(from).await, before, "{way}: the source stays as it was");
    are_the_same(to, from).await;
    assert_eq!(copied.events as usize, before.len());
    assert_eq!(copied.added, copied.events);
    let firsts = before.iter().filter(|event| event.version == Version::FIRST);
    assert_eq!(copied.streams as usize, firsts.count());
    assert_eq!(
        (copied.source, copied.target),
        (before.last().unwrap().position, after.last().unwrap().position)
    );
    assert!(after.is_sorted_by(|a, b| a.position < b.position));
    assert!(steps.len() > 10 && steps.is_sorted_by_key(|progress| (progress.step as u8, progress.events)));
    assert_eq!(steps.last().map(|progress| (progress.events, progress.share())), Some((copied.events, 1.0)));

    // Aggregates load alike, now and as they were, and go on.
    let (old, new) = (Repository::<Counter>::new(from.clone()), Repository::<Counter>::new(to.clone()));
    for (number, counter) in counters.iter().enumerate() {
        let now = new.load(counter).await.unwrap();
        assert_eq!(now, old.load(counter).await.unwrap(), "{way}: {counter}");
        let version = now.unwrap().version;
        for moment in old.history(counter).await.unwrap() {
            let then = new.load_as_of(counter, moment.at).await.unwrap();
            assert_eq!(then, old.load_as_of(counter, moment.at).await.unwrap());
        }
        let add = CounterCommand::Add { step: 1_000 + number as u64 };
        let receipt = new.execute(counter, add).expecting(version).await.unwrap();
        assert_eq!(receipt.version, version.next());
        assert!(receipt.position > copied.target);
    }
    let whole = all(to).await;
    for added in &whole[before.len()..] {
        let last = before.iter().rfind(|event| event.stream == added.stream).unwrap();
        assert_eq!(added.version, last.version.next());
        assert!(added.at >= last.at);
    }
    assert!(whole[before.len()..].is_sorted_by_key(|event| event.position));
}

#[tokio::test]
async fn everything_arrives_and_goes_on() {
    for (old, _) in houses() {
        for (new, house) in houses() {
            let source = houses().into_iter().find(|(kind, _)| *kind == old).unwrap().1;
            let (from, to) = (source.open().await.unwrap(), house.open().await.unwrap());
            moves(&from, &to, &format!("from {old} to {new}")).await;
        }
    }
}

/// There and back again through all of them, it is still what it was.
#[tokio::test]
async fn a_copy_of_a_copy_is_a_copy() {
    let first: Subject = Memory::default().open().await.unwrap();
    History::of(3, 40).write(&first, 2_500).await;
    let (mut kept, mut last) = (Vec::new(), first.clone());
    for (_, house) in houses().into_iter().chain(houses()) {
        let next = house.open().await.unwrap();
        factum::copy(&last, &next).await.unwrap();
        kept.push(house);
        last = next;
    }
    are_the_same(&last, &first).await;
}

/// Streams that take turns make small commits. Every store takes them in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_take_turns_keep_their_order() {
    for (_, house) in houses() {
        let from: Subject = Memory::default().open().await.unwrap();
        History::of(5, 2).write(&from, 3_000).await;
        let to = house.open().await.unwrap();
        factum::copy(&from, &to).await.unwrap();
        are_the_same(&to, &from).await;
    }
}

#[tokio::test]
async fn a_stream_longer_than_a_commit_and_a_commit_longer_than_a_page() {
    for (_, house) in houses() {
        let from: Subject = Memory::default().open().await.unwrap();
        let event = NewEvent {
            name: Name::from("Made"),
            schema: 1,
            payload: Payload::json(format!("{{\"text\":\"{}\"}}", "語".repeat(100))),
            metadata: None,
        };
        for events in [1, 9_000] {
            let append = Append {
                stream: crate::history::stream("long"),
                expected: Expected::Any,
                tail: None,
                events: vec![event.clone(); events],
            };
            from.append(Commit::new(vec![append])).await.unwrap();
        }
        let to = house.open().await.unwrap();
        let copied = factum::copy(&from, &to).page(7).await.unwrap();
        assert_eq!((copied.events, copied.streams), (9_001, 1));
        are_the_same(&to, &from).await;
    }
}

#[tokio::test]
async fn an_empty_store_is_copied_at_once() {
    for (_, house) in houses() {
        let from: Subject = Memory::default().open().await.unwrap();
        let to = house.open().await.unwrap();
        let mut told = 0;
        let copied = factum::copy(&from, &to).page(0).on_progress(|_| told += 1).await.unwrap();
        assert_eq!(copied, factum::copy::Copied::default());
        assert!(told > 0 && all(&to).await.is_empty());
    }
}

/// Run again, it finds everything there; and what has come since is added.
#[tokio::test]
async fn a_second_run_catches_up() {
    for (_, house) in houses() {
        let from: Subject = Memory::default().open().await.unwrap();
        let to = house.open().await.unwrap();
        let mut history = History::of(1, 20);
        for more in [500, 0, 300] {
            history.write(&from, more).await;
            let before = all(&to).await;
            let copied = factum::copy(&from, &to).await.unwrap();
            let after = all(&to).await;
            assert_eq!(ids(&after)[..before.len()], ids(&before));
            assert_eq!(copied.added as usize, after.len() - before.len());
            assert_eq!(copied.events as usize, after.len());
            assert_eq!(copied.target, after.last().unwrap().position);
            are_the_same(&to, &from).await;
        }
        assert_eq!(to.head().await.unwrap(), factum::copy(&from, &to).await.unwrap().target);
        assert_ne!(to.head().await.unwrap(), Position::START);
    }
}
