//! Whatever the history, the page, the pauses and the interruptions: it is a beginning at every moment, and the whole at
//! the end.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::Ordering},
};

use factum::store::MemoryStore;
use fastrand::Rng;

use crate::{
    Subject, are_the_same,
    history::{History, stream},
    is_a_beginning,
    strange::{How, Strange},
};

#[tokio::test]
async fn any_history_in_any_pages_with_any_interruptions() {
    let mut lengths = BTreeSet::new();
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let (from, to): (Subject, Subject) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        let mut history = History::of(seed, rng.usize(1..40));
        history.write(&from, rng.usize(..300)).await;
        for _ in 0..rng.usize(..4) {
            let stopping = Strange::stops_after(&to, rng.usize(..8));
            let _ = factum::copy(&from, &stopping).page(rng.usize(..60)).await;
            lengths.insert(is_a_beginning(&to, &from).await);
            history.write(&from, rng.usize(..20)).await;
        }
        factum::copy(&from, &to).page(rng.usize(..200)).await.unwrap();
        are_the_same(&to, &from).await;
    }
    assert!(lengths.len() > 100, "{lengths:?}");
}

/// A store may carry out in any order what comes together. The order of the copy does not depend on it.
#[tokio::test]
async fn appends_may_overtake_one_another() {
    let (mut asked, mut recorded) = (0, 0);
    for seed in 0..40 {
        let (from, to): (Subject, Subject) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        History::of(seed, 2 + seed as usize % 9).write(&from, 400).await;
        let target = Strange::new(&to, How::Overtakes(Mutex::new(Rng::with_seed(seed))));
        let subject: Subject = target.clone();
        factum::copy(&from, &subject).await.unwrap();
        are_the_same(&to, &from).await;
        asked += target.asked.load(Ordering::Relaxed);
        recorded += target.recorded.load(Ordering::Relaxed);
    }
    println!("{asked} appends for {recorded} commits");
    assert!(asked > recorded + recorded / 10, "they did not overtake one another");
}

/// Also where a commit is full and no stream of it comes back: nothing else would keep the next one behind it.
#[tokio::test]
async fn full_commits_do_not_overtake_one_another() {
    for seed in 0..5 {
        let (from, to): (Subject, Subject) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        for commits in 0..7_000 {
            History::new(seed, vec![stream(&format!("{commits}"))]).write(&from, 1).await;
        }
        let target: Subject = Strange::new(&to, How::Overtakes(Mutex::new(Rng::with_seed(seed))));
        factum::copy(&from, &target).await.unwrap();
        are_the_same(&to, &from).await;
    }
}
