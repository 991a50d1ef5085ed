//! Events that were recorded before, in another store: they keep their ids and times.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    retry::told,
    support::{Subject, append, commit, exact, read, read_all, stream, together, write},
};
use crate::store::{Capability, Commit, EventId, Expected, Original, RecordedEvent};

/// The store's clock may be another machine's; it is not off by more than this.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// A store that does not do this says so, and refuses it: see the theme `refusal`.
fn keeps(store: &Subject) -> bool {
    store.capabilities().supports(Capability::Originals)
}

/// A time long ago, later for a larger number.
fn then(number: usize) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_000_000_000_000_001 + 1_000_003 * number as i64).unwrap()
}

fn original(at: DateTime<Utc>) -> Original {
    Original { id: EventId(Uuid::now_v7()), at }
}

/// An original for each event of the commit, with times that ascend.
fn of_long_ago(commit: Commit, from: usize) -> Commit {
    let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
    commit.with_originals((from..from + events).map(|number| original(then(number))).collect())
}

fn originals(events: &[RecordedEvent]) -> Vec<Original> {
    events.iter().map(|event| Original { id: event.id, at: event.at }).collect()
}

/// Over several streams, and counted over all appends.
pub(super) async fn ids_and_times_are_kept(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    let first = of_long_ago(commit(&b, Expected::NoStream, 2), 0);
    let appends =
        vec![append(&a, Expected::NoStream, 3), append(&b, exact(2), 1), append(&c, Expected::Any, 2)];
    let second = of_long_ago(Commit::new(appends), 2);
    store.append(first.clone()).await.unwrap();
    let answer = store.append(second.clone()).await.unwrap();

    assert_eq!(originals(&read_all(&store).await), [&*first.originals, &*second.originals].concat());
    assert_eq!(originals(&read(&store, &a).await), second.originals[..3]);
    assert_eq!(originals(&read(&store, &b).await), [&*first.originals, &second.originals[3..4]].concat());
    assert_eq!(originals(&read(&store, &c).await), second.originals[4..]);
    let times: Vec<_> = answer.appends.iter().map(|appended| appended.at).collect();
    assert_eq!(times, [2, 3, 5].map(|last| second.originals[last].at), "the last event's");
}

/// Not within a commit and not from one to the next; and they are in microseconds.
pub(super) async fn their_times_never_go_back(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let a = stream("a");
    let earlier = then(0) - TimeDelta::days(20_000);
    let given = [earlier, then(2), then(1), then(3) + TimeDelta::nanoseconds(999)];
    let kept = commit(&a, Expected::NoStream, 4).with_originals(given.map(original).to_vec());
    let answer = store.append(kept).await.unwrap();
    let times = |events: &[RecordedEvent]| events.iter().map(|event| event.at).collect::<Vec<_>>();
    assert_eq!(times(&read(&store, &a).await), [earlier, then(2), then(2), then(3)]);
    assert_eq!(answer.appends[0].at, then(3));

    for expected in [exact(4), Expected::Any] {
        let late = commit(&a, expected, 1).with_originals(vec![original(then(0))]);
        assert_eq!(store.append(late).await.unwrap().appends[0].at, then(3));
    }
    assert_eq!(times(&read(&store, &a).await)[4..], [then(3), then(3)]);
}

/// What happens now is recorded with the store's time and the commit's ids, behind what was recorded before. Also
/// behind what another clock dated ahead.
pub(super) async fn what_happens_now_goes_on(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let (past, future) = (stream("past"), stream("future"));
    let ahead = original(DateTime::from_timestamp_micros(4_000_000_000_000_000).unwrap());
    store.append(of_long_ago(commit(&past, Expected::NoStream, 2), 0)).await.unwrap();
    store.append(commit(&future, Expected::NoStream, 1).with_originals(vec![ahead])).await.unwrap();

    let tail = store.read_stream(&past, crate::Version::FIRST, 10).await.unwrap().tail;
    let mut on_past = commit(&past, exact(2), 1);
    on_past.appends[0].tail = tail;
    let before = Utc::now() - SKEW;
    let at = store.append(on_past.clone()).await.unwrap().appends[0].at;
    assert!(before <= at && at <= Utc::now() + SKEW, "{at} is not now");
    assert_eq!(write(&store, &future, exact(1), 2).await.at, ahead.at);

    let all = read_all(&store).await;
    assert_eq!(all[3].id, on_past.id.event(0));
    assert_eq!(originals(&read(&store, &past).await[2..]), [Original { id: on_past.id.event(0), at }]);
    assert!(read(&store, &future).await.iter().all(|event| event.at == ahead.at));
}

/// Also where a store records together what comes together.
pub(super) async fn each_commit_has_its_own_times(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let before = Utc::now() - SKEW;
    let times = together(16, |number| {
        let store = store.clone();
        async move {
            let ordinary = commit(&stream(format!("{number}")), Expected::NoStream, 1);
            let commit = if number % 2 == 0 { of_long_ago(ordinary, number) } else { ordinary };
            (number, store.append(commit).await.unwrap().appends[0].at)
        }
    })
    .await;
    for (number, at) in times {
        let recorded = read(&store, &stream(format!("{number}"))).await;
        assert_eq!(recorded[0].at, at);
        if number % 2 == 0 {
            assert_eq!(at, then(number));
        } else {
            assert!(before <= at && at <= Utc::now() + SKEW, "{at} is not now");
        }
    }
}

/// Given again, a commit is recognised by the ids that its events have.
pub(super) async fn they_take_effect_once(store: Subject) {
    if !keeps(&store) {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    let given = [
        commit(&a, Expected::NoStream, 2),
        commit(&a, exact(2), 3),
        commit(&a, Expected::Any, 2),
        Commit::new(vec![append(&b, Expected::NoStream, 2), append(&a, exact(7), 2)]),
        Commit::new(vec![append(&b, Expected::Any, 1), append(&a, exact(9), 2)]),
    ];
    let given = given.map(|commit| of_long_ago(commit, 0));
    let mut answers = Vec::new();
    for commit in &given {
        answers.push(told(&store.append(commit.clone()).await.unwrap()));
    }
    let all = read_all(&store).await;
    for (commit, answer) in given.into_iter().zip(answers).rev() {
        assert_eq!(told(&store.append(commit).await.unwrap()), answer);
    }
    assert_eq!(read_all(&store).await, all);
}
