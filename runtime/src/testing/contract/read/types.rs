//! Values of each type: they come back as they were written, make keys, and have an order.

use std::slice;

use chrono::{DateTime, NaiveDate, Timelike, Utc};
use uuid::Uuid;

use super::support::{Subject, all, behind, column, find, live, number, query, table, text, whose};
use crate::read::{ColumnType, Query, TableColumn, Test, Value, Values};

fn truth() -> Vec<Value> {
    [false, true].map(Value::Bool).to_vec()
}

fn whole_numbers() -> Vec<Value> {
    let (small, large) = (i64::from(i32::MIN) - 1, (1_i64 << 53) + 1);
    [i64::MIN, i64::MIN + 1, -large, small, -1, 0, 1, large, i64::MAX - 1, i64::MAX]
        .map(Value::Integer)
        .to_vec()
}

fn numbers() -> Vec<Value> {
    let numbers =
        [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 0.1 + 0.2, 1.0, 3e8, f64::MAX];
    numbers.into_iter().chain([f64::INFINITY]).map(Value::Real).collect()
}

/// In the order of their bytes.
fn texts() -> Vec<Value> {
    let texts =
        ["", " ", "\t\n", "\"", "'; DROP TABLE tickets; --", "1", "10", "2", "A", "B", "Z", "\\", "a"];
    let more = ["a ", "b", "null", "z", "ß", "ä", "\u{7ff}", "\u{ffff}", "🦀"];
    let mut all: Vec<_> = texts.into_iter().chain(more).map(text).collect();
    all.sort_by(|one, two| one.to_string().as_bytes().cmp(two.to_string().as_bytes()));
    all
}

fn bytes() -> Vec<Value> {
    let bytes: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"a", &[0x80], &[0xff, 0, 0xff]];
    bytes.map(|bytes| Value::Bytes(bytes.to_vec())).to_vec()
}

fn days() -> Vec<Value> {
    let days = [(1, 1, 1), (1582, 10, 10), (1969, 12, 31), (1970, 1, 1), (2024, 2, 29), (9999, 12, 31)];
    days.map(|(year, month, day)| Value::Date(NaiveDate::from_ymd_opt(year, month, day).unwrap())).to_vec()
}

