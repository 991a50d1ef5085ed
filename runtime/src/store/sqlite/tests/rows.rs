//! Rows that are written with commits, among others that share the transaction.

use super::{
    groups::together,
    tables::{column, everything, numbers, row, text},
    *,
};
use crate::{
    read::{ColumnType, ReadStore as _, RowChange, RowOp, RowRefusal, Table, Value, Values},
    store::Name,
};

async fn live(store: &SqliteStore, table: &Arc<Table>) {
    let build = store.prepare(table, [1; 16], false).await.unwrap();
    store.promote(&build, true).await.unwrap();
}

fn op(table: &Arc<Table>, id: &str, change: RowChange) -> RowOp {
    RowOp { table: Arc::clone(table), key: vec![text(id)], change }
}

/// A commit to a stream of its own, with these rows.
fn with(stream: &str, rows: Vec<RowOp>) -> Commit {
    Commit { rows, ..commit(stream, Expected::NoStream, &["Made"]) }
}

fn add(number: i64) -> RowChange {
    RowChange::Add(vec![(1, Value::Integer(number))])
}

fn swapped(from: Option<Values>, to: Option<Values>) -> RowChange {
    RowChange::Swap { from, to }
}

fn refusal(answer: &Answer) -> &RowRefusal {
    let Err(AppendError::Row(refused)) = answer else { panic!("{answer:?}") };
    &refused.reason
}

async fn all_of(store: &SqliteStore, table: &Arc<Table>) -> Vec<Values> {
    store.find(&everything(table)).await.unwrap()
}

#[tokio::test]
async fn a_row_that_is_refused_fails_nobody_else() {
    let folder = Folder::new();
    for store in [folder.open().await.unwrap(), SqliteStore::open(SqliteOptions::in_memory()).await.unwrap()]
    {
        let table = numbers();
        live(&store, &table).await;
        let answers = together(
            &store,
            vec![
                with("a", vec![op(&table, "x", RowChange::Put(row("x", 1)))]),
                with("b", vec![op(&table, "x", add(1)), op(&table, "y", add(1))]),
                with("c", vec![op(&table, "x", add(10))]),
                with("d", vec![op(&table, "x", swapped(Some(row("x", 1)), None))]),
                with("e", vec![op(&table, "x", swapped(Some(row("x", 11)), Some(row("x", 12))))]),
                with("f", vec![op(&table, "z", RowChange::Put(vec![text("z"), Value::Null]))]),
                with("g", vec![op(&table, "z", RowChange::Ensure(row("z", 5)))]),
            ],
        );
        assert_eq!(refusal(&answers[1]), &RowRefusal::Absent);
        assert_eq!(refusal(&answers[3]), &RowRefusal::Stale);
        let RowRefusal::Database(says) = refusal(&answers[5]) else { panic!("{answers:?}") };
        assert!(says.contains("NOT NULL constraint failed: numbers.number"), "{says}");
        let positions: Vec<_> = answers.iter().flatten().map(|answer| answer.position().get()).collect();
        assert_eq!(positions, [1, 2, 3, 4]);
        for (stream, events) in [("a", 1), ("b", 0), ("c", 1), ("d", 0), ("e", 1), ("f", 0), ("g", 1)] {
            assert_eq!(versions(&store, stream).await, events, "{stream}");
        }
        assert_eq!(all_of(&store, &table).await, [row("x", 12), row("z", 5)]);
        // What was undone is forgotten: streams that were made get their keys anew.
        let answers = together(&store, vec![with("b", vec![]), with("d", vec![]), with("f", vec![])]);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(versions(&store, "f").await, 1);
    }
}

/// Claims of a commit that is undone are free for the others that share the transaction.
#[tokio::test]
async fn what_else_the_commit_would_have_done_is_undone() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let table = numbers();
    live(&store, &table).await;
    let constraint = Constraint { category: Name::from_static("thing"), name: Name::from_static("unique") };
    store.constrain(&constraint, Some(Standing::Building)).await.unwrap();
    store.constrain(&constraint, Some(Standing::InForce)).await.unwrap();
    let taking = |stream: &str, rows| {
        let claim = Claim {
            constraint: constraint.name.clone(),
            value: ClaimValue(uuid::Uuid::from_u128(1)),
            owner: stream_id(stream),
        };
        let constraints = vec![constraint.name.clone()];
        Commit { claims: vec![ClaimChange::Take(claim)], constraints, ..with(stream, rows) }
    };
    let answers = together(
        &store,
        vec![
            taking("a", vec![op(&table, "x", add(1))]),
            taking("b", vec![op(&table, "x", RowChange::Put(row("x", 1)))]),
            taking("c", vec![]),
        ],
    );
    assert_eq!(refusal(&answers[0]), &RowRefusal::Absent);
    assert!(answers[1].is_ok(), "{answers:?}");
    assert!(
        matches!(&answers[2], Err(AppendError::Taken { by, .. }) if *by == stream_id("b")),
        "{answers:?}"
    );
}

