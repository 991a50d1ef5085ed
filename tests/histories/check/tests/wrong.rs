//! Histories written by hand, each wrong in one way, for every way that an event store is known to go wrong.

use super::super::{Freshness, Kind, Promises, check};
use crate::history::{Asked, History, Operation, Placed, Request, Response, Seen};

const fn seen(position: u128, commit: u32, index: usize, stream: usize, version: u64) -> Seen {
    Seen { commit, index, stream, version, position, at: 0 }
}

/// What is in the log of [`right`].
const LOG: [Seen; 7] = [
    seen(1, 1, 0, 0, 1),
    seen(2, 1, 1, 0, 2),
    seen(3, 2, 0, 1, 1),
    seen(4, 3, 0, 0, 3),
    seen(5, 3, 1, 1, 2),
    seen(7, 6, 0, 1, 3),
    seen(8, 8, 0, 0, 4),
];

fn asked(stream: usize, expected: Option<u64>, events: usize) -> Asked {
    Asked { stream, expected, events }
}

fn placed(first: u64, positions: &[u128]) -> Placed {
    Placed { first, positions: positions.to_vec() }
}

/// The operations of [`right`], in their order.
const FIRST: usize = 0;
const SECOND: usize = 1;
const PAGE: usize = 2;
const BOTH: usize = 3;
const CONFLICT: usize = 4;
const FAILED: usize = 5;
const LATE: usize = 6;
const STREAM: usize = 7;
const HEAD: usize = 8;
// Number 9 never takes effect.
const LAST: usize = 10;
const END: usize = 11;

/// A right history, one operation after the other, of everything there is.
fn right() -> History {
    let append = |commit, appends| Request::Append { commit, appends };
    let all = |events: &[Seen], last, end| Response::All { events: events.to_vec(), last, end };
    let unknown = || Response::Unknown("the connection was lost".to_owned());
    let steps = [
        (append(1, vec![asked(0, Some(0), 2)]), Response::Committed(vec![placed(1, &[1, 2])])),
        (append(2, vec![asked(1, None, 1)]), Response::Committed(vec![placed(1, &[3])])),
        (Request::ReadAll { after: 0, limit: 10 }, all(&LOG[..3], 3, true)),
        (
            append(3, vec![asked(0, Some(2), 1), asked(1, None, 1)]),
            Response::Committed(vec![placed(3, &[4]), placed(2, &[5])]),
        ),
        (
            append(4, vec![asked(0, Some(2), 1)]),
            Response::Conflict { stream: 0, expected: Some(2), actual: 3 },
        ),
        (append(5, vec![asked(1, None, 1)]), Response::Failed("no server".to_owned())),
        // It takes effect, as is seen next.
        (append(6, vec![asked(1, Some(2), 1)]), unknown()),
        (
            Request::ReadStream { stream: 1, from: 2, limit: 10 },
            Response::Stream { events: vec![LOG[4], LOG[5]], next: None },
        ),
        (Request::Head, Response::Head(7)),
        (append(7, vec![asked(0, None, 1)]), unknown()),
        (append(8, vec![asked(0, Some(3), 1)]), Response::Committed(vec![placed(4, &[8])])),
        (Request::ReadAll { after: 3, limit: 10 }, all(&LOG[3..], 8, true)),
    ];
    let operations = steps.into_iter().zip(0..).map(|((request, response), number)| Operation {
        client: number as usize % 3,
        handle: number as usize % 2,
        start: 10 * number + 10,
        finish: 10 * number + 15,
        request,
        response,
    });
    History { operations: operations.collect(), log: LOG.to_vec() }
}

fn found(history: &History) -> Vec<(Kind, Vec<usize>)> {
    let found = check(history, &Promises::LINEARIZABLE);
    found.into_iter().map(|anomaly| (anomaly.kind, anomaly.operations)).collect()
}

