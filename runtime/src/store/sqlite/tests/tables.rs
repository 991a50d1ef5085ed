//! Tables of views: what SQLite, and whoever else is in the database, does to them.

use std::process::Command;

use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

use super::*;
use crate::{
    read::{
        Build, ColumnType, Query, ReadStore as _, Rows, Stage, Table, TableColumn, Value, Values, Work,
        WorkError,
    },
    store::Name,
};

pub(super) fn column(name: &'static str, ty: ColumnType) -> TableColumn {
    TableColumn { name: Name::from_static(name), ty, nullable: false, indexed: false }
}

/// A table of a number by text.
pub(super) fn numbers() -> Arc<Table> {
    let columns = vec![column("id", ColumnType::Text), column("number", ColumnType::Integer)];
    Arc::new(Table { name: Name::from_static("numbers"), columns, key: vec![0] })
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn row(id: &str, number: i64) -> Values {
    vec![text(id), Value::Integer(number)]
}

pub(super) fn everything(table: &Arc<Table>) -> Query {
    Query {
        table: Arc::clone(table),
        conditions: Vec::new(),
        order: None,
        descending: false,
        after: None,
        limit: 1000,
    }
}

/// A build that is live.
pub(super) async fn live(store: &SqliteStore, table: &Arc<Table>) -> Build {
    let build = store.prepare(table, [1; 16], false).await.unwrap();
    store.promote(&build, false).await.unwrap();
    store.builds(&table.name).await.unwrap().pop().unwrap()
}

pub(super) fn work(table: &Arc<Table>, build: &Build, after: u128, put: Vec<Values>) -> Work {
    let rows = Rows { table: Arc::clone(table), build: build.clone(), put, remove: Vec::new() };
    let work = Work::new(build.reader(), Position::new(after), Position::new(after + 1));
    Work { rows: Some(Arc::new(rows)), ..work }
}

/// A table with a column of each type, and a row of it.
fn all_types() -> (Arc<Table>, Values) {
    let time = "2026-11-28T22:30:00.000001Z".parse::<DateTime<chrono::Utc>>().unwrap();
    let cells = [
        ("id", ColumnType::Uuid, Value::Uuid(Uuid::from_u128(0xAB))),
        ("open", ColumnType::Bool, Value::Bool(true)),
        ("number", ColumnType::Integer, Value::Integer(i64::MIN)),
        ("weight", ColumnType::Real, Value::Real(2.0)),
        ("words", ColumnType::Text, text("a'")),
        ("picture", ColumnType::Bytes, Value::Bytes(vec![0, 255])),
        ("since", ColumnType::Time, Value::Time(time)),
        ("day", ColumnType::Date, Value::Date(NaiveDate::from_ymd_opt(2026, 11, 28).unwrap())),
        ("notes", ColumnType::Json, Value::Json(r#"{"a":[1]}"#.to_owned())),
    ];
    let columns = cells.iter().map(|(name, ty, _)| column(name, *ty)).collect();
    let table = Table { name: Name::from_static("all_types"), columns, key: vec![0] };
    (Arc::new(table), cells.into_iter().map(|(.., value)| value).collect())
}

#[tokio::test]
async fn the_tool_of_sqlite_reads_a_view() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let (table, row) = all_types();
    let build = live(&store, &table).await;
    let row: Values =
        row.into_iter().map(|value| if value == text("a'\"\0ü") { text("a'") } else { value }).collect();
    store.write(work(&table, &build, 0, vec![row])).await.unwrap();
    const SQL: &str =
        "SELECT id, open, number, weight, words, hex(picture), since, day, notes FROM all_types";
    const SEEN: &str = "00000000-0000-0000-0000-0000000000ab|1|-9223372036854775808|2.0|a'|00FF|\
        2026-11-28T22:30:00.000001Z|2026-11-28|{\"a\":[1]}";
    let seen = match Command::new("sqlite3").arg(folder.path()).arg(SQL).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        }
        // It is not installed everywhere, and the same code is in this program.
        Err(_) => folder
            .sql()
            .query_row(
                &format!(
                    "SELECT concat_ws('|', {}",
                    SQL.replacen("SELECT ", "", 1).replacen(" FROM", ") FROM", 1)
                ),
                (),
                |row| row.get(0),
            )
            .unwrap(),
    };
    assert_eq!(seen.trim_end(), SEEN);
}

#[tokio::test]
async fn values_of_all_types_come_back() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let (table, row) = all_types();
    let build = live(&store, &table).await;
    store.write(work(&table, &build, 0, vec![row.clone()])).await.unwrap();
    assert_eq!(store.find(&everything(&table)).await.unwrap(), [row]);
}