/// The same for what a trigger does that somebody has put there.
#[tokio::test]
async fn a_trigger_that_refuses_a_row_fails_one_commit() {
    for how in ["ABORT", "ROLLBACK"] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        let table = numbers();
        live(&store, &table).await;
        folder
            .sql()
            .execute_batch(&format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON numbers WHEN new.number = 13
                 BEGIN SELECT RAISE({how}, 'unlucky'); END"
            ))
            .unwrap();
        let put = |id: &str, number| vec![op(&table, id, RowChange::Put(row(id, number)))];
        let answers =
            together(&store, vec![with("a", put("a", 1)), with("b", put("b", 13)), with("c", put("c", 3))]);
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        let RowRefusal::Database(says) = refusal(&answers[1]) else { panic!("{answers:?}") };
        assert!(says.contains("unlucky"), "{says}");
        assert_eq!(all_of(&store, &table).await, [row("a", 1), row("c", 3)]);
        assert_eq!(versions(&store, "b").await, 0);
    }
}

/// A sum that is too large is no other number, and one that is none is not nothing.
#[tokio::test]
async fn sums_that_are_none_are_refused() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let mut table = (*numbers()).clone();
    table.columns.push(column("weight", ColumnType::Real));
    let table = Arc::new(table);
    live(&store, &table).await;
    let add = |column, value| vec![op(&table, "x", RowChange::Add(vec![(column, value)]))];
    for (number, add) in [
        (i64::MAX, add(1, Value::Integer(1))),
        (i64::MAX, add(1, Value::Integer(i64::MAX))),
        (i64::MIN, add(1, Value::Integer(-1))),
        (i64::MIN, add(1, Value::Integer(-1000))),
        (0, add(2, Value::Real(f64::NEG_INFINITY))),
    ] {
        let before = vec![text("x"), Value::Integer(number), Value::Real(f64::INFINITY)];
        let put = vec![op(&table, "x", RowChange::Put(before.clone()))];
        assert!(together(&store, vec![with(&format!("{number} {add:?}"), put)])[0].is_ok());
        let answers = together(&store, vec![with("other", add.clone())]);
        assert!(matches!(refusal(&answers[0]), RowRefusal::Database(_)), "{add:?}: {answers:?}");
        assert_eq!(all_of(&store, &table).await, [before], "{add:?}");
    }
    let twice = RowChange::Add(vec![(1, Value::Integer(1)), (1, Value::Integer(2))]);
    assert!(together(&store, vec![with("twice", vec![op(&table, "x", twice)])])[0].is_ok());
    assert_eq!(all_of(&store, &table).await[0][1], Value::Integer(3));
}

/// Nothing is equal to nothing, and a row that is all key can be swapped as well.
#[tokio::test]
async fn a_swap_compares_the_whole_row() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let mut table = (*numbers()).clone();
    table.columns[1].nullable = true;
    let table = Arc::new(table);
    live(&store, &table).await;
    let nothing = || vec![text("x"), Value::Null];
    let mut stream = 0;
    let mut swap = |from: Option<Values>, to: Option<Values>| {
        stream += 1;
        let commits = vec![with(&stream.to_string(), vec![op(&table, "x", swapped(from, to))])];
        together(&store, commits)[0].is_ok()
    };
    assert!(swap(None, None));
    assert!(!swap(Some(nothing()), None));
    assert!(swap(None, Some(nothing())));
    assert!(!swap(None, None));
    assert!(!swap(None, Some(row("x", 1))));
    assert!(!swap(Some(row("x", 1)), Some(row("x", 2))));
    assert!(swap(Some(nothing()), Some(row("x", 1))));
    assert!(swap(Some(row("x", 1)), Some(nothing())));
    assert!(!swap(Some(row("x", 1)), None));
    assert!(swap(Some(nothing()), None));
    assert!(all_of(&store, &table).await.is_empty());

    let columns = vec![column("id", ColumnType::Text)];
    let key_only = Arc::new(Table { name: Name::from_static("ids"), columns, key: vec![0] });
    live(&store, &key_only).await;
    let only = || vec![text("x")];
    for (number, change) in [
        RowChange::Put(only()),
        RowChange::Put(only()),
        RowChange::Ensure(only()),
        swapped(Some(only()), Some(only())),
        swapped(Some(only()), None),
    ]
    .into_iter()
    .enumerate()
    {
        let answers =
            together(&store, vec![with(&format!("only {number}"), vec![op(&key_only, "x", change)])]);
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    assert!(all_of(&store, &key_only).await.is_empty());
}

