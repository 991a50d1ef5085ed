//! What rows of views cost on PostgreSQL, against the same by hand.
//!
//! `cargo run --release -p factum-benches --bin rows` (`SECONDS=…` for the length of a round, `ROUNDS=…` for their number).
//!
//! - `commits`: 64 clients, each of which opens a ticket and closes it again: an event and a row that is put, an event and a row
//!   that is changed. By hand, all that wait share a transaction, which is sent at once: lock, insert, upsert, update, commit.
//!   Without rows, the same events alone.
//! - `pages`: a reader that writes pages of a thousand rows with its position. By hand: an upsert from arrays and an update, in a
//!   transaction that is sent at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use factum::{
    Position, Store,
    read::{ColumnType, Query, ReadStore, RowChange, RowOp, Rows, Table, TableColumn, Value, Values, Work},
    store::{Append, Commit, Expected, Name, NewEvent, Payload, StreamId, Tail},
};
use factum_benches::{Error, measure::median};
use factum_tests::postgres::Postgres;
use futures_util::join;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls, Statement};

const CLIENTS: usize = 64;
const PAGE: i64 = 1_000;
const TITLE: &str = "The left mouse button in room 4.17 does not click any more";

const TABLES: &str = "
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
CREATE TABLE by_hand.tickets (
    number bigint PRIMARY KEY, title text NOT NULL, open boolean NOT NULL, since timestamptz NOT NULL, edits bigint NOT NULL
);
CREATE INDEX ON by_hand.tickets (edits, number);
CREATE TABLE by_hand.readers (reader text PRIMARY KEY, position bigint NOT NULL);
INSERT INTO by_hand.readers VALUES ('tickets', 0)";

const INSERT: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(42)) \
    INSERT INTO by_hand.events (stream, version, name, payload) SELECT u.* FROM turn, \
    unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS u (stream, version, name, payload)";
const UPSERT: &str = "INSERT INTO by_hand.tickets (number, title, open, since, edits) \
    SELECT n, t, true, clock_timestamp(), e FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS u (n, t, e) \
    ON CONFLICT (number) DO UPDATE SET (title, open, since, edits) = \
    (excluded.title, excluded.open, excluded.since, excluded.edits)";
const CLOSE: &str =
    "UPDATE by_hand.tickets AS t SET open = false FROM unnest($1::bigint[]) AS u (n) WHERE t.number = u.n";
const ADVANCE: &str = "UPDATE by_hand.readers SET position = $2 WHERE reader = $1 AND position = $2 - 1";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = Postgres::start().ok_or("PostgreSQL is not installed")?;
    let number = |name: &str, usual: f64| {
        std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(usual)
    };
    let (length, rounds) = (Duration::from_secs_f64(number("SECONDS", 3.0)), number("ROUNDS", 5.0) as usize);
    let ours = Ours::open(&server.url("factum"), true).await?;
    let bare = Ours::open(&server.url("bare"), false).await?;
    let hand = Hand::open(&server.url("by_hand")).await?;
    let mut rates: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds {
        let round =
            [commits(&ours, length).await?, commits(&hand, length).await?, commits(&bare, length).await?];
        println!("commits: {:.0} with rows, {:.0} by hand, {:.0} without rows", round[0], round[1], round[2]);
        rates.iter_mut().zip(round).for_each(|(rates, rate)| rates.push(rate));
    }
    let [one, other, without] = rates.map(|mut rates| median(&mut rates));
    println!("commits: {one:.0} to {other:.0} by hand: {:.2}; without rows {without:.0}\n", one / other);
    ours.check().await?;

    let mut rates: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        let (one, other) = (ours.pages(length).await?, hand.pages(length).await?);
        println!("pages: {one:.0} rows per second, {other:.0} by hand");
        rates[0].push(one);
        rates[1].push(other);
    }
    let [one, other] = rates.map(|mut rates| median(&mut rates));
    println!(
        "pages: {one:.0} to {other:.0} by hand: {:.2}; {:.1} ms for a page",
        one / other,
        1e3 * PAGE as f64 / one
    );
    Ok(())
}

