//! What both sides of a comparison can do.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use factum::store::BoxFuture;

use crate::{Error, Fact, measure::Sample};

/// What comes of most things here.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Called for each event that a replay decodes, with the text of those that change a text.
pub type Watch<'a> = &'a mut (dyn FnMut(Option<&str>) + Send);

/// Events in a store, and the code in front of it: factum, or what somebody wrote by hand.
pub trait Database: Send + Sync {
    /// Adds these events to each of these streams, which have this many already, in one transaction.
    fn append<'a>(&'a self, streams: Range<u64>, already: u64, events: &'a [Fact]) -> Answer<'a, ()>;

    /// Called when what is to be there before a measurement is there.
    fn settle(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// The programs that do this work for so many clients at once.
    fn programs(&self, work: Work, clients: u64) -> Answer<'_, Vec<Runner>>;

    /// Loads, decodes and folds a stream. How many events it has.
    fn load(&self, stream: u64) -> Answer<'_, u64>;

    /// Sees to it that a snapshot of the stream is kept.
    fn keep(&self, _stream: u64) -> Answer<'_, ()> {
        Box::pin(async { Err("there are no snapshots".into()) })
    }

    /// The same as `load`, from the snapshot on.
    fn load_kept(&self, stream: u64) -> Answer<'_, u64> {
        self.load(stream)
    }

    /// The addresses with which people signed up, in no order.
    fn addresses(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Fills the overview of all streams from the first event on, into a new table. How long it took.
    fn fill(&self) -> Answer<'_, Duration> {
        Box::pin(async { Err("there is no view".into()) })
    }

    /// The rows of the overview, by number.
    fn overview(&self) -> Answer<'_, Vec<Entry>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Clients that give a command and wait until they see it in the overview, which is filled behind the commands; each rests
    /// as long as that took. How long it took from the command on.
    fn seen(&self, _plan: Clients) -> Answer<'_, Sample> {
        Box::pin(async { Err("there is no view".into()) })
    }

    /// Reads and decodes everything, in the order in which it was recorded. How many events there are.
    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64>;
}

/// A row of the overview.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The number of the stream.
    pub number: u64,
    /// What is broken.
    pub text: String,
    /// Who takes care of it.
    pub assignee: Option<u64>,
    /// Whether it is open.
    pub open: bool,
    /// How often the text changed.
    pub edits: u64,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Load a stream, decide, append an event, durably.
    Command,
    /// The same; who can keep the states of all streams between the commands does.
    Warm,
    /// A command whose row of the overview is written in the same transaction. What is known of a stream is kept as an app keeps
    /// it where nobody says otherwise.
    Viewed,
    /// The same, and nothing is kept.
    ViewedCold,
    /// Append the first event of a new stream.
    Append,
    /// Sign up with an address that nobody else has.
    SignUp,
    /// The same without the rule.
    SignUpFreely,
}

/// A program that clients call.
pub trait Program: Send + Sync + 'static {
    /// Carries out a command on a stream, after which this text is recorded once; again if somebody else was faster.
    fn execute(&self, stream: u64, text: String) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Clients of a program at work.
#[derive(Clone, Debug)]
pub struct Clients {
    /// How many at once.
    pub clients: u64,
    /// On which streams.
    pub streams: Range<u64>,
    /// How long.
    pub length: Length,
}

/// When clients stop.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// After this time.
    Time(Duration),
    /// Each after this many commands.
    Commands(u64),
}

type Run = dyn Fn(Clients) -> Answer<'static, Round> + Send + Sync;

/// A program with its clients.
pub struct Runner {
    /// What the table calls the program.
    pub name: &'static str,
    run: Box<Run>,
}

/// What clients came to.
#[derive(Debug)]
pub struct Round {
    /// How fast.
    pub sample: Sample,
    /// The numbers of the texts of which they were told that they are recorded.
    pub acknowledged: Vec<u64>,
    /// The rate of the slowest client as a share of the mean: 1 is fair, 0 is starved.
    pub slowest: f64,
}

/// The text with this number.
#[must_use]
pub fn text(number: u64) -> String {
    format!("text {number}")
}

/// The number of a text, if a client wrote it.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    text.strip_prefix("text ")?.parse().ok()
}

/// The address of whoever signs up with this text: like those of people, they come in no order.
#[must_use]
pub fn address(text: &str) -> String {
    let number = number(text).unwrap_or_default();
    format!("{:016x}-{number}@example.org", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The number in an address.
#[must_use]
pub fn number_of(address: &str) -> Option<u64> {
    address.strip_suffix("@example.org")?.split_once('-')?.1.parse().ok()
}

impl Runner {
    /// Of a program.
    pub fn new(name: &'static str, program: &Arc<impl Program>) -> Self {
        let program = Arc::clone(program);
        Self { name, run: Box::new(move |clients| Box::pin(run(Arc::clone(&program), clients))) }
    }

    /// Lets the clients work.
    ///
    /// # Errors
    /// A command failed.
    pub async fn run(&self, clients: Clients) -> Result<Round, Error> {
        (self.run)(clients).await
    }
}

async fn run(program: Arc<impl Program>, plan: Clients) -> Result<Round, Error> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..plan.clients)
        .map(|_| tokio::spawn(client(Arc::clone(&program), start, plan.streams.clone(), plan.length)))
        .collect();
    let (mut latencies, mut acknowledged) = (Vec::new(), Vec::new());
    let mut rates = Vec::new();
    for task in tasks {
        let (done, time) = task.await??;
        rates.push(done.len() as f64 / time.as_secs_f64());
        for (number, microseconds) in done {
            acknowledged.push(number);
            latencies.push(microseconds);
        }
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min) / mean;
    Ok(Round { sample: Sample::of(latencies, start.elapsed()), acknowledged, slowest })
}

async fn client(
    program: Arc<impl Program>,
    start: Instant,
    streams: Range<u64>,
    length: Length,
) -> Result<(Vec<(u64, f64)>, Duration), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut done = Vec::new();
    while match length {
        Length::Time(time) => start.elapsed() < time,
        Length::Commands(commands) => (done.len() as u64) < commands,
    } {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A stride that shares no factor with the number of streams visits them all in an order that no cache likes.
        let stream = streams.start + number.wrapping_mul(7_919) % (streams.end - streams.start);
        let began = Instant::now();
        program.execute(stream, text(number)).await?;
        done.push((number, began.elapsed().as_secs_f64() * 1e6));
    }
    Ok((done, start.elapsed()))
}
