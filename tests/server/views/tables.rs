//! Tables of views are tables like any others: for `psql`, for other roles, for those who change them by hand.

use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use factum::{
    read::{ColumnType, RowChange, RowRefusal, Table, TableColumn, Value},
    store::{AppendError, Expected, PostgresStore, StoreErrorKind},
};
use factum_tests::postgres::Postgres;
use std::sync::Arc;

use super::{super::somebody, column, counter, counters, live, op, put, query, views, with_rows, work};

/// The table says of itself what `ColumnType` says in its documentation.
#[tokio::test]
async fn psql_reads_them() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let store = factum::open(&url).await.unwrap();
    let kinds = [
        ("on", ColumnType::Bool, Value::Bool(true)),
        ("count", ColumnType::Integer, Value::Integer(-7)),
        ("share", ColumnType::Real, Value::Real(0.5)),
        ("said", ColumnType::Text, Value::Text("größer".to_owned())),
        ("raw", ColumnType::Bytes, Value::Bytes(vec![0, 255])),
        (
            "at",
            ColumnType::Time,
            Value::Time(DateTime::from_timestamp_micros(1_764_369_000_123_456).unwrap()),
        ),
        ("day", ColumnType::Date, Value::Date(NaiveDate::from_ymd_opt(1969, 7, 20).unwrap())),
        ("id", ColumnType::Uuid, Value::Uuid(uuid::Uuid::from_u128(1))),
        ("parts", ColumnType::Json, Value::Json("{\"a\":[1,null]}".to_owned())),
    ];
    let mut columns: Vec<TableColumn> = kinds.iter().map(|(name, ty, _)| column(name, *ty)).collect();
    columns.push(TableColumn { nullable: true, indexed: true, ..column("none", ColumnType::Date) });
    let table = Arc::new(Table { name: "everything".into(), columns, key: vec![1, 3] });
    let store = views(&store);
    let build = store.prepare(&table, [1; 16], false).await.unwrap();
    let row = kinds.into_iter().map(|(_, _, value)| value).chain([Value::Null]).collect();
    store.write(work(&store, &table, &build, vec![row]).await).await.unwrap();
    store.promote(&build, false).await.unwrap();

    let said = server.psql(schema, "SET timezone = 'UTC'; SELECT * FROM everything").unwrap();
    let expected = "t|-7|0.5|größer|\\x00ff|2025-11-28 22:30:00.123456+00|1969-07-20|\
                    00000000-0000-0000-0000-000000000001|{\"a\": [1, null]}|\n";
    assert_eq!(said, expected);
    let types = "SELECT column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns \
                 WHERE table_name = 'everything' AND table_schema = current_schema() ORDER BY ordinal_position";
    let expected = "on boolean NO\ncount bigint NO\nshare double precision NO\nsaid text NO\nraw bytea NO\n\
                    at timestamp with time zone NO\nday date NO\nid uuid NO\nparts jsonb NO\nnone date YES\n";
    assert_eq!(server.psql(schema, types).unwrap(), expected);
    let indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'everything' AND schemaname = current_schema() ORDER BY 1";
    assert_eq!(server.psql(schema, indexes).unwrap(), "everything_none_count_said_idx\neverything_pkey\n");
}

/// Who may read a view may read its next build, and nothing more; and a role that does not own the store's tables is told so.
#[tokio::test]
async fn another_role_reads_the_next_build_too() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let store = views(&factum::open(&url).await.unwrap());
    live(&store, 1, false, vec![counter(1, 1, "one")]).await;
    let role = format!("reporting_{schema}");
    let grants = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    );
    server.psql(schema, &grants).unwrap();
    let reporting = somebody(&url.replace("factum@", &format!("{role}@"))).await;
    let said = async |reporting: &tokio_postgres::Client| -> String {
        reporting.query_one("SELECT said FROM counters", &[]).await.unwrap().get(0)
    };
    assert_eq!(said(&reporting).await, "one");
    live(&store, 2, false, vec![counter(1, 1, "two")]).await;
    assert_eq!(said(&reporting).await, "two");
    assert!(reporting.execute("DELETE FROM counters", &[]).await.is_err());

    let theirs = url.replace("factum@", &format!("{role}@"));
    let theirs = views(&(Arc::new(PostgresStore::open(theirs.parse().unwrap()).await.unwrap()) as _));
    assert_eq!(theirs.find(&query()).await.unwrap(), [counter(1, 1, "two")]);
    let refused = theirs.prepare(&counters(), [3; 16], false).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Denied, "{refused}");
}

