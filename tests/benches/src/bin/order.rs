//! What the order of positions costs on PostgreSQL: appends per second with positions given out under a lock, against
//! a sequence without one, where readers stay below the oldest transaction that is open.
//!
//! `POSTGRES=postgres://… cargo run --release -p factum-benches --bin order` (`SECONDS=…` for the length of a round and
//! `ROUNDS=…` for their number). The writers are spread over processes of their own; each process has one connection that
//! writes, and all that wait in it share a statement. Each round ends by reading everything in order and counting that
//! nothing was lost or doubled.
//!
//! - `lock`: what the store does.
//! - `xid`: by hand: rows carry the id of their transaction, readers page by (transaction, sequence) below the oldest
//!   transaction that was open when they began.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use factum::{
    Store,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, StreamId},
};
use factum_benches::{Error, measure::median};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const PAYLOAD: &str = r#"{"text":"The left mouse button in room 4.17 does not click any more"}"#;

/// The tables of the store, but for what orders them.
const TABLE: &str = "
CREATE TABLE events (
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq       bigint GENERATED ALWAYS AS IDENTITY,
    version   bigint NOT NULL,
    at        bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    schema    bigint NOT NULL,
    stream    uuid NOT NULL,
    id        uuid NOT NULL,
    name      text NOT NULL,
    payload   text,
    category  text NOT NULL,
    stream_id text NOT NULL,
    PRIMARY KEY (xid, seq),
    UNIQUE (stream, version)
);
CREATE INDEX ON events (category, xid, seq);
";

/// Whoever is missing from the answer was too late.
const APPEND: &str = "INSERT INTO events (version, schema, stream, id, name, payload, category, stream_id) \
    SELECT 1, 1, stream, id, 'Counted', payload, 'order', stream_id \
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS u (stream, id, payload, stream_id) \
    ON CONFLICT DO NOTHING RETURNING id";

const OLDEST_OPEN: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";

const PAGE: &str = "SELECT id, xid::text, seq FROM events WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < $3::text::xid8 \
    ORDER BY xid, seq LIMIT 4096";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", kind, url, schema, writers] => {
            runtime.block_on(child(Kind::of(kind)?, url, schema, writers.parse()?))
        }
        [] => runtime.block_on(parent(&std::env::var("POSTGRES").map_err(|_| "POSTGRES names no server")?)),
        _ => Err("this program takes no arguments".into()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Lock,
    Xid,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Lock, Self::Xid];

    fn of(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("no `{name}`").into())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Xid => "xid",
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

async fn parent(url: &str) -> Result<(), Error> {
    let (server, _) = connect(url, "public").await?;
    for name in ["server_version", "fsync", "synchronous_commit"] {
        let value: String = server.query_one("SELECT current_setting($1)", &[&name]).await?.try_get(0)?;
        print!("{name} {value}  ");
    }
    println!("\nappends per second, and p50, p99 in µs; medians of {} rounds", setting("ROUNDS", 3));
    println!("{:>9} {:>9} {:>22} {:>22}", "processes", "writers", "lock", "xid");
    for processes in [1_u64, 4] {
        for writers in [1, 16, 64] {
            let each = (writers / processes).max(1);
            let mut rounds: HashMap<Kind, Vec<[f64; 3]>> = HashMap::new();
            for round in 0..setting("ROUNDS", 3) {
                for kind in Kind::ALL {
                    let schema =
                        format!("order_{}_{}_{round}_{processes}_{writers}", std::process::id(), kind.name());
                    let figures = measure(kind, url, &server, &schema, processes, each).await?;
                    rounds.entry(kind).or_default().push(figures);
                }
            }
            print!("{processes:>9} {:>9}", each * processes);
            for kind in Kind::ALL {
                let rounds = rounds.remove(&kind).unwrap_or_default();
                let middle = |at: usize| {
                    median(&mut rounds.iter().filter_map(|round| round.get(at).copied()).collect::<Vec<_>>())
                };
                print!(" {:>22}", format!("{:.0}  {:.0}, {:.0}", middle(0), middle(1), middle(2)));
            }
            println!();
        }
    }
    foreign(url, &server).await
}

