//! Rows of a build, by their keys.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate};

use super::support::{
    Subject, all, column, integer, kind, live, number, prepared, put, query, remove, table, text, ticket,
    tickets, work,
};
use crate::{
    Position,
    read::{ColumnType, Query, Rows, Value, Values, Work, WorkError},
    store::StoreErrorKind,
};

pub(super) async fn they_are_read_by_key(store: Subject) {
    let build = prepared(&store, &tickets(), 1).await;
    put(&store, &tickets(), &build, vec![ticket(1, "one", 1), ticket(3, "three", None)]).await;
    let keys = [3, 2, 1, 3].map(number);
    let rows = store.rows(&tickets(), &build, &keys).await.unwrap();
    let three = Some(ticket(3, "three", None));
    assert_eq!(rows, [three.clone(), None, Some(ticket(1, "one", 1)), three]);
    assert_eq!(store.rows(&tickets(), &build, &[]).await.unwrap(), []);
}

pub(super) async fn what_is_put_takes_the_place(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", 1), ticket(2, "two", 2)]).await;
    put(&store, &tickets(), &build, vec![ticket(1, "", None)]).await;
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "", None), ticket(2, "two", 2)]);
}

pub(super) async fn what_is_removed_is_gone(store: Subject) {
    let build = live(&store, &tickets(), (1..=4).map(|number| ticket(number, "", None)).collect()).await;
    remove(&store, &tickets(), &build, vec![number(2), number(7), number(4)]).await;
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "", None), ticket(3, "", None)]);
    assert_eq!(store.rows(&tickets(), &build, &[number(2)]).await.unwrap(), [None]);
    put(&store, &tickets(), &build, vec![ticket(2, "again", None)]).await;
    assert_eq!(all(&store, &tickets()).await.len(), 3);
}

pub(super) async fn keys_of_several_columns(store: Subject) {
    // The key has another order than the columns.
    let columns = vec![
        column("day", ColumnType::Integer),
        column("seats", ColumnType::Integer),
        column("room", ColumnType::Text),
    ];
    let bookings = table("bookings", columns, vec![2, 0]);
    let booking = |room: &str, day, seats| vec![Value::Integer(day), Value::Integer(seats), text(room)];
    let key = |room: &str, day| vec![text(room), Value::Integer(day)];
    let rows = vec![booking("b", 1, 10), booking("a", 2, 20), booking("a", 1, 30)];
    let build = live(&store, &bookings, rows).await;
    let found = store.rows(&bookings, &build, &[key("a", 2), key("b", 2), key("b", 1)]).await.unwrap();
    assert_eq!(found, [Some(booking("a", 2, 20)), None, Some(booking("b", 1, 10))]);
    assert_eq!(all(&store, &bookings).await, [booking("a", 1, 30), booking("a", 2, 20), booking("b", 1, 10)]);
    let after = store.position(&build.reader()).await.unwrap();
    let mut work = Work::new(build.reader(), after, Position::new(2));
    let (put, remove) = (vec![booking("a", 2, 21)], vec![key("a", 1), key("b", 2)]);
    work.rows = Some(Arc::new(Rows { table: bookings.clone(), build, put, remove }));
    store.write(work).await.unwrap();
    assert_eq!(all(&store, &bookings).await, [booking("a", 2, 21), booking("b", 1, 10)]);
}

pub(super) async fn each_build_has_its_own(store: Subject) {
    let one = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let two = prepared(&store, &tickets(), 2).await;
    let three = prepared(&store, &tickets(), 3).await;
    put(&store, &tickets(), &two, vec![ticket(1, "two", None), ticket(2, "two", None)]).await;
    put(&store, &tickets(), &three, vec![ticket(1, "three", None)]).await;
    remove(&store, &tickets(), &two, vec![number(2)]).await;
    for (build, title) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        let rows = store.rows(&tickets(), build, &[number(1), number(2)]).await.unwrap();
        assert_eq!(rows, [Some(ticket(1, title, None)), None]);
    }
}

/// Tries to write this row along with one that fits.
async fn is_refused(store: &Subject, build: &crate::read::Build, row: Values) {
    let table = tickets();
    let work = work(store, &table, build, vec![ticket(1, "fits", None), row.clone()], Vec::new()).await;
    match store.write(work).await {
        Err(WorkError::Row { view, key, .. }) => {
            assert_eq!((view.as_str(), key), ("tickets", table.key_of(&row)));
        }
        other => panic!("expected {row:?} to be refused, got {other:?}"),
    }
    assert_eq!(store.position(&build.reader()).await.unwrap(), Position::START);
    assert_eq!(store.rows(&table, build, &[number(1)]).await.unwrap(), [None]);
}

