//! Rows that go along with commits: with the events or not at all.
//!
//! A store that writes no rows refuses them, which the theme `refusal` tries; here it passes.

use std::sync::Arc;

use super::{
    claims, keys,
    read::support::{
        RANK, Subject as Views, TITLE, all, column, integer, number, prepared, put, table, text, ticket,
        tickets, tickets_of,
    },
    retry::told,
    support::{Subject, append, commit, exact, read, read_all, refused, stream, together},
};
use crate::{
    read::{ColumnType, RowChange, RowOp, RowRefusal, Table, TableColumn, Value, Values},
    store::{AppendError, Capability, Commit, Committed, Expected, Position, RecordedEvent, StoreErrorKind},
};

/// The same store as a read store, if it writes rows.
pub(super) fn views(store: &Subject) -> Option<Views> {
    let supported = store.capabilities().supports(Capability::Rows);
    supported.then(|| Arc::clone(store).read_store().expect("a store that writes rows is a read store"))
}

/// A live view that is written with commits, and has these rows.
async fn transactional(views: &Views, table: &Arc<Table>, rows: Vec<Values>) {
    let build = prepared(views, table, 1).await;
    put(views, table, &build, rows).await;
    views.promote(&build, true).await.unwrap();
}

/// The store as a read store, with tickets that are written with commits.
async fn with_tickets(store: &Subject, rows: Vec<Values>) -> Option<Views> {
    let views = views(store)?;
    transactional(&views, &tickets(), rows).await;
    Some(views)
}

fn op(key: i64, change: RowChange) -> RowOp {
    RowOp { table: tickets(), key: number(key), change }
}

fn put_op(row: Values) -> RowOp {
    RowOp { table: tickets(), key: tickets().key_of(&row), change: RowChange::Put(row) }
}

fn set(key: i64, column: usize, value: Value) -> RowOp {
    op(key, RowChange::Set(vec![(column, value)]))
}

fn add(key: i64, by: i64) -> RowOp {
    RowOp { table: counters(), key: number(key), change: RowChange::Add(vec![(1, Value::Integer(by))]) }
}

fn swap(key: i64, from: Option<Values>, to: Option<Values>) -> RowOp {
    op(key, RowChange::Swap { from, to })
}

/// Numbers that can be added to.
fn counters() -> Arc<Table> {
    let columns = vec![
        column("number", ColumnType::Integer),
        column("count", ColumnType::Integer),
        column("sum", ColumnType::Real),
    ];
    table("counters", columns, vec![0])
}

fn counter(number: i64, count: i64, sum: f64) -> Values {
    vec![Value::Integer(number), Value::Integer(count), Value::Real(sum)]
}

/// One event, and these rows.
fn with(id: &str, rows: Vec<RowOp>) -> Commit {
    let mut commit = commit(&stream(id), Expected::Any, 1);
    commit.rows = rows;
    commit
}

async fn committed(store: &Subject, rows: Vec<RowOp>) -> Committed {
    store.append(with("a", rows)).await.unwrap()
}

/// Why a row was not changed, and that nothing was recorded.
async fn row_refused(store: &Subject, rows: Vec<RowOp>) -> RowRefusal {
    let (before, head) = (read_all(store).await, store.head().await.unwrap());
    let refusal = match store.append(with("refused", rows)).await {
        Err(AppendError::Row(refused)) => {
            assert!(!refused.table.is_empty() && !refused.key.is_empty());
            refused.reason
        }
        other => panic!("expected a row to be refused, got {other:?}"),
    };
    assert_eq!((read_all(store).await, store.head().await.unwrap()), (before, head));
    refusal
}

pub(super) async fn rows_and_events_are_visible_at_once(store: Subject) {
    let Some(views) = with_tickets(&store, Vec::new()).await else { return };
    for round in 1..=10 {
        committed(&store, vec![put_op(ticket(round, "", None))]).await;
        assert_eq!(all(&views, &tickets()).await.len(), round as usize);
        assert_eq!(read(&store, &stream("a")).await.len(), round as usize);
    }
}

