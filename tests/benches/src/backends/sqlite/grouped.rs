//! By hand on rusqlite, many clients: readers of their own, and one writer thread that shares a transaction among the
//! appends that wait.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::hand::{connect, insert, load, stream_name, take, view};
use crate::{
    Error, Fact,
    database::{Program, address},
    hand::{Command, Event, Incident, TextChanged, decide},
};

/// How many appends share a transaction at most.
const MOST: usize = 1024;

struct Request {
    stream: String,
    version: u64,
    facts: Vec<Fact>,
    /// An address that is taken.
    address: Option<String>,
    /// A row of the overview and its text.
    view: Option<(i64, String)>,
    /// Whether it was recorded; `false` is a conflict.
    reply: oneshot::Sender<bool>,
}

/// Readers in a pool, each used by one thread at a time, and the thread that writes.
#[derive(Debug)]
pub(super) struct Grouped {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Option<mpsc::SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Grouped {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let connection = connect(path)?;
        let (writer, requests) = mpsc::sync_channel::<Request>(4 * MOST);
        let thread = std::thread::spawn(move || {
            while let Ok(first) = requests.recv() {
                let mut batch = vec![first];
                batch.extend(requests.try_iter().take(MOST - 1));
                if let Err(error) = write(&connection, batch) {
                    eprintln!("{error}");
                }
            }
        });
        let (writer, thread) = (Some(writer), Some(thread));
        Ok(Self { path: path.to_owned(), readers: Mutex::default(), writer, thread })
    }

    fn load(&self, stream: &str) -> Result<(Option<Incident>, u64), Error> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match pooled {
            Some(reader) => reader,
            None => connect(&self.path)?,
        };
        let loaded = load(&reader, stream)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(loaded)
    }
}

impl Program for Grouped {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.command(stream, text, false).await
    }
}

impl Grouped {
    async fn command(&self, number: u64, text: String, viewed: bool) -> Result<(), Error> {
        let (stream, command) = (stream_name(number), Command::ChangeText { text: text.clone() });
        loop {
            let (state, version) = self.load(&stream)?;
            let facts = decide(state.as_ref(), command.clone())?;
            let (reply, answer) = oneshot::channel();
            let view = viewed.then(|| (number as i64, text.clone()));
            let request = Request { stream: stream.clone(), version, facts, address: None, view, reply };
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
        let address = request.address.as_deref();
        let mut recorded = address.is_none_or(|address| take(&transaction, address, &request.stream).is_ok());
        let facts = if recorded { request.facts.as_slice() } else { &[] };
        for (fact, version) in facts.iter().zip(request.version + 1..) {
            recorded &= insert(&transaction, &request.stream, version, fact).is_ok();
        }
        if let (true, Some((number, text))) = (recorded, &request.view) {
            let event = Event::TextChanged(TextChanged { text: text.clone() });
            view(&transaction, *number, event)?;
        }
        outcomes.push(recorded);
    }
    transaction.commit()?;
    for (request, recorded) in batch.into_iter().zip(outcomes) {
        let _ = request.reply.send(recorded);
    }
    Ok(())
}

/// Commands whose rows are written with them.
#[derive(Debug)]
pub(super) struct Viewed(pub(super) Grouped);

impl Program for Viewed {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.0.command(stream, text, true).await
    }
}

/// Sign-ups: the stream is new, so there is nothing to load.
#[derive(Debug)]
pub(super) struct SignUps(pub(super) Grouped);

impl Program for SignUps {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let address = address(&text);
        let payload = serde_json::json!({ "email": address }).to_string();
        let (reply, answer) = oneshot::channel();
        let request = Request {
            stream: format!("member-{}", uuid::Uuid::now_v7()),
            version: 0,
            facts: vec![("Registered", payload)],
            address: Some(address),
            view: None,
            reply,
        };
        self.0.writer.as_ref().ok_or("closed")?.send(request).map_err(|_| "the writer is gone")?;
        if answer.await? { Ok(()) } else { Err("the address is taken".into()) }
    }
}

impl Drop for Grouped {
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
