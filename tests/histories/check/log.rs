//! The log by itself, and against what became of each append.

use std::collections::HashMap;

use super::{Anomaly, Kind};
use crate::history::{Asked, CommitNumber, History, Operation, Placed, Response, Seen};

pub(super) fn check(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    order(history, &mut found);
    let mut commits: HashMap<CommitNumber, Vec<(usize, &Seen)>> = HashMap::new();
    for (place, event) in history.log.iter().enumerate() {
        commits.entry(event.commit).or_default().push((place, event));
    }
    for (number, operation) in history.operations.iter().enumerate() {
        let Some(commit) = operation.commit() else { continue };
        let there = commits.remove(&commit).unwrap_or_default();
        found.extend(outcome(operation, &there).map(|(kind, what)| Anomaly::new(kind, what, [number])));
    }
    for (commit, events) in commits {
        let (_, event) = events[0];
        found.push(Anomaly::new(Kind::Foreign, format!("{event}: no client gave commit {commit}"), []));
    }
    found
}

/// Positions ascend, versions have no gaps, times do not go back, and no event is there twice.
fn order(history: &History, found: &mut Vec<Anomaly>) {
    let mut ends: HashMap<usize, &Seen> = HashMap::new();
    let mut places = HashMap::new();
    let mut before: Option<&Seen> = None;
    for event in &history.log {
        let mut wrong = |kind, what| found.push(Anomaly::new(kind, what, []));
        if let Some(first) = places.insert((event.commit, event.index), event) {
            wrong(Kind::Doubled, format!("one event is there twice: {first} and {event}"));
            continue;
        }
        if let Some(before) = before.filter(|before| before.position >= event.position) {
            wrong(Kind::Inconsistent, format!("{event} comes after {before}, and has no higher position"));
        }
        before = Some(event);
        let last = ends.insert(event.stream, event);
        let expected = last.map_or(1, |last| last.version + 1);
        if event.version != expected {
            wrong(Kind::Inconsistent, format!("{event} stands where version {expected} must be"));
        }
        if let Some(last) = last.filter(|last| last.at > event.at) {
            wrong(Kind::Inconsistent, format!("{event} is older than {last}"));
        }
    }
}

/// What is wrong with an append of which these events, with their places in the log, are there.
fn outcome(operation: &Operation, there: &[(usize, &Seen)]) -> Option<(Kind, String)> {
    match (&operation.response, there) {
        (Response::Committed(_), []) => {
            return Some((Kind::Lost, "the commit was acknowledged and is not there".to_owned()));
        }
        (_, []) => return None,
        (Response::Conflict { .. } | Response::Failed(_), [(_, event), ..]) => {
            return Some((Kind::Aborted, format!("the commit failed, and {event} is there")));
        }
        _ => {}
    }
    let given: usize = operation.appends().iter().map(|append| append.events).sum();
    if there.len() != given {
        return Some((Kind::Partial, format!("{} of the commit's {given} events are there", there.len())));
    }
    let together = there.windows(2).all(|two| two[0].0 + 1 == two[1].0);
    let in_order = there.iter().enumerate().all(|(number, (_, event))| event.index == number);
    if !together || !in_order {
        return Some((Kind::Interleaved, "the commit's events are not one after the other".to_owned()));
    }
    let mut events = there.iter().map(|(_, event)| *event);
    let mut placed = match &operation.response {
        Response::Committed(placed) => Some(placed.iter()),
        _ => None,
    };
    for asked in operation.appends() {
        let recorded: Vec<_> = events.by_ref().take(asked.events).collect();
        let placed = placed.as_mut().map(Iterator::next);
        if let Some(wrong) = append(asked, &recorded, placed) {
            return Some(wrong);
        }
    }
    None
}

/// `placed` is where the events were said to be; the outer `None`: nothing was said.
fn append(asked: &Asked, recorded: &[&Seen], placed: Option<Option<&Placed>>) -> Option<(Kind, String)> {
    let first = recorded[0];
    if let Some(elsewhere) = recorded.iter().find(|event| event.stream != asked.stream) {
        return Some((Kind::Inconsistent, format!("{elsewhere} was for stream {}", asked.stream)));
    }
    if let Some(expected) = asked.expected.filter(|expected| first.version != expected + 1) {
        return Some((Kind::StaleAccepted, format!("{first} was to go behind version {expected}")));
    }
    let is_placed = |placed: &Placed| {
        placed.first == first.version
            && recorded.iter().map(|event| event.position).eq(placed.positions.iter().copied())
    };
    match placed {
        Some(placed) if !placed.is_some_and(is_placed) => {
            Some((Kind::Inconsistent, format!("{first} was acknowledged to be at {placed:?}")))
        }
        _ => None,
    }
}