/// The number of the row is that of the events, whichever is read first.
pub(super) async fn no_reader_sees_one_without_the_other(store: Subject) {
    const EVENTS: i64 = 60;
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..EVENTS {
                store.append(with("a", vec![add(1, 1)])).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    loop {
        let before = read(&store, &stream("a")).await.len() as i64;
        let count = integer(&all(&views, &counters()).await[0][1]);
        let after = read(&store, &stream("a")).await.len() as i64;
        assert!(before <= count, "{before} events were there, and the row says {count}");
        assert!(count <= after, "the row says {count}, and {after} events are there");
        if count == EVENTS {
            break;
        }
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

pub(super) async fn what_is_put_is_the_row(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    committed(&store, vec![put_op(ticket(1, "new", None)), put_op(ticket(2, "two", 2))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", None), ticket(2, "two", 2)]);
}

pub(super) async fn what_is_ensured_is_the_row_if_there_was_none(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    let ensure = |row: Values| op(integer(&row[0]), RowChange::Ensure(row));
    committed(&store, vec![ensure(ticket(1, "new", None)), ensure(ticket(2, "two", 2))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1), ticket(2, "two", 2)]);
}

pub(super) async fn what_is_set_changes_these_columns(store: Subject) {
    let rows = vec![ticket(1, "one", 1), ticket(2, "two", 2), ticket(3, "three", 3)];
    let Some(views) = with_tickets(&store, rows).await else { return };
    let both = op(3, RowChange::Set(vec![(RANK, Value::Integer(9)), (TITLE, text("both"))]));
    committed(&store, vec![set(1, TITLE, text("new")), set(2, RANK, Value::Null), both]).await;
    let expected = [ticket(1, "new", 1), ticket(2, "two", None), ticket(3, "both", 9)];
    assert_eq!(all(&views, &tickets()).await, expected);
}

pub(super) async fn what_is_added_changes_these_numbers(store: Subject) {
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 10, 0.5), counter(2, 20, 1.5)]).await;
    let both = RowChange::Add(vec![(2, Value::Real(0.25)), (1, Value::Integer(-30))]);
    let both = RowOp { table: counters(), key: number(2), change: both };
    committed(&store, vec![add(1, 5), both]).await;
    assert_eq!(all(&views, &counters()).await, [counter(1, 15, 0.5), counter(2, -10, 1.75)]);
    // Numbers that a `Real` could not hold apart.
    committed(&store, vec![add(1, i64::MAX - 16), add(1, 1)]).await;
    assert_eq!(all(&views, &counters()).await[0], counter(1, i64::MAX, 0.5));
    committed(&store, vec![add(1, i64::MIN)]).await;
    assert_eq!(all(&views, &counters()).await[0], counter(1, -1, 0.5));
}

pub(super) async fn what_is_swapped_was_as_it_had_to_be(store: Subject) {
    let rows = vec![ticket(1, "one", None), ticket(2, "two", 2)];
    let Some(views) = with_tickets(&store, rows).await else { return };
    let changed = swap(1, Some(ticket(1, "one", None)), Some(ticket(1, "new", 1)));
    let gone = swap(2, Some(ticket(2, "two", 2)), None);
    let made = swap(3, None, Some(ticket(3, "three", None)));
    let nothing = swap(4, None, None);
    committed(&store, vec![changed, gone, made, nothing]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", 1), ticket(3, "three", None)]);
}

pub(super) async fn what_is_removed_is_gone(store: Subject) {
    let rows = (1..=3).map(|number| ticket(number, "", None)).collect();
    let Some(views) = with_tickets(&store, rows).await else { return };
    committed(&store, vec![op(2, RowChange::Remove), op(7, RowChange::Remove)]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "", None), ticket(3, "", None)]);
}

