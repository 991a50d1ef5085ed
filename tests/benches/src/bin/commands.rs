//! Commands per second and loads, factum against hand-written code, interleaved in one run.
//!
//! `cargo run --release -p factum-benches --bin commands` (`-- sqlite-16` for one of the comparisons, with
//! `SECONDS=…` for the length of a round and `ROUNDS=…` for their number; `POSTGRES=postgres://…` names a database to
//! measure on, in which the program makes schemas of its own). The work of a command: load a stream of ten
//! events, decide, append one event durably. Each comparison ends by counting that nothing was lost or doubled.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use factum::{
    Event, Fold, Repository, Store,
    store::{Append, Commit, Expected, Filter, MemoryStore, Name, NewEvent, Payload, Position, StreamId},
};
use factum_benches::{
    derived::{Incident, IncidentCommand, IncidentEvent},
    hand, history, median,
    postgres_by_hand::{self, Plain},
    sqlite_by_hand::{Error, Grouped, Single},
};

/// Enough streams that a stream keeps about its ten events through a run.
const STREAMS: u64 = 20_000;
const SEED: usize = 10;

fn main() -> Result<(), Error> {
    let wanted = std::env::args().nth(1);
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| name.starts_with(wanted.as_str()));
    println!(
        "{:<22} {:>12} {:>12} {:>7}   p50, p99 in µs: factum; by hand",
        "", "factum", "by hand", "ratio"
    );
    for clients in [1, 16, 64] {
        if is_wanted(&format!("sqlite-{clients}")) {
            sqlite(&format!("sqlite-{clients}"), clients, STREAMS)?;
        }
    }
    if is_wanted("sqlite-hot-16") {
        sqlite("sqlite-hot-16", 16, 1)?;
    }
    if let Ok(url) = std::env::var("POSTGRES") {
        for (kind, clients, streams) in
            [("plain", 1, STREAMS), ("grouped", 16, STREAMS), ("grouped", 64, STREAMS)].into_iter().chain([
                ("plain", 64, STREAMS),
                ("plain", 16, 1),
                ("grouped", 16, 1),
            ])
        {
            let hot = if streams == 1 { "hot-" } else { "" };
            let name = format!("postgres-{kind}-{hot}{clients}");
            if is_wanted(&name) {
                postgres(&name, &url, clients, streams, kind == "plain")?;
            }
        }
    }
    if is_wanted("sqlite-load-1000") {
        sqlite_load()?;
    }
    if is_wanted("decode-fold") {
        decode_fold();
    }
    for clients in [1, 64] {
        if is_wanted(&format!("memory-{clients}")) {
            memory(&format!("memory-{clients}"), clients)?;
        }
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The rate and the latencies of one round.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    commands: u64,
}

/// Runs `work` from this many clients at once for a round.
async fn round<F, W>(clients: u64, streams: u64, work: F) -> Result<Round, Error>
where
    F: Fn(u64, u64) -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), Error>> + Send,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    let length = Duration::from_millis(setting("SECONDS", 2) * 1000);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < length {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    let began = Instant::now();
                    // A stride that shares no factor with the number of streams visits them all in an order that
                    // no cache likes.
                    work(number.wrapping_mul(7_919) % streams, number).await?;
                    latencies.push(began.elapsed().as_secs_f64() * 1e6);
                }
                Ok::<_, Error>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at =
        |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    let commands = latencies.len() as u64;
    Ok(Round { rate: commands as f64 / seconds, p50: at(0.5), p99: at(0.99), commands })
}