/// What events are kept in is left alone, whatever capital letters its name is written with.
#[tokio::test]
async fn what_is_ours_is_no_view() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    for (name, what) in
        [("events", "table"), ("Streams", "table"), ("log", "view"), ("events_by_category", "index")]
    {
        let table = Arc::new(Table { name: Name::from_static(name), ..(*numbers()).clone() });
        let error = store.prepare(&table, [1; 16], false).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Foreign, "{error}");
        assert!(error.to_string().contains(&format!("{what} called `{name}`")), "{error}");
        assert!(store.builds(name).await.unwrap().is_empty());
    }
}

/// Names that mean something to SQL are names like others.
#[tokio::test]
async fn words_of_sql_are_names() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let mut table = (*numbers()).clone();
    table.name = Name::from_static("select");
    table.columns[0].name = Name::from_static("order");
    table.columns[1].name = Name::from_static("rowid");
    table.columns[1].indexed = true;
    let table = Arc::new(table);
    let build = live(&store, &table).await;
    store.write(work(&table, &build, 0, vec![row("a", 1)])).await.unwrap();
    let query = Query { order: Some(1), ..everything(&table) };
    assert_eq!(store.find(&query).await.unwrap(), [row("a", 1)]);
}

#[tokio::test]
async fn a_table_of_somebody_else_is_left_alone() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    folder.sql().execute_batch("CREATE TABLE numbers (mine TEXT); INSERT INTO numbers VALUES ('x')").unwrap();
    let error = store.prepare(&numbers(), [1; 16], false).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Foreign, "{error}");
    let mine: String = folder.sql().query_row("SELECT mine FROM numbers", (), |row| row.get(0)).unwrap();
    assert_eq!(mine, "x");
}

/// Reading, writing and preparing say what is different, and what to do; and what they say helps.
#[tokio::test]
async fn a_table_that_was_changed_by_hand_is_found_out() {
    for (sql, says) in [
        ("ALTER TABLE numbers DROP COLUMN number", "the column `number` is missing"),
        ("ALTER TABLE numbers RENAME COLUMN number TO amount", "the column `amount` was added"),
        ("ALTER TABLE numbers ADD COLUMN more TEXT", "the column `more` was added"),
        (
            "DROP TABLE numbers; CREATE TABLE numbers (id TEXT PRIMARY KEY, number TEXT NOT NULL)",
            "the column `id` may be NULL now, the column `number` is of type `TEXT` and was of type `INTEGER`, it is not \
             STRICT",
        ),
        (
            "DROP TABLE numbers; CREATE TABLE numbers (id TEXT NOT NULL, number INTEGER NOT NULL) STRICT",
            "the column `id` has another place in the primary key",
        ),
        ("DROP TABLE numbers", "somebody dropped it"),
    ] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        let table = numbers();
        let build = live(&store, &table).await;
        store.write(work(&table, &build, 0, vec![row("a", 1)])).await.unwrap();
        assert_eq!(store.find(&everything(&table)).await.unwrap(), [row("a", 1)]);
        folder.sql().execute_batch(sql).unwrap();

        let mut errors = vec![
            store.find(&everything(&table)).await.unwrap_err(),
            store.rows(&table, &build, &[vec![text("a")]]).await.unwrap_err(),
        ];
        let WorkError::Store(error) =
            store.write(work(&table, &build, 1, vec![row("a", 2)])).await.unwrap_err()
        else {
            panic!("{sql}")
        };
        errors.push(error);
        errors.push(store.prepare(&table, [1; 16], false).await.unwrap_err());
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::Altered, "{sql}: {error}");
            assert!(error.to_string().contains(says), "{sql}: {error}");
        }
        assert_eq!(store.position(&build.reader()).await.unwrap(), Position::new(1));

        let again = store.prepare(&table, [1; 16], true).await.unwrap();
        assert_eq!((again.stage, again.generation, again.position), (Stage::Beside, 2, Position::START));
        // What nobody reads may go at any time.
        folder.sql().execute_batch("DROP TABLE numbers__2").unwrap();
        let again = store.prepare(&table, [1; 16], true).await.unwrap();
        assert_eq!(again.generation, 3);
        store.write(work(&table, &again, 0, vec![row("b", 2)])).await.unwrap();
        store.promote(&again, false).await.unwrap();
        assert_eq!(store.find(&everything(&table)).await.unwrap(), [row("b", 2)]);
    }
}

