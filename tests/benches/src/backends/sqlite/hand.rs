//! By hand on rusqlite: one table, and one client on one connection.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use super::grouped::{Grouped, SignUps, Viewed};
use crate::{
    Error, Fact,
    database::{Answer, Database, Entry, Program, Runner, Watch, Work},
    hand::{self, Command, Event, Incident, decide},
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (stream, version)
);
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, stream TEXT NOT NULL) WITHOUT ROWID";

const OVERVIEW: &str = "DROP TABLE IF EXISTS overview;
CREATE TABLE overview (
    number INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    assignee INTEGER,
    open INTEGER NOT NULL,
    edits INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS read (position INTEGER NOT NULL);
DELETE FROM read;
INSERT INTO read VALUES (0)";

/// How many events are taken in a transaction.
const BATCH: i64 = 1000;
const NEXT: &str =
    "SELECT position, stream, name, payload FROM events WHERE position > ?1 ORDER BY position LIMIT ?2";

const LOAD: &str = "SELECT name, payload FROM events WHERE stream = ?1 ORDER BY version";
const ADDRESS: &str = "INSERT INTO addresses (address, stream) VALUES (?1, ?2)";
const INSERT: &str = "INSERT INTO events (stream, version, name, payload, at) VALUES (?1, ?2, ?3, ?4, ?5)";
/// What a replay has to know of an event: what happened, and to whom, when.
const SCAN: &str = "SELECT position, stream, version, at, name, payload FROM events ORDER BY position";

/// Opens or makes the file, with the settings that a careful engineer chooses.
pub(super) fn connect(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute_batch(TABLE)?;
    Ok(connection)
}

/// What is in force.
pub(super) fn settings(path: &Path) -> Result<String, Error> {
    let connection = connect(path)?;
    let journal: String = connection.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
    let synchronous: i64 = connection.query_row("PRAGMA synchronous", (), |row| row.get(0))?;
    Ok(format!("{} with journal_mode={journal}, synchronous={synchronous} (2 is full)", rusqlite::version()))
}

/// The state and the version of a stream.
pub(super) fn load(connection: &Connection, stream: &str) -> Result<(Option<Incident>, u64), Error> {
    let mut select = connection.prepare_cached(LOAD)?;
    let mut rows = select.query(params![stream])?;
    let (mut state, mut version) = (None, 0);
    while let Some(row) = rows.next()? {
        let event = Event::decode(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)?;
        Incident::fold(&mut state, 1, event)?;
        version += 1;
    }
    Ok((state, version))
}

/// Adds an event, at this time.
pub(super) fn insert(
    connection: &Connection,
    stream: &str,
    version: u64,
    (name, payload): &Fact,
) -> rusqlite::Result<()> {
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    let mut insert = connection.prepare_cached(INSERT)?;
    insert.execute(params![stream, version as i64, name, payload, at]).map(drop)
}

/// Takes an address; an error if somebody has it.
pub(super) fn take(connection: &Connection, address: &str, stream: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(ADDRESS)?.execute(params![address.to_lowercase(), stream]).map(drop)
}

/// Writes what an event does to the overview.
pub(super) fn view(connection: &Connection, number: i64, event: Event) -> rusqlite::Result<()> {
    let write = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(parameters).map(drop)
    };
    match event {
        Event::Reported(hand::Reported { text, .. }) => write(
            "INSERT INTO overview (number, text, assignee, open, edits) VALUES (?1, ?2, NULL, 1, 0)",
            &[&number, &text],
        ),
        Event::TextChanged(hand::TextChanged { text }) => {
            write("UPDATE overview SET text = ?2, edits = edits + 1 WHERE number = ?1", &[&number, &text])
        }
        Event::Assigned(hand::Assigned { to, .. }) => {
            write("UPDATE overview SET assignee = ?2 WHERE number = ?1", &[&number, &(to as i64)])
        }
        Event::Closed(_) => write("UPDATE overview SET open = 0 WHERE number = ?1", &[&number]),
        Event::Reopened(_) => write("UPDATE overview SET open = 1 WHERE number = ?1", &[&number]),
        Event::Removed => write("DELETE FROM overview WHERE number = ?1", &[&number]),
    }
}