pub(super) async fn changes_of_one_row_see_those_before_them(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    let second = ticket(1, "second", 2);
    committed(
        &store,
        vec![
            op(1, RowChange::Remove),
            put_op(ticket(2, "two", None)),
            op(1, RowChange::Ensure(ticket(1, "first", 7))),
            op(1, RowChange::Ensure(ticket(1, "never", 8))),
            set(1, TITLE, text("second")),
            set(2, RANK, Value::Integer(3)),
            set(1, RANK, Value::Integer(2)),
            swap(1, Some(second), Some(ticket(1, "last", None))),
            op(2, RowChange::Remove),
            put_op(ticket(3, "three", 3)),
            op(3, RowChange::Remove),
        ],
    )
    .await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "last", None)]);
    transactional(&views, &counters(), vec![counter(1, 1, 0.0)]).await;
    let put =
        |row: Values| RowOp { table: counters(), key: counters().key_of(&row), change: RowChange::Put(row) };
    committed(&store, vec![add(1, 1), add(1, 1), put(counter(1, 10, 0.0)), add(1, 1), add(1, 1)]).await;
    assert_eq!(all(&views, &counters()).await, [counter(1, 12, 0.0)]);
    // What one has removed, the next cannot change.
    let gone = vec![op(1, RowChange::Remove), set(1, TITLE, text("gone"))];
    assert_eq!(row_refused(&store, gone).await, RowRefusal::Absent);
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "last", None)]);
}

pub(super) async fn an_absent_row_refuses_the_whole_commit(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    transactional(&views, &counters(), vec![counter(1, 1, 0.0)]).await;
    for absent in [set(2, TITLE, text("")), add(2, 1), op(2, RowChange::Set(Vec::new()))] {
        let rows = vec![put_op(ticket(1, "new", None)), add(1, 1), absent, put_op(ticket(3, "", None))];
        assert_eq!(row_refused(&store, rows).await, RowRefusal::Absent);
        assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);
        assert_eq!(all(&views, &counters()).await, [counter(1, 1, 0.0)]);
    }
    assert_eq!(store.append(with("refused", Vec::new())).await.unwrap().appends[0].first, 1, "no gap");
}

pub(super) async fn a_stale_row_refuses_the_whole_commit(store: Subject) {
    let rows = vec![ticket(1, "one", 1), ticket(2, "two", None)];
    let Some(views) = with_tickets(&store, rows.clone()).await else { return };
    let to = |number| Some(ticket(number, "new", 1));
    let stale = [
        swap(1, None, to(1)),
        swap(1, Some(ticket(1, "one", 2)), to(1)),
        swap(1, Some(ticket(1, "One", 1)), None),
        swap(1, Some(ticket(1, "one", None)), to(1)),
        swap(2, Some(ticket(2, "two", 0)), to(2)),
        swap(3, Some(ticket(3, "three", 3)), to(3)),
        swap(3, Some(ticket(3, "three", 3)), None),
        swap(1, None, None),
    ];
    for swap in stale {
        let rows_of_it = vec![set(2, TITLE, text("new")), swap.clone()];
        // What comes before it in the same commit does not make it so.
        assert_eq!(row_refused(&store, rows_of_it).await, RowRefusal::Stale, "{swap:?}");
        assert_eq!(all(&views, &tickets()).await, rows);
    }
}