#[tokio::test]
async fn what_was_changed_by_hand_is_named() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let store = factum::open(&url).await.unwrap();
    let views = views(&store);
    let changes = [
        (
            "ALTER TABLE counters ALTER amount TYPE int",
            "`amount` is of type `integer` and was of type `bigint`",
        ),
        ("ALTER TABLE counters ALTER amount DROP NOT NULL", "`amount` may be NULL now"),
        ("ALTER TABLE counters ALTER said SET NOT NULL", "`said` must not be NULL now"),
        ("ALTER TABLE counters ADD more int", "`more` was added"),
        ("ALTER TABLE counters DROP said", "`said` is missing"),
        (
            "ALTER TABLE counters DROP CONSTRAINT counters_pkey",
            "`number` has another place in the primary key",
        ),
        (
            "ALTER TABLE counters ALTER said TYPE text COLLATE \"default\"",
            "`said` is not ordered by its bytes",
        ),
        ("DROP TABLE counters", "somebody dropped it"),
    ];
    for ((sql, what), fingerprint) in changes.into_iter().zip(1..) {
        live(&views, fingerprint, true, vec![counter(1, 1, "one")]).await;
        server.psql(schema, sql).unwrap();
        let refused = views.prepare(&counters(), [fingerprint; 16], false).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{refused}");
        assert!(
            refused.to_string().contains(what) && refused.to_string().contains("built anew"),
            "{refused}"
        );
    }

    // A commit that it stops stops no other, and nothing of it is recorded.
    live(&views, 20, true, vec![counter(1, 1, "one")]).await;
    server.psql(schema, "ALTER TABLE counters ADD CHECK (amount < 10)").unwrap();
    let some = (0..20).map(|number| {
        store.append(with_rows(&format!("s{number}"), Expected::NoStream, vec![put(number, number, "some")]))
    });
    for (number, outcome) in futures_util::future::join_all(some).await.into_iter().enumerate() {
        match outcome {
            Ok(_) => assert!(number < 10),
            Err(AppendError::Row(refused)) => {
                let RowRefusal::Database(what) = &refused.reason else { panic!("{refused:?}") };
                assert!(
                    number >= 10 && refused.key == number.to_string() && what.contains("check constraint")
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(views.find(&query()).await.unwrap().len(), 10);
    assert_eq!(super::super::all(&store).await.len(), 10);

    // Of several rows, it is the right one that is named.
    let rows = vec![put(1, 1, ""), put(2, 11, ""), put(3, 3, "")];
    match store.append(with_rows("named", Expected::NoStream, rows)).await {
        Err(AppendError::Row(refused)) => assert_eq!(refused.key, "2"),
        other => panic!("{other:?}"),
    }
    server.psql(schema, "ALTER TABLE counters RENAME amount TO many").unwrap();
    let lacking = op(1, RowChange::Set(vec![(1, Value::Integer(1))]));
    match store.append(with_rows("lacking", Expected::NoStream, vec![lacking])).await {
        Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}"),
        other => panic!("{other:?}"),
    }
}

/// A view of somebody's own belongs to the build.
#[tokio::test]
async fn what_depends_on_the_table_stands_in_the_way_of_the_next_build() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let store = views(&factum::open(&url).await.unwrap());
    live(&store, 1, false, vec![counter(1, 1, "one")]).await;
    server.psql(schema, "CREATE VIEW large AS SELECT * FROM counters WHERE amount > 10").unwrap();
    let next = store.prepare(&counters(), [2; 16], false).await.unwrap();
    let refused = store.promote(&next, false).await.unwrap_err();
    assert!(refused.to_string().contains("large"), "{refused}");
    assert_eq!(store.find(&query()).await.unwrap(), [counter(1, 1, "one")]);
    server.psql(schema, "DROP VIEW large").unwrap();
    store.promote(&next, false).await.unwrap();
    assert!(store.find(&query()).await.unwrap().is_empty());
}

/// Nothing is looked through that has an index, although nobody has told the planner how large the table is.
#[tokio::test]
async fn rows_are_looked_up_in_tables_that_nobody_has_analysed() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let schema = url.split_once("?schema=").unwrap().1;
    let store = factum::open(&url).await.unwrap();
    let views = views(&store);
    let build = live(&views, 1, true, Vec::new()).await;
    server.psql(schema, "ALTER TABLE counters SET (autovacuum_enabled = off)").unwrap();
    // The statements are prepared when the table is empty.
    let mut version = Expected::NoStream;
    for count in [1, 20_000] {
        let rows =
            (0..count).map(|number| counter(number, 0, &format!("said {}", number % 10_000))).collect();
        views.promote(&build, false).await.unwrap();
        views.write(work(&views, &counters(), &build, rows).await).await.unwrap();
        views.promote(&build, true).await.unwrap();
        let changes = vec![
            add(0),
            op(0, RowChange::Set(vec![(2, Value::Null)])),
            op(0, RowChange::Swap { from: None, to: None }),
        ];
        let refused = store.append(with_rows("a", version, changes)).await.unwrap_err();
        assert!(matches!(refused, AppendError::Row(_)), "{refused:?}");
        let (one, two) = (counter(0, 0, "said 0"), counter(0, 1, "said 0"));
        let changes = vec![
            op(0, RowChange::Swap { from: Some(one), to: Some(two.clone()) }),
            op(0, RowChange::Swap { from: Some(two), to: None }),
            op(0, RowChange::Remove),
            op(0, RowChange::Ensure(counter(0, 0, "said 0"))),
        ];
        store.append(with_rows("a", version, changes)).await.unwrap();
        version = Expected::Any;
        views.rows(&counters(), &build, &[vec![Value::Integer(0)]]).await.unwrap();
        let said = factum::read::Test::Equals(Value::Text("said 0".to_owned()));
        let conditions = vec![factum::read::Condition { column: 2, test: said }];
        assert!(!views.find(&factum::read::Query { conditions, ..query() }).await.unwrap().is_empty());
    }
    let read = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables \
                WHERE relid = 'counters'::regclass AND n_tup_ins > 20000 AND n_tup_del >= 2 AND idx_scan > 15";
    let mut said = String::new();
    for _ in 0..200 {
        said = server.psql(schema, read).unwrap();
        if !said.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (through, looked_up) = said.trim().split_once('|').unwrap();
    let (through, looked_up): (i64, i64) = (through.parse().unwrap(), looked_up.parse().unwrap());
    assert!(through == 0 && looked_up < 1_000, "{through} rows read without an index, {looked_up} with one");
}

fn add(number: i64) -> factum::read::RowOp {
    super::add(number, 1)
}
