//! Rows that go along with commits: with the events or not at all.
//!
//! A store that writes no rows refuses them, which the theme `refusal` tries; here it passes.

mod changes;
mod refused;
mod whole;

use std::sync::Arc;

use super::{
    read::support::{Subject as Views, column, number, prepared, put, table, tickets},
    support::{Subject, commit, read_all, stream},
};
use crate::{
    read::{ColumnType, RowChange, RowOp, RowRefusal, Table, Value, Values},
    store::{AppendError, Capability, Commit, Committed, Expected},
};

pub(super) use self::{changes::*, refused::*, whole::*};

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