pub(super) async fn what_does_not_fit_refuses_the_whole_commit(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    transactional(&views, &counters(), vec![counter(1, 1, 0.0)]).await;
    let numbers = |change| RowOp { table: counters(), key: number(1), change };
    let wrong = [
        put_op(vec![Value::Integer(2), Value::Null, Value::Null]),
        put_op(ticket(2, "\0", None)),
        put_op(vec![Value::Integer(2), text("")]),
        op(1, RowChange::Put(ticket(2, "another key", None))),
        set(1, TITLE, Value::Integer(1)),
        set(1, TITLE, Value::Null),
        set(1, 0, Value::Integer(2)),
        set(1, 3, Value::Null),
        set(1, TITLE, Value::RecordedAt(0)),
        set(1, TITLE, Value::RecordedPosition(1)),
        op(1, RowChange::Add(vec![(RANK, Value::Integer(1))])),
        op(1, RowChange::Add(vec![(TITLE, text("1"))])),
        numbers(RowChange::Add(vec![(1, Value::Real(1.0))])),
        numbers(RowChange::Set(vec![(2, Value::Real(f64::NAN))])),
        swap(1, Some(ticket(1, "one", 1)), Some(ticket(2, "another key", 1))),
        RowOp { table: tickets(), key: vec![text("1")], change: RowChange::Remove },
    ];
    for op in wrong {
        let refusal = row_refused(&store, vec![set(1, RANK, Value::Null), op.clone()]).await;
        assert!(matches!(refusal, RowRefusal::Database(_)), "{op:?}: {refusal:?}");
        assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);
        assert_eq!(all(&views, &counters()).await, [counter(1, 1, 0.0)]);
    }
}

pub(super) async fn a_sum_that_does_not_fit_is_refused(store: Subject) {
    let Some(views) = views(&store) else { return };
    let rows = vec![counter(1, i64::MAX, f64::INFINITY), counter(2, i64::MIN + 1, 0.0)];
    transactional(&views, &counters(), rows.clone()).await;
    let infinity = Value::Real(f64::NEG_INFINITY);
    let no_number = RowOp { table: counters(), key: number(1), change: RowChange::Add(vec![(2, infinity)]) };
    for op in [add(1, 1), add(1, i64::MAX), add(2, -2), no_number] {
        let refusal = row_refused(&store, vec![op]).await;
        assert!(matches!(refusal, RowRefusal::Database(_)), "{refusal:?}");
        assert_eq!(all(&views, &counters()).await, rows);
    }
    committed(&store, vec![add(2, -1), add(1, 0)]).await;
}

/// Whatever the reason is.
pub(super) async fn a_commit_that_is_refused_changes_no_row(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    store.append(commit(&stream("b"), Expected::NoStream, 1)).await.unwrap();
    let rows = || vec![set(1, TITLE, text("new")), put_op(ticket(2, "two", 2))];
    let is_unchanged = async || assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);

    let mut conflict = commit(&stream("b"), Expected::NoStream, 1);
    conflict.rows = rows();
    assert!(matches!(store.append(conflict).await, Err(AppendError::Conflict { .. })));
    is_unchanged().await;
    let appends = vec![append(&stream("c"), Expected::Any, 1), append(&stream("b"), exact(7), 1)];
    let mut second = Commit::new(appends);
    second.rows = rows();
    assert!(matches!(store.append(second).await, Err(AppendError::Conflict { .. })));
    is_unchanged().await;
    if claims::constrained(&store, &[claims::NAME]).await {
        let take = |id: &str| {
            let stream = stream(id);
            claims::one(&stream, Expected::Any, vec![claims::take("x", &stream)])
        };
        store.append(take("b")).await.unwrap();
        let mut taken = take("c");
        taken.rows = rows();
        assert!(matches!(store.append(taken).await, Err(AppendError::Taken { .. })));
        is_unchanged().await;
        let mut unknowing = commit(&stream("b"), Expected::Any, 1);
        unknowing.rows = rows();
        assert_eq!(refused(&store, unknowing).await.kind(), StoreErrorKind::Constrained);
        is_unchanged().await;
        store.constrain(&claims::constraint(&claims::NAME), None).await.unwrap();
    }
    if store.capabilities().supports(Capability::IdempotencyKeys) {
        for taken in [false, true] {
            let mut keyed = commit(&stream("b"), Expected::Any, 1);
            keyed.key = Some(keys::key("once"));
            if taken {
                keyed.rows = rows();
                assert!(matches!(store.append(keyed).await, Err(AppendError::KeyUsed { .. })));
                is_unchanged().await;
            } else {
                store.append(keyed).await.unwrap();
            }
        }
    }
}

