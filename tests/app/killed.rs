//! Processes that are killed while they fill views, fill them anew, and handle events: over and over, at any moment. Afterwards
//! each row is what the events say, and what a handler sets off is there once for each event.
//!
//! The processes are this test's own program, told to run one test only, [`work`].

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read as _},
    ops::ControlFlow,
    process::{self, Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use factum::{
    Aggregate, App,
    Consistency::{Awaited, Eventual, Transactional},
    Recorded, RunningApp, Span, Store,
    app::State,
    handler::{Delivery, Handler, HandlerError},
    replay,
    store::Filter,
};

use crate::{
    domain::{Account, AccountEvent, Amounts, Balance, Highest, fill, pay},
    rows, status_of, until,
};

/// Where the other process finds the URL of its store.
const URL: &str = "FACTUM_KILLED_URL";

/// What it says when it is at work.
const AT_WORK: &str = "at work";

const ACCOUNTS: u64 = 20;

/// What was done for an account, once for each time that it was.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Begun, Noted { position: String } }]
#[commands {
    #[decide({
        let begun = state.is_none().then_some(NotesEvent::Begun);
        Ok(begun.into_iter().chain([NotesEvent::Noted { position }]).collect::<Vec<_>>())
    })]
    Note { position: String } => Begun | Noted,
}]
pub struct Notes {
    #[id]
    pub number: u64,
    #[on(Noted => self.positions.push(position))]
    pub positions: Vec<String>,
}

/// Notes each payment.
struct Noting;

impl Handler for Noting {
    type Source = Account;
    const NAME: &'static str = "noting";

    async fn handle(
        &self,
        event: &Recorded<AccountEvent>,
        delivery: &Delivery<'_>,
    ) -> Result<(), HandlerError> {
        if let AccountEvent::Paid { .. } = event.event {
            let position = event.position.to_string();
            let number = event.aggregate_id::<Account>()?;
            delivery.execute::<Notes>(&number, NotesCommand::Note { position }).await?;
        }
        Ok(())
    }
}

/// The app of all processes.
async fn start(store: &Arc<dyn Store>) -> RunningApp {
    App::new(Arc::clone(store))
        .lease(Duration::from_millis(300))
        .page_size(20)
        .view::<Balance>(Transactional)
        .view::<Highest>(Awaited)
        .view::<Amounts>(Eventual)
        .handler(Noting)
        .start()
        .await
        .unwrap()
}

/// What the other process does until it is killed. Run as a test among others, it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work() {
    let Ok(url) = env::var(URL) else { return };
    thread::spawn(|| {
        // It does not outlive the one who has started it.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit(1);
    });
    let app = start(&factum::open(&url).await.unwrap()).await;
    println!("{AT_WORK}");
    let rebuilding = async {
        loop {
            // Of two processes, the other one may be faster.
            let _ = app.rebuild::<Amounts>().await.unwrap().done().await;
            let _ = app.rebuild::<Highest>().await.unwrap().done().await;
        }
    };
    let accounts = app.repository::<Account>();
    let paying = async {
        loop {
            for number in 1..=ACCOUNTS {
                // A server that is slow says so, and no more is needed.
                let _ = accounts.execute(&number, pay(i64::from(fastrand::u8(0..5)))).await;
            }
        }
    };
    tokio::join!(rebuilding, paying);
}

/// Another process that does this on the store, from when it is at work.
fn begin(url: &str) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["killed::work", "--exact", "--nocapture"])
        .env(URL, url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let at_work = lines.by_ref().any(|line| line.unwrap().contains(AT_WORK));
    assert!(at_work, "it ended by itself");
    // It may say more, and nobody listens.
    thread::spawn(move || lines.for_each(drop));
    child
}