/// One round: the rate, and p50 and p99.
async fn measure(
    kind: Kind,
    url: &str,
    server: &Client,
    schema: &str,
    processes: u64,
    writers: u64,
) -> Result<[f64; 3], Error> {
    prepare(kind, url, server, schema).await?;
    let program = std::env::current_exe()?;
    let mut children = (0..processes)
        .map(|_| {
            Command::new(&program)
                .args(["child", kind.name(), url, schema, &writers.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut outputs = Vec::new();
    for child in &mut children {
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        output.read_line(&mut String::new())?;
        outputs.push(output);
    }
    for child in &mut children {
        child.stdin.take().ok_or("no input")?.write_all(b"go\n")?;
    }
    let mut latencies = Vec::new();
    for output in outputs {
        for line in output.lines() {
            latencies.push(line?.parse::<f64>()?);
        }
    }
    for mut child in children {
        if !Child::wait(&mut child)?.success() {
            return Err("a process failed".into());
        }
    }
    let found = read(kind, url, schema).await?;
    if found != latencies.len() {
        return Err(format!("{kind:?}: {} were acknowledged, {found} are there", latencies.len()).into());
    }
    server.execute("SELECT set_config('order.schema', $1, false)", &[&schema]).await?;
    let gone =
        "DO $$ BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', current_setting('order.schema')); END $$";
    server.batch_execute(gone).await?;
    latencies.sort_by(f64::total_cmp);
    let at =
        |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Ok([latencies.len() as f64 / setting("SECONDS", 2) as f64, at(0.5), at(0.99)])
}

/// Makes the tables.
async fn prepare(kind: Kind, url: &str, server: &Client, schema: &str) -> Result<(), Error> {
    if kind == Kind::Xid {
        server.execute("SELECT set_config('order.schema', $1, false)", &[&schema]).await?;
        let new = "DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', current_setting('order.schema')); END $$";
        server.batch_execute(new).await?;
        connect(url, schema).await?.0.batch_execute(TABLE).await?;
        return Ok(());
    }
    drop(open(url, schema).await?);
    Ok(())
}

async fn open(url: &str, schema: &str) -> Result<Arc<dyn Store>, Error> {
    let separator = if url.contains('?') { '&' } else { '?' };
    Ok(factum::open(&format!("{url}{separator}schema={schema}")).await?)
}

/// A connection, and the task that drives it.
async fn connect(url: &str, schema: &str) -> Result<(Client, tokio::task::JoinHandle<()>), Error> {
    let mut config: tokio_postgres::Config = url.parse()?;
    config.options(format!(
        "-c search_path={schema} -c plan_cache_mode=force_generic_plan -c synchronous_commit=on"
    ));
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, tokio::spawn(async move { drop(connection.await) })))
}

/// Reads everything in its order; how many different events there are.
async fn read(kind: Kind, url: &str, schema: &str) -> Result<usize, Error> {
    let mut ids = HashSet::new();
    if kind != Kind::Xid {
        let store = open(url, schema).await?;
        let mut after = Position::START;
        loop {
            let page = store.read_all(&Filter::All, after, 4096).await?;
            ids.extend(page.events.iter().map(|event| event.id.0));
            after = page.last;
            if page.end {
                return Ok(ids.len());
            }
        }
    }
    let (client, _connection) = connect(url, schema).await?;
    let below: String = client.query_one(OLDEST_OPEN, &[]).await?.try_get(0)?;
    let (mut xid, mut seq) = ("0".to_owned(), 0_i64);
    loop {
        let page = client.query(PAGE, &[&xid, &seq, &below]).await?;
        let Some(last) = page.last() else { return Ok(ids.len()) };
        (xid, seq) = (last.try_get(1)?, last.try_get(2)?);
        for row in &page {
            ids.insert(row.try_get(0)?);
        }
    }
}

/// What readers see while somebody else has a transaction open.
async fn foreign(url: &str, server: &Client) -> Result<(), Error> {
    let (other, _connection) = connect(url, "public").await?;
    for kind in [Kind::Lock, Kind::Xid] {
        let schema = format!("foreign_{}_{}", std::process::id(), kind.name());
        prepare(kind, url, server, &schema).await?;
        other.batch_execute("BEGIN; SELECT pg_current_xact_id()").await?;
        let writer = Writer::open(kind, url, &schema).await?;
        for _ in 0..10 {
            writer.append().await?;
        }
        let open = read(kind, url, &schema).await?;
        other.batch_execute("ROLLBACK").await?;
        let over = read(kind, url, &schema).await?;
        println!(
            "{}: of 10 acknowledged events a reader sees {open} while a transaction of somebody else is open, {over} after it",
            kind.name()
        );
    }
    Ok(())
}

/// One process: its writers append until the time is over; then a line with the latency of each append.
async fn child(kind: Kind, url: &str, schema: &str, writers: u64) -> Result<(), Error> {
    let writer = Writer::open(kind, url, schema).await?;
    writer.warm().await?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let (start, length) = (Instant::now(), Duration::from_secs(setting("SECONDS", 2)));
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < length {
                    let began = Instant::now();
                    writer.append().await?;
                    latencies.push(began.elapsed().as_secs_f64() * 1e6);
                }
                Ok::<_, Error>(latencies)
            })
        })
        .collect();
    let mut output = std::io::BufWriter::new(std::io::stdout());
    for task in tasks {
        for latency in task.await?? {
            writeln!(output, "{latency}")?;
        }
    }
    Ok(output.flush()?)
}

