//! By hand on rusqlite: one table, and one client on one connection.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, params};

use super::grouped::{Grouped, SignUps};
use crate::{
    Error, Fact,
    database::{Answer, Database, Program, Runner, Watch, Work},
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
                Work::Append | Work::SignUpFreely => Vec::new(),
            })
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
