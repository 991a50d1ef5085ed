//! Somebody writes while the copy is made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use factum::{copy::CopyError, store::MemoryStore};

use crate::{Subject, all, are_the_same, history::History, houses::houses, is_a_beginning};

/// The source goes on being used. The last run, after the writers were stopped, catches up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_the_source_go_on() {
    for (_, house) in houses() {
        let from: Subject = house.open().await.unwrap();
        let mut history = History::of(9, 30);
        history.write(&from, 2_000).await;
        let at_first = all(&from).await.len();
        let stop = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn({
            let (from, stop) = (from.clone(), stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    history.write(&from, 1).await;
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
            }
        });
        let to: Subject = Arc::new(MemoryStore::new());
        let mut events = 0;
        for _ in 0..4 {
            let copied = factum::copy(&from, &to).page(100).await.unwrap();
            assert!(copied.events >= events);
            events = copied.events;
            is_a_beginning(&to, &from).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.store(true, Ordering::Relaxed);
        writer.await.unwrap();
        let last = factum::copy(&from, &to).await.unwrap();
        assert!(last.added > 0 && events as usize > at_first, "nobody wrote in between");
        are_the_same(&to, &from).await;
    }
}

/// Two copies of one source at once: whoever is disturbed says so, and together they make one copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_at_once_make_one() {
    let from: Subject = Arc::new(MemoryStore::new());
    History::of(6, 8).write(&from, 3_000).await;
    let to: Subject = Arc::new(MemoryStore::new());
    let copy = || {
        let (from, to) = (from.clone(), to.clone());
        tokio::spawn(async move { factum::copy(&from, &to).page(64).await })
    };
    for outcome in [copy(), copy()] {
        match outcome.await.unwrap() {
            Ok(_) | Err(CopyError::Disturbed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    is_a_beginning(&to, &from).await;
    factum::copy(&from, &to).await.unwrap();
    are_the_same(&to, &from).await;
}

/// Somebody who writes to the target while it is filled is noticed.
#[tokio::test]
async fn a_writer_of_the_target_is_noticed() {
    let from: Subject = Arc::new(MemoryStore::new());
    History::of(6, 8).write(&from, 12_000).await;
    // To a stream that is copied, and to another one.
    for (id, conflicts) in [("3", true), ("somebody's", false)] {
        let to: Subject = Arc::new(MemoryStore::new());
        let mut somebody = History::new(1, vec![crate::history::stream(id)]);
        let mut written = false;
        let error = factum::copy(&from, &to)
            .page(500)
            .on_progress(|progress| {
                if progress.events > 0 && !written {
                    written = true;
                    let mut commit = somebody.commit();
                    commit.appends[0].expected = factum::store::Expected::Any;
                    let mut append = to.append(commit);
                    let waker = std::task::Waker::noop();
                    assert!(append.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
                }
            })
            .await
            .unwrap_err();
        match conflicts {
            true => assert!(matches!(error, CopyError::Disturbed { .. }), "{error}"),
            false => assert!(matches!(error, CopyError::Differs(_)), "{error}"),
        }
    }
}
