//! What a careful engineer writes on rusqlite without a framework: a table, a reader for each thread that asks, and a
//! writer thread that shares one transaction among the appends that wait.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use crate::hand::{Command, Event, Incident};

/// Any error.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

fn connect(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    Ok(connection)
}

fn load(connection: &Connection, stream: &str) -> Result<(Option<Incident>, u64), Error> {
    let mut select =
        connection.prepare_cached("SELECT name, payload FROM events WHERE stream = ?1 ORDER BY version")?;
    let mut rows = select.query(params![stream])?;
    let (mut state, mut version) = (None, 0);
    while let Some(row) = rows.next()? {
        let event = Event::decode(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?)?;
        Incident::fold(&mut state, 1, event)?;
        version += 1;
    }
    Ok((state, version))
}

fn insert(
    connection: &Connection,
    stream: &str,
    version: u64,
    event: &Event,
    payload: &str,
) -> rusqlite::Result<()> {
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "INSERT INTO events (stream, version, name, payload, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![stream, version as i64, event.name(), payload, at])
        .map(drop)
}

/// One connection that loads, decides, inserts and commits.
#[derive(Debug)]
pub struct Single {
    connection: Connection,
}

impl Single {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = connect(path)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS events (
                position INTEGER PRIMARY KEY,
                stream TEXT NOT NULL,
                version INTEGER NOT NULL,
                name TEXT NOT NULL,
                payload TEXT NOT NULL,
                at INTEGER NOT NULL,
                UNIQUE (stream, version)
            )",
        )?;
        Ok(Self { connection })
    }

    /// The state and the version.
    ///
    /// # Errors
    /// SQLite's and serde's.
    pub fn load(&self, stream: &str) -> Result<(Option<Incident>, u64), Error> {
        load(&self.connection, stream)
    }

    /// Load, decide, append, commit.
    ///
    /// # Errors
    /// SQLite's and the domain's.
    pub fn execute(&self, stream: &str, command: Command) -> Result<(), Error> {
        let (state, version) = load(&self.connection, stream)?;
        let events = Incident::handle(state.as_ref(), command).map_err(|error| error.to_string())?;
        let transaction = self.connection.unchecked_transaction()?;
        for (event, version) in events.iter().zip(version + 1..) {
            insert(&transaction, stream, version, event, &event.encode()?)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Appends histories, each to a stream of its own, in one transaction.
    ///
    /// # Errors
    /// SQLite's and serde's.
    pub fn seed(
        &self,
        streams: impl Iterator<Item = String>,
        history: &[(&str, String)],
    ) -> Result<(), Error> {
        let transaction = self.connection.unchecked_transaction()?;
        for stream in streams {
            for ((name, payload), version) in history.iter().zip(1..) {
                insert(&transaction, &stream, version, &Event::decode(name, payload)?, payload)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// How many events there are.
    ///
    /// # Errors
    /// SQLite's.
    pub fn count(&self) -> Result<u64, Error> {
        let count: Option<i64> =
            self.connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).optional()?;
        Ok(u64::try_from(count.unwrap_or(0))?)
    }
}

struct Request {
    stream: String,
    version: u64,
    events: Vec<(Event, String)>,
    /// Whether it was recorded; `false` is a conflict.
    reply: oneshot::Sender<bool>,
}

/// Many clients: readers of their own, and one writer that groups.
#[derive(Debug)]
pub struct Grouped {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Option<mpsc::SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Grouped {
    /// Opens the file and starts the writer.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = Single::open(path)?.connection;
        let (writer, requests) = mpsc::sync_channel::<Request>(4096);
        let thread = std::thread::spawn(move || {
            while let Ok(first) = requests.recv() {
                let mut batch = vec![first];
                batch.extend(requests.try_iter().take(1023));
                if let Err(error) = write(&connection, batch) {
                    eprintln!("{error}");
                }
            }
        });
        let (writer, thread) = (Some(writer), Some(thread));
        Ok(Self { path: path.to_owned(), readers: Mutex::default(), writer, thread })
    }

    /// Load, decide, append; again on a conflict.
    ///
    /// # Errors
    /// SQLite's and the domain's.
    pub async fn execute(&self, stream: &str, command: Command) -> Result<(), Error> {
        loop {
            let (state, version) = {
                let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let reader = match pooled {
                    Some(reader) => reader,
                    None => connect(&self.path)?,
                };
                let loaded = load(&reader, stream)?;
                self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
                loaded
            };
            let events =
                Incident::handle(state.as_ref(), command.clone()).map_err(|error| error.to_string())?;
            let events = events
                .into_iter()
                .map(|event| event.encode().map(|payload| (event, payload)))
                .collect::<Result<Vec<_>, _>>()?;
            let (reply, answer) = oneshot::channel();
            let request = Request { stream: stream.to_owned(), version, events, reply };
            self.writer.as_ref().ok_or("closed")?.send(request).map_err(|_| "the writer is gone")?;
            if answer.await? {
                return Ok(());
            }
        }
    }
}

fn write(connection: &Connection, batch: Vec<Request>) -> Result<(), Error> {
    let transaction = connection.unchecked_transaction()?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for request in &batch {
        let mut recorded = true;
        for ((event, payload), version) in request.events.iter().zip(request.version + 1..) {
            recorded &= insert(&transaction, &request.stream, version, event, payload).is_ok();
        }
        outcomes.push(recorded);
    }
    transaction.commit()?;
    for (request, recorded) in batch.into_iter().zip(outcomes) {
        let _ = request.reply.send(recorded);
    }
    Ok(())
}

impl Drop for Grouped {
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
