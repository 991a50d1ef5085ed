//! What a process that keeps views does until it is killed, and what has to be so afterwards, whenever that was.

use std::sync::Arc;

use factum::{
    Position, Store,
    read::{
        Build, ColumnType, ReadStore, RowChange, RowOp, Rows, Stage, Table, TableColumn, Value, Values, Work,
        WorkError,
    },
    store::{
        Append, AppendError, Commit, Expected, Filter, Name, NewEvent, Payload, StoreErrorKind, StreamId,
    },
};

/// How many rows each step of the reader writes.
const SLOTS: i64 = 50;

/// How many steps a build takes until another one takes its place.
const STEPS: u128 = 20;

const FINGERPRINT: [u8; 16] = [7; 16];

fn table(name: &'static str) -> Arc<Table> {
    let column =
        |name, ty| TableColumn { name: Name::from_static(name), ty, nullable: false, indexed: false };
    let columns = vec![column("slot", ColumnType::Integer), column("steps", ColumnType::Integer)];
    Arc::new(Table { name: Name::from_static(name), columns, key: vec![0] })
}

/// How far each row has come, by whoever reads. All of them count the steps of their build.
fn stepped() -> Arc<Table> {
    table("stepped")
}

/// How many events there are, counted with each commit.
fn counted() -> Arc<Table> {
    table("counted")
}

/// The read store that the store is.
///
/// # Panics
/// It is none.
#[must_use]
pub fn read_store(store: &Arc<dyn Store>) -> Arc<dyn ReadStore> {
    Arc::clone(store).read_store().expect("it is a read store")
}

async fn live(store: &dyn ReadStore, view: &str) -> Option<Build> {
    let builds = store.builds(view).await.expect("the books can be read");
    builds.into_iter().find(|build| build.stage != Stage::Beside)
}

/// Makes the tables, unless they are there.
pub async fn set_up(store: &Arc<dyn Store>) {
    let reading = read_store(store);
    for (table, transactional) in [(stepped(), false), (counted(), true)] {
        if live(&*reading, &table.name).await.is_none() {
            let build = reading.prepare(&table, FINGERPRINT, false).await.expect("a table can be made");
            reading.promote(&build, transactional).await.expect("it can be made the live one");
        }
    }
}

/// Appends events, each with its row.
pub async fn append(store: Arc<dyn Store>, stream: String) {
    let table = counted();
    loop {
        let event = NewEvent {
            name: Name::from_static("Made"),
            schema: 1,
            payload: Payload::json("{}"),
            metadata: None,
        };
        let stream = StreamId::new("thing", stream.as_str());
        let append = Append { stream, expected: Expected::Any, tail: None, events: vec![event] };
        let row = |change| RowOp { table: Arc::clone(&table), key: vec![Value::Integer(0)], change };
        let first = row(RowChange::Ensure(vec![Value::Integer(0), Value::Integer(0)]));
        let rows = vec![first, row(RowChange::Add(vec![(1, Value::Integer(1))]))];
        match store.append(Commit { rows, ..Commit::new(vec![append]) }).await {
            Ok(_) | Err(AppendError::Unknown { .. }) => {}
            Err(error) => panic!("the disk is well: {error}"),
        }
    }
}

/// Steps, and has another build take the place of the live one now and then. Tells of each step that was acknowledged.
pub async fn step(store: Arc<dyn ReadStore>, tell: impl Fn(u64, Position)) {
    let table = stepped();
    loop {
        let mut build = live(&*store, &table.name).await.expect("there is always a live build");
        if build.position.get() >= STEPS {
            build = store.prepare(&table, FINGERPRINT, true).await.expect("a table can be made");
        }
        while build.stage == Stage::Beside || build.position.get() < STEPS {
            match one_step(&*store, &table, &build).await {
                Some(position) => {
                    tell(build.generation, position);
                    build.position = position;
                    if build.stage == Stage::Beside && position.get() > 2 {
                        break;
                    }
                }
                // Another process was faster, or has put another build in the place of this one.
                None => break,
            }
        }
        match store.promote(&build, false).await {
            Ok(()) => {}
            Err(error) if error.kind() == StoreErrorKind::Missing => {}
            Err(error) => panic!("the disk is well: {error}"),
        }
    }
}

/// Adds one to each row, and to the position. `None`: somebody else did.
async fn one_step(store: &dyn ReadStore, table: &Arc<Table>, build: &Build) -> Option<Position> {
    let keys: Vec<Values> = (0..SLOTS).map(|slot| vec![Value::Integer(slot)]).collect();
    let after = store.position(&build.reader()).await.expect("the books can be read");
    let rows = match store.rows(table, build, &keys).await {
        Ok(rows) => rows,
        Err(error) if error.kind() == StoreErrorKind::Missing => return None,
        Err(error) => panic!("the disk is well: {error}"),
    };
    let put = (0..SLOTS).zip(rows).map(|(slot, row)| {
        let steps = row.map_or(0, |row| steps(&row));
        vec![Value::Integer(slot), Value::Integer(steps + 1)]
    });
    let upto = Position::new(after.get() + 1);
    let rows =
        Rows { table: Arc::clone(table), build: build.clone(), put: put.collect(), remove: Vec::new() };
    let work = Work::new(build.reader(), after, upto);
    match store.write(Work { rows: Some(Arc::new(rows)), ..work }).await {
        Ok(()) => Some(upto),
        Err(WorkError::Overtaken { .. }) => None,
        Err(error) => panic!("the disk is well: {error}"),
    }
}

fn steps(row: &[Value]) -> i64 {
    match row {
        [_, Value::Integer(steps)] => *steps,
        other => panic!("{other:?} is no row of this table"),
    }
}

/// Looks whether everything is there whole, and nothing twice. `acknowledged` is what the last builds were told to have come
/// to. Gives how many events there are, and the generation of the live build.
///
/// # Panics
/// It is not.
pub async fn check(store: &Arc<dyn Store>, acknowledged: &[(u64, Position)], context: &str) -> (usize, u64) {
    let reading = read_store(store);
    let all = |table: &Arc<Table>| factum::read::Query {
        table: Arc::clone(table),
        conditions: Vec::new(),
        order: None,
        descending: false,
        after: None,
        limit: 1000,
    };
    let events =
        store.read_all(&Filter::All, Position::START, 1_000_000).await.expect("it can be read").events;
    let counted = reading.find(&all(&counted())).await.expect("it can be read");
    let count: i64 = counted.iter().map(|row| steps(row)).sum();
    assert_eq!(
        usize::try_from(count).ok(),
        Some(events.len()),
        "{context}: events and what was counted with them"
    );

    let table = stepped();
    let build = live(&*reading, &table.name).await.expect("there is a live build");
    let rows = reading.find(&all(&table)).await.expect("it can be read");
    for row in &rows {
        let counted = u128::try_from(steps(row)).ok();
        assert_eq!(counted, Some(build.position.get()), "{context}: a row of {build:?}");
    }
    assert!(build.position == Position::START || rows.len() == 50, "{context}: {} rows", rows.len());
    for (generation, position) in acknowledged {
        assert!(
            *generation <= build.generation + 1,
            "{context}: build {generation} was acknowledged, {build:?} is live"
        );
        if *generation == build.generation {
            assert!(*position <= build.position, "{context}: {position} was acknowledged, {build:?} is live");
        }
    }
    (events.len(), build.generation)
}