/// What the events come to: payments of each account with their positions.
async fn payments(store: &dyn Store) -> BTreeMap<u64, Vec<(String, i64)>> {
    let mut all = BTreeMap::<u64, Vec<_>>::new();
    let told = |event: factum::store::RecordedEvent| {
        let event = Recorded::<AccountEvent>::decode(event).unwrap();
        let payments = all.entry(event.aggregate_id::<Account>().unwrap()).or_default();
        if let AccountEvent::Paid { amount } = event.event {
            payments.push((event.position.to_string(), amount));
        }
        ControlFlow::Continue(())
    };
    replay(store, &Filter::category(Account::CATEGORY), Span::all(), told).await.unwrap();
    all
}

async fn kill_again_and_again(url: &str, processes: usize, rounds: usize) {
    let store = factum::open(url).await.unwrap();
    let app = start(&store).await;
    fill(&app.repository::<Account>(), ACCOUNTS, 4).await;
    app.shutdown().await;
    for _ in 0..rounds {
        let mut running: Vec<Child> = (0..processes).map(|_| begin(url)).collect();
        while !running.is_empty() {
            thread::sleep(Duration::from_millis(fastrand::u64(20..500)));
            let mut victim = running.swap_remove(fastrand::usize(..running.len()));
            assert!(victim.try_wait().unwrap().is_none(), "a process ended by itself");
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
    }
    let built =
        store.clone().read_store().unwrap().builds("amounts").await.unwrap().pop().unwrap().generation;

    let app = start(&store).await;
    let payments = payments(&*store).await;
    let begun = Instant::now();
    until("all rebuilds are done", || async { app.rebuilds().await.is_empty() }).await;
    let head = store.head().await.unwrap();
    until("everything is handled", || async {
        let status = status_of(&app, "noting").remove(0);
        assert_eq!(status.letters, 0);
        status.state == State::Live && status.position >= head
    })
    .await;
    let count: usize = payments.values().map(Vec::len).sum();
    eprintln!("{count} payments, {built} builds, and {:?} for what was left", begun.elapsed());
    assert!(built > 1 && count > 100, "{count} payments, {built} builds: nothing was interrupted");

    let (balances, highest) = (rows::<Balance>(&app).await, rows::<Highest>(&app).await);
    assert_eq!((balances.len(), highest.len()), (payments.len(), payments.len()));
    let mut times = BTreeMap::<i64, i64>::new();
    for (number, payments) in &payments {
        let sum: i64 = payments.iter().map(|(_, amount)| amount).sum();
        for (_, amount) in payments {
            *times.entry(*amount).or_default() += 1;
        }
        let balance = balances.iter().find(|row| row.number == *number).unwrap();
        assert_eq!(balance.balance, sum, "account {number}");
        let highest = highest.iter().find(|row| row.number == *number).unwrap();
        assert_eq!((highest.balance, highest.highest), (sum, sum), "account {number}");
        // Each once, and in order.
        let notes = app.repository::<Notes>().load(number).await.unwrap().unwrap();
        let positions: Vec<_> = payments.iter().map(|(position, _)| position.clone()).collect();
        assert_eq!(notes.positions, positions, "account {number}");
    }
    let amounts: BTreeMap<_, _> =
        rows::<Amounts>(&app).await.into_iter().map(|row| (row.amount, row.times)).collect();
    assert_eq!(amounts, times);
    app.shutdown().await;
}

/// On each store that several processes can have.
async fn on_each_shared(processes: usize, rounds: usize) {
    #[cfg(feature = "sqlite")]
    {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/store.db?synchronous=off", directory.path().display());
        eprintln!("on sqlite");
        kill_again_and_again(&url, processes, rounds).await;
    }
    #[cfg(all(feature = "postgres", unix))]
    if let Some(server) = factum_tests::postgres::Postgres::shared() {
        eprintln!("on postgres");
        kill_again_and_again(&server.fresh(), processes, rounds).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_skips_nothing_and_does_nothing_twice() {
    on_each_shared(1, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_are_killed_none_skips_anything_or_does_it_twice() {
    on_each_shared(2, 6).await;
}
