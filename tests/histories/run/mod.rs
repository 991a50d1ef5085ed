//! Runs: clients at work while trouble is made, until enough of everything was met; then their history is checked.

mod client;
mod handle;
mod record;

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{sync::watch, task::JoinSet, time::timeout};

pub(crate) use handle::{Handle, Handles, Opened};

use self::record::Record;
use crate::{
    ask::Tag,
    check::{Anomaly, Promises, check},
    history::{Asked, History, Request, Response, Seen},
};

const CLIENTS: usize = 8;
const FOLLOWERS: usize = 2;

/// How long a run goes on, unless the environment says otherwise, or it has not met enough.
const SECONDS: u64 = 4;

/// How long it goes on at most to meet enough.
const MOST_SECONDS: u64 = 90;

/// How long followers and the last reads may take.
const PATIENCE: Duration = Duration::from_secs(30);

// Answers that are counted.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";
pub(crate) const CONFLICTS: &str = "conflicts";
pub(crate) const FAILED: &str = "failed";
pub(crate) const UNKNOWN: &str = "unknown";
pub(crate) const READS: &str = "reads";

/// What clients get to see however long or short the run: less, and it says nothing.
const LEAST: [(&str, usize); 5] =
    [(ACKNOWLEDGED, 200), (CONFLICTS, 50), (FAILED, 10), (UNKNOWN, 20), (READS, 200)];

/// A store, and what can happen to it.
pub(crate) trait Trouble {
    /// The ways to the store. Clients share them evenly.
    fn handles(&self) -> Handles;

    /// Makes trouble, some of it; called again and again.
    async fn strike(&mut self, dice: &mut Rng);

    /// Puts everything right, so that the store can be reached through all handles; what is still on its way in a
    /// server has ended.
    async fn heal(&mut self);

    /// What happened: how often, and how often it must have happened at least for a run to count.
    fn met(&self) -> Vec<Met>;

    /// What the store promises.
    fn promises(&self) -> Promises {
        Promises::LINEARIZABLE
    }
}

/// How often something happened.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) what: &'static str,
    pub(crate) times: usize,
    pub(crate) least: usize,
}

/// What clients do about a commit of unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// Nothing: each commit is given once, and the log tells what became of it.
    Once,
    /// They give it again under the same id until they know: it takes effect once.
    Again,
}

/// How a run came out.
pub(crate) struct Outcome {
    pub(crate) history: History,
    pub(crate) anomalies: Vec<Anomaly>,
    pub(crate) counts: BTreeMap<&'static str, usize>,
    /// What did not happen often enough, or at all, such as an end.
    pub(crate) shortcomings: Vec<String>,
}

/// Runs clients on the store in trouble, and fails if something is wrong, or nothing much happened.
///
/// `FACTUM_SEED` repeats what clients and trouble do, as far as the machine is the same; `FACTUM_SECONDS` is how long they
/// do it.
pub(crate) async fn examine(name: &str, mode: Mode, mut trouble: impl Trouble) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("FACTUM_SEED").unwrap_or_else(|| fastrand::u64(..));
    let seconds = number("FACTUM_SECONDS").unwrap_or(SECONDS);
    let name = format!("{name}, {mode:?}");
    let at_least = Duration::from_secs(seconds);
    let at_most = at_least.max(Duration::from_secs(MOST_SECONDS));
    let limits = Limits { at_least, at_most, patience: PATIENCE };
    let outcome = run(&mut trouble, mode, seed, limits).await;
    let met: Vec<_> = trouble.met().iter().map(|met| format!("{} {}", met.times, met.what)).collect();
    println!(
        "{name}, FACTUM_SEED={seed}: {:?}, {}; {} operations, {} events",
        outcome.counts,
        met.join(", "),
        outcome.history.operations.len(),
        outcome.history.log.len()
    );
    if outcome.anomalies.is_empty() && outcome.shortcomings.is_empty() {
        return;
    }
    let mut report = String::new();
    for anomaly in &outcome.anomalies {
        report.push_str(&format!("{}\n", anomaly.explain(&outcome.history)));
    }
    outcome.shortcomings.iter().for_each(|what| report.push_str(&format!("{what}\n")));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories");
    let file = directory.join(format!("{}-{seed}.txt", name.replace([' ', ','], "")));
    let text = format!("{report}\nThe history, by the times of its operations:\n{}", outcome.history);
    match fs::create_dir_all(&directory).and_then(|()| fs::write(&file, text)) {
        Ok(()) => panic!("{name}, FACTUM_SEED={seed}:\n{report}The history is in {}", file.display()),
        Err(error) => panic!("{name}, FACTUM_SEED={seed}:\n{report}The history was not kept: {error}"),
    }
}

/// How long a run takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) at_least: Duration,
    /// Unless enough was met before.
    pub(crate) at_most: Duration,
    /// What followers and the last reads may take when all trouble is over.
    pub(crate) patience: Duration,
}

