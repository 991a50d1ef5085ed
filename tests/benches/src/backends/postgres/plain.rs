//! By hand on tokio-postgres, plainly: a select and an insert on a connection of a pool.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{Client, Statement, error::SqlState};

use super::hand::{LOAD, connect, load, stream_name};
use crate::{
    Error,
    database::Program,
    hand::{Command, decide},
};

const INSERT: &str = "INSERT INTO by_hand.events (stream, version, name, payload) VALUES ($1, $2, $3, $4)";

/// More connections at work than this make two processors slower, not faster.
const MOST: u64 = 16;

/// Loads, decides and inserts; when the unique index says that another one was faster, again from the top. Events of
/// concurrent inserts may become visible in another order than that of their positions.
pub(super) struct Plain {
    connections: mpsc::UnboundedSender<Connection>,
    free: Mutex<mpsc::UnboundedReceiver<Connection>>,
}

struct Connection {
    client: Client,
    select: Statement,
    insert: Statement,
}

impl Plain {
    pub(super) async fn open(url: &str, clients: u64) -> Result<Arc<Self>, Error> {
        let (connections, free) = mpsc::unbounded_channel();
        for _ in 0..clients.min(MOST) {
            let client = connect(url).await?;
            let (select, insert) = (client.prepare(LOAD).await?, client.prepare(INSERT).await?);
            connections.send(Connection { client, select, insert }).map_err(|_| "closed")?;
        }
        Ok(Arc::new(Self { connections, free: Mutex::new(free) }))
    }
}

impl Program for Plain {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        let connection = self.free.lock().await.recv().await.ok_or("closed")?;
        let outcome = connection.execute(&stream_name(stream), Command::ChangeText { text }).await;
        self.connections.send(connection).map_err(|_| "closed")?;
        outcome
    }
}

impl Connection {
    async fn execute(&self, stream: &str, command: Command) -> Result<(), Error> {
        loop {
            let (state, version) = load(&self.client, &self.select, stream).await?;
            let Some((name, payload)) = decide(state.as_ref(), command.clone())?.pop() else { return Ok(()) };
            match self.client.execute(&self.insert, &[&stream, &(version + 1), &name, &payload]).await {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
