//! Views, where others use the same database.

mod faults;
mod others;
mod same;
mod tables;

use std::sync::Arc;

use factum::{
    Position,
    read::{
        Build, ColumnType, Query, ReadStore, RowChange, RowOp, Rows, Table, TableColumn, Value, Values, Work,
    },
    store::{Commit, Expected},
};

use super::{Subject, commit};

/// The same store as a read store.
fn views(store: &Subject) -> Arc<dyn ReadStore> {
    Arc::clone(store).read_store().unwrap()
}

fn column(name: &str, ty: ColumnType) -> TableColumn {
    TableColumn { name: name.into(), ty, nullable: false, indexed: false }
}

/// Counters: a number, which is the key, how much there is, and what is said of it.
pub(super) fn counters() -> Arc<Table> {
    let said = TableColumn { nullable: true, indexed: true, ..column("said", ColumnType::Text) };
    let columns = vec![column("number", ColumnType::Integer), column("amount", ColumnType::Integer), said];
    Arc::new(Table { name: "counters".into(), columns, key: vec![0] })
}

fn counter(number: i64, amount: i64, said: &str) -> Values {
    vec![Value::Integer(number), Value::Integer(amount), Value::Text(said.to_owned())]
}

fn op(number: i64, change: RowChange) -> RowOp {
    RowOp { table: counters(), key: vec![Value::Integer(number)], change }
}

pub(super) fn add(number: i64, amount: i64) -> RowOp {
    op(number, RowChange::Add(vec![(1, Value::Integer(amount))]))
}

fn put(number: i64, amount: i64, said: &str) -> RowOp {
    op(number, RowChange::Put(counter(number, amount, said)))
}

/// A commit of one event to a stream, with these rows.
fn with_rows(id: &str, expected: Expected, rows: Vec<RowOp>) -> Commit {
    Commit { rows, ..commit(id, expected, 1) }
}

/// What a reader of a build does that puts these rows, one position further on.
async fn work(store: &Arc<dyn ReadStore>, table: &Arc<Table>, build: &Build, put: Vec<Values>) -> Work {
    let after = store.position(&build.reader()).await.unwrap();
    let mut work = Work::new(build.reader(), after, Position::new(after.get() + 1));
    work.rows =
        Some(Arc::new(Rows { table: Arc::clone(table), build: build.clone(), put, remove: Vec::new() }));
    work
}

/// A live build that has these rows.
async fn live(store: &Arc<dyn ReadStore>, fingerprint: u8, transactional: bool, rows: Vec<Values>) -> Build {
    let build = store.prepare(&counters(), [fingerprint; 16], false).await.unwrap();
    store.write(work(store, &counters(), &build, rows).await).await.unwrap();
    store.promote(&build, transactional).await.unwrap();
    build
}

fn query() -> Query {
    Query {
        table: counters(),
        conditions: Vec::new(),
        order: None,
        descending: false,
        after: None,
        limit: 100_000,
    }
}

fn amount(row: &Values) -> i64 {
    match row[1] {
        Value::Integer(amount) => amount,
        ref other => panic!("{other:?}"),
    }
}
