//! Snapshot and tail come to what all events come to, wherever the snapshot was taken.

use std::{collections::HashMap, sync::Arc};

use factum::{Repository, Store, Version, testing::contract::Harness};
#[cfg(all(feature = "jetstream", unix))]
use factum_tests::nats::Stream;
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Schema;
use factum_tests::stores::Memory;
#[cfg(feature = "sqlite")]
use factum_tests::stores::SqliteFile;
use proptest::prelude::*;

use crate::{
    change, elsewhere, kept, memory,
    plain::{self, LedgerCommand},
    program,
};

program!(each, 1, snapshot(every = 1));
program!(some, 1, snapshot(every = 3));

fn commands() -> impl Strategy<Value = Vec<LedgerCommand>> {
    let command = prop_oneof![
        4 => any::<u32>().prop_map(|step| LedgerCommand::Add { step: step.into() }),
        1 => "[a-z]{1,3}".prop_map(|owner| LedgerCommand::Rename { owner }),
        2 => "[a-d]".prop_map(|tag| LedgerCommand::Tag { tag }),
    ];
    (proptest::collection::vec(command, 1..12), any::<bool>()).prop_map(|(mut commands, closes)| {
        commands.insert(0, LedgerCommand::Open { owner: "Ann".to_owned() });
        commands.extend(closes.then(|| LedgerCommand::Close { by: "Ann".to_owned() }));
        commands
    })
}

/// For each prefix, a snapshot is kept there, then the rest is recorded, and everything is read from the snapshot on.
async fn every_prefix(store: &Arc<dyn Store>, first_id: u64, commands: &[LedgerCommand]) {
    let plain = Repository::<plain::Ledger>::new(Arc::clone(store));
    let each = Repository::<each::Ledger>::new(Arc::clone(store));
    for prefix in 1..=commands.len() {
        let id = first_id + prefix as u64;
        for (command, number) in commands.iter().zip(1..) {
            plain.execute(&id, command.clone()).await.unwrap();
            if number == prefix {
                each.load(&id).await.unwrap();
                kept(store, id, number as u64).await;
            }
        }
        for (event, version) in plain.history(&id).await.unwrap().iter().zip(1_u64..) {
            let expected = plain.load_at_version(&id, version).await.unwrap().unwrap();
            let found = each.load_at_version(&id, version).await.unwrap().unwrap();
            assert_eq!((found.version, found.ended), (expected.version, expected.ended));
            assert_eq!(found.state.plain(), expected.state);
            let expected = plain.load_as_of(&id, event.at).await.unwrap().unwrap();
            let found = each.load_as_of(&id, event.at).await.unwrap().unwrap();
            assert_eq!((found.version, found.ended), (expected.version, expected.ended));
            assert_eq!(found.state.plain(), expected.state);
        }
        let (expected, found) =
            (plain.load(&id).await.unwrap().unwrap(), each.load(&id).await.unwrap().unwrap());
        assert_eq!((found.version, found.ended), (expected.version, expected.ended));
        assert_eq!(found.state.plain(), expected.state);
    }
    let counts = each.snapshot_counts();
    assert_eq!((counts.different, counts.unusable, counts.failed), (0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_history_every_prefix_will_do(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_prefix(&memory(), 0, &commands));
    }
}

/// Writers and readers at once, through handles of their own, with snapshots of others among theirs.
async fn at_once(handles: Vec<Arc<dyn Store>>) {
    const IDS: u64 = 2;
    const ROUNDS: u64 = 12;
    let plain = Repository::<plain::Ledger>::new(Arc::clone(&handles[0]));
    for id in 0..IDS {
        plain.execute(&id, LedgerCommand::Open { owner: "Ann".to_owned() }).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (handle, writer) in handles.iter().cycle().take(6).zip(0..) {
        let store = Arc::clone(handle);
        tasks.spawn(async move {
            let ledgers = Repository::<some::Ledger>::new(Arc::clone(&store));
            let mut seen = Vec::new();
            for round in 0..ROUNDS {
                let id = (writer + round) % IDS;
                let step = 1 << (writer * 4);
                ledgers.execute(&id, some::LedgerCommand::Add { step }).await.unwrap();
                let found = ledgers.load(&id).await.unwrap().unwrap();
                seen.push((id, found.version, found.state.plain()));
                if round % 4 == 3 && store.snapshot(&crate::stream(id)).await.unwrap().is_some() {
                    change(&store, id, elsewhere).await;
                }
            }
            seen
        });
    }
    let mut states: HashMap<(u64, Version), plain::Ledger> = HashMap::new();
    for (id, version, state) in tasks.join_all().await.into_iter().flatten() {
        let expected = match states.get(&(id, version)) {
            Some(expected) => expected.clone(),
            None => plain.load_at_version(&id, version).await.unwrap().unwrap().state,
        };
        assert_eq!(state, expected, "{id} at {version}");
        states.insert((id, version), expected);
    }
    let ledgers = Repository::<some::Ledger>::new(Arc::clone(&handles[0]));
    let counts = ledgers.snapshot_counts();
    assert!(counts.used > 0 && counts.kept > 0, "{counts:?}");
    assert_eq!((counts.different, counts.unusable, counts.failed), (0, 0, 0));
}

async fn on(harness: impl Harness) {
    if let Some(missing) = harness.missing() {
        println!("not tried: {missing}");
        return;
    }
    let handles = vec![harness.open().await.unwrap(), harness.open().await.unwrap()];
    let commands = [
        LedgerCommand::Open { owner: "Ann".to_owned() },
        LedgerCommand::Add { step: 3 },
        LedgerCommand::Tag { tag: "größe\0".to_owned() },
        LedgerCommand::Add { step: 4 },
        LedgerCommand::Close { by: "Ann".to_owned() },
    ];
    every_prefix(&handles[0], 1_000, &commands).await;
    at_once(handles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    on(Memory::default()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite() {
    on(SqliteFile::new("?synchronous=off")).await;
}

#[cfg(all(feature = "postgres", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_postgres() {
    on(Schema::new()).await;
}

#[cfg(all(feature = "jetstream", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_jetstream() {
    on(Stream::new()).await;
}

#[cfg(all(feature = "jetstream", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_jetstream_on_three_servers() {
    on(Stream::replicated()).await;
}