/// The right history, changed, is wrong in this way, as these operations show.
fn is(kind: Kind, operations: &[usize], change: impl FnOnce(&mut History)) {
    let mut history = right();
    change(&mut history);
    let found = found(&history);
    assert!(found.contains(&(kind, operations.to_vec())), "{found:?}\n{history}");
}

fn events(history: &mut History, operation: usize) -> &mut Vec<Seen> {
    match &mut history.operations[operation].response {
        Response::All { events, .. } | Response::Stream { events, .. } => events,
        other => panic!("{other} has no events"),
    }
}

/// Moves it to this time.
fn at(history: &mut History, operation: usize, start: u64) {
    let operation = &mut history.operations[operation];
    (operation.start, operation.finish) = (start, start + 1);
}

fn all_seen(history: &mut History, operation: usize, shown: &[Seen], position: u128) {
    history.operations[operation].response =
        Response::All { events: shown.to_vec(), last: position, end: true };
}

#[test]
fn without_a_change_it_is_right() {
    assert_eq!(found(&right()), []);
}

#[test]
fn a1_an_acknowledged_commit_is_lost() {
    is(Kind::Lost, &[LAST], |h| _ = h.log.pop());
    // Also one that nobody has read, in the middle of the log.
    is(Kind::Lost, &[SECOND], |h| h.log.retain(|event| event.commit != 2));
    // As after a crash: everything from some moment on.
    is(Kind::Lost, &[BOTH], |h| h.log.truncate(3));
}

#[test]
fn a2_a_failed_commit_is_there() {
    is(Kind::Aborted, &[FAILED], |h| h.log.push(seen(9, 5, 0, 1, 4)));
    is(Kind::Aborted, &[CONFLICT], |h| h.log.push(seen(9, 4, 0, 0, 5)));
}

#[test]
fn a2_a_failed_commit_was_seen() {
    is(Kind::Aborted, &[FAILED, PAGE], |h| all_seen(h, PAGE, &[LOG[0], LOG[1], seen(3, 5, 0, 1, 1)], 3));
    is(Kind::Aborted, &[CONFLICT, STREAM], |h| events(h, STREAM)[1] = seen(7, 4, 0, 1, 3));
}

#[test]
fn a3_two_events_in_one_place() {
    is(Kind::Inconsistent, &[], |h| h.log[5].position = 5);
    is(Kind::Inconsistent, &[], |h| h.log[6].version = 3);
}

#[test]
fn a3_a_stream_with_a_gap() {
    is(Kind::Inconsistent, &[], |h| h.log[5].version = 4);
}

#[test]
fn a3_readers_disagree() {
    is(Kind::Inconsistent, &[PAGE], |h| events(h, PAGE)[2].position = 4);
    is(Kind::Inconsistent, &[STREAM], |h| events(h, STREAM)[1].position = 6);
}

#[test]
fn a3_it_is_not_where_it_was_acknowledged() {
    is(Kind::Inconsistent, &[SECOND], |h| {
        h.operations[SECOND].response = Response::Committed(vec![placed(1, &[4])]);
    });
    is(Kind::Inconsistent, &[BOTH], |h| {
        h.operations[BOTH].response = Response::Committed(vec![placed(2, &[5]), placed(3, &[4])]);
    });
}

#[test]
fn a_time_goes_back() {
    is(Kind::Inconsistent, &[], |h| h.log[5].at = -1);
}

#[test]
fn a4_a_commit_takes_effect_twice() {
    // As a retry under the same id does that is not recognised.
    is(Kind::Doubled, &[], |h| h.log.push(seen(9, 6, 0, 1, 4)));
    is(Kind::Doubled, &[], |h| h.log.push(seen(9, 2, 0, 1, 4)));
}

#[test]
fn a5_a_page_jumps_over_an_event() {
    is(Kind::Skipped, &[FIRST, PAGE], |h| _ = events(h, PAGE).remove(1));
    is(Kind::Skipped, &[BOTH, END], |h| _ = events(h, END).remove(0));
    is(Kind::Skipped, &[STREAM], |h| _ = events(h, STREAM).remove(0));
}

