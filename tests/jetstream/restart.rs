//! A server that dies and comes back, and one that does not.

use std::time::{Duration, Instant};

use factum::store::{AppendError, Commit, Expected, Filter, Position, StoreErrorKind};
use factum_tests::{nats::Nats, proxy::Proxy};
use tokio::time::{sleep, timeout};

use super::{Subject, all, commit, events_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_waited_for() {
    let Some(server) = Nats::start(1, "") else { return };
    let store: Subject = factum::open(&server.url("desk")).await.unwrap();
    store.append(commit("a", Expected::NoStream, 2)).await.unwrap();
    for round in 0..3 {
        server.kill(0);
        let (append, read, head) = {
            let [one, two, three] = [&store, &store, &store].map(Subject::clone);
            let id = format!("{round}");
            (
                tokio::spawn(async move { one.append(commit(&id, Expected::NoStream, 1)).await }),
                tokio::spawn(async move { events_of(&two, "a").await }),
                tokio::spawn(async move { three.head().await }),
            )
        };
        sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| server.run(0));
        let within = Duration::from_secs(20);
        timeout(within, append).await.unwrap().unwrap().unwrap();
        assert_eq!(timeout(within, read).await.unwrap().unwrap().len(), 2);
        timeout(within, head).await.unwrap().unwrap().unwrap();
        assert_eq!(all(&store).await.len(), 3 + round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_given_up_in_time() {
    let Some(server) = Nats::start(1, "") else { return };
    let store = factum::open(&format!("{}&timeout=1500", server.url("desk"))).await.unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    server.kill(0);
    let begun = Instant::now();
    let append = store.append(commit("b", Expected::NoStream, 1)).await.unwrap_err();
    assert!(matches!(append, AppendError::Failed(_) | AppendError::Unknown { .. }), "{append}");
    let error = store.read_all(&Filter::All, Position::START, 9).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());

    // Commits of many messages, more than the connection holds back, hang no longer.
    let begun = Instant::now();
    let many = (0..6).map(|number| {
        let store = store.clone();
        let appends =
            (0..900).flat_map(|stream| commit(&format!("{number}-{stream}"), Expected::NoStream, 1).appends);
        let commit = Commit::new(appends.collect());
        tokio::spawn(async move { store.append(commit).await })
    });
    for append in many.collect::<Vec<_>>() {
        assert!(append.await.unwrap().is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let head = store.head().await.unwrap_err();
    assert_eq!(head.kind(), StoreErrorKind::Unavailable, "{head}");
    let waited = timeout(Duration::from_secs(6), store.wait(Position::START)).await.unwrap();
    assert!(waited.is_err());
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_commit_takes_effect_once() {
    let Some(server) = Nats::shared() else { return };
    let proxy = Proxy::start(server.port(0)).await;
    let url = server.fresh();
    let through = url.replace(&server.port(0).to_string(), &proxy.port.to_string());
    let store: Subject = factum::open(&through).await.unwrap();
    store.append(commit("before", Expected::NoStream, 1)).await.unwrap();
    for (number, expected) in [Expected::NoStream, Expected::Any].into_iter().enumerate() {
        for count in [2, 700] {
            let id = format!("{number}-{count}");
            let commit = commit(&id, expected, count);
            // Of a commit that expects nothing the first answer says that there is no stream yet.
            proxy.lose(1);
            let answer = store.append(commit.clone()).await.unwrap();
            assert_eq!(proxy.left(), 0);
            assert_eq!(answer.appends[0].positions.len(), count);
            let recorded: Vec<_> = events_of(&store, &id).await.iter().map(|event| event.id).collect();
            assert_eq!(recorded, (0..count).map(|index| commit.id.event(index)).collect::<Vec<_>>());
        }
    }
}
