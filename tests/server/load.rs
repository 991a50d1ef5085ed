//! Writers and a reader that go on while things break, and what must be true afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{
    Version,
    store::{AppendError, EventId, Expected, Filter, Position},
};
use tokio::task::JoinSet;

use super::{Subject, all, commit, events_of};

/// What the writers met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) acknowledged: usize,
    pub(crate) failed: usize,
    pub(crate) unknown: usize,
}

/// Lets each of `writers` append to a stream of its own and a reader follow, while `trouble` is made. Everything that was
/// acknowledged must be there afterwards, once and in order, and the reader must have missed nothing.
pub(crate) async fn under_load(store: &Subject, writers: usize, trouble: impl Future<Output = ()>) -> Met {
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for number in 0..writers {
        tasks.spawn(write(Arc::clone(store), format!("{number}"), Arc::clone(&over)));
    }
    let reader = tokio::spawn(follow(Arc::clone(store), Arc::clone(&over)));
    trouble.await;
    over.store(true, Ordering::SeqCst);
    let mut met = Met::default();
    for (id, acknowledged, failed, unknown) in tasks.join_all().await {
        let recorded: Vec<EventId> = events_of(store, &id).await.iter().map(|event| event.id).collect();
        assert_eq!(recorded, acknowledged, "stream {id}");
        met.acknowledged += acknowledged.len();
        met.failed += failed;
        met.unknown += unknown;
    }
    let followed = reader.await.unwrap();
    let there: Vec<_> = all(store).await.iter().map(|event| event.id).collect();
    assert_eq!(followed.len(), there.len(), "the reader missed something, or saw it twice");
    assert_eq!(followed, there);
    assert_eq!(met.acknowledged, there.len());
    met
}

async fn write(store: Subject, id: String, over: Arc<AtomicBool>) -> (String, Vec<EventId>, usize, usize) {
    let (mut acknowledged, mut failed, mut unknown) = (Vec::new(), 0, 0);
    while !over.load(Ordering::SeqCst) {
        let expected = Expected::Exact(Version::new(acknowledged.len() as u64));
        let commit = commit(&id, expected, 1);
        // Nobody else writes to the stream, so after an unknown outcome it takes effect once, sooner or later.
        let mut open = false;
        loop {
            match store.append(commit.clone()).await {
                Ok(_) => {
                    acknowledged.push(commit.id.event(0));
                    break;
                }
                Err(AppendError::Unknown { .. }) => {
                    open = true;
                    unknown += 1;
                }
                Err(AppendError::Failed(_)) => {
                    failed += 1;
                    if !open {
                        break;
                    }
                }
                Err(other) => panic!("{other}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    (id, acknowledged, failed, unknown)
}

/// Every event in the order in which a reader meets them.
async fn follow(store: Subject, over: Arc<AtomicBool>) -> Vec<EventId> {
    let (mut met, mut after) = (Vec::new(), Position::START);
    let mut rounds_after = 0;
    // What was on its way when it was over comes within a moment.
    while rounds_after < 20 {
        if over.load(Ordering::SeqCst) {
            rounds_after += 1;
        }
        if let Ok(page) = store.read_all(&Filter::All, after, 100).await {
            after = page.last;
            met.extend(page.events.iter().map(|event| event.id));
            if !page.end {
                rounds_after = 0;
                continue;
            }
        }
        let _ = tokio::time::timeout(Duration::from_millis(100), store.wait(after)).await;
    }
    met
}
