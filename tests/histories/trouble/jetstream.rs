//! The store in NATS JetStream: on one server whose connections are cut and which is killed, and on three of which the
//! one that leads is killed, over and over.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream;
use factum_tests::{
    nats::Nats,
    proxy::{Cut, Proxy},
};
use fastrand::Rng;

use super::{Late, process::Process};
use crate::run::{Handle, Handles, Met, Mode, Opened, Trouble, examine};

/// How long a handle waits for an answer before it takes the servers for unreachable, in milliseconds: shorter than it
/// takes them to find another leader.
const PATIENCE: u32 = 700;

/// The handle that is another process; the others are of this one.
const OTHER: usize = 3;

/// Everything that is recorded.
const STREAM: &str = "histories";

/// A handle on the store, which opens as soon as it can.
async fn open(url: &str) -> Arc<dyn Handle> {
    for _ in 0..100 {
        if let Ok(store) = factum::open(url).await {
            return Arc::new(Opened(store));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the store cannot be opened");
}

/// A new process with a handle, which opens it as soon as it can.
async fn process(url: &str) -> Arc<dyn Handle> {
    // Once it can be opened here, it can be there.
    drop(open(url).await);
    Arc::new(Process::start(url).await)
}

struct Alone {
    server: Nats,
    /// On the way of all handles but the first.
    proxy: Proxy,
    handles: Handles,
    url: String,
    strikes: usize,
    crashes: usize,
    killed: usize,
}

impl Alone {
    /// `None`: there is no NATS here.
    async fn new() -> Option<Self> {
        let server = tokio::task::block_in_place(|| Nats::start(1, ""))?;
        let proxy = Proxy::start(server.port(0)).await;
        let direct = format!("{}&timeout={PATIENCE}", server.url(STREAM));
        let url = direct.replace(&format!(":{}/", server.port(0)), &format!(":{}/", proxy.port));
        let late = Late { handle: Arc::new(Opened(factum::open(&url).await.unwrap())), one_in: 40 };
        let handles =
            Handles::new([open(&direct).await, open(&url).await, Arc::new(late) as _, process(&url).await]);
        Some(Self { server, proxy, handles, url, strikes: 0, crashes: 0, killed: 0 })
    }
}

impl Trouble for Alone {
    fn handles(&self) -> Handles {
        self.handles.clone()
    }

    async fn strike(&mut self, dice: &mut Rng) {
        self.strikes += 1;
        match self.strikes % 12 {
            4 => {
                tokio::task::block_in_place(|| self.server.kill(0));
                tokio::time::sleep(Duration::from_millis(dice.u64(..1_000))).await;
                tokio::task::block_in_place(|| self.server.run(0));
                self.crashes += 1;
            }
            8 => {
                self.handles.get(OTHER).kill().await;
                self.killed += 1;
                self.handles.replace(OTHER, process(&self.url).await);
            }
            _ => match dice.u8(..8) {
                0 | 1 => {
                    self.proxy.refuse(true);
                    self.proxy.cut(None);
                    tokio::time::sleep(Duration::from_millis(dice.u64(20..1_500))).await;
                    self.proxy.refuse(false);
                }
                2 => self.proxy.cut(Some(dice.usize(..100))),
                planned => {
                    let cut = [Cut::Question, Cut::Asked, Cut::Answer][usize::from(planned) % 3];
                    (0..dice.usize(1..3)).for_each(|_| self.proxy.plan(cut));
                }
            },
        }
        // In between, something is to be done.
        tokio::time::sleep(Duration::from_millis(dice.u64(..200))).await;
    }

    async fn heal(&mut self) {
        self.proxy.heal();
        // What is on its way to a server by a connection that is gone is lost or has arrived.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(open(&self.url.replace(&format!("timeout={PATIENCE}"), "timeout=30000")).await);
    }

    fn met(&self) -> Vec<Met> {
        vec![
            Met { what: "connections cut", times: self.proxy.met(), least: 10 },
            Met { what: "crashes", times: self.crashes, least: 2 },
            Met { what: "processes killed", times: self.killed, least: 1 },
        ]
    }
}

struct Three {
    servers: Nats,
    handles: Handles,
    url: String,
    strikes: usize,
    leaders_killed: usize,
    changes: usize,
    others_killed: usize,
    /// Who led when it was looked last.
    leader: Option<usize>,
}

impl Three {
    /// `None`: there is no NATS here.
    async fn new() -> Option<Self> {
        let servers = tokio::task::block_in_place(|| Nats::start(3, ""))?;
        let url = format!("{}&timeout={PATIENCE}", servers.url(STREAM));
        let late = Late { handle: Arc::new(Opened(factum::open(&url).await.unwrap())), one_in: 15 };
        let handles =
            Handles::new([open(&url).await, open(&url).await, Arc::new(late) as _, process(&url).await]);
        let three = Self {
            servers,
            handles,
            url,
            strikes: 0,
            leaders_killed: 0,
            changes: 0,
            others_killed: 0,
            leader: None,
        };
        Some(three)
    }

    /// Looks who leads the stream, until somebody does.
    async fn look(&mut self) -> usize {
        loop {
            for number in 0..self.servers.servers() {
                let Some(leads) = self.ask(number).await else { continue };
                if self.leader.is_some_and(|before| before != leads) {
                    self.changes += 1;
                }
                self.leader = Some(leads);
                return leads;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ask(&self, number: usize) -> Option<usize> {
        let client = async_nats::connect(format!("127.0.0.1:{}", self.servers.port(number))).await.ok()?;
        let mut context = jetstream::new(client);
        context.set_timeout(Duration::from_secs(1));
        let stream = context.get_stream(STREAM).await.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
        leader.strip_prefix('n')?.parse().ok()
    }
}

impl Trouble for Three {
    fn handles(&self) -> Handles {
        self.handles.clone()
    }

    async fn strike(&mut self, dice: &mut Rng) {
        self.strikes += 1;
        let leads = self.look().await;
        let killed = if self.strikes.is_multiple_of(3) {
            self.others_killed += 1;
            (leads + dice.usize(1..3)) % 3
        } else {
            self.leaders_killed += 1;
            leads
        };
        tokio::task::block_in_place(|| self.servers.kill(killed));
        // Long enough now and then for the other two to go on without it.
        tokio::time::sleep(Duration::from_millis(dice.u64(..3_000))).await;
        tokio::task::block_in_place(|| self.servers.run(killed));
        self.look().await;
        tokio::time::sleep(Duration::from_millis(dice.u64(..500))).await;
    }

    async fn heal(&mut self) {
        self.look().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(open(&self.url.replace(&format!("timeout={PATIENCE}"), "timeout=30000")).await);
    }

    fn met(&self) -> Vec<Met> {
        vec![
            Met { what: "leaders killed", times: self.leaders_killed, least: 3 },
            Met { what: "others killed", times: self.others_killed, least: 1 },
            Met { what: "changes of the leader", times: self.changes, least: 2 },
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once() {
    let Some(alone) = Alone::new().await else { return };
    examine("jetstream", Mode::Once, alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn again() {
    let Some(alone) = Alone::new().await else { return };
    examine("jetstream", Mode::Again, alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicated_once() {
    let Some(three) = Three::new().await else { return };
    examine("jetstream on three", Mode::Once, three).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicated_again() {
    let Some(three) = Three::new().await else { return };
    examine("jetstream on three", Mode::Again, three).await;
}