/// A table that is not written with commits, or not as it was, is the affair of who writes into it. What others do about it
/// is noticed.
#[tokio::test]
async fn rows_of_no_table_fail_nobody_else() {
    let folder = Folder::new();
    let (store, other) = (folder.open().await.unwrap(), folder.open().await.unwrap());
    let table = numbers();
    let write = |stream: &str| {
        let put = vec![op(&table, "x", RowChange::Put(row("x", 1)))];
        let [answer, neighbour] =
            together(&store, vec![with(stream, put), with(&format!("not {stream}"), vec![])])
                .try_into()
                .unwrap();
        assert!(neighbour.is_ok(), "{neighbour:?}");
        answer
    };
    let refused = |kind, answer: Answer| {
        let Err(AppendError::Failed(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.kind(), kind, "{error}");
    };
    refused(StoreErrorKind::Constrained, write("a"));
    let build = other.prepare(&table, [1; 16], false).await.unwrap();
    refused(StoreErrorKind::Constrained, write("b"));
    other.promote(&build, false).await.unwrap();
    refused(StoreErrorKind::Constrained, write("c"));
    other.promote(&build, true).await.unwrap();
    assert!(write("d").is_ok());
    other.promote(&build, false).await.unwrap();
    refused(StoreErrorKind::Constrained, write("e"));
    other.promote(&build, true).await.unwrap();
    folder.sql().execute_batch("ALTER TABLE numbers RENAME COLUMN number TO amount").unwrap();
    refused(StoreErrorKind::Altered, write("f"));
    folder.sql().execute_batch("ALTER TABLE numbers RENAME COLUMN amount TO number").unwrap();
    assert!(write("g").is_ok());
    other.discard(&build).await.unwrap();
    refused(StoreErrorKind::Constrained, write("h"));
    let events = Arc::new(Table { name: Name::from_static("events"), ..(*table).clone() });
    let answers = together(&store, vec![with("i", vec![op(&events, "x", RowChange::Remove)])]);
    refused(StoreErrorKind::Constrained, answers.into_iter().next().unwrap());
    assert_eq!(store.head().await.unwrap(), Position::new(10));
}

/// What the store gives an event stands in its rows.
#[tokio::test]
async fn rows_have_the_times_and_positions_of_their_events() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let columns = vec![column("position", ColumnType::Text), column("at", ColumnType::Time)];
    let table = Arc::new(Table { name: Name::from_static("times"), columns, key: vec![0] });
    live(&store, &table).await;
    let op = |event| {
        let values = vec![Value::RecordedPosition(event), Value::RecordedAt(event)];
        RowOp {
            table: Arc::clone(&table),
            key: vec![Value::RecordedPosition(event)],
            change: RowChange::Put(values),
        }
    };
    let appends =
        vec![append("a", Expected::NoStream, &["Made", "Sold"]), append("b", Expected::Any, &["Made"])];
    let whole = Commit { rows: vec![op(2), op(1), op(0)], ..Commit::new(appends) };
    store.append(whole.clone()).await.unwrap();
    // Given again, it takes effect once.
    store.append(whole).await.unwrap();
    let page = store.read_all(&Filter::All, Position::START, 10).await.unwrap();
    let expected: Vec<Values> = page
        .events
        .iter()
        .map(|event| vec![text(&format!("{:039}", event.position.get())), Value::Time(event.at)])
        .collect();
    assert_eq!(all_of(&store, &table).await, expected);
}
