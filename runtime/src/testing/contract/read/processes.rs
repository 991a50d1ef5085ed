//! States of processes, and what they wait for.

use chrono::{DateTime, Utc};

use super::support::Subject;
use crate::{
    Position,
    read::{Deadline, Due, ProcessChange, ProcessState, Work},
};

pub(super) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_369_000 + seconds, 123_456_000).unwrap()
}

pub(super) fn deadline(name: &str, seconds: i64) -> Deadline {
    Deadline { name: name.to_owned(), due: time(seconds), origin: format!("{name}: 7, 0") }
}

/// The process is now in this state.
pub(super) fn state(key: &str, state: &str, deadlines: &[Deadline]) -> ProcessChange {
    let (key, state, deadlines) = (key.to_owned(), state.to_owned(), deadlines.to_vec());
    ProcessChange { key: key.clone(), state: Some(ProcessState { key, state, deadlines }) }
}

/// The process is over.
pub(super) fn over(key: &str) -> ProcessChange {
    ProcessChange { key: key.to_owned(), state: None }
}

pub(super) async fn change(store: &Subject, manager: &str, changes: Vec<ProcessChange>) {
    let after = store.position(manager).await.unwrap();
    let mut work = Work::new(manager, after, Position::new(after.get() + 1));
    work.processes = changes;
    store.write(work).await.unwrap();
}

async fn states(store: &Subject, manager: &str, keys: &[&str]) -> Vec<Option<ProcessState>> {
    let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    let mut states = store.processes(manager, &keys).await.unwrap();
    // A process has one deadline of a name; they have no order.
    let deadlines = states.iter_mut().flatten().map(|state| &mut state.deadlines);
    deadlines.for_each(|deadlines| deadlines.sort_by(|one, two| one.name.cmp(&two.name)));
    states
}

async fn due(store: &Subject, seconds: i64, limit: usize) -> Due {
    store.due("confirm", time(seconds), limit).await.unwrap()
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

pub(super) async fn what_was_written_comes_back(store: Subject) {
    let json = "{ \"b\":1, \"a\" : \"\\u0000 ä🦀\", \"n\": 1e400 }";
    let one = state("one", json, &[deadline("a", 60), deadline("b", -60)]);
    let two = state("two", "null", &[]);
    change(&store, "confirm", vec![one.clone(), two.clone()]).await;
    let found = states(&store, "confirm", &["two", "three", "one", "two"]).await;
    assert_eq!(found, [two.state.clone(), None, one.state, two.state]);
}

pub(super) async fn all_of_it_is_replaced(store: Subject) {
    change(&store, "confirm", vec![state("one", "1", &[deadline("a", 1), deadline("b", 2)])]).await;
    let next = state("one", "2", &[deadline("b", 5), deadline("c", 6)]);
    change(&store, "confirm", vec![next.clone()]).await;
    assert_eq!(states(&store, "confirm", &["one"]).await, [next.state]);
    assert_eq!(due(&store, 4, 10).await, Due { keys: Vec::new(), next: Some(time(5)) });
}

pub(super) async fn one_that_is_over_is_gone(store: Subject) {
    let changes = ["one", "two"].map(|key| state(key, "1", &[deadline("a", 1)]));
    change(&store, "confirm", changes.to_vec()).await;
    for _ in 0..2 {
        change(&store, "confirm", vec![over("one"), over("three")]).await;
        assert_eq!(states(&store, "confirm", &["one"]).await, [None]);
        assert_eq!(due(&store, 10, 10).await, Due { keys: keys(&["two"]), next: None });
    }
}

pub(super) async fn managers_have_their_own(store: Subject) {
    let one = state("one", "1", &[deadline("a", 1)]);
    let other = state("one", "2", &[deadline("a", 2)]);
    change(&store, "confirm", vec![one.clone()]).await;
    change(&store, "remind", vec![other.clone(), state("two", "2", &[deadline("a", 1)])]).await;
    assert_eq!(states(&store, "confirm", &["one", "two"]).await, [one.state, None]);
    assert_eq!(due(&store, 10, 10).await.keys, ["one"]);
    change(&store, "confirm", vec![over("one")]).await;
    assert_eq!(states(&store, "remind", &["one"]).await, [other.state]);
    assert_eq!(due(&store, 10, 10).await, Due::default());
}

pub(super) async fn any_text_is_a_key(store: Subject) {
    let texts = ["", " ", "a", "A", "a ", "a\0b", "'; --", "ä🦀", &"long".repeat(100)];
    let changes =
        texts.iter().enumerate().map(|(index, key)| state(key, &index.to_string(), &[deadline(key, 1)]));
    change(&store, "confirm", changes.collect()).await;
    for (index, found) in states(&store, "confirm", &texts).await.into_iter().enumerate() {
        assert_eq!(found, state(texts[index], &index.to_string(), &[deadline(texts[index], 1)]).state);
    }
    assert_eq!(due(&store, 1, 100).await.keys.len(), texts.len());
}

pub(super) async fn those_that_wait_longest_are_due_first(store: Subject) {
    // The last in the alphabet waits longest.
    let seconds = ["e", "d", "c", "b", "a"].into_iter().zip([10, 20, 30, 40, 50]);
    let changes = seconds.map(|(key, seconds)| state(key, "1", &[deadline("a", seconds)]));
    change(&store, "confirm", changes.collect()).await;
    assert_eq!(due(&store, 9, 10).await.keys, [""; 0]);
    // At that very time, too.
    assert_eq!(due(&store, 10, 10).await.keys, ["e"]);
    assert_eq!(due(&store, 35, 10).await.keys, ["e", "d", "c"]);
    assert_eq!(due(&store, 100, 10).await.keys, ["e", "d", "c", "b", "a"]);
    assert_eq!(due(&store, 100, 2).await.keys, ["e", "d"]);
    assert_eq!(store.due("other", time(100), 10).await.unwrap(), Due::default());
}

pub(super) async fn each_is_due_once(store: Subject) {
    let several = [deadline("a", 5), deadline("b", 1), deadline("c", 3), deadline("d", 90)];
    change(&store, "confirm", vec![state("one", "1", &several)]).await;
    change(&store, "confirm", vec![state("two", "1", &[deadline("a", 2)])]).await;
    assert_eq!(due(&store, 10, 10).await, Due { keys: keys(&["one", "two"]), next: Some(time(90)) });
    assert_eq!(due(&store, 10, 2).await.keys, ["one", "two"]);
    assert_eq!(due(&store, 10, 1).await.keys, ["one"]);
}

pub(super) async fn the_next_deadline_is_told(store: Subject) {
    assert_eq!(due(&store, 0, 10).await, Due::default());
    change(&store, "confirm", vec![state("one", "1", &[deadline("a", 50), deadline("b", 70)])]).await;
    change(&store, "confirm", vec![state("two", "1", &[deadline("a", 60)])]).await;
    for (now, next) in [(0, Some(50)), (50, Some(60)), (65, Some(70)), (70, None)] {
        assert_eq!(due(&store, now, 1).await.next, next.map(time), "after {now}");
    }
}
