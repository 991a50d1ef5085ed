//! What the cases share: a view of tickets, rows of it, and work that writes them.

use std::sync::Arc;

use crate::{
    Position,
    read::{
        Build, ColumnType, Condition, Place, Query, ReadStore, Rows, Table, TableColumn, Test, Value, Values,
        Work, WorkError,
    },
    store::{StoreError, StoreErrorKind},
};

/// The store that a case tries.
pub(in super::super) type Subject = Arc<dyn ReadStore>;

/// More rows than any case but those about thousands has.
pub(in super::super) const ALL: usize = 1_000;

/// The columns of [`tickets`].
pub(in super::super) const NUMBER: usize = 0;
pub(in super::super) const TITLE: usize = 1;
pub(in super::super) const RANK: usize = 2;

pub(in super::super) fn column(name: &str, ty: ColumnType) -> TableColumn {
    TableColumn { name: name.into(), ty, nullable: false, indexed: false }
}

pub(in super::super) fn table(name: &str, columns: Vec<TableColumn>, key: Vec<usize>) -> Arc<Table> {
    Arc::new(Table { name: name.into(), columns, key })
}

/// Tickets of this view: a number, which is the key, a title, and a rank, which may be missing.
pub(in super::super) fn tickets_of(view: &str) -> Arc<Table> {
    let title = TableColumn { indexed: true, ..column("title", ColumnType::Text) };
    let rank = TableColumn { nullable: true, indexed: true, ..column("rank", ColumnType::Integer) };
    table(view, vec![column("number", ColumnType::Integer), title, rank], vec![NUMBER])
}

pub(in super::super) fn tickets() -> Arc<Table> {
    tickets_of("tickets")
}

pub(in super::super) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// The key of a ticket.
pub(in super::super) fn number(number: i64) -> Values {
    vec![Value::Integer(number)]
}

/// A ticket.
pub(in super::super) fn ticket(number: i64, title: &str, rank: impl Into<Option<i64>>) -> Values {
    vec![Value::Integer(number), text(title), rank.into().map_or(Value::Null, Value::Integer)]
}

/// A fingerprint.
pub(in super::super) const fn code(number: u8) -> [u8; 16] {
    [number; 16]
}

/// The build with this fingerprint.
pub(in super::super) async fn prepared(store: &Subject, table: &Arc<Table>, fingerprint: u8) -> Build {
    store.prepare(table, code(fingerprint), false).await.unwrap()
}

/// A build that is live and has these rows.
pub(in super::super) async fn live(store: &Subject, table: &Arc<Table>, rows: Vec<Values>) -> Build {
    let build = prepared(store, table, 1).await;
    put(store, table, &build, rows).await;
    store.promote(&build, false).await.unwrap();
    build
}

/// What a reader of this build does that puts rows and removes some, one position further on.
pub(in super::super) async fn work(
    store: &Subject,
    table: &Arc<Table>,
    build: &Build,
    put: Vec<Values>,
    remove: Vec<Values>,
) -> Work {
    let after = store.position(&build.reader()).await.unwrap();
    let mut work = Work::new(build.reader(), after, Position::new(after.get() + 1));
    work.rows = Some(Arc::new(Rows { table: Arc::clone(table), build: build.clone(), put, remove }));
    work
}

pub(in super::super) async fn put(store: &Subject, table: &Arc<Table>, build: &Build, rows: Vec<Values>) {
    store.write(work(store, table, build, rows, Vec::new()).await).await.unwrap();
}

pub(in super::super) async fn remove(store: &Subject, table: &Arc<Table>, build: &Build, keys: Vec<Values>) {
    store.write(work(store, table, build, Vec::new(), keys).await).await.unwrap();
}

/// Moves a reader from where it is to this position.
pub(in super::super) async fn advance(store: &Subject, reader: &str, upto: u128) {
    let after = store.position(reader).await.unwrap();
    store.write(Work::new(reader, after, Position::new(upto))).await.unwrap();
}

/// A question for everything, in the order of the key.
pub(in super::super) fn query(table: &Arc<Table>) -> Query {
    Query {
        table: Arc::clone(table),
        conditions: Vec::new(),
        order: None,
        descending: false,
        after: None,
        limit: ALL,
    }
}

pub(in super::super) fn whose(table: &Arc<Table>, column: usize, test: Test) -> Query {
    Query { conditions: vec![Condition { column, test }], ..query(table) }
}

pub(in super::super) async fn find(store: &Subject, query: &Query) -> Vec<Values> {
    store.find(query).await.unwrap()
}

/// All rows of the live build.
pub(in super::super) async fn all(store: &Subject, table: &Arc<Table>) -> Vec<Values> {
    find(store, &query(table)).await
}

/// The numbers of the tickets that are found.
pub(in super::super) async fn numbers(store: &Subject, query: &Query) -> Vec<i64> {
    find(store, query).await.iter().map(|row| integer(&row[NUMBER])).collect()
}

pub(in super::super) fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("expected a whole number, got {other:?}"),
    }
}

/// The place behind a row in what a query finds.
pub(in super::super) fn behind(query: &Query, row: &Values) -> Place {
    Place { order: query.order.map(|column| row[column].clone()), key: query.table.key_of(row) }
}

/// Everything that a query finds, in pages of at most so many rows.
pub(in super::super) async fn pages(store: &Subject, query: &Query, limit: usize) -> Vec<Values> {
    let mut query = Query { limit, ..query.clone() };
    let mut rows: Vec<Values> = Vec::new();
    loop {
        let page = find(store, &query).await;
        assert!(page.len() <= limit, "a page of at most {limit} held {}", page.len());
        let Some(last) = page.last() else { return rows };
        query.after = Some(behind(&query, last));
        rows.extend(page);
        assert!(rows.len() <= ALL, "pages come to no end");
    }
}

/// What kind of error it is that must be there.
pub(in super::super) fn kind<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> StoreErrorKind {
    outcome.expect_err("expected an error").kind()
}

pub(in super::super) fn is_overtaken(outcome: Result<(), WorkError>) {
    assert!(matches!(outcome, Err(WorkError::Overtaken { .. })), "expected `Overtaken`, got {outcome:?}");
}
