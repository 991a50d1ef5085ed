//! Memory while everything is replayed: resident after 100,000 and after 1,000,000 events, read page by page.
//!
//! `cargo run --release -p factum-benches --bin replay` (Linux: it reads `/proc/self/status`).

use std::time::Instant;

use factum::{
    Recorded,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, StreamId},
};
use factum_benches::{derived::IncidentEvent, history, sqlite_by_hand::Error};

const EVENTS: usize = 1_000_000;
const FIRST_LOOK: usize = 100_000;
const PAGE: usize = 1_000;
/// How much may come on top between the two looks.
const ALLOWED_MIB: f64 = 32.0;

fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir_in(".")?;
    let url = format!("sqlite:{}?synchronous=off", folder.path().join("replay.db").display());
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        fill(&*factum::open(&url).await?).await?;
        // A store that has not written anything, so that what is resident is the replay's.
        let store = factum::open(&url).await?;
        let (mut position, mut events, mut early) = (Position::START, 0, None);
        let began = Instant::now();
        loop {
            let page = store.read_all(&Filter::All, position, PAGE).await?;
            for recorded in page.events {
                std::hint::black_box(Recorded::<IncidentEvent>::decode(recorded)?);
                events += 1;
            }
            position = page.last;
            if events >= FIRST_LOOK && early.is_none() {
                early = Some(resident_mib()?);
            }
            if page.end {
                break;
            }
        }
        let rate = events as f64 / began.elapsed().as_secs_f64();
        let (early, late) = (early.unwrap_or_default(), resident_mib()?);
        println!("{events} events replayed and decoded, {rate:.0}/s");
        println!("resident after {FIRST_LOOK}: {early:.1} MiB, after {events}: {late:.1} MiB");
        if events != EVENTS || late - early > ALLOWED_MIB {
            return Err(format!("{EVENTS} events and at most {ALLOWED_MIB} MiB more were expected").into());
        }
        Ok(())
    })
}

async fn fill(store: &dyn factum::Store) -> Result<(), Error> {
    let new_event = |(name, payload): (&'static str, String)| NewEvent {
        name: Name::from_static(name),
        schema: 1,
        payload: Payload::json(payload),
        metadata: None,
    };
    let events: Vec<_> = history(100).into_iter().map(new_event).collect();
    for commit in 0..EVENTS / 10_000 {
        let append = |stream: usize| Append {
            stream: StreamId::new("incident", (commit * 100 + stream).to_string()),
            expected: Expected::NoStream,
            tail: None,
            events: events.clone(),
        };
        store.append(Commit::new((0..100).map(append).collect())).await?;
    }
    Ok(())
}

fn resident_mib() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
