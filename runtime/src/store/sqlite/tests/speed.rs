//! What views cost, against the same work written by hand with the same library. To be looked at, not to be held to:
//! `cargo test --release -p factum --lib sqlite::tests::speed -- --ignored --nocapture --test-threads 1`.

use std::time::Instant;

use rusqlite::params;
use tokio::sync::{mpsc, oneshot};

use super::{
    tables::{column, text},
    *,
};
use crate::{
    read::{ColumnType, ReadStore as _, RowChange, RowOp, Rows, Table, Value, Values, Work},
    store::Name,
};

/// The seconds that this process has used of the processors, which other processes do not change as they do the time. 0 where
/// there is no `/proc`.
fn used() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

const CLIENTS: usize = 64;
const EACH: usize = 400;
const ROUNDS: usize = 5;

fn incidents() -> Arc<Table> {
    let mut columns = vec![
        column("number", ColumnType::Text),
        column("text", ColumnType::Text),
        column("open", ColumnType::Bool),
        column("since", ColumnType::Time),
    ];
    columns[3].indexed = true;
    Arc::new(Table { name: Name::from_static("incidents"), columns, key: vec![0] })
}

fn id(client: usize) -> String {
    format!("INC-{client:08}")
}

fn change(number: usize) -> String {
    format!("{{\"text\":\"the printer in room {number} is on fire again\"}}")
}