fn report(name: &str, ours: &[Round], hand: &[Round]) {
    let middle =
        |rounds: &[Round], of: fn(&Round) -> f64| median(&mut rounds.iter().map(of).collect::<Vec<_>>());
    let (a, b) = (middle(ours, |round| round.rate), middle(hand, |round| round.rate));
    println!(
        "{name:<22} {a:>10.0}/s {b:>10.0}/s {:>7.2}   {:.0}, {:.0}; {:.0}, {:.0}",
        a / b,
        middle(ours, |round| round.p50),
        middle(ours, |round| round.p99),
        middle(hand, |round| round.p50),
        middle(hand, |round| round.p99),
    );
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Appends the history to each stream.
async fn seed(store: &Arc<dyn Store>, streams: u64, events: usize) -> Result<(), Error> {
    let new_event = |(name, payload): (&'static str, String)| NewEvent {
        name: Name::from_static(name),
        schema: 1,
        payload: Payload::json(payload),
        metadata: None,
    };
    let events: Vec<_> = history(events).into_iter().map(new_event).collect();
    let streams: Vec<_> = (0..streams).collect();
    for chunk in streams.chunks(1000) {
        let append = |stream: &u64| Append {
            stream: StreamId::of::<Incident>(stream),
            expected: Expected::NoStream,
            tail: None,
            events: events.clone(),
        };
        store.append(Commit::new(chunk.iter().map(append).collect())).await?;
    }
    Ok(())
}

async fn count(store: &dyn Store) -> Result<u64, Error> {
    let (mut position, mut events) = (Position::START, 0);
    loop {
        let page = store.read_all(&Filter::All, position, 4096).await?;
        events += page.events.len() as u64;
        position = page.last;
        if page.end {
            return Ok(events);
        }
    }
}

fn check(name: &str, expected: u64, found: u64) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{name}: {expected} events should be there, {found} are").into())
    }
}

fn sqlite(name: &str, clients: u64, streams: u64) -> Result<(), Error> {
    let folder = tempfile::tempdir_in(".")?;
    let (our_file, hand_file) = (folder.path().join("ours.db"), folder.path().join("hand.db"));
    let runtime = runtime()?;
    let store = runtime.block_on(factum::open(&format!("sqlite:{}", our_file.display())))?;
    runtime.block_on(seed(&store, streams, SEED))?;
    let single = Single::open(&hand_file)?;
    single.seed((0..streams).map(|stream| format!("incident-{stream}")), &history(SEED))?;
    let incidents = Repository::<Incident>::new(Arc::clone(&store));
    let grouped = Arc::new(Grouped::open(&hand_file)?);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..setting("ROUNDS", 5) {
        let repository = incidents.clone();
        ours.push(runtime.block_on(round(clients, streams, move |stream, number| {
            let repository = repository.clone();
            async move {
                let command = IncidentCommand::ChangeText { text: format!("text {number}") };
                repository.execute(&stream, command).await.map(drop).map_err(|error| error.to_string().into())
            }
        }))?);
        if clients == 1 {
            by_hand.push(alone(&single, streams)?);
            continue;
        }
        let grouped = Arc::clone(&grouped);
        by_hand.push(runtime.block_on(round(clients, streams, move |stream, number| {
            let grouped = Arc::clone(&grouped);
            async move {
                let command = hand::Command::ChangeText { text: format!("text {number}") };
                grouped.execute(&format!("incident-{stream}"), command).await
            }
        }))?);
    }
    report(name, &ours, &by_hand);
    let total =
        |rounds: &[Round]| rounds.iter().map(|round| round.commands).sum::<u64>() + streams * SEED as u64;
    check(name, total(&ours), runtime.block_on(count(&*store))?)?;
    check(name, total(&by_hand), single.count()?)
}