#[derive(Clone)]
enum Writer {
    Store(Arc<dyn Store>),
    ByHand(mpsc::Sender<Request>),
}

struct Request {
    id: Uuid,
    stream: String,
    written: oneshot::Sender<bool>,
}

impl Writer {
    async fn open(kind: Kind, url: &str, schema: &str) -> Result<Self, Error> {
        if kind != Kind::Xid {
            return Ok(Self::Store(open(url, schema).await?));
        }
        let (client, _connection) = connect(url, schema).await?;
        let (requests, waiting) = mpsc::channel(1024);
        tokio::spawn(work_off(client, waiting));
        Ok(Self::ByHand(requests))
    }

    /// Has the connection made, without an event.
    async fn warm(&self) -> Result<(), Error> {
        if let Self::Store(store) = self {
            let nothing = Commit::new(vec![append("", Expected::Exact(factum::Version::new(7)))]);
            drop(store.append(nothing).await);
        }
        Ok(())
    }

    /// One event on a new stream.
    async fn append(&self) -> Result<(), Error> {
        let stream = Uuid::now_v7().to_string();
        match self {
            Self::Store(store) => {
                store.append(Commit::new(vec![append(&stream, Expected::NoStream)])).await?;
            }
            Self::ByHand(requests) => {
                let (written, answer) = oneshot::channel();
                let request = Request { id: Uuid::now_v7(), stream, written };
                requests.send(request).await.map_err(|_| "closed")?;
                if !answer.await? {
                    return Err("a new stream is not new".into());
                }
            }
        }
        Ok(())
    }
}

fn append(stream: &str, expected: Expected) -> Append {
    let event = NewEvent {
        name: Name::from_static("Counted"),
        schema: 1,
        payload: Payload::json(PAYLOAD),
        metadata: None,
    };
    Append { stream: StreamId::new("order", stream), expected, tail: None, events: vec![event] }
}

async fn work_off(client: Client, mut waiting: mpsc::Receiver<Request>) {
    let work = async {
        let statement = client.prepare(APPEND).await?;
        while let Some(first) = waiting.recv().await {
            let batch: Vec<_> =
                std::iter::once(first).chain(std::iter::from_fn(|| waiting.try_recv().ok())).collect();
            let ids: Vec<_> = batch.iter().map(|request| request.id).collect();
            let streams: Vec<_> = batch
                .iter()
                .map(|request| Uuid::new_v5(&Uuid::NAMESPACE_OID, request.stream.as_bytes()))
                .collect();
            let names: Vec<_> = batch.iter().map(|request| request.stream.as_str()).collect();
            let payloads = vec![PAYLOAD; batch.len()];
            let rows = client.query(&statement, &[&streams, &ids, &payloads, &names]).await?;
            let written =
                rows.iter().map(|row| row.try_get::<_, Uuid>(0)).collect::<Result<HashSet<_>, _>>()?;
            for request in batch {
                let _ = request.written.send(written.contains(&request.id));
            }
        }
        Ok::<_, tokio_postgres::Error>(())
    };
    if let Err(error) = work.await {
        eprintln!("{error}");
    }
}
