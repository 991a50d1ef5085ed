//! Who signs up, when, and with which address.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use factum::{ExecuteError, Repository};
use registration::domain::{User, UserCommand, UserNumber};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep_until},
};

use crate::{args::Load, error::explain};

/// What became of a sign-up.
pub(super) struct Answer {
    pub(super) user: UserNumber,
    /// The address that was wanted.
    pub(super) email: String,
    pub(super) outcome: Outcome,
    /// How long it took; in a queue for the next client, too.
    pub(super) took: Duration,
}

pub(super) enum Outcome {
    Accepted,
    /// Somebody else has the address.
    Taken,
    /// The store failed: it is not recorded, or nobody knows.
    Failed(String),
}

/// What the clients have in common.
pub(super) struct Plan {
    rate: f64,
    duplicates: f64,
    count: u64,
    began: Instant,
    end: Option<Instant>,
    /// What tells the addresses of this run from those of others.
    run: String,
    given: AtomicU64,
    addresses: AtomicU64,
    failed: AtomicBool,
}

impl Plan {
    pub(super) fn new(load: &Load) -> Self {
        let began = Instant::now();
        let end = load.seconds.map(|seconds| began + Duration::from_secs(seconds.into()));
        Self {
            rate: load.rate,
            duplicates: load.duplicates,
            count: if end.is_some() { u64::MAX } else { load.count },
            began,
            end,
            run: format!("{:08x}", fastrand::u32(..)),
            given: AtomicU64::new(0),
            addresses: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// When the next sign-up is due; `None` if there are no more.
    #[allow(clippy::cast_precision_loss, reason = "a nanosecond more or less")]
    fn next(&self) -> Option<Instant> {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let due = match self.rate {
            0.0 => Instant::now(),
            rate => self.began + Duration::try_from_secs_f64(number as f64 / rate).ok()?,
        };
        let over = number >= self.count || self.end.is_some_and(|end| due >= end);
        (!over && !self.failed.load(Ordering::Relaxed)).then_some(due)
    }

    /// A new address, or one that was given to somebody before and may still be on its way; then written differently.
    fn address(&self) -> String {
        let so_far = self.addresses.load(Ordering::Relaxed);
        if so_far > 0 && fastrand::f64() < self.duplicates {
            return format!(" User-{}.{}@Example.org", fastrand::u64(..so_far), self.run.to_uppercase());
        }
        let number = self.addresses.fetch_add(1, Ordering::Relaxed);
        format!("user-{number}.{}@example.org", self.run)
    }
}

/// Starts so many clients, each of which waits for its answer before it goes on. The answers end when all are done.
pub(super) fn start(users: &Repository<User>, plan: Plan, clients: u32) -> UnboundedReceiver<Answer> {
    let (done, answers) = mpsc::unbounded_channel();
    let plan = Arc::new(plan);
    for _ in 0..clients {
        tokio::spawn(client(users.clone(), Arc::clone(&plan), done.clone()));
    }
    answers
}

async fn client(users: Repository<User>, plan: Arc<Plan>, done: UnboundedSender<Answer>) {
    while let Some(due) = plan.next() {
        // Who comes too late for a sign-up has let it wait. How exactly the timer wakes is not the store's business.
        let late = Instant::now() > due;
        sleep_until(due).await;
        let began = if late { due } else { Instant::now() };
        let (user, email) = (UserNumber::new(), plan.address());
        let register = UserCommand::Register { email: email.clone(), name: "somebody".to_owned() };
        let outcome = match users.execute(&user, register).await {
            Ok(_) => Outcome::Accepted,
            Err(ExecuteError::Taken(_)) => Outcome::Taken,
            Err(error) => {
                plan.failed.store(true, Ordering::Relaxed);
                Outcome::Failed(explain(&error))
            }
        };
        if done.send(Answer { user, email, outcome, took: began.elapsed() }).is_err() {
            return;
        }
    }
}