#[test]
fn a5_a_page_goes_back() {
    is(Kind::Skipped, &[PAGE], |h| events(h, PAGE).swap(0, 1));
    is(Kind::Skipped, &[END], |h| events(h, END).insert(0, LOG[2]));
}

#[test]
fn a5_a_later_read_shows_less() {
    // What it does not show any more was never acknowledged, but somebody has seen it.
    is(Kind::WentBack, &[STREAM, HEAD], |h| h.operations[HEAD].response = Response::Head(5));
}

#[test]
fn a6_a_later_commit_stands_before() {
    is(Kind::Reordered, &[SECOND, FIRST], |h| {
        h.operations.truncate(2);
        h.log.truncate(3);
        at(h, SECOND, 1);
        at(h, FIRST, 3);
    });
}

#[test]
fn a7_a_version_that_was_not_the_streams_is_accepted() {
    is(Kind::StaleAccepted, &[LAST], |h| {
        h.operations[LAST].request = Request::Append { commit: 8, appends: vec![asked(0, Some(2), 1)] };
    });
    // Of unknown outcome too, and if nothing was there.
    is(Kind::StaleAccepted, &[LATE], |h| {
        h.operations[LATE].request = Request::Append { commit: 6, appends: vec![asked(1, Some(0), 1)] };
    });
}

#[test]
fn a8_something_comes_up_before_what_was_passed() {
    // A reader passed 7 and has not seen 5, which was not acknowledged to anybody then.
    is(Kind::FilledLate, &[BOTH, PAGE], |h| {
        h.operations[PAGE].request = Request::ReadAll { after: 2, limit: 10 };
        all_seen(h, PAGE, &[LOG[2], LOG[5]], 7);
    });
    // The head was 7 before the commit at 5 began.
    is(Kind::FilledLate, &[HEAD, BOTH], |h| {
        for operation in [CONFLICT, STREAM] {
            h.operations[operation].finish = 900;
        }
        at(h, LATE, 1);
        at(h, HEAD, 41);
        at(h, BOTH, 43);
    });
}

#[test]
fn a9_the_head_of_something_that_was_rolled_back() {
    is(Kind::HeadOfNothing, &[HEAD], |h| h.operations[HEAD].response = Response::Head(6));
    is(Kind::HeadOfNothing, &[HEAD], |h| h.operations[HEAD].response = Response::Head(9));
    is(Kind::HeadOfNothing, &[PAGE], |h| all_seen(h, PAGE, &LOG[..5], 6));
}

#[test]
fn a10_a_commit_is_there_in_part() {
    is(Kind::Partial, &[FIRST], |h| {
        h.log.remove(1);
        h.log[2].version = 2;
    });
    is(Kind::Partial, &[BOTH], |h| {
        h.log.remove(4);
        h.log[4].version = 2;
    });
}

#[test]
fn a10_a_commit_was_seen_in_part() {
    is(Kind::Partial, &[PAGE], |h| all_seen(h, PAGE, &LOG[..1], 1));
    is(Kind::Partial, &[HEAD], |h| h.operations[HEAD].response = Response::Head(4));
    is(Kind::Partial, &[STREAM], |h| {
        h.operations[STREAM].request = Request::ReadStream { stream: 0, from: 1, limit: 10 };
        h.operations[STREAM].response = Response::Stream { events: vec![LOG[0]], next: None };
    });
}

#[test]
fn a10_others_come_in_between() {
    is(Kind::Interleaved, &[BOTH], |h| {
        h.log[4] = seen(5, 6, 0, 1, 2);
        h.log[5] = seen(7, 3, 1, 1, 3);
    });
}

#[test]
fn a11_what_was_seen_is_gone() {
    is(Kind::Vanished, &[LATE, STREAM], |h| _ = h.log.remove(5));
}

