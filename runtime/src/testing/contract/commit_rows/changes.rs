//! What becomes of rows.

use std::sync::Arc;

use super::{
    super::{
        read::support::{
            RANK, TITLE, all, column, integer, number, table, text, ticket, tickets, tickets_of,
        },
        support::{Subject, append, read_all, stream},
    },
    add, committed, counter, counters, op, put_op, row_refused, set, swap, transactional, views,
    with_tickets,
};
use crate::{
    read::{ColumnType, RowChange, RowOp, RowRefusal, TableColumn, Value, Values},
    store::{Commit, Expected, RecordedEvent},
};

pub(in super::super) async fn what_is_put_is_the_row(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    committed(&store, vec![put_op(ticket(1, "new", None)), put_op(ticket(2, "two", 2))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", None), ticket(2, "two", 2)]);
}

pub(in super::super) async fn what_is_ensured_is_the_row_if_there_was_none(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    let ensure = |row: Values| op(integer(&row[0]), RowChange::Ensure(row));
    committed(&store, vec![ensure(ticket(1, "new", None)), ensure(ticket(2, "two", 2))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1), ticket(2, "two", 2)]);
}

pub(in super::super) async fn what_is_set_changes_these_columns(store: Subject) {
    let rows = vec![ticket(1, "one", 1), ticket(2, "two", 2), ticket(3, "three", 3)];
    let Some(views) = with_tickets(&store, rows).await else { return };
    let both = op(3, RowChange::Set(vec![(RANK, Value::Integer(9)), (TITLE, text("both"))]));
    committed(&store, vec![set(1, TITLE, text("new")), set(2, RANK, Value::Null), both]).await;
    let expected = [ticket(1, "new", 1), ticket(2, "two", None), ticket(3, "both", 9)];
    assert_eq!(all(&views, &tickets()).await, expected);
}

pub(in super::super) async fn what_is_added_changes_these_numbers(store: Subject) {
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
    // Beside what is set, and to what was set before.
    let table = counters();
    let change = |change| RowOp { table: Arc::clone(&table), key: number(1), change };
    let set = |column, value| change(RowChange::Set(vec![(column, value)]));
    let add = |by| change(RowChange::Add(vec![(1, Value::Integer(by))]));
    let beside = vec![set(2, Value::Real(2.5)), add(4)];
    committed(&store, beside).await;
    assert_eq!(all(&views, &counters()).await[0], counter(1, 3, 2.5));
    committed(&store, vec![set(1, Value::Integer(7)), add(2), add(1)]).await;
    assert_eq!(all(&views, &counters()).await[0], counter(1, 10, 2.5));
}

pub(in super::super) async fn what_is_swapped_was_as_it_had_to_be(store: Subject) {
    let rows = vec![ticket(1, "one", None), ticket(2, "two", 2)];
    let Some(views) = with_tickets(&store, rows).await else { return };
    let changed = swap(1, Some(ticket(1, "one", None)), Some(ticket(1, "new", 1)));
    let gone = swap(2, Some(ticket(2, "two", 2)), None);
    let made = swap(3, None, Some(ticket(3, "three", None)));
    let nothing = swap(4, None, None);
    committed(&store, vec![changed, gone, made, nothing]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", 1), ticket(3, "three", None)]);
}

pub(in super::super) async fn what_is_removed_is_gone(store: Subject) {
    let rows = (1..=3).map(|number| ticket(number, "", None)).collect();
    let Some(views) = with_tickets(&store, rows).await else { return };
    committed(&store, vec![op(2, RowChange::Remove), op(7, RowChange::Remove)]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "", None), ticket(3, "", None)]);
}

pub(in super::super) async fn changes_of_one_row_see_those_before_them(store: Subject) {
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

pub(in super::super) async fn times_and_positions_are_those_of_the_events(store: Subject) {
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

pub(in super::super) async fn views_are_kept_apart(store: Subject) {
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

pub(in super::super) async fn thousands_of_rows_in_a_commit(store: Subject) {
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