/// The number of a stream.
pub(super) fn stream_number(stream: &str) -> i64 {
    stream.strip_prefix("incident-").and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Reads a batch of events behind the position and writes the rows, in a transaction. Whether there was any.
fn fill_some(connection: &Connection, position: &mut i64) -> Result<bool, Error> {
    let transaction = connection.unchecked_transaction()?;
    let before = *position;
    let mut select = transaction.prepare_cached(NEXT)?;
    let mut rows = select.query(params![before, BATCH])?;
    while let Some(row) = rows.next()? {
        *position = row.get(0)?;
        let number = stream_number(row.get_ref(1)?.as_str()?);
        view(&transaction, number, Event::decode(row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?)?)?;
    }
    drop(rows);
    drop(select);
    transaction.execute("UPDATE read SET position = ?1", [*position])?;
    transaction.commit()?;
    Ok(*position > before)
}

/// The name of a stream.
pub(super) fn stream_name(stream: u64) -> String {
    format!("incident-{stream}")
}

/// A file.
#[derive(Debug)]
pub(super) struct ByHand {
    path: PathBuf,
    single: Arc<Single>,
}

impl ByHand {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let connection = Mutex::new(connect(path)?);
        Ok(Self { path: path.to_owned(), single: Arc::new(Single { connection }) })
    }
}

impl Database for ByHand {
    fn addresses(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let connection = self.single.lock();
            let mut select = connection.prepare("SELECT address FROM addresses")?;
            Ok(select.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    fn append<'a>(&'a self, streams: Range<u64>, already: u64, events: &'a [Fact]) -> Answer<'a, ()> {
        Box::pin(async move {
            let connection = self.single.lock();
            let transaction = connection.unchecked_transaction()?;
            for stream in streams.map(stream_name) {
                for (event, version) in events.iter().zip(already + 1..) {
                    insert(&transaction, &stream, version, event)?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    fn programs(&self, work: Work, clients: u64) -> Answer<'_, Vec<Runner>> {
        Box::pin(async move {
            Ok(match work {
                Work::Command | Work::Warm if clients == 1 => {
                    vec![Runner::new("one connection", &self.single)]
                }
                Work::Command | Work::Warm => {
                    vec![Runner::new("grouped", &Arc::new(Grouped::open(&self.path)?))]
                }
                Work::SignUp => {
                    vec![Runner::new("grouped", &Arc::new(SignUps(Grouped::open(&self.path)?)))]
                }
                Work::Viewed | Work::ViewedCold => {
                    self.fill().await?;
                    vec![Runner::new("grouped", &Arc::new(Viewed(Grouped::open(&self.path)?)))]
                }
                Work::Append | Work::SignUpFreely => Vec::new(),
            })
        })
    }

    fn fill(&self) -> Answer<'_, Duration> {
        Box::pin(async move {
            let connection = self.single.lock();
            connection.execute_batch(OVERVIEW)?;
            let (began, mut position) = (Instant::now(), 0);
            while fill_some(&connection, &mut position)? {}
            Ok(began.elapsed())
        })
    }

    fn overview(&self) -> Answer<'_, Vec<Entry>> {
        Box::pin(async move {
            let connection = self.single.lock();
            let mut select = connection
                .prepare("SELECT number, text, assignee, open, edits FROM overview ORDER BY number")?;
            let entry = |row: &rusqlite::Row<'_>| {
                Ok(Entry {
                    number: row.get::<_, i64>(0)?.unsigned_abs(),
                    text: row.get(1)?,
                    assignee: row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs),
                    open: row.get(3)?,
                    edits: row.get::<_, i64>(4)?.unsigned_abs(),
                })
            };
            Ok(select.query_map((), entry)?.collect::<Result<_, _>>()?)
        })
    }

    fn load(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(async move { Ok(load(&self.single.lock(), &stream_name(stream))?.1) })
    }

    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let connection = self.single.lock();
            let mut select = connection.prepare_cached(SCAN)?;
            let mut rows = select.query(())?;
            let mut events = 0;
            while let Some(row) = rows.next()? {
                let envelope: (i64, String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                std::hint::black_box(envelope);
                match Event::decode(row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_str()?)? {
                    Event::TextChanged(hand::TextChanged { text }) => watch(Some(&text)),
                    _ => watch(None),
                }
                events += 1;
            }
            Ok(events)
        })
    }
}

/// One connection that loads, decides, inserts and commits.
#[derive(Debug)]
pub(super) struct Single {
    connection: Mutex<Connection>,
}

impl Single {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program for Single {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        let (connection, stream) = (self.lock(), stream_name(stream));
        let (state, version) = load(&connection, &stream)?;
        let facts = decide(state.as_ref(), Command::ChangeText { text })?;
        let transaction = connection.unchecked_transaction()?;
        for (fact, version) in facts.iter().zip(version + 1..) {
            insert(&transaction, &stream, version, fact)?;
        }
        Ok(transaction.commit()?)
    }
}
