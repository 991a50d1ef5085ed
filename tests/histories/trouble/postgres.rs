//! The store in PostgreSQL: several handles on a server of its own, connections that are cut on the way there and back,
//! sessions that are terminated, crashes.

use std::{sync::Arc, time::Duration};

use factum_tests::{
    postgres::Postgres,
    proxy::{Cut, Proxy},
};
use fastrand::Rng;
use tokio_postgres::{Client, Config, NoTls};

use super::process::Process;
use crate::run::{Handle, Handles, Met, Mode, Opened, Trouble, examine};

/// The handle that is another process; the others are of this one.
const OTHER: usize = 3;

/// How long a handle waits for an answer before it takes the server for unreachable, in milliseconds.
const PATIENCE: u32 = 2_000;

/// What takes long comes once in so many strikes.
const ROUND: usize = 14;

struct Troubled {
    server: Postgres,
    /// On the way of all handles but the first.
    proxy: Proxy,
    handles: Handles,
    url: String,
    strikes: usize,
    terminated: usize,
    crashes: usize,
    killed: usize,
}

impl Troubled {
    /// `None`: there is no PostgreSQL here.
    async fn new() -> Option<Self> {
        let server = tokio::task::block_in_place(Postgres::start)?;
        let proxy = Proxy::start(server.port()).await;
        let direct = format!("{}&timeout={PATIENCE}", server.url("histories"));
        let url = direct.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port));
        let mut handles: Vec<Arc<dyn Handle>> = Vec::new();
        for url in [&direct, &url, &url] {
            handles.push(Arc::new(Opened(factum::open(url).await.unwrap())));
        }
        handles.push(Arc::new(Process::start(&url).await));
        let handles = Handles::new(handles);
        Some(Self { server, proxy, handles, url, strikes: 0, terminated: 0, crashes: 0, killed: 0 })
    }

    /// Somebody who may terminate sessions.
    async fn administrator(&self) -> Client {
        let config: Config = self.server.url("").split('?').next().unwrap().parse().unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Ends some sessions of the store's, at random.
    async fn terminate(&mut self) {
        const SOME: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.4";
        let terminated: i64 = self.administrator().await.query_one(SOME, &[]).await.unwrap().get(0);
        self.terminated += usize::try_from(terminated).unwrap();
    }

    async fn crash(&mut self, dice: &mut Rng) {
        tokio::task::block_in_place(|| self.server.crash());
        tokio::time::sleep(Duration::from_millis(dice.u64(..100))).await;
        tokio::task::block_in_place(|| self.server.run());
        self.crashes += 1;
    }
}

impl Trouble for Troubled {
    fn handles(&self) -> Handles {
        self.handles.clone()
    }

    async fn strike(&mut self, dice: &mut Rng) {
        self.strikes += 1;
        match self.strikes % ROUND {
            5 => return self.crash(dice).await,
            10 => {
                self.handles.get(OTHER).kill().await;
                self.killed += 1;
                self.handles.replace(OTHER, Arc::new(Process::start(&self.url).await));
            }
            _ => {}
        }
        match dice.u8(2..28) {
            2 | 3 => self.terminate().await,
            4 => {
                self.proxy.refuse(true);
                self.proxy.cut(None);
                tokio::time::sleep(Duration::from_millis(dice.u64(20..100))).await;
                self.proxy.refuse(false);
            }
            5..=9 => self.proxy.cut(Some(dice.usize(..100))),
            // The store gives a commit again by itself when its connection is lost. Where that one is lost as well, its
            // client gets to know of it.
            planned => {
                let cut = [Cut::Question, Cut::Asked, Cut::Answer][usize::from(planned) % 3];
                (0..dice.usize(1..4)).for_each(|_| self.proxy.plan(cut));
            }
        }
        // In between, something is to be done.
        tokio::time::sleep(Duration::from_millis(dice.u64(..120))).await;
    }

    async fn heal(&mut self) {
        self.proxy.heal();
        // What sessions were at whose clients are gone has ended.
        const AT_WORK: &str = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                               AND backend_type = 'client backend' AND state <> 'idle'";
        let administrator = self.administrator().await;
        let mut quiet = 0;
        while quiet < 5 {
            let at_work: i64 = administrator.query_one(AT_WORK, &[]).await.unwrap().get(0);
            quiet = if at_work == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn met(&self) -> Vec<Met> {
        vec![
            Met { what: "connections cut", times: self.proxy.met(), least: 15 },
            Met { what: "sessions terminated", times: self.terminated, least: 5 },
            Met { what: "crashes", times: self.crashes, least: 2 },
            Met { what: "processes killed", times: self.killed, least: 2 },
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once() {
    let Some(troubled) = Troubled::new().await else { return };
    examine("postgres", Mode::Once, troubled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn again() {
    let Some(troubled) = Troubled::new().await else { return };
    examine("postgres", Mode::Again, troubled).await;
}