pub(super) async fn what_does_not_fit_is_refused(store: Subject) {
    let build = prepared(&store, &tickets(), 1).await;
    let nothing_in_the_title = vec![Value::Integer(2), Value::Null, Value::Null];
    let nothing_in_the_key = vec![Value::Null, text(""), Value::Null];
    let text_for_a_number = vec![text("2"), text(""), Value::Null];
    let number_for_text = vec![Value::Integer(2), Value::Integer(3), Value::Null];
    let truth_for_a_number = vec![Value::Integer(2), text(""), Value::Bool(true)];
    let time_of_no_event = vec![Value::Integer(2), text(""), Value::RecordedAt(0)];
    let too_few = vec![Value::Integer(2), text("")];
    let too_many = vec![Value::Integer(2), text(""), Value::Null, Value::Null];
    let rows = [
        nothing_in_the_title,
        nothing_in_the_key,
        text_for_a_number,
        number_for_text,
        truth_for_a_number,
        time_of_no_event,
        too_few,
        too_many,
    ];
    for row in rows {
        is_refused(&store, &build, row).await;
    }
    let work = work(&store, &tickets(), &build, vec![ticket(1, "", None)], vec![vec![text("2")]]).await;
    assert!(matches!(store.write(work).await, Err(WorkError::Row { .. })));
}

pub(super) async fn what_some_databases_cannot_keep_is_refused(store: Subject) {
    let build = prepared(&store, &tickets(), 1).await;
    is_refused(&store, &build, ticket(2, "a\0b", None)).await;
    let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    let time = |year| Value::Time(day(year).and_hms_opt(0, 0, 0).unwrap().and_utc());
    let values = [
        Value::Real(f64::NAN),
        Value::Json(r#"{"a":"\u0000"}"#.to_owned()),
        Value::Date(day(0)),
        Value::Date(day(10_000)),
        Value::Date(NaiveDate::MAX),
        time(0),
        time(-1),
        time(10_000),
        Value::Time(DateTime::<chrono::Utc>::MIN_UTC),
    ];
    for (index, value) in values.into_iter().enumerate() {
        let columns =
            vec![column("number", ColumnType::Integer), column("value", value.column_type().unwrap())];
        let table = table(&format!("values{index}"), columns, vec![0]);
        let build = prepared(&store, &table, 1).await;
        let work = work(&store, &table, &build, vec![vec![Value::Integer(1), value.clone()]], Vec::new());
        let outcome = store.write(work.await).await;
        assert!(matches!(outcome, Err(WorkError::Row { .. })), "{value:?}: {outcome:?}");
        assert_eq!(store.rows(&table, &build, &[number(1)]).await.unwrap(), [None]);
    }
}

pub(super) async fn keys_that_are_none_are_refused(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let keys = [vec![], vec![Value::Null], vec![text("1")], vec![Value::Integer(1), Value::Integer(1)]];
    for key in keys {
        let outcome = store.rows(&tickets(), &build, &[number(1), key.clone()]).await;
        assert_eq!(kind(outcome), StoreErrorKind::Invalid, "{key:?}");
    }
}

pub(super) async fn thousands_in_one_write(store: Subject) {
    const ROWS: i64 = 5_000;
    let build = live(&store, &tickets(), (0..ROWS).map(|n| ticket(n, "first", n)).collect()).await;
    let (changed, gone) = ((0..ROWS).step_by(2), (1..ROWS).step_by(2));
    let changed = changed.map(|n| ticket(n, "second", None)).collect();
    let work = work(&store, &tickets(), &build, changed, gone.map(number).collect()).await;
    store.write(work).await.unwrap();
    let everything = Query { limit: ROWS as usize, ..query(&tickets()) };
    let rows = store.find(&everything).await.unwrap();
    let expected: Vec<_> = (0..ROWS).step_by(2).map(|n| ticket(n, "second", None)).collect();
    assert!(rows == expected, "{} rows, the first {:?}", rows.len(), rows.first());
    let keys: Vec<_> = (0..ROWS).rev().map(number).collect();
    let found = store.rows(&tickets(), &build, &keys).await.unwrap();
    assert_eq!(found.len(), ROWS as usize);
    for (key, row) in keys.iter().zip(found) {
        let there = integer(&key[0]) % 2 == 0;
        assert_eq!(row, there.then(|| ticket(integer(&key[0]), "second", None)));
    }
}

/// Among them words of the language that databases speak.
pub(super) async fn columns_may_have_any_name(store: Subject) {
    let names = ["order", "Group", "select", "key", "value", "rowid", "user", "_", "a1", &"c".repeat(63)];
    let columns: Vec<_> = names
        .iter()
        .map(|name| crate::read::TableColumn { indexed: true, ..column(name, ColumnType::Integer) })
        .collect();
    let table = table("table", columns, vec![0, 1]);
    let row = |first: i64| (first..).take(names.len()).map(Value::Integer).collect::<Values>();
    live(&store, &table, vec![row(1), row(2)]).await;
    assert_eq!(all(&store, &table).await, [row(1), row(2)]);
    for index in 0..names.len() {
        let query = Query { order: Some(index), descending: true, ..query(&table) };
        assert_eq!(store.find(&query).await.unwrap(), [row(2), row(1)]);
    }
}
