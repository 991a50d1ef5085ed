//! What a careful engineer writes on tokio-postgres without a framework: plainly, with a connection for each client; and
//! with loads that share a connection and appends that share a statement.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Client, NoTls, Statement};

use crate::{
    hand::{Command, Event, Incident},
    sqlite_by_hand::Error,
};

const TABLE: &str = "
DROP SCHEMA IF EXISTS by_hand CASCADE;
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    payload text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (stream, version)
);
CREATE FUNCTION by_hand.append(streams text[], versions bigint[], names text[], payloads text[]) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE written text[];
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    WITH inserted AS (
        INSERT INTO by_hand.events (stream, version, name, payload)
        SELECT * FROM unnest(streams, versions, names, payloads) ON CONFLICT DO NOTHING RETURNING stream
    )
    SELECT array_agg(stream) INTO written FROM inserted;
    RETURN written;
END $$;
";

const LOAD: &str = "SELECT name, payload FROM by_hand.events WHERE stream = $1 ORDER BY version";
const INSERT: &str = "INSERT INTO by_hand.events (stream, version, name, payload) VALUES ($1, $2, $3, $4)";
const APPEND: &str = "SELECT by_hand.append($1, $2, $3, $4)";

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn load(client: &Client, select: &Statement, stream: &str) -> Result<(Option<Incident>, i64), Error> {
    let (mut state, mut version) = (None, 0);
    for row in client.query(select, &[&stream]).await? {
        Incident::fold(&mut state, 1, Event::decode(row.try_get(0)?, row.try_get(1)?)?)?;
        version += 1;
    }
    Ok((state, version))
}

fn decide(state: Option<&Incident>, command: Command) -> Result<Vec<(&'static str, String)>, Error> {
    let events = Incident::handle(state, command).map_err(|error| error.to_string())?;
    events.iter().map(|event| Ok((event.name(), event.encode()?))).collect()
}

/// Makes the table anew, with this history in each stream.
///
/// # Errors
/// PostgreSQL's.
pub async fn seed(url: &str, streams: u64, history: &[(&'static str, String)]) -> Result<(), Error> {
    let client = connect(url).await?;
    client.batch_execute(TABLE).await?;
    let names: Vec<_> = history.iter().map(|(name, _)| *name).collect();
    let payloads: Vec<_> = history.iter().map(|(_, payload)| payload.as_str()).collect();
    let sql = "INSERT INTO by_hand.events (stream, version, name, payload) SELECT 'incident-' || stream, number, name, payload \
               FROM generate_series(0, $1::bigint - 1) AS stream, unnest($2::text[], $3::text[]) WITH ORDINALITY \
               AS history (name, payload, number)";
    client.execute(sql, &[&i64::try_from(streams)?, &names, &payloads]).await?;
    Ok(())
}

/// How many events there are.
///
/// # Errors
/// PostgreSQL's.
pub async fn count(url: &str) -> Result<u64, Error> {
    let row = connect(url).await?.query_one("SELECT count(*) FROM by_hand.events", &[]).await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
}

/// A select and an insert on a connection, of which there are as many as clients.
#[derive(Debug)]
pub struct Plain {
    connections: mpsc::UnboundedSender<Connection>,
    free: Mutex<mpsc::UnboundedReceiver<Connection>>,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    select: Statement,
    insert: Statement,
}

impl Plain {
    /// Connects this often.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn open(url: &str, clients: u64) -> Result<Self, Error> {
        let (connections, free) = mpsc::unbounded_channel();
        for _ in 0..clients {
            let client = connect(url).await?;
            let (select, insert) = (client.prepare(LOAD).await?, client.prepare(INSERT).await?);
            connections.send(Connection { client, select, insert })?;
        }
        Ok(Self { connections, free: Mutex::new(free) })
    }

    /// Loads, decides and inserts, until nobody else was faster.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn execute(&self, stream: &str, command: Command) -> Result<(), Error> {
        let connection = self.free.lock().await.recv().await.ok_or("closed")?;
        let outcome = Self::run(&connection, stream, command).await;
        self.connections.send(connection)?;
        outcome
    }

    async fn run(connection: &Connection, stream: &str, command: Command) -> Result<(), Error> {
        let Connection { client, select, insert } = connection;
        loop {
            let (state, version) = load(client, select, stream).await?;
            for (name, payload) in decide(state.as_ref(), command.clone())? {
                match client.execute(insert, &[&stream, &(version + 1), &name, &payload]).await {
                    Ok(_) => return Ok(()),
                    Err(error) if error.code().is_some_and(|code| code.code() == "23505") => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

struct Request {
    stream: String,
    version: i64,
    name: &'static str,
    payload: String,
    written: oneshot::Sender<bool>,
}

/// Loads share one connection, appends share a statement on another, under one lock for the order of positions.
pub struct Grouped {
    loads: Client,
    select: Statement,
    appends: mpsc::Sender<Request>,
}

impl Grouped {
    /// Connects, and starts the task that writes.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn open(url: &str) -> Result<Arc<Self>, Error> {
        let (loads, writer) = (connect(url).await?, connect(url).await?);
        let (select, append) = (loads.prepare(LOAD).await?, writer.prepare(APPEND).await?);
        let (appends, requests) = mpsc::channel(1024);
        tokio::spawn(work_off(writer, append, requests));
        Ok(Arc::new(Self { loads, select, appends }))
    }

    /// Loads, decides and appends, until nobody else was faster.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn execute(&self, stream: &str, command: Command) -> Result<(), Error> {
        loop {
            let (state, version) = load(&self.loads, &self.select, stream).await?;
            let Some((name, payload)) = decide(state.as_ref(), command.clone())?.pop() else { return Ok(()) };
            let (written, answer) = oneshot::channel();
            let request = Request { stream: stream.to_owned(), version: version + 1, name, payload, written };
            self.appends.send(request).await.map_err(|_| "closed")?;
            if answer.await? {
                return Ok(());
            }
        }
    }
}

async fn work_off(client: Client, append: Statement, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.recv().await {
        let mut streams = HashSet::new();
        let mut batch: Vec<Request> = Vec::new();
        for request in std::iter::once(first).chain(std::iter::from_fn(|| requests.try_recv().ok())) {
            // A second one on the same stream has lost already.
            if streams.insert(request.stream.clone()) {
                batch.push(request);
            } else {
                let _ = request.written.send(false);
            }
        }
        let keys: Vec<_> = batch.iter().map(|request| request.stream.as_str()).collect();
        let versions: Vec<_> = batch.iter().map(|request| request.version).collect();
        let names: Vec<_> = batch.iter().map(|request| request.name).collect();
        let payloads: Vec<_> = batch.iter().map(|request| request.payload.as_str()).collect();
        let row = match client.query_one(&append, &[&keys, &versions, &names, &payloads]).await {
            Ok(row) => row,
            Err(error) => return eprintln!("{error}"),
        };
        let written: HashSet<String> =
            row.get::<_, Option<Vec<String>>>(0).unwrap_or_default().into_iter().collect();
        for request in batch {
            let _ = request.written.send(written.contains(&request.stream));
        }
    }
}
