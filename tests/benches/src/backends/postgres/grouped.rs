//! By hand on tokio-postgres, as fast as it goes: loads travel together on one connection, appends share a statement on
//! another, and commands on one stream stand in line.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Client, Error as PostgresError, Statement, error::SqlState};

use super::hand::{LOAD, connect, load, stream_name};
use crate::{
    Error,
    database::{Program, address},
    hand::{Command, decide},
};

/// The order of positions is the order of commits: they are given out under a lock, which is held until the commit can
/// be seen. That two versions collide, the unique index says.
const APPEND: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(42)) \
    INSERT INTO by_hand.events (stream, version, name, payload) SELECT u.* FROM turn, \
    unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS u (stream, version, name, payload)";

/// The same of those who sign up: each takes an address, which nobody else has.
const SIGN_UP: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(42)), \
    u AS (SELECT u.* FROM turn, unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) \
    AS u (stream, version, name, payload, address)), \
    taken AS (INSERT INTO by_hand.addresses (address, stream) SELECT lower(address), stream FROM u) \
    INSERT INTO by_hand.events (stream, version, name, payload) SELECT stream, version, name, payload FROM u";

/// The same, and each changes its row of the overview.
const VIEWED: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(42)), \
    u AS (SELECT u.* FROM turn, unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[]) \
    AS u (stream, version, name, payload, number, text)), \
    viewed AS (UPDATE by_hand.overview AS o SET text = u.text, edits = o.edits + 1 FROM u WHERE o.number = u.number) \
    INSERT INTO by_hand.events (stream, version, name, payload) SELECT stream, version, name, payload FROM u";

/// How many commands stand in different lines.
const LANES: u64 = 4096;

/// How many appends share a statement at most.
const MOST: usize = 1024;

struct Request {
    stream: String,
    version: i64,
    name: &'static str,
    payload: String,
    /// An address that is taken, of those who sign up.
    address: Option<String>,
    /// A row of the overview and its text.
    view: Option<(i64, String)>,
    /// Whether it was recorded; `false` is a conflict.
    written: oneshot::Sender<bool>,
}

/// The two connections and the lines.
pub(super) struct Grouped {
    loads: Client,
    select: Statement,
    appends: mpsc::Sender<Request>,
    lanes: Vec<Mutex<()>>,
}

impl Grouped {
    /// Connects, and starts the task that writes.
    pub(super) async fn open(url: &str) -> Result<Arc<Self>, Error> {
        let (loads, writer) = (connect(url).await?, connect(url).await?);
        let (select, append) = (loads.prepare(LOAD).await?, writer.prepare(APPEND).await?);
        // Without the table of the overview there is nothing that would use it.
        let viewed = writer.prepare(VIEWED).await.unwrap_or_else(|_| append.clone());
        let append = [append, writer.prepare(SIGN_UP).await?, viewed];
        let (appends, requests) = mpsc::channel(MOST);
        tokio::spawn(work_off(writer, append, requests));
        let lanes = (0..LANES).map(|_| Mutex::default()).collect();
        Ok(Arc::new(Self { loads, select, appends, lanes }))
    }
}

impl Program for Grouped {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.command(stream, text, false).await
    }
}

impl Grouped {
    async fn command(&self, stream: u64, text: String, viewed: bool) -> Result<(), Error> {
        let view = viewed.then(|| (stream as i64, text.clone()));
        let lane = self.lanes.get((stream % LANES) as usize).ok_or("no lane")?;
        let _turn = lane.lock().await;
        let (stream, command) = (stream_name(stream), Command::ChangeText { text });
        loop {
            let (state, version) = load(&self.loads, &self.select, &stream).await?;
            let Some((name, payload)) = decide(state.as_ref(), command.clone())?.pop() else { return Ok(()) };
            let (written, answer) = oneshot::channel();
            let request = Request {
                stream: stream.clone(),
                version: version + 1,
                name,
                payload,
                address: None,
                view: view.clone(),
                written,
            };
            self.appends.send(request).await.map_err(|_| "closed")?;
            if answer.await? {
                return Ok(());
            }
        }
    }
}

/// Commands whose rows are written with them.
pub(super) struct Viewed(pub(super) Arc<Grouped>);

impl Program for Viewed {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.0.command(stream, text, true).await
    }
}

/// Sign-ups: the stream is new, so there is nothing to load.
pub(super) struct SignUps(pub(super) Arc<Grouped>);

impl Program for SignUps {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let address = address(&text);
        let payload = serde_json::json!({ "email": address }).to_string();
        let (written, answer) = oneshot::channel();
        let stream = format!("member-{}", uuid::Uuid::now_v7());
        let request = Request {
            stream,
            version: 1,
            name: "Registered",
            payload,
            address: Some(address),
            view: None,
            written,
        };
        self.0.appends.send(request).await.map_err(|_| "closed")?;
        if answer.await? { Ok(()) } else { Err("the address is taken".into()) }
    }
}

/// All that wait share a statement. If one of them comes too late, nothing of it happened, and each has its own.
async fn work_off(client: Client, append: [Statement; 3], mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::new();
    while requests.recv_many(&mut batch, MOST).await > 0 {
        let together = write(&client, &append, &batch).await;
        for request in batch.drain(..) {
            let written = match &together {
                Ok(written) => Ok(*written),
                Err(_) => write(&client, &append, std::slice::from_ref(&request)).await,
            };
            match written {
                Ok(written) => drop(request.written.send(written)),
                // Who waits learns that nobody answers.
                Err(error) => eprintln!("{error}"),
            }
        }
    }
}

/// `Ok(false)`: the only one came too late.
async fn write(client: &Client, append: &[Statement; 3], batch: &[Request]) -> Result<bool, PostgresError> {
    let streams: Vec<_> = batch.iter().map(|request| request.stream.as_str()).collect();
    let versions: Vec<_> = batch.iter().map(|request| request.version).collect();
    let names: Vec<_> = batch.iter().map(|request| request.name).collect();
    let payloads: Vec<_> = batch.iter().map(|request| request.payload.as_str()).collect();
    let addresses: Vec<_> = batch.iter().filter_map(|request| request.address.as_deref()).collect();
    let [append, sign_up, viewed] = append;
    let rows: Vec<_> = batch.iter().filter_map(|request| request.view.as_ref()).collect();
    let numbers: Vec<_> = rows.iter().map(|(number, _)| *number).collect();
    let texts: Vec<_> = rows.iter().map(|(_, text)| text.as_str()).collect();
    let written = match addresses.len() == batch.len() {
        false if rows.len() == batch.len() => {
            client.execute(viewed, &[&streams, &versions, &names, &payloads, &numbers, &texts]).await
        }
        true => client.execute(sign_up, &[&streams, &versions, &names, &payloads, &addresses]).await,
        false => client.execute(append, &[&streams, &versions, &names, &payloads]).await,
    };
    match written {
        Ok(_) => Ok(true),
        Err(error) if batch.len() == 1 && error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
        Err(error) => Err(error),
    }
}