#[test]
fn something_that_nobody_gave() {
    is(Kind::Foreign, &[], |h| h.log.push(seen(9, 77, 0, 5, 1)));
    is(Kind::Foreign, &[PAGE], |h| events(h, PAGE)[0].commit = 77);
}

#[test]
fn a_read_does_not_show_what_was_acknowledged() {
    is(Kind::StaleRead, &[SECOND, PAGE], |h| all_seen(h, PAGE, &LOG[..2], 2));
    is(Kind::StaleRead, &[BOTH, STREAM], |h| {
        h.operations[STREAM].request = Request::ReadStream { stream: 0, from: 1, limit: 10 };
        h.operations[STREAM].response = Response::Stream { events: LOG[..2].to_vec(), next: None };
    });
    // An empty page is a read too.
    is(Kind::StaleRead, &[SECOND, STREAM], |h| {
        h.operations[STREAM].request = Request::ReadStream { stream: 1, from: 1, limit: 10 };
        h.operations[STREAM].response = Response::Stream { events: vec![], next: None };
    });
}

#[test]
fn something_is_seen_before_it_is_given() {
    is(Kind::TooEarly, &[PAGE, LATE], |h| all_seen(h, PAGE, &LOG[..6], 7));
}

#[test]
fn a_conflict_without_a_reason() {
    let conflict = |actual| Response::Conflict { stream: 0, expected: Some(2), actual };
    // The stream never was at that version; it was, but not then; it was as expected; it ended in mid-commit.
    for (actual, operations) in
        [(9, vec![CONFLICT]), (0, vec![BOTH, CONFLICT]), (2, vec![CONFLICT]), (1, vec![CONFLICT])]
    {
        is(Kind::Unexplained, &operations, |h| h.operations[CONFLICT].response = conflict(actual));
    }
    // It will be at that version, but only later.
    is(Kind::TooEarly, &[CONFLICT, LAST], |h| h.operations[CONFLICT].response = conflict(4));
    // Nothing was expected of that stream.
    is(Kind::Unexplained, &[CONFLICT], |h| {
        h.operations[CONFLICT].response = Response::Conflict { stream: 1, expected: Some(2), actual: 3 };
    });
}

#[test]
fn pages_that_make_no_sense() {
    is(Kind::Malformed, &[PAGE], |h| h.operations[PAGE].request = Request::ReadAll { after: 0, limit: 2 });
    is(Kind::Malformed, &[STREAM], |h| {
        h.operations[STREAM].response = Response::Stream { events: vec![LOG[4], LOG[5]], next: Some(4) };
    });
    is(Kind::Malformed, &[STREAM], |h| {
        h.operations[STREAM].request = Request::ReadStream { stream: 0, from: 2, limit: 10 };
    });
}

/// A store that promises less may show less.
#[test]
fn what_is_wrong_depends_on_what_is_promised() {
    let less = Promises { positions_follow_time: false, reads: Freshness::OfTheHandle };
    let kinds = |history: &History, promises| {
        check(history, promises).iter().map(|anomaly| anomaly.kind).collect::<Vec<_>>()
    };
    // SECOND went through another handle than PAGE.
    let mut history = right();
    all_seen(&mut history, PAGE, &LOG[..2], 2);
    assert_eq!(kinds(&history, &Promises::LINEARIZABLE), [Kind::StaleRead]);
    assert_eq!(kinds(&history, &less), []);
    // Streams are linearizable whatever is promised of the whole; here through the same handle.
    let mut history = right();
    history.operations[STREAM].request = Request::ReadStream { stream: 0, from: 1, limit: 10 };
    history.operations[STREAM].response = Response::Stream { events: LOG[..2].to_vec(), next: None };
    assert_eq!(history.operations[STREAM].handle, history.operations[BOTH].handle);
    assert_eq!(kinds(&history, &less), [Kind::StaleRead]);
    let prefixes = Promises { reads: Freshness::Any, ..less };
    assert_eq!(kinds(&history, &prefixes), []);
}