/// A program that opens and closes tickets.
trait Tickets: Send + Sync + 'static {
    fn open(&self, number: i64) -> impl Future<Output = Result<Option<Tail>, Error>> + Send;
    fn close(&self, number: i64, tail: Option<Tail>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Commits per second.
async fn commits<T: Tickets>(program: &Arc<T>, length: Duration) -> Result<f64, Error> {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let program = Arc::clone(program);
            tokio::spawn(async move {
                let mut done = 0_u64;
                while began.elapsed() < length {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    let tail = program.open(number).await?;
                    program.close(number, tail).await?;
                    done += 2;
                }
                Ok::<_, Error>(done)
            })
        })
        .collect();
    let mut done = 0;
    for client in clients {
        done += client.await??;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// The store.
struct Ours {
    store: Arc<dyn Store>,
    views: Arc<dyn ReadStore>,
    table: Arc<Table>,
    rows: bool,
}

impl Ours {
    async fn open(url: &str, rows: bool) -> Result<Arc<Self>, Error> {
        let store = factum::open(url).await?;
        let views = Arc::clone(&store).read_store().ok_or("no read store")?;
        let column =
            |name: &str, ty| TableColumn { name: name.into(), ty, nullable: false, indexed: name == "edits" };
        let columns = vec![
            column("number", ColumnType::Integer),
            column("title", ColumnType::Text),
            column("open", ColumnType::Bool),
            column("since", ColumnType::Time),
            column("edits", ColumnType::Integer),
        ];
        let table = Arc::new(Table { name: "tickets".into(), columns, key: vec![0] });
        let build = views.prepare(&table, [1; 16], false).await?;
        views.promote(&build, true).await?;
        Ok(Arc::new(Self { store, views, table, rows }))
    }

    async fn commit(
        &self,
        number: i64,
        expected: Expected,
        tail: Option<Tail>,
        change: RowChange,
    ) -> Result<Option<Tail>, Error> {
        let event = NewEvent {
            name: Name::from_static(if tail.is_some() { "Closed" } else { "Opened" }),
            schema: 1,
            payload: Payload::json(format!("{{\"text\":\"{TITLE}\"}}")),
            metadata: None,
        };
        let stream = StreamId::new("ticket", number.to_string());
        let mut commit = Commit::new(vec![Append { stream, expected, tail, events: vec![event] }]);
        if self.rows {
            let key = vec![Value::Integer(number)];
            commit.rows.push(RowOp { table: Arc::clone(&self.table), key, change });
        }
        let committed = self.store.append(commit).await?;
        Ok(committed.appends.into_iter().next().and_then(|appended| appended.tail))
    }

    /// Every ticket is there, and closed.
    async fn check(&self) -> Result<(), Error> {
        let open = factum::read::Test::Equals(Value::Bool(true));
        let conditions = vec![factum::read::Condition { column: 2, test: open }];
        let table = Arc::clone(&self.table);
        let query = Query { table, conditions, order: None, descending: false, after: None, limit: 10 };
        match self.views.find(&query).await?.as_slice() {
            [] => Ok(()),
            some => Err(format!("{} tickets are open", some.len()).into()),
        }
    }

    /// Rows per second.
    async fn pages(&self, length: Duration) -> Result<f64, Error> {
        let build = self.views.prepare(&self.table, [2; 16], true).await?;
        let mut at = Position::START;
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < length {
            let upto = Position::new(at.get() + 1);
            let mut work = Work::new(build.reader(), at, upto);
            let put = (count..count + PAGE).map(row).collect();
            let (table, remove) = (Arc::clone(&self.table), Vec::new());
            work.rows = Some(Rows { table, build: build.clone(), put, remove });
            self.views.write(work).await?;
            (at, count) = (upto, count + PAGE);
        }
        let rate = count as f64 / began.elapsed().as_secs_f64();
        self.views.discard(&build).await?;
        Ok(rate)
    }
}

fn row(number: i64) -> Values {
    vec![
        Value::Integer(number),
        Value::Text(TITLE.to_owned()),
        Value::Bool(true),
        Value::Time(chrono::Utc::now()),
        Value::Integer(number % 100),
    ]
}

impl Tickets for Ours {
    async fn open(&self, number: i64) -> Result<Option<Tail>, Error> {
        let mut row = row(number);
        row[3] = Value::RecordedAt(0);
        self.commit(number, Expected::NoStream, None, RowChange::Put(row)).await
    }

    async fn close(&self, number: i64, tail: Option<Tail>) -> Result<(), Error> {
        let close = RowChange::Set(vec![(2, Value::Bool(false))]);
        self.commit(number, Expected::Exact(1.into()), tail, close).await.map(drop)
    }
}

struct Request {
    number: i64,
    open: bool,
    written: oneshot::Sender<()>,
}

/// By hand.
struct Hand {
    client: Client,
    upsert: Statement,
    advance: Statement,
    requests: mpsc::Sender<Request>,
}

async fn connect(url: &str) -> Result<Client, Error> {
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    let (client, connection) = tokio_postgres::connect(base, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Hand {
    async fn open(url: &str) -> Result<Arc<Self>, Error> {
        let (client, writer) = (connect(url).await?, connect(url).await?);
        client.batch_execute(TABLES).await?;
        let (upsert, advance) = (client.prepare(UPSERT).await?, client.prepare(ADVANCE).await?);
        let (requests, waiting) = mpsc::channel(1024);
        let statements =
            [writer.prepare(INSERT).await?, writer.prepare(UPSERT).await?, writer.prepare(CLOSE).await?];
        tokio::spawn(async move {
            if let Err(error) = work_off(writer, statements, waiting).await {
                eprintln!("{error}");
            }
        });
        Ok(Arc::new(Self { client, upsert, advance, requests }))
    }

    async fn ask(&self, number: i64, open: bool) -> Result<(), Error> {
        let (written, answer) = oneshot::channel();
        self.requests.send(Request { number, open, written }).await.map_err(|_| "closed")?;
        Ok(answer.await?)
    }

    /// Rows per second.
    async fn pages(&self, length: Duration) -> Result<f64, Error> {
        self.client
            .batch_execute("TRUNCATE by_hand.tickets; UPDATE by_hand.readers SET position = 0")
            .await?;
        let (began, mut count, mut at) = (Instant::now(), 0, 0_i64);
        while began.elapsed() < length {
            let numbers: Vec<i64> = (count..count + PAGE).collect();
            let titles: Vec<String> = numbers.iter().map(|_| TITLE.to_owned()).collect();
            let edits: Vec<i64> = numbers.iter().map(|number| number % 100).collect();
            at += 1;
            let (begun, upserted, advanced, ended) = join!(
                self.client.batch_execute("BEGIN"),
                self.client.execute(&self.upsert, &[&numbers, &titles, &edits]),
                self.client.execute(&self.advance, &[&"tickets", &at]),
                self.client.batch_execute("COMMIT"),
            );
            (begun?, upserted?, ended?);
            if advanced? != 1 {
                return Err("overtaken".into());
            }
            count += PAGE;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }
}

async fn work_off(
    client: Client,
    [insert, upsert, close]: [Statement; 3],
    mut waiting: mpsc::Receiver<Request>,
) -> Result<(), Error> {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, 1024).await > 0 {
        let streams: Vec<_> = batch.iter().map(|request| format!("ticket-{}", request.number)).collect();
        let versions: Vec<i64> = batch.iter().map(|request| if request.open { 1 } else { 2 }).collect();
        let names: Vec<_> =
            batch.iter().map(|request| if request.open { "Opened" } else { "Closed" }).collect();
        let payloads: Vec<_> = batch.iter().map(|_| format!("{{\"text\":\"{TITLE}\"}}")).collect();
        let opened: Vec<i64> =
            batch.iter().filter(|request| request.open).map(|request| request.number).collect();
        let closed: Vec<i64> =
            batch.iter().filter(|request| !request.open).map(|request| request.number).collect();
        let titles: Vec<_> = opened.iter().map(|_| TITLE).collect();
        let edits: Vec<i64> = opened.iter().map(|number| number % 100).collect();
        let (begun, inserted, upserted, updated, ended) = join!(
            client.batch_execute("BEGIN"),
            client.execute(&insert, &[&streams, &versions, &names, &payloads]),
            client.execute(&upsert, &[&opened, &titles, &edits]),
            client.execute(&close, &[&closed]),
            client.batch_execute("COMMIT"),
        );
        (begun?, inserted?, upserted?, updated?, ended?);
        for request in batch.drain(..) {
            let _ = request.written.send(());
        }
    }
    Ok(())
}

impl Tickets for Hand {
    async fn open(&self, number: i64) -> Result<Option<Tail>, Error> {
        self.ask(number, true).await.map(|()| None)
    }

    async fn close(&self, number: i64, _: Option<Tail>) -> Result<(), Error> {
        self.ask(number, false).await
    }
}
