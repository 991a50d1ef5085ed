//! Right histories that are spoilt at random are found to be wrong.

use fastrand::Rng;

use super::{
    super::{Promises, check},
    model::{Shape, history},
};
use crate::history::{CommitNumber, History, Operation, Request, Response};

/// Spoils a history so that it can be seen; `None` where there is nothing to spoil in this way.
type Mutation = fn(&mut History, &mut Rng) -> Option<()>;

const MUTATIONS: &[(&str, Mutation)] = &[
    ("an acknowledged commit is dropped", |history, dice| {
        let commit = acknowledged(history, dice)?;
        history.log.retain(|event| event.commit != commit);
        Some(())
    }),
    ("an event is dropped", |history, dice| {
        let commit = acknowledged(history, dice)?;
        let place = history.log.iter().position(|event| event.commit == commit)?;
        history.log.remove(place);
        Some(())
    }),
    ("an event is there again", |history, dice| {
        let mut again = history.log[dice.usize(..history.log.len())];
        again.position = history.log.last()?.position + 1;
        again.version = history.log.iter().filter(|event| event.stream == again.stream).count() as u64 + 1;
        history.log.push(again);
        Some(())
    }),
    ("two events change places", |history, dice| {
        let place = dice.usize(1..history.log.len());
        let (a, b) = (history.log[place - 1], history.log[place]);
        let is_acknowledged = |commit| is_acknowledged(history, commit);
        (is_acknowledged(a.commit) || is_acknowledged(b.commit)).then_some(())?;
        history.log[place - 1] = crate::history::Seen { position: a.position, ..b };
        history.log[place] = crate::history::Seen { position: b.position, ..a };
        Some(())
    }),
    ("an event is dropped from a page", |history, dice| {
        let events = page(history, dice, 2)?;
        let event = dice.usize(..events.len() - 1);
        events.remove(event);
        Some(())
    }),
    ("an event is on a page twice", |history, dice| {
        let events = page(history, dice, 1)?;
        let event = dice.usize(..events.len());
        events.insert(event, events[event]);
        Some(())
    }),
    ("two events of a page change places", |history, dice| {
        let events = page(history, dice, 2)?;
        let event = dice.usize(1..events.len());
        events.swap(event - 1, event);
        Some(())
    }),
    ("an event of a page is of another commit", |history, dice| {
        let events = page(history, dice, 1)?;
        let event = dice.usize(..events.len());
        events[event].commit += 1;
        Some(())
    }),
    ("an acknowledged commit failed", |history, dice| {
        let commit = acknowledged(history, dice)?;
        find(history, commit)?.response = Response::Failed("no".to_owned());
        Some(())
    }),
    ("an acknowledged commit conflicted", |history, dice| {
        let commit = acknowledged(history, dice)?;
        let giver = find(history, commit)?;
        let asked = giver.appends()[0].clone();
        giver.response = Response::Conflict { stream: asked.stream, expected: asked.expected, actual: 1 };
        Some(())
    }),
    ("a failed commit was acknowledged", |history, dice| {
        let failed = |response: &Response| matches!(response, Response::Failed(_));
        one(history, dice, |operation| failed(&operation.response))?.response = Response::Committed(vec![]);
        Some(())
    }),
    ("a commit is acknowledged elsewhere", |history, dice| {
        let commit = acknowledged(history, dice)?;
        let Response::Committed(placed) = &mut find(history, commit)?.response else { return None };
        placed[0].positions[0] += 1;
        Some(())
    }),
    ("another version was expected", |history, dice| {
        let commit = acknowledged(history, dice)?;
        let Request::Append { appends, .. } = &mut find(history, commit)?.request else { return None };
        *appends[0].expected.as_mut()? += 1;
        Some(())
    }),
    ("the head is ahead", |history, dice| {
        let last = history.log.last()?.position;
        one(history, dice, |operation| operation.request == Request::Head)?.response =
            Response::Head(last + 1);
        Some(())
    }),
    ("a page ends in a commit", |history, dice| {
        let log = history.log.clone();
        let Operation { response: Response::All { events, last, .. }, .. } =
            one(history, dice, |operation| match operation.response {
                Response::All { end: true, last, .. } => {
                    // The last event is not the only one of its commit.
                    let mut back = log.iter().rev().skip_while(|event| event.position > last);
                    let commit = back.next().map(|event| event.commit);
                    operation.events().len() > 1 && back.next().map(|event| event.commit) == commit
                }
                _ => false,
            })?
        else {
            return None;
        };
        events.pop();
        *last -= 1;
        Some(())
    }),
    ("a read shows what is over", |history, dice| {
        let (log, last) = (history.log.clone(), last_acknowledged(history)?);
        let end = history.operations.iter().map(|operation| operation.finish).max()?;
        let stale = one(history, dice, |operation| match operation.response {
            Response::All { end: true, last: seen, .. } | Response::Head(seen) => seen < log[last].position,
            _ => false,
        })?;
        (stale.start, stale.finish) = (end + 1, end + 2);
        Some(())
    }),
    ("a read shows what is to come", |history, dice| {
        let operations = &mut history.operations;
        operations.iter_mut().for_each(|o| (o.start, o.finish) = (o.start + 10, o.finish + 10));
        let early = one(history, dice, |operation| !operation.events().is_empty())?;
        (early.start, early.finish) = (1, 2);
        Some(())
    }),
    ("a commit is given late", |history, dice| {
        let last = last_acknowledged(history)?;
        let end = history.operations.iter().map(|operation| operation.finish).max()?;
        let commit = acknowledged(history, dice)?;
        let place = history.log.iter().position(|event| event.commit == commit)?;
        (place < last && history.log[last].commit != commit).then_some(())?;
        let late = find(history, commit)?;
        (late.start, late.finish) = (end + 1, end + 2);
        Some(())
    }),
    ("a conflict is with nobody", |history, dice| {
        let conflict = |response: &Response| matches!(response, Response::Conflict { .. });
        let found = one(history, dice, |operation| conflict(&operation.response))?;
        let Response::Conflict { actual, .. } = &mut found.response else { return None };
        *actual += 1_000;
        Some(())
    }),
];