/// Those that are recorded together stand and fall by themselves.
pub(super) async fn a_failing_row_fails_no_other_commit(store: Subject) {
    const WRITERS: usize = 32;
    let rows = (0..8).map(|number| ticket(number, "", 0)).collect();
    let Some(views) = with_tickets(&store, rows).await else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    for round in 0..4 {
        let outcomes = together(WRITERS, |writer| {
            let store = store.clone();
            async move {
                let key = 100 + i64::try_from(round * WRITERS + writer).unwrap();
                let last = match writer % 8 {
                    1 => set(-1, TITLE, text("absent")),
                    3 => swap(writer as i64 % 8, None, None),
                    5 => put_op(ticket(key, "\0", None)),
                    _ => set(writer as i64 % 8, RANK, Value::Integer(key)),
                };
                let rows = vec![put_op(ticket(key, "", None)), add(1, 1), last];
                let outcome = store.append(with(&format!("{writer}"), rows)).await;
                (writer, key, outcome)
            }
        })
        .await;
        for (writer, key, outcome) in outcomes {
            let row = all(&views, &tickets()).await.contains(&ticket(key, "", None));
            match (writer % 8, outcome) {
                (1, Err(AppendError::Row(refused))) => assert_eq!(refused.reason, RowRefusal::Absent),
                (3, Err(AppendError::Row(refused))) => assert_eq!(refused.reason, RowRefusal::Stale),
                (5, Err(AppendError::Row(_))) => {}
                (0 | 2 | 4 | 6 | 7, Ok(_)) => {
                    assert!(row, "its row is there");
                    assert_eq!(read(&store, &stream(format!("{writer}"))).await.len(), round + 1);
                    continue;
                }
                (_, outcome) => panic!("{writer}: {outcome:?}"),
            }
            assert!(!row, "the row of a commit that was refused");
            assert!(read(&store, &stream(format!("{writer}"))).await.is_empty());
        }
        let right = (round as i64 + 1) * WRITERS as i64 * 5 / 8;
        assert_eq!(all(&views, &counters()).await, [counter(1, right, 0.0)]);
    }
}

pub(super) async fn they_take_effect_once(store: Subject) {
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    let expectations = [Expected::NoStream, exact(1), Expected::Any, Expected::Any];
    for (count, expected) in expectations.into_iter().enumerate() {
        let mut commit = commit(&stream("a"), expected, 1);
        commit.rows = vec![add(1, 1)];
        let answer = store.append(commit.clone()).await.unwrap();
        for between in [false, true] {
            if between {
                store.append(with("b", vec![add(1, 10)])).await.unwrap();
            }
            assert_eq!(told(&store.append(commit.clone()).await.unwrap()), told(&answer));
        }
        assert_eq!(all(&views, &counters()).await, [counter(1, 11 * (count as i64 + 1), 0.0)]);
    }
    // The same commit, both times at once; and one that could not be made again.
    for round in 0..10 {
        let mut commit =
            commit(&stream(format!("{round}")), [Expected::NoStream, Expected::Any][round % 2], 1);
        let ensure = RowChange::Swap { from: None, to: Some(counter(10 + round as i64, 0, 0.0)) };
        let swap = RowOp { table: counters(), key: number(10 + round as i64), change: ensure };
        commit.rows = vec![swap, add(1, 1)];
        together(2, |_| {
            let (store, commit) = (store.clone(), commit.clone());
            async move { store.append(commit).await.unwrap() }
        })
        .await;
        assert_eq!(integer(&all(&views, &counters()).await[0][1]), 44 + round as i64 + 1);
    }
}