fn times() -> Vec<Value> {
    let times = [
        "0001-01-01T00:00:00Z",
        "1582-10-10T12:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2026-11-28T22:30:00Z",
        "2026-11-28T22:30:00.000001Z",
        "2026-11-28T22:30:00.1Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    times.map(|time| Value::Time(time.parse::<DateTime<Utc>>().unwrap())).to_vec()
}

fn uuids() -> Vec<Value> {
    let (one, two) = (0x0192_3f3e_7a10_7abc_8def_0123_4567_89ab, 0xABCD << 112);
    [0, 1, one, two, u128::MAX].map(|uuid| Value::Uuid(Uuid::from_u128(uuid))).to_vec()
}

/// The values of a type, smallest first, and one that is different from all of them.
fn values(ty: ColumnType) -> Vec<Value> {
    match ty {
        ColumnType::Bool => truth(),
        ColumnType::Integer => whole_numbers(),
        ColumnType::Real => numbers(),
        ColumnType::Text => texts(),
        ColumnType::Bytes => bytes(),
        ColumnType::Time => times(),
        ColumnType::Date => days(),
        ColumnType::Uuid => uuids(),
        ColumnType::Json => Vec::new(),
    }
}

const ORDERED: [ColumnType; 8] = [
    ColumnType::Bool,
    ColumnType::Integer,
    ColumnType::Real,
    ColumnType::Text,
    ColumnType::Bytes,
    ColumnType::Time,
    ColumnType::Date,
    ColumnType::Uuid,
];

/// Writes the values, in a column that may hold nothing, and in one that may not. What comes back.
async fn written(store: &Subject, ty: ColumnType, values: &[Value]) -> Vec<Value> {
    let maybe = TableColumn { nullable: true, ..column("maybe", ty) };
    let table =
        table("kept", vec![column("number", ColumnType::Integer), column("value", ty), maybe], vec![0]);
    let rows = values.iter().enumerate().flat_map(|(index, value)| {
        let there = vec![Value::Integer(2 * index as i64), value.clone(), value.clone()];
        let nothing = vec![Value::Integer(2 * index as i64 + 1), value.clone(), Value::Null];
        [there, nothing]
    });
    let build = live(store, &table, rows.collect()).await;
    let rows = all(store, &table).await;
    let keys: Vec<_> = (0..rows.len() as i64).map(number).collect();
    let by_key = store.rows(&table, &build, &keys).await.unwrap();
    assert_eq!(by_key, rows.iter().cloned().map(Some).collect::<Vec<_>>(), "both reads agree");
    let column = |row: &Values, column: usize| row[column].clone();
    assert!(rows.iter().skip(1).step_by(2).all(|row| row[2] == Value::Null));
    let both: Vec<_> = rows.iter().step_by(2).map(|row| (column(row, 1), column(row, 2))).collect();
    assert!(both.iter().all(|(value, maybe)| value == maybe));
    both.into_iter().map(|(value, _)| value).collect()
}

async fn come_back(store: &Subject, ty: ColumnType) {
    assert_eq!(written(store, ty, &values(ty)).await, values(ty));
}

pub(super) async fn truth_comes_back(store: Subject) {
    come_back(&store, ColumnType::Bool).await;
}

pub(super) async fn whole_numbers_come_back(store: Subject) {
    come_back(&store, ColumnType::Integer).await;
}

pub(super) async fn numbers_come_back(store: Subject) {
    come_back(&store, ColumnType::Real).await;
}

pub(super) async fn text_comes_back(store: Subject) {
    come_back(&store, ColumnType::Text).await;
}

pub(super) async fn bytes_come_back(store: Subject) {
    come_back(&store, ColumnType::Bytes).await;
}

/// To the microsecond.
pub(super) async fn times_come_back(store: Subject) {
    let nanosecond = Value::Time("2026-11-28T22:30:00.123456789Z".parse().unwrap());
    let before_1970 = Value::Time("1969-12-31T23:59:59.123456789Z".parse().unwrap());
    let given: Vec<_> = times().into_iter().chain([nanosecond, before_1970]).collect();
    let read = written(&store, ColumnType::Time, &given).await;
    assert_eq!(read, given);
    for value in read {
        let Value::Time(time) = value else { panic!("expected a time, got {value:?}") };
        assert_eq!(time.nanosecond() % 1_000, 0, "what is finer than a microsecond is cut off: {time}");
    }
}

pub(super) async fn days_come_back(store: Subject) {
    come_back(&store, ColumnType::Date).await;
}

pub(super) async fn uuids_come_back(store: Subject) {
    come_back(&store, ColumnType::Uuid).await;
}

/// In meaning, not in spaces.
pub(super) async fn json_comes_back(store: Subject) {
    let texts = [
        "null",
        "\"\"",
        "\"\\\\u0000 is no NUL\"",
        "[]",
        "{\"b\": [1, -2.5, true, null], \"a\": {\"ä\": \"\\n\\\"🦀\"}}",
        "9223372036854775807",
    ];
    let given: Vec<_> = texts.iter().map(|text| Value::Json((*text).to_owned())).collect();
    let read = written(&store, ColumnType::Json, &given).await;
    for (text, value) in texts.iter().zip(read) {
        let Value::Json(read) = value else { panic!("expected JSON, got {value:?}") };
        let meaning = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(meaning(&read), meaning(text));
    }
}

pub(super) async fn each_makes_a_key(store: Subject) {
    for ty in ORDERED {
        let table = table(&format!("by_{ty:?}").to_lowercase(), vec![column("value", ty)], vec![0]);
        let rows: Vec<_> = values(ty).into_iter().map(|value| vec![value]).collect();
        let (last, written) = rows.split_last().unwrap();
        let build = live(&store, &table, written.to_vec()).await;
        let found = store.rows(&table, &build, &rows).await.unwrap();
        let expected = written.iter().cloned().map(Some).chain([None]);
        assert_eq!(found, expected.collect::<Vec<_>>(), "{last:?} is not there");
        assert_eq!(all(&store, &table).await, written, "in the order of {ty:?}");
        // The same in pages of one row.
        let mut query = Query { limit: 1, ..query(&table) };
        for row in written {
            assert_eq!(find(&store, &query).await, slice::from_ref(row));
            query.after = Some(behind(&query, row));
        }
        assert_eq!(find(&store, &query).await, Vec::<Values>::new());
    }
}

pub(super) async fn each_has_its_order(store: Subject) {
    for ty in ORDERED {
        let value = TableColumn { indexed: true, nullable: true, ..column("value", ty) };
        let table = table(
            &format!("with_{ty:?}").to_lowercase(),
            vec![column("number", ColumnType::Integer), value],
            vec![0],
        );
        let values = values(ty);
        // Written backwards, so that it is not the order of the numbers.
        let rows = values.iter().rev().enumerate();
        live(&store, &table, rows.map(|(n, v)| vec![Value::Integer(n as i64), v.clone()]).collect()).await;
        let column_of = |rows: Vec<Values>| rows.iter().map(|row| row[1].clone()).collect::<Vec<_>>();
        let mut ordered = Query { order: Some(1), ..query(&table) };
        assert_eq!(column_of(find(&store, &ordered).await), values, "{ty:?}");
        ordered.descending = true;
        let backwards: Vec<_> = values.iter().rev().cloned().collect();
        assert_eq!(column_of(find(&store, &ordered).await), backwards, "{ty:?}");
        for (index, value) in values.iter().enumerate() {
            let found = async |test| {
                let query = Query { order: Some(1), ..whose(&table, 1, test) };
                column_of(find(&store, &query).await)
            };
            assert_eq!(found(Test::Equals(value.clone())).await, slice::from_ref(value), "{ty:?}");
            assert_eq!(found(Test::AtLeast(value.clone())).await, values[index..], "{ty:?} {value}");
            assert_eq!(found(Test::Below(value.clone())).await, values[..index], "{ty:?} {value}");
        }
        let some = vec![values[0].clone(), values[1].clone()];
        let among = Query { order: Some(1), ..whose(&table, 1, Test::Among(some.clone())) };
        assert_eq!(column_of(find(&store, &among).await), some, "{ty:?}");
    }
}