/// Runs clients on the store in trouble until they have met enough.
pub(crate) async fn run(trouble: &mut impl Trouble, mode: Mode, seed: u64, limits: Limits) -> Outcome {
    let mut dice = Rng::with_seed(seed);
    let tag = Tag(dice.u64(..));
    let record = Arc::new(Record::new(trouble.handles(), tag, mode == Mode::Again));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client::Client::new(number, dice.u64(..), Arc::clone(&record)).work());
    }
    let (tell_head, head) = watch::channel(None);
    let mut followers = JoinSet::new();
    for number in CLIENTS..CLIENTS + FOLLOWERS {
        followers.spawn(client::follow(number, dice.u64(..), Arc::clone(&record), head.clone()));
    }

    let begin = Instant::now();
    let mut shortcomings;
    loop {
        tokio::time::sleep(Duration::from_millis(dice.u64(5..60))).await;
        trouble.strike(&mut dice).await;
        shortcomings = missing(&record.counts(), &trouble.met());
        let enough = begin.elapsed() >= limits.at_least && shortcomings.is_empty();
        if enough || begin.elapsed() >= limits.at_most {
            break;
        }
    }
    record.end();
    trouble.heal().await;
    while let Some(ended) = clients.join_next().await {
        shortcomings.extend(ended.err().map(|error| format!("a client: {error}")));
    }

    if timeout(limits.patience, wake_all(&record, &mut dice)).await.is_err() {
        let within = limits.patience;
        shortcomings.push(format!("who waits is not woken within {within:?}, through some handle (A14)"));
    }
    let log = match timeout(limits.patience, read_at_the_end(&record, &mut dice)).await {
        Ok(log) => log,
        Err(_) => {
            shortcomings.push(format!("the store could not be read within {:?}", limits.patience));
            Vec::new()
        }
    };
    tell_head.send_replace(log.last().map(|event| event.position).or(Some(0)));
    while !followers.is_empty() {
        match timeout(limits.patience, followers.join_next()).await {
            Ok(ended) => shortcomings.extend(ended.and_then(Result::err).map(|e| format!("a follower: {e}"))),
            Err(_) => {
                followers.abort_all();
                shortcomings.push(format!(
                    "a follower is stuck (A14): after {:?} it is not at the head",
                    limits.patience
                ));
                break;
            }
        }
    }
    let history = History { operations: record.operations(), log };
    let anomalies = check(&history, &trouble.promises());
    Outcome { history, anomalies, counts: record.counts(), shortcomings }
}

/// What did not happen often enough.
fn missing(counts: &BTreeMap<&'static str, usize>, met: &[Met]) -> Vec<String> {
    let answers = LEAST.iter().map(|(what, least)| (*what, counts.get(what).copied().unwrap_or(0), *least));
    let events = met.iter().map(|met| (met.what, met.times, met.least));
    let too_few = answers.chain(events).filter(|(_, times, least)| times < least);
    too_few.map(|(what, times, least)| format!("too few {what}: {times}, not {least}")).collect()
}

/// Waits through each handle for something that is then appended through one of them.
async fn wake_all(record: &Arc<Record>, dice: &mut Rng) {
    let client = CLIENTS + FOLLOWERS;
    let head = loop {
        match record.ask(client, 0, Request::Head, dice).await {
            Some(Response::Head(head)) => break head,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let mut waiting = JoinSet::new();
    for handle in 0..record.handles.count() {
        let (record, mut dice) = (Arc::clone(record), dice.fork());
        waiting.spawn(async move {
            let seen = async |dice: &mut Rng| record.ask(client, handle, Request::Head, dice).await;
            // It may return early.
            while !matches!(seen(&mut dice).await, Some(Response::Head(now)) if now > head) {
                record.handles.get(handle).wait(head).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    loop {
        let appends = vec![Asked { stream: 0, expected: None, events: 1 }];
        let request = Request::Append { commit: record.next_commit(), appends };
        match record.ask(client, record.handles.count() - 1, request, dice).await {
            Some(Response::Committed(_)) => break,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    waiting.join_all().await;
}

/// All events, through each handle and each stream by itself. What is read through the last one is the truth.
async fn read_at_the_end(record: &Record, dice: &mut Rng) -> Vec<Seen> {
    let reader = CLIENTS + FOLLOWERS;
    let mut log = Vec::new();
    for handle in 0..record.handles.count() {
        log.clear();
        let mut after = 0;
        loop {
            let request = Request::ReadAll { after, limit: 1_000 };
            match record.ask(reader, handle, request, dice).await {
                Some(Response::All { events, last, end }) => {
                    log.extend(events);
                    after = last;
                    if end {
                        break;
                    }
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        while record.ask(reader, handle, Request::Head, dice).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let mut streams: Vec<usize> = log.iter().map(|event| event.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    for stream in streams {
        let mut from = Some(1);
        while let Some(version) = from {
            let request = Request::ReadStream { stream, from: version, limit: 1_000 };
            let handle = stream % record.handles.count();
            match record.ask(reader, handle, request, dice).await {
                Some(Response::Stream { next, .. }) => from = next,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    log
}