fn one<'a>(
    history: &'a mut History,
    dice: &mut Rng,
    which: impl Fn(&Operation) -> bool,
) -> Option<&'a mut Operation> {
    let mut found: Vec<_> = history.operations.iter_mut().filter(|operation| which(operation)).collect();
    (!found.is_empty()).then(|| found.swap_remove(dice.usize(..found.len())))
}

fn page<'a>(
    history: &'a mut History,
    dice: &mut Rng,
    events: usize,
) -> Option<&'a mut Vec<crate::history::Seen>> {
    match &mut one(history, dice, |operation| operation.events().len() >= events)?.response {
        Response::Stream { events, .. } | Response::All { events, .. } => Some(events),
        _ => None,
    }
}

fn find(history: &mut History, commit: CommitNumber) -> Option<&mut Operation> {
    history.operations.iter_mut().find(|operation| operation.commit() == Some(commit))
}

fn is_acknowledged(history: &History, commit: CommitNumber) -> bool {
    let is_it = |operation: &&Operation| operation.commit() == Some(commit);
    let giver = history.operations.iter().find(is_it);
    giver.is_some_and(|giver| matches!(giver.response, Response::Committed(_)))
}

fn acknowledged(history: &mut History, dice: &mut Rng) -> Option<CommitNumber> {
    one(history, dice, |operation| matches!(operation.response, Response::Committed(_)))?.commit()
}

/// Where the last event is that was acknowledged.
fn last_acknowledged(history: &History) -> Option<usize> {
    history.log.iter().rposition(|event| is_acknowledged(history, event.commit))
}

#[test]
fn each_is_found() {
    for (name, mutation) in MUTATIONS {
        let mut tried = 0;
        for seed in 0..150 {
            let mut history = history(seed, Shape { clients: 4, streams: 3, operations: 60 });
            if mutation(&mut history, &mut Rng::with_seed(seed)).is_none() {
                continue;
            }
            tried += 1;
            let found = check(&history, &Promises::LINEARIZABLE);
            assert!(!found.is_empty(), "seed {seed}: {name}, and nothing is found\n{history}");
        }
        assert!(tried >= 30, "{name}: tried {tried} times only");
    }
}
