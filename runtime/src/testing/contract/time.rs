//! The times of events.

use chrono::{DateTime, TimeDelta, Utc};

use super::support::{Subject, append, read, read_all, stream, together, write};
use crate::store::{Commit, Expected};

/// The store's clock may be another machine's; it is not off by more than this.
const SKEW: TimeDelta = TimeDelta::minutes(1);

pub(super) async fn it_is_now(store: Subject) {
    let before = Utc::now() - SKEW;
    for _ in 0..5 {
        let at = write(&store, &stream("a"), Expected::Any, 1).await.at;
        assert!(before <= at && at <= Utc::now() + SKEW, "{at} is not now");
    }
}

fn in_microseconds(at: DateTime<Utc>) -> bool {
    at.timestamp_subsec_nanos().is_multiple_of(1_000)
}

/// Neither more exactly, for not every store could keep it, nor less: of many times some have microseconds.
pub(super) async fn it_is_in_microseconds(store: Subject) {
    for number in 0..20 {
        let at = write(&store, &stream(format!("{number}")), Expected::NoStream, 1).await.at;
        assert!(in_microseconds(at), "{at}");
        tokio::time::sleep(std::time::Duration::from_micros(150)).await;
    }
    let times: Vec<_> = read_all(&store).await.into_iter().map(|event| event.at).collect();
    assert!(times.iter().all(|at| in_microseconds(*at)));
    assert!(times.iter().any(|at| !at.timestamp_subsec_micros().is_multiple_of(1_000)), "{times:?}");
}

pub(super) async fn a_commit_has_one_time_in_a_stream(store: Subject) {
    let (a, b) = (stream("a"), stream("b"));
    for _ in 0..5 {
        let commit = Commit::new(vec![append(&a, Expected::Any, 3), append(&b, Expected::Any, 4)]);
        let answer = store.append(commit).await.unwrap();
        for (stream, appended) in [&a, &b].into_iter().zip(&answer.appends) {
            let events = read(&store, stream).await;
            let of_commit = &events[events.len() - appended.positions.len()..];
            assert!(of_commit.iter().all(|event| event.at == appended.at));
        }
    }
    let all = read_all(&store).await;
    for stream in [a, b] {
        let times = all.iter().filter(|event| event.stream == stream).map(|event| event.at);
        assert!(times.eq(read(&store, &stream).await.iter().map(|event| event.at)));
    }
}

pub(super) async fn it_never_goes_back_in_a_stream(store: Subject) {
    const WRITERS: usize = 12;
    const COMMITS: usize = 8;
    together(WRITERS, |writer| {
        let store = store.clone();
        async move {
            let mut last = [None; 2];
            for number in 0..COMMITS * 2 {
                let which = (writer + number) % 2;
                let at = Some(write(&store, &stream(["one", "two"][which]), Expected::Any, 1).await.at);
                assert!(at >= last[which], "from {:?} back to {at:?}", last[which]);
                last[which] = at;
            }
        }
    })
    .await;
    for id in ["one", "two"] {
        let events = read(&store, &stream(id)).await;
        assert_eq!(events.len(), WRITERS * COMMITS);
        assert!(events.is_sorted_by_key(|event| event.at));
    }
}