/// Against a select and an insert for each command (`plain`), or grouped appends and pipelined loads.
fn postgres(name: &str, url: &str, clients: u64, streams: u64, plain: bool) -> Result<(), Error> {
    let runtime = runtime()?;
    let schema = format!("{}_{}", name.replace('-', "_"), std::process::id());
    let separator = if url.contains('?') { '&' } else { '?' };
    let store = runtime.block_on(factum::open(&format!("{url}{separator}schema={schema}")))?;
    runtime.block_on(seed(&store, streams, SEED))?;
    runtime.block_on(postgres_by_hand::seed(url, streams, &history(SEED)))?;
    let incidents = Repository::<Incident>::new(Arc::clone(&store));
    let by_plain = Arc::new(runtime.block_on(Plain::open(url, clients))?);
    let by_groups = runtime.block_on(postgres_by_hand::Grouped::open(url))?;
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..setting("ROUNDS", 5) {
        let repository = incidents.clone();
        ours.push(runtime.block_on(round(clients, streams, move |stream, number| {
            let repository = repository.clone();
            async move {
                let command = IncidentCommand::ChangeText { text: format!("text {number}") };
                repository.execute(&stream, command).await.map(drop).map_err(|error| error.to_string().into())
            }
        }))?);
        let (by_plain, by_groups) = (Arc::clone(&by_plain), Arc::clone(&by_groups));
        by_hand.push(runtime.block_on(round(clients, streams, move |stream, number| {
            let (by_plain, by_groups) = (Arc::clone(&by_plain), Arc::clone(&by_groups));
            async move {
                let stream = format!("incident-{stream}");
                let command = hand::Command::ChangeText { text: format!("text {number}") };
                if plain {
                    by_plain.execute(&stream, command).await
                } else {
                    by_groups.execute(&stream, command).await
                }
            }
        }))?);
    }
    report(name, &ours, &by_hand);
    let total =
        |rounds: &[Round]| rounds.iter().map(|round| round.commands).sum::<u64>() + streams * SEED as u64;
    check(name, total(&ours), runtime.block_on(count(&*store))?)?;
    check(name, total(&by_hand), runtime.block_on(postgres_by_hand::count(url))?)
}