pub(super) async fn times_and_positions_are_those_of_the_events(store: Subject) {
    let Some(views) = views(&store) else { return };
    let maybe = |name: &str, ty| TableColumn { nullable: true, ..column(name, ty) };
    let columns = vec![
        column("number", ColumnType::Integer),
        maybe("at", ColumnType::Time),
        maybe("position", ColumnType::Text),
    ];
    let logs = table("logs", columns, vec![0]);
    transactional(&views, &logs, vec![vec![Value::Integer(1), Value::Null, Value::Null]]).await;
    let log = |key, change| RowOp { table: Arc::clone(&logs), key: number(key), change };
    let row = |number, index| {
        vec![Value::Integer(number), Value::RecordedAt(index), Value::RecordedPosition(index)]
    };
    for round in 0..3_i64 {
        let first = round * 10;
        let appends =
            [("a", 2), ("b", 1), ("c", 2)].map(|(id, count)| append(&stream(id), Expected::Any, count));
        let mut commit = Commit::new(appends.to_vec());
        commit.rows = vec![
            log(1, RowChange::Set(vec![(1, Value::RecordedAt(0)), (2, Value::RecordedPosition(0))])),
            log(first + 2, RowChange::Put(row(first + 2, 1))),
            log(first + 3, RowChange::Ensure(row(first + 3, 2))),
            log(first + 4, RowChange::Swap { from: None, to: Some(row(first + 4, 3)) }),
            log(first + 5, RowChange::Put(row(first + 5, 4))),
        ];
        store.append(commit).await.unwrap();
        let events = read_all(&store).await;
        let events = &events[events.len() - 5..];
        let rows = all(&views, &logs).await;
        let found = |number: i64| rows.iter().find(|row| row[0] == Value::Integer(number)).unwrap();
        let expected = |number: i64, event: &RecordedEvent| {
            vec![Value::Integer(number), Value::Time(event.at), Value::position(event.position)]
        };
        assert_eq!(found(1), &expected(1, &events[0]));
        for (number, event) in (first + 2..).zip(&events[1..]) {
            assert_eq!(found(number), &expected(number, event));
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

pub(super) async fn views_are_kept_apart(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", None)]).await else { return };
    transactional(&views, &tickets_of("others"), vec![ticket(1, "one", None)]).await;
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    let other = |row: Values| RowOp { table: tickets_of("others"), ..put_op(row) };
    let rows = vec![other(ticket(1, "other", None)), put_op(ticket(2, "two", 2)), add(1, 3)];
    committed(&store, rows).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", None), ticket(2, "two", 2)]);
    assert_eq!(all(&views, &tickets_of("others")).await, [ticket(1, "other", None)]);
    assert_eq!(all(&views, &counters()).await, [counter(1, 3, 0.0)]);
}

/// Else its rows would be written twice, or into a build that has not come so far.
pub(super) async fn only_a_view_that_is_written_with_commits_takes_them(store: Subject) {
    let Some(views) = views(&store) else { return };
    let is_refused = async || {
        let commit = with("a", vec![put_op(ticket(1, "one", None))]);
        assert_eq!(refused(&store, commit).await.kind(), StoreErrorKind::Constrained);
        assert!(read_all(&store).await.is_empty());
        assert_eq!(store.head().await.unwrap(), Position::START);
    };
    is_refused().await;
    let build = prepared(&views, &tickets(), 1).await;
    is_refused().await;
    views.promote(&build, false).await.unwrap();
    is_refused().await;
    assert!(all(&views, &tickets()).await.is_empty());
    views.promote(&build, true).await.unwrap();
    committed(&store, vec![put_op(ticket(1, "one", None))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", None)]);
}

pub(super) async fn they_go_to_the_build_that_is_live(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", None)]).await else { return };
    committed(&store, vec![put_op(ticket(2, "old", None))]).await;
    let next = prepared(&views, &tickets(), 2).await;
    committed(&store, vec![put_op(ticket(3, "old", None))]).await;
    assert_eq!(views.rows(&tickets(), &next, &[number(3)]).await.unwrap(), [None]);
    put(&views, &tickets(), &next, vec![ticket(1, "new", None)]).await;
    views.promote(&next, true).await.unwrap();
    committed(&store, vec![put_op(ticket(4, "new", None)), set(1, RANK, Value::Integer(1))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", 1), ticket(4, "new", None)]);
}

pub(super) async fn thousands_of_rows_in_a_commit(store: Subject) {
    const ROWS: i64 = 3_000;
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), Vec::new()).await;
    let put = |number| RowOp {
        table: counters(),
        key: vec![Value::Integer(number)],
        change: RowChange::Put(counter(number, 0, 0.5)),
    };
    committed(&store, (0..ROWS).map(put).chain((0..ROWS).map(|number| add(number, number))).collect()).await;
    let keys: Vec<_> = (0..ROWS).map(number).collect();
    let build = views.builds("counters").await.unwrap().remove(0);
    let rows = views.rows(&counters(), &build, &keys).await.unwrap();
    for (number, row) in (0..ROWS).zip(rows) {
        assert_eq!(row, Some(counter(number, number, 0.5)));
    }
}

pub(super) async fn additions_at_once_lose_nothing(store: Subject) {
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0), counter(2, 0, 0.0)]).await;
    together(16, |writer| {
        let store = store.clone();
        async move {
            for _ in 0..10 {
                let rows = if writer % 2 == 0 { [add(1, 1), add(2, 1)] } else { [add(2, 1), add(1, 1)] };
                store.append(with(&format!("{writer}"), rows.to_vec())).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(all(&views, &counters()).await, [counter(1, 160, 0.0), counter(2, 160, 0.0)]);
    assert_eq!(read_all(&store).await.len(), 160);
}

/// Each writes what it read plus one, and reads again where somebody else was faster.
pub(super) async fn swaps_at_once_lose_nothing(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "", 0)]).await else { return };
    together(8, |writer| {
        let (store, views) = (store.clone(), views.clone());
        async move {
            for _ in 0..5 {
                loop {
                    let from = all(&views, &tickets()).await.remove(0);
                    tokio::task::yield_now().await;
                    let to = ticket(1, &format!("{writer}"), integer(&from[RANK]) + 1);
                    let swap = swap(1, Some(from), Some(to));
                    match store.append(with(&format!("{writer}"), vec![swap])).await {
                        Ok(_) => break,
                        Err(AppendError::Row(refused)) => assert_eq!(refused.reason, RowRefusal::Stale),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(all(&views, &tickets()).await[0][RANK], Value::Integer(40));
    assert_eq!(read_all(&store).await.len(), 40);
}

/// For the theme `handles`: through another handle, and what another handle made live.
pub(super) async fn reach_another_handle(one: Subject, two: Subject) {
    let (Some(views), Some(others)) = (views(&one), views(&two)) else { return };
    transactional(&views, &tickets(), Vec::new()).await;
    committed(&two, vec![put_op(ticket(1, "one", 1))]).await;
    committed(&one, vec![set(1, TITLE, text("new"))]).await;
    assert_eq!(all(&others, &tickets()).await, [ticket(1, "new", 1)]);
    let stale = swap(1, Some(ticket(1, "one", 1)), None);
    assert_eq!(row_refused(&two, vec![stale]).await, RowRefusal::Stale);
    // The table has another place now, and then it is not written with commits any more.
    let next = prepared(&views, &tickets(), 2).await;
    put(&views, &tickets(), &next, vec![ticket(5, "five", None)]).await;
    views.promote(&next, true).await.unwrap();
    committed(&two, vec![set(5, RANK, Value::Integer(5))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(5, "five", 5)]);
    views.promote(&next, false).await.unwrap();
    let commit = with("a", vec![put_op(ticket(6, "six", None))]);
    assert_eq!(refused(&two, commit).await.kind(), StoreErrorKind::Constrained);
}