async fn ours(folder: &Folder, with_rows: bool) -> f64 {
    let store = Arc::new(folder.open().await.unwrap());
    let table = incidents();
    let build = store.prepare(&table, [1; 16], false).await.unwrap();
    store.promote(&build, true).await.unwrap();
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (store, table) = (Arc::clone(&store), Arc::clone(&table));
            tokio::spawn(async move {
                let mut tail = None;
                for number in 0..EACH {
                    let expected = Expected::Exact(Version::new(number as u64));
                    let mut append = append(&id(client), expected, &["TextChanged"]);
                    append.events[0].payload = Payload::json(change(number));
                    append.tail = tail.take();
                    let row = match number {
                        0 => RowChange::Put(vec![
                            text(&id(client)),
                            text(&change(number)),
                            Value::Bool(true),
                            Value::RecordedAt(0),
                        ]),
                        _ => RowChange::Set(vec![(1, text(&change(number))), (2, Value::Bool(true))]),
                    };
                    let op = RowOp { table: Arc::clone(&table), key: vec![text(&id(client))], change: row };
                    let rows = if with_rows { vec![op] } else { Vec::new() };
                    let committed = store.append(Commit { rows, ..Commit::new(vec![append]) }).await.unwrap();
                    tail = committed.appends.into_iter().next().unwrap().tail;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    (CLIENTS * EACH) as f64 / began.elapsed().as_secs_f64()
}

struct Command {
    id: String,
    version: i64,
    payload: String,
    done: oneshot::Sender<()>,
}

async fn by_hand(folder: &Folder, with_rows: bool) -> f64 {
    let connection = Connection::open(folder.path()).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;
             CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,
                at INTEGER NOT NULL, name TEXT NOT NULL, payload TEXT NOT NULL, id BLOB NOT NULL, UNIQUE (stream, version));
             CREATE TABLE incidents (number TEXT PRIMARY KEY, text TEXT NOT NULL, open INTEGER NOT NULL, since TEXT NOT NULL);
             CREATE INDEX since ON incidents (since);",
        )
        .unwrap();
    let (send, mut receive) = mpsc::channel::<Command>(1024);
    let writer = std::thread::spawn(move || {
        while let Some(first) = receive.blocking_recv() {
            let mut group = vec![first];
            connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute(()).unwrap();
            while let Ok(next) = receive.try_recv() {
                group.push(next);
            }
            for Command { id, version, payload, .. } in &group {
                connection
                    .prepare_cached("INSERT INTO events (stream, version, at, name, payload, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                    .unwrap()
                    .execute(params![id, version, 1_700_000_000_000_000_i64, "TextChanged", payload, [7_u8; 16]])
                    .unwrap();
                if with_rows {
                    connection
                        .prepare_cached("INSERT INTO incidents (number, text, open, since) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (number) DO UPDATE SET text = excluded.text, open = excluded.open")
                        .unwrap()
                        .execute(params![id, payload, true, "2026-11-28T22:30:00.000000Z"])
                        .unwrap();
                }
            }
            connection.prepare_cached("COMMIT").unwrap().execute(()).unwrap();
            for command in group {
                let _ = command.done.send(());
            }
        }
    });
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let send = send.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    let (done, answer) = oneshot::channel();
                    let command =
                        Command { id: id(client), version: number as i64, payload: change(number), done };
                    send.send(command).await.ok().unwrap();
                    answer.await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let speed = (CLIENTS * EACH) as f64 / began.elapsed().as_secs_f64();
    drop(send);
    writer.join().unwrap();
    speed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn commands_with_a_row() {
    for with_rows in [false, true] {
        let (mut ours_best, mut hand_best) = (0_f64, 0_f64);
        let mut spent = [0.0; 2];
        for _ in 0..ROUNDS {
            let before = used();
            ours_best = ours_best.max(ours(&Folder::new(), with_rows).await);
            let between = used();
            hand_best = hand_best.max(by_hand(&Folder::new(), with_rows).await);
            spent[0] += between - before;
            spent[1] += used() - between;
        }
        println!(
            "rows: {with_rows}; ours {ours_best:.0}/s, by hand {hand_best:.0}/s: {:.2}; processor {:.1} and {:.1} us each: {:.2}",
            ours_best / hand_best,
            spent[0] * 1e6 / (ROUNDS * CLIENTS * EACH) as f64,
            spent[1] * 1e6 / (ROUNDS * CLIENTS * EACH) as f64,
            spent[1] / spent[0],
        );
    }
}

#[tokio::test]
#[ignore = "measures"]
async fn filling_a_view() {
    const EVENTS: usize = 300_000;
    const PAGE: usize = 1000;
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for first in (0..EVENTS).step_by(1000) {
        let appends = (first..first + 1000).map(|number| {
            let mut append = append(&id(number / 3), Expected::Any, &["TextChanged"]);
            append.events[0].payload = Payload::json(change(number));
            append
        });
        for append in appends.collect::<Vec<_>>().chunks_mut(3) {
            let events = append.iter_mut().flat_map(|append| append.events.drain(..)).collect();
            let whole =
                Append { stream: append[0].stream.clone(), expected: Expected::Any, tail: None, events };
            let _ = store.core.write(|| vec![Commit::new(vec![whole])]);
        }
    }
    let table = incidents();
    for round in 0..3_u8 {
        let build = store.prepare(&table, [round; 16], false).await.unwrap();
        let began = Instant::now();
        let (mut after, mut spent) = (Position::START, [0.0; 2]);
        loop {
            let reading = Instant::now();
            let page = store.read_all(&Filter::All, after, PAGE).await.unwrap();
            spent[0] += reading.elapsed().as_secs_f64();
            let mut rows: std::collections::HashMap<String, Values> = std::collections::HashMap::new();
            for event in &page.events {
                let payload = std::str::from_utf8(event.payload.bytes()).unwrap();
                let row =
                    vec![text(event.stream.id()), text(payload), Value::Bool(true), Value::Time(event.at)];
                rows.insert(event.stream.id().to_owned(), row);
            }
            let writing = Instant::now();
            let rows = Rows {
                table: Arc::clone(&table),
                build: build.clone(),
                put: rows.into_values().collect(),
                remove: Vec::new(),
            };
            let work = Work::new(build.reader(), after, page.last);
            store.write(Work { rows: Some(Arc::new(rows)), ..work }).await.unwrap();
            spent[1] += writing.elapsed().as_secs_f64();
            after = page.last;
            if page.end {
                break;
            }
        }
        let ours = began.elapsed().as_secs_f64();

        let connection = folder.sql();
        connection
            .execute_batch(
                "PRAGMA synchronous = full; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;
                 DROP TABLE IF EXISTS by_hand;
                 CREATE TABLE by_hand (number TEXT PRIMARY KEY, text TEXT NOT NULL, open INTEGER NOT NULL, since TEXT NOT NULL);
                 CREATE INDEX IF NOT EXISTS by_hand_since ON by_hand (since);",
            )
            .unwrap();
        let began = Instant::now();
        let mut after = 0_i64;
        loop {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            let mut select = connection
                .prepare_cached(
                    "SELECT position, streams.id, payload, at FROM events JOIN streams ON streams.key = events.stream
                     WHERE position > ?1 ORDER BY position LIMIT 1000",
                )
                .unwrap();
            let mut upsert = connection
                .prepare_cached(
                    "INSERT INTO by_hand (number, text, open, since) VALUES (?1, ?2, 1, ?3)
                     ON CONFLICT (number) DO UPDATE SET text = excluded.text, open = 1, since = excluded.since",
                )
                .unwrap();
            let mut rows = select.query([after]).unwrap();
            let mut many = 0;
            while let Some(row) = rows.next().unwrap() {
                after = row.get(0).unwrap();
                let (id, payload, at): (String, String, i64) =
                    (row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap());
                let at = chrono::DateTime::from_timestamp_micros(at).unwrap();
                upsert
                    .execute(params![id, payload, at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)])
                    .unwrap();
                many += 1;
            }
            drop(rows);
            drop((select, upsert));
            connection.execute_batch("COMMIT").unwrap();
            if many < PAGE {
                break;
            }
        }
        let hand = began.elapsed().as_secs_f64();
        println!("{EVENTS} events: ours {ours:.2} s ({spent:.2?}), by hand {hand:.2} s: {:.2}", hand / ours);
        let began = Instant::now();
        store.promote(&build, false).await.unwrap();
        println!("promoted in {:?}", began.elapsed());
    }
}
