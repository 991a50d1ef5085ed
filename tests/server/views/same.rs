//! What is put together for PostgreSQL has to come out as one change after the other does in memory.

use std::sync::Arc;

use factum::{
    read::{ColumnType, Query, ReadStore, RowChange, RowOp, Table, Value, Values},
    store::{AppendError, Commit, Expected, MemoryStore},
};
use factum_tests::postgres::Postgres;
use fastrand::Rng;

use super::{
    super::{Subject, commit},
    column, views,
};

const KEYS: i64 = 3;

/// A number, which is the key, a whole number, another number, text, and a time.
fn table() -> Arc<Table> {
    let columns = vec![
        column("number", ColumnType::Integer),
        column("whole", ColumnType::Integer),
        column("share", ColumnType::Real),
        column("said", ColumnType::Text),
        column("at", ColumnType::Time),
    ];
    Arc::new(Table { name: "mixed".into(), columns, key: vec![0] })
}

fn time(rng: &mut Rng) -> Value {
    Value::Time(chrono::DateTime::from_timestamp_micros(rng.i64(0..3)).unwrap())
}

fn row(rng: &mut Rng, key: i64) -> Values {
    let said = Value::Text(rng.alphabetic().to_string());
    vec![Value::Integer(key), Value::Integer(rng.i64(0..5)), Value::Real(0.1 * rng.f64()), said, time(rng)]
}

/// A change of a row that is like this, as far as is known.
fn change(rng: &mut Rng, key: i64, now: Option<&Values>) -> RowChange {
    let some = row(rng, key);
    match rng.u8(0..10) {
        0 => RowChange::Put(some),
        1 => RowChange::Ensure(some),
        2 => RowChange::Set(vec![(1, some[1].clone()), (3, some[3].clone())]),
        3 => RowChange::Set(vec![(4, some[4].clone())]),
        4 | 5 => RowChange::Add(vec![(1, some[1].clone())]),
        6 => RowChange::Add(vec![(2, some[2].clone()), (1, Value::Integer(-1))]),
        7 => RowChange::Remove,
        // Mostly as it is.
        8 if rng.bool() => RowChange::Swap { from: now.cloned(), to: None },
        8 => RowChange::Swap { from: Some(some), to: now.cloned() },
        _ => RowChange::Swap { from: now.cloned(), to: Some(some) },
    }
}

async fn all(store: &Arc<dyn ReadStore>) -> Vec<Values> {
    let (conditions, order, after) = (Vec::new(), None, None);
    let query = Query { table: table(), conditions, order, descending: false, after, limit: 100 };
    store.find(&query).await.unwrap()
}

fn outcome(answer: Result<factum::store::Committed, AppendError>) -> String {
    match answer {
        Ok(_) => "recorded".to_owned(),
        // Of several that are wrong, one is told; which one is the store's affair.
        Err(AppendError::Row(_)) => "refused".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn random_rows_change_as_in_memory() {
    let Some(server) = Postgres::shared() else { return };
    let memory: Subject = Arc::new(MemoryStore::new());
    let stores = [memory, factum::open(&server.fresh()).await.unwrap()];
    for store in &stores {
        let store = views(store);
        let build = store.prepare(&table(), [1; 16], false).await.unwrap();
        store.promote(&build, true).await.unwrap();
    }
    let mut rng = Rng::with_seed(7);
    let (mut recorded, mut refused) = (0, 0);
    for round in 0..600 {
        let now = all(&views(&stores[0])).await;
        let changes = 1 + rng.usize(0..6);
        let rows: Vec<RowOp> = (0..changes)
            .map(|_| {
                let key = rng.i64(0..KEYS);
                let now = now.iter().find(|row| row[0] == Value::Integer(key));
                let change = change(&mut rng, key, now);
                RowOp { table: table(), key: vec![Value::Integer(key)], change }
            })
            .collect();
        let commit = Commit { rows, ..commit(&format!("s{round}"), Expected::NoStream, 1) };
        let [one, other] = &stores;
        let expected = outcome(one.append(commit.clone()).await);
        assert_eq!(outcome(other.append(commit.clone()).await), expected, "{:#?}", commit.rows);
        assert_eq!(all(&views(other)).await, all(&views(one)).await, "{:#?}", commit.rows);
        *(if expected == "recorded" { &mut recorded } else { &mut refused }) += 1;
    }
    assert!(recorded > 100 && refused > 100, "{recorded} {refused}");
}
