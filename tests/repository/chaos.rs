//! Everything goes wrong now and then, and each command takes effect once.

use std::sync::Arc;

use factum::{
    Repository, Store,
    store::CommitId,
    testing::chaos::{ChaosStore, Fault},
};
use factum_tests::counter::Counter;
use tokio::task::JoinSet;

use crate::{Failure, add, id, memory, open};

const FAULTS: [Fault; 5] =
    [Fault::Read, Fault::Failure, Fault::Conflict, Fault::RequestLost, Fault::AnswerLost];

/// What a careful caller does: believe what the error says, and look where it says nothing.
async fn insist(counters: &Repository<Counter>, step: u64) {
    loop {
        match counters.execute(&id(), add(step)).await {
            Ok(receipt) => {
                assert_eq!(receipt.events.len(), 1);
                return;
            }
            // Nothing was recorded, they say. Were it not so, the next attempt would be refused.
            Err(Failure::Load(_) | Failure::Store { .. } | Failure::Conflict(_)) => {}
            Err(Failure::Unknown { commit, .. }) => {
                if was_recorded(counters, commit).await {
                    return;
                }
            }
            Err(error) => panic!("step {step}: {error:?}"),
        }
    }
}

async fn was_recorded(counters: &Repository<Counter>, commit: CommitId) -> bool {
    loop {
        if let Ok(history) = counters.history(&id()).await {
            return history.iter().any(|event| event.id == commit.event(0));
        }
    }
}

async fn exactly_once(
    store: Arc<dyn Store>,
    warm: usize,
    seed: u64,
    writers: u64,
    steps: u64,
) -> [usize; FAULTS.len()] {
    let chaos = FAULTS
        .into_iter()
        .fold(ChaosStore::new(Arc::clone(&store)).seeded(seed), |chaos, fault| chaos.with(fault, 0.15));
    let chaos = Arc::new(chaos);
    let counters = Repository::<Counter>::new(store);
    counters.execute(&id(), open()).await.unwrap();
    let chaotic = Repository::<Counter>::new(Arc::clone(&chaos) as Arc<_>).with_warm(warm);
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let chaotic = chaotic.clone();
        tasks.spawn(async move {
            for step in 0..steps {
                insist(&chaotic, writer * steps + step).await;
            }
        });
    }
    tasks.join_all().await;
    let mut taken = counters.load(&id()).await.unwrap().unwrap().state.steps;
    taken.sort_unstable();
    assert_eq!(taken, (0..writers * steps).collect::<Vec<_>>(), "seed {seed}");
    FAULTS.map(|fault| chaos.met(fault))
}

#[tokio::test(start_paused = true)]
async fn one_writer_has_the_same_luck_each_time() {
    for seed in 0..20 {
        for warm in [0, 8] {
            let met = exactly_once(memory(), warm, seed, 1, 40).await;
            // A warm one is hardly ever read.
            let expected = if warm == 0 { &met[..] } else { &met[1..] };
            assert!(expected.iter().all(|times| *times > 0), "seed {seed}: {met:?}");
            assert_eq!(exactly_once(memory(), warm, seed, 1, 40).await, met);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers() {
    for seed in 100..104 {
        exactly_once(memory(), 0, seed, 8, 10).await;
        exactly_once(memory(), 8, seed, 8, 10).await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_to_a_file() {
    let file = factum_tests::stores::SqliteFile::new("?synchronous=off");
    let store = factum::testing::contract::Harness::open(&file).await.unwrap();
    exactly_once(store, 8, 200, 8, 10).await;
}
