//! The bounds in `order` against the definition of linearizability, spelled out: is there any order of the operations in
//! which one store, doing one after the other, answers as it did? Tried on histories short enough to try all orders.

use std::collections::HashSet;

use fastrand::Rng;

use super::{
    super::{Promises, check},
    model::{Shape, history},
};
use crate::history::{History, Operation, Request, Response, Seen};

struct Search<'a> {
    history: &'a History,
    /// Which operations were tried to have been done, without success.
    dead: HashSet<u32>,
}

impl Search<'_> {
    fn succeeds(&mut self, done: u32, state: &[Seen]) -> bool {
        let operations = &self.history.operations;
        let is_done = |number: usize| done & (1 << number) != 0;
        let open = || (0..operations.len()).filter(|number| !is_done(*number));
        let must_be_done = |number: &usize| {
            !matches!(operations[*number].response, Response::Unknown(_) | Response::Failed(_))
        };
        if !open().any(|number| must_be_done(&number)) && state == self.history.log {
            return true;
        }
        if !self.dead.insert(done) {
            return false;
        }
        let earliest_end =
            open().filter(must_be_done).map(|number| operations[number].finish).min().unwrap_or(u64::MAX);
        let possible: Vec<_> = open().filter(|number| operations[*number].start < earliest_end).collect();
        possible.into_iter().any(|number| {
            let next = answer_of(&operations[number], state);
            // What is recorded stays, so a beginning that is not the log's leads nowhere.
            next.filter(|next| self.history.log.starts_with(next))
                .is_some_and(|next| self.succeeds(done | (1 << number), &next))
        })
    }
}

/// The state after the operation, if it answers as it did.
fn answer_of(operation: &Operation, state: &[Seen]) -> Option<Vec<Seen>> {
    let version = |stream| state.iter().filter(|event| event.stream == stream).count() as u64;
    let same = state.to_vec();
    let is_right = match (&operation.request, &operation.response) {
        (_, Response::Failed(_)) => return None,
        (_, Response::Conflict { stream, expected, actual }) => {
            version(*stream) == *actual && *expected != Some(*actual)
        }
        (Request::Append { commit, appends }, response) => {
            if appends.iter().any(|append| append.expected.is_some_and(|v| v != version(append.stream))) {
                return None;
            }
            let mut state = same;
            let mut index = 0;
            for (number, append) in appends.iter().enumerate() {
                let first = state.iter().filter(|event| event.stream == append.stream).count() as u64 + 1;
                let begin = state.len() as u128 + 1;
                let positions: Vec<_> = (begin..begin + append.events as u128).collect();
                if let Response::Committed(placed) = response
                    && (placed[number].first != first || placed[number].positions != positions)
                {
                    return None;
                }
                for (offset, position) in positions.into_iter().enumerate() {
                    let version = first + offset as u64;
                    let (commit, stream) = (*commit, append.stream);
                    state.push(Seen { commit, index, stream, version, position, at: 0 });
                    index += 1;
                }
            }
            return Some(state);
        }
        (Request::ReadStream { stream, from, limit }, Response::Stream { events, next }) => {
            let all = || state.iter().filter(|e| e.stream == *stream && e.version >= *from);
            let read: Vec<_> = all().take(*limit).copied().collect();
            let rest = all().nth(*limit).map(|event| event.version);
            *events == read && *next == rest
        }
        (Request::ReadAll { after, limit }, Response::All { events, last, end }) => {
            let all = || state.iter().filter(|event| event.position > *after);
            let read: Vec<_> = all().take(*limit).copied().collect();
            let looked = read.last().map_or(*after, |event| event.position);
            // Nobody has a position that is not there yet. A full page need not know whether there is more.
            let known = *after <= state.len() as u128;
            known && *events == read && *last == looked && (!*end || all().count() <= *limit)
        }
        (Request::Head, Response::Head(head)) => *head == state.len() as u128,
        _ => unreachable!(),
    };
    is_right.then_some(same)
}

/// Mixes up what came before what, a little.
fn disturb(history: &mut History, dice: &mut Rng) {
    let operations = &mut history.operations;
    let mut moments: Vec<(u64, usize, bool)> = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        moments.extend([(operation.start, number, true), (operation.finish, number, false)]);
    }
    moments.sort_unstable();
    for _ in 0..dice.usize(1..12) {
        let moment = moments.remove(dice.usize(..moments.len()));
        moments.insert(dice.usize(..=moments.len()), moment);
    }
    for operation in operations.iter_mut() {
        (operation.start, operation.finish) = (0, 0);
    }
    for (time, (_, number, _)) in (1..).zip(moments) {
        let operation = &mut operations[number];
        // Whichever comes first is the start.
        *(if operation.start == 0 { &mut operation.start } else { &mut operation.finish }) = time;
    }
    let count = operations.len();
    if dice.u8(..4) == 0 {
        match &mut operations[dice.usize(..count)].response {
            Response::Head(head) => *head = head.saturating_sub(1),
            Response::Conflict { actual, .. } => *actual += 1,
            _ => {}
        }
    }
}

#[test]
fn the_bounds_say_what_the_definition_says() {
    let (mut right, mut wrong) = (0, 0);
    let mut dice = Rng::with_seed(5);
    for seed in 0..10_000 {
        let mut history = history(seed, Shape { clients: 3, streams: 2, operations: 9 });
        if seed % 8 != 0 {
            disturb(&mut history, &mut dice);
        }
        let expected = Search { history: &history, dead: HashSet::new() }.succeeds(0, &[]);
        let found = check(&history, &Promises::LINEARIZABLE);
        assert_eq!(found.is_empty(), expected, "seed {seed}: {found:?}\n{history}");
        *(if expected { &mut right } else { &mut wrong }) += 1;
    }
    println!("{right} right and {wrong} wrong");
    assert!(right >= 500 && wrong >= 500, "{right} right and {wrong} wrong");
}
