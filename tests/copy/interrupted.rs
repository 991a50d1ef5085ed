//! Copies that are interrupted go on.

use std::{sync::Arc, time::Duration};

use factum::{
    copy::CopyError,
    store::MemoryStore,
    testing::chaos::{ChaosStore, Fault},
};
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Postgres;

use crate::{Subject, all, are_the_same, history::History, houses::houses, is_a_beginning, strange::Strange};

fn memory() -> Subject {
    Arc::new(MemoryStore::new())
}

/// A store that fails at the n-th append, for n = 1 and so on until the copy comes to its end.
#[tokio::test]
async fn it_goes_on_wherever_it_was_stopped() {
    for (_, house) in houses() {
        let from = memory();
        History::of(2, 15).write(&from, 1_200).await;
        let to = house.open().await.unwrap();
        let (mut stops, mut length) = (0, 0);
        loop {
            let stopping = Strange::stops_after(&to, 1 + stops * 5);
            match factum::copy(&from, &stopping).await {
                Ok(copied) => {
                    assert_eq!(copied.events as usize, all(&from).await.len());
                    break;
                }
                Err(CopyError::Target(error)) => assert!(error.to_string().contains("on purpose")),
                Err(error) => panic!("{error:?}"),
            }
            let longer = is_a_beginning(&to, &from).await;
            assert!(longer > length, "it came no further than {length}");
            (length, stops) = (longer, stops + 1);
        }
        assert!(stops > 4, "it was stopped {stops} times");
        are_the_same(&to, &from).await;
    }
}

/// Dropped at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_it_was_dropped() {
    for (_, house) in houses() {
        let from = memory();
        History::of(4, 10).write(&from, 3_000).await;
        let to = house.open().await.unwrap();
        let mut dropped = 0;
        for round in 0..12 {
            let patience = Duration::from_millis(5 * round);
            match tokio::time::timeout(patience, factum::copy(&from, &to)).await {
                Ok(copied) => drop(copied.unwrap()),
                Err(_) => dropped += 1,
            }
            // What was on its way may still arrive.
            tokio::time::sleep(Duration::from_millis(20)).await;
            is_a_beginning(&to, &from).await;
        }
        assert!(dropped > 0);
        factum::copy(&from, &to).await.unwrap();
        are_the_same(&to, &from).await;
    }
}

/// Requests and answers are lost, reads and appends fail, and conflicts with nobody come in between.
#[tokio::test(start_paused = true)]
async fn faults_that_pass_are_survived() {
    for seed in 0..20 {
        let (from, to) = (memory(), memory());
        History::of(seed, 12).write(&from, 800).await;
        let reading = Arc::new(ChaosStore::new(from.clone()).seeded(seed).with(Fault::Read, 0.2));
        let writing = Arc::new(
            ChaosStore::new(to.clone())
                .seeded(seed)
                .with(Fault::Read, 0.2)
                .with(Fault::Failure, 0.1)
                .with(Fault::RequestLost, 0.1)
                .with(Fault::AnswerLost, 0.1),
        );
        writing.inject(1, Fault::Conflict);
        let (source, target): (Subject, Subject) = (reading.clone(), writing.clone());
        let copied = factum::copy(&source, &target).page(50).await.unwrap();
        assert_eq!(copied.added, copied.events);
        are_the_same(&to, &from).await;
        assert!(reading.met(Fault::Read) > 0 && writing.met(Fault::Conflict) == 1);
        for fault in [Fault::Failure, Fault::RequestLost, Fault::AnswerLost] {
            assert!(writing.met(fault) > 0, "{fault:?}");
        }
    }
}

/// Those that do not pass end it, within the time that is stated.
#[tokio::test(start_paused = true)]
async fn faults_that_do_not_pass_are_told() {
    let from = memory();
    History::of(1, 12).write(&from, 800).await;
    for (fault, of_target) in [
        (Fault::Failure, true),
        (Fault::RequestLost, true),
        (Fault::AnswerLost, true),
        (Fault::Read, true),
        (Fault::Read, false),
    ] {
        let to = memory();
        let strange =
            |store: &Subject| -> Subject { Arc::new(ChaosStore::new(store.clone()).with(fault, 1.0)) };
        let began = tokio::time::Instant::now();
        let error = match of_target {
            true => factum::copy(&from, &strange(&to)).await.unwrap_err(),
            false => factum::copy(&strange(&from), &to).await.unwrap_err(),
        };
        let took = began.elapsed();
        assert!(took < Duration::from_secs(15), "{took:?}");
        match (fault, of_target) {
            (Fault::RequestLost | Fault::AnswerLost, _) => {
                assert!(matches!(error, CopyError::Unknown(_)), "{error:?}");
            }
            (_, true) => assert!(matches!(error, CopyError::Target(_)), "{error:?}"),
            (_, false) => assert!(matches!(error, CopyError::Source(_)), "{error:?}"),
        }
        is_a_beginning(&to, &from).await;
        factum::copy(&from, &to).await.unwrap();
        are_the_same(&to, &from).await;
    }
}

/// With everything that was on its way.
#[cfg(all(feature = "postgres", unix))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_and_comes_back_is_survived() {
    let Some(server) = Postgres::start() else { return };
    let from = memory();
    History::of(5, 6).write(&from, 5_000).await;
    let to = factum::open(&server.url("moved")).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let copy = tokio::spawn({
        let (from, to) = (from.clone(), to.clone());
        async move {
            let tell = move |progress| tell.send(progress).unwrap();
            factum::copy(&from, &to).page(100).on_progress(tell).await
        }
    });
    let mut crashes = 0;
    while let Some(progress) = told.recv().await {
        if progress.step == factum::copy::Step::Copying
            && progress.events > 1_000 * (crashes + 1)
            && crashes < 2
        {
            tokio::task::block_in_place(|| {
                server.crash();
                std::thread::sleep(Duration::from_millis(300));
                server.run();
            });
            crashes += 1;
        }
    }
    match copy.await.unwrap() {
        Ok(copied) => assert_eq!(copied.added as usize, all(&from).await.len()),
        // A slow machine brings the server back too late. Then it is run again.
        Err(CopyError::Target(_) | CopyError::Unknown(_)) => {
            is_a_beginning(&to, &from).await;
            factum::copy(&from, &to).await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
    assert_eq!(crashes, 2);
    are_the_same(&to, &from).await;
}