/// A table can be put back as it was.
#[tokio::test]
async fn what_was_changed_back_is_as_good_as_before() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let table = numbers();
    let build = live(&store, &table).await;
    store.write(work(&table, &build, 0, vec![row("a", 1)])).await.unwrap();
    folder.sql().execute_batch("ALTER TABLE numbers RENAME COLUMN number TO amount").unwrap();
    store.find(&everything(&table)).await.unwrap_err();
    folder.sql().execute_batch("ALTER TABLE numbers RENAME COLUMN amount TO number").unwrap();
    assert_eq!(store.find(&everything(&table)).await.unwrap(), [row("a", 1)]);
    store.write(work(&table, &build, 1, vec![row("a", 2)])).await.unwrap();
}

#[tokio::test]
async fn a_row_that_was_changed_by_hand_is_found_out() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let (table, good) = all_types();
    let build = live(&store, &table).await;
    store.write(work(&table, &build, 0, vec![good])).await.unwrap();
    for set in ["since = 'yesterday'", "since = '2026-11-28T22:30:00Z'", "day = '28.11.2026'", "id = 'AB'"] {
        let sql = folder.sql();
        sql.execute_batch(&format!(
            "BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM all_types; UPDATE all_types SET {set}; COMMIT"
        ))
        .unwrap();
        let error = store.find(&everything(&table)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        let column = set.split(' ').next().unwrap();
        assert!(error.to_string().contains(&format!("the column `{column}`")), "{error}");
        sql.execute_batch("DELETE FROM all_types; INSERT INTO all_types SELECT * FROM kept").unwrap();
    }
    assert!(folder.sql().execute_batch("UPDATE all_types SET open = 2").is_err());
    assert_eq!(store.find(&everything(&table)).await.unwrap().len(), 1);
}

/// Indexes that are missing are made again, and are there for what is asked.
#[tokio::test]
async fn pages_in_the_order_of_an_index_are_not_sorted() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let mut table = (*numbers()).clone();
    table.columns[1].indexed = true;
    let table = Arc::new(table);
    live(&store, &table).await;
    folder.sql().execute_batch("DROP INDEX numbers__1__number").unwrap();
    store.prepare(&table, [1; 16], false).await.unwrap();
    for sql in [
        "SELECT id FROM numbers ORDER BY number, id LIMIT 10",
        "SELECT id FROM numbers WHERE (number, id) > (1, 'a') ORDER BY number, id LIMIT 10",
        "SELECT id FROM numbers WHERE (number, id) < (1, 'a') ORDER BY number DESC, id DESC LIMIT 10",
        "SELECT id FROM numbers WHERE number IS 1 AND id > 'a' ORDER BY id",
    ] {
        let plan: Vec<String> = folder
            .sql()
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap()
            .query_map((), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        assert!(plan.contains("numbers__1__number") && !plan.contains("B-TREE"), "{sql}: {plan}");
    }
}

/// What people have made on top of a view goes on with the table that takes its place. Connections that have statements
/// for the old one go on too.
#[tokio::test]
async fn a_table_takes_the_place_of_another_one() {
    let folder = Folder::new();
    let (store, other) = (folder.open().await.unwrap(), folder.open().await.unwrap());
    let table = numbers();
    let first = live(&store, &table).await;
    store.write(work(&table, &first, 0, vec![row("a", 1)])).await.unwrap();
    folder.sql().execute_batch("CREATE VIEW large AS SELECT * FROM numbers WHERE number > 0").unwrap();
    let people = folder.sql();
    let mut theirs = people.prepare("SELECT number FROM large").unwrap();
    let mut their_number = || theirs.query_row((), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(their_number(), 1);
    assert_eq!(other.find(&everything(&table)).await.unwrap(), [row("a", 1)]);

    let second = store.prepare(&table, [2; 16], false).await.unwrap();
    store.write(work(&table, &second, 0, vec![row("a", 2)])).await.unwrap();
    let beside: i64 = people.query_row("SELECT number FROM numbers__2", (), |row| row.get(0)).unwrap();
    assert_eq!((beside, their_number()), (2, 1));
    store.promote(&second, false).await.unwrap();
    assert_eq!(their_number(), 2);
    for store in [&store, &other] {
        assert_eq!(store.find(&everything(&table)).await.unwrap(), [row("a", 2)]);
        let error = store.rows(&table, &first, &[vec![text("a")]]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
        let error = store.write(work(&table, &first, 1, vec![row("a", 3)])).await.unwrap_err();
        assert!(matches!(error, WorkError::Overtaken { .. }), "{error}");
    }
    // Who does not know that it is live by now writes into it all the same.
    other.write(work(&table, &second, 1, vec![row("a", 4)])).await.unwrap();
    assert_eq!(their_number(), 4);
    // A number is not given again.
    store.discard(&second).await.unwrap();
    store.discard(&second).await.unwrap();
    assert_eq!(store.prepare(&table, [2; 16], false).await.unwrap().generation, 3);
    let error = other.find(&everything(&table)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
}