/// One client by hand: a plain loop on one connection.
fn alone(single: &Single, streams: u64) -> Result<Round, Error> {
    let start = Instant::now();
    let length = Duration::from_millis(setting("SECONDS", 2) * 1000);
    let mut latencies = Vec::new();
    let mut number = 0_u64;
    while start.elapsed() < length {
        number += 1;
        let began = Instant::now();
        let stream = format!("incident-{}", number.wrapping_mul(7_919) % streams);
        single.execute(&stream, hand::Command::ChangeText { text: format!("text {number}") })?;
        latencies.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at =
        |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Ok(Round { rate: number as f64 / seconds, p50: at(0.5), p99: at(0.99), commands: number })
}

fn sqlite_load() -> Result<(), Error> {
    const EVENTS: u64 = 1000;
    const STREAMS: u64 = 50;
    let folder = tempfile::tempdir_in(".")?;
    let (our_file, hand_file) = (folder.path().join("ours.db"), folder.path().join("hand.db"));
    let runtime = runtime()?;
    let store = runtime.block_on(factum::open(&format!("sqlite:{}", our_file.display())))?;
    runtime.block_on(seed(&store, STREAMS, EVENTS as usize))?;
    let single = Single::open(&hand_file)?;
    single.seed((0..STREAMS).map(|stream| format!("incident-{stream}")), &history(EVENTS as usize))?;
    let incidents = Repository::<Incident>::new(store);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for round in 0..setting("ROUNDS", 5) * 40 {
        let stream = round % STREAMS;
        let began = Instant::now();
        let loaded = runtime.block_on(incidents.load(&stream))?;
        ours.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        check("load", EVENTS, loaded.map_or(0, |loaded| loaded.version.get()))?;
        let began = Instant::now();
        let (_, version) = single.load(&format!("incident-{stream}"))?;
        by_hand.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        check("load", EVENTS, version)?;
    }
    let (a, b) = (median(&mut ours), median(&mut by_hand));
    println!("{:<22} {a:>10.0}/s {b:>10.0}/s {:>7.2}   events per second", "sqlite-load-1000", a / b);
    Ok(())
}

/// From stored names and texts to a state, without a store.
fn decode_fold() {
    const EVENTS: usize = 1000;
    let stored = history(EVENTS);
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..setting("ROUNDS", 5) * 400 {
        let began = Instant::now();
        let mut fold = Fold::<Incident>::new(1);
        for (name, payload) in &stored {
            match IncidentEvent::decode(name, 1, payload) {
                Ok(event) => drop(fold.apply(event)),
                Err(error) => eprintln!("{error}"),
            }
        }
        ours.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        black_box(fold);
        let began = Instant::now();
        let mut state = None;
        for (name, payload) in &stored {
            match hand::Event::decode(name, payload) {
                Ok(event) => drop(hand::Incident::fold(&mut state, 1, event)),
                Err(error) => eprintln!("{error}"),
            }
        }
        by_hand.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        black_box(state);
    }
    let (a, b) = (median(&mut ours), median(&mut by_hand));
    println!("{:<22} {a:>10.0}/s {b:>10.0}/s {:>7.2}   events per second", "decode-fold", a / b);
}

/// By hand: a map behind a lock, of names, JSON and times.
#[derive(Default)]
struct Map(Mutex<HashMap<u64, Vec<Stored>>>);

#[derive(Clone)]
struct Stored {
    name: &'static str,
    payload: Arc<str>,
    /// Kept as any store keeps it; nothing here reads it.
    #[allow(dead_code, reason = "the work of keeping it counts")]
    at: SystemTime,
}

impl Stored {
    fn new(name: &'static str, payload: String) -> Self {
        Self { name, payload: payload.into(), at: SystemTime::now() }
    }
}

impl Map {
    fn execute(&self, stream: u64, command: hand::Command) -> Result<(), Error> {
        loop {
            let stored = {
                let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                map.get(&stream).cloned().unwrap_or_default()
            };
            let mut state = None;
            for stored in &stored {
                hand::Incident::fold(&mut state, stream, hand::Event::decode(stored.name, &stored.payload)?)?;
            }
            let events =
                hand::Incident::handle(state.as_ref(), command.clone()).map_err(|error| error.to_string())?;
            let encoded = events
                .iter()
                .map(|event| event.encode().map(|payload| Stored::new(event.name(), payload)))
                .collect::<Result<Vec<_>, _>>()?;
            let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let current = map.entry(stream).or_default();
            if current.len() == stored.len() {
                current.extend(encoded);
                return Ok(());
            }
        }
    }
}

fn memory(name: &str, clients: u64) -> Result<(), Error> {
    let runtime = runtime()?;
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..setting("ROUNDS", 5) {
        // New stores each round: streams would grow too long in one.
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        runtime.block_on(seed(&store, STREAMS, SEED))?;
        let incidents = Repository::<Incident>::new(Arc::clone(&store));
        ours.push(runtime.block_on(round(clients, STREAMS, move |stream, number| {
            let repository = incidents.clone();
            async move {
                let command = IncidentCommand::ChangeText { text: format!("text {number}") };
                repository.execute(&stream, command).await.map(drop).map_err(|error| error.to_string().into())
            }
        }))?);
        let commands = ours.last().map_or(0, |round| round.commands);
        check(name, commands + STREAMS * SEED as u64, runtime.block_on(count(&*store))?)?;

        let map = Arc::new(Map::default());
        for stream in 0..STREAMS {
            // Texts of its own for each stream, as in any store: shared ones would all be in the nearest cache.
            let events = history(SEED).into_iter().map(|(name, payload)| Stored::new(name, payload));
            map.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream, events.collect());
        }
        let shared = Arc::clone(&map);
        by_hand.push(runtime.block_on(round(clients, STREAMS, move |stream, number| {
            let map = Arc::clone(&shared);
            async move { map.execute(stream, hand::Command::ChangeText { text: format!("text {number}") }) }
        }))?);
        let found: usize = map.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum();
        let commands = by_hand.last().map_or(0, |round| round.commands);
        check(name, commands + STREAMS * SEED as u64, found as u64)?;
    }
    report(name, &ours, &by_hand);
    Ok(())
}
