//! The store in a SQLite file: handles of this process and of others on one file, locks that are held for too long,
//! handles that are opened anew, processes that are killed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use factum::Store;
use fastrand::Rng;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Late, memory::Chaotic, process::Process};
use crate::run::{Handle, Handles, Met, Mode, Opened, Trouble, examine};

/// How long a handle waits for the file's lock, and how much longer the lock is sometimes held.
const PATIENCE: Duration = Duration::from_millis(100);
const LONGER: Duration = Duration::from_millis(80);

/// Which handles are of other processes. The others are of this one.
const OTHERS: [usize; 2] = [2, 3];

struct Sqlite {
    directory: TempDir,
    handles: Handles,
    opened: usize,
    held: usize,
    killed: usize,
}

impl Sqlite {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let file = file(directory.path());
        let mut handles: Vec<Arc<dyn Handle>> = Vec::new();
        for _ in 0..2 {
            let handle = Arc::new(Opened(open(&file).await));
            handles.push(Arc::new(Late { handle, one_in: 40 }));
        }
        for _ in OTHERS {
            handles.push(Arc::new(Process::start(&url(&file)).await));
        }
        Self { directory, handles: Handles::new(handles), opened: 0, held: 0, killed: 0 }
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("store.db")
}

fn url(file: &Path) -> String {
    format!("sqlite:{}?busy_timeout={}", file.display(), PATIENCE.as_millis())
}

async fn open(file: &Path) -> Arc<dyn Store> {
    factum::open(&url(file)).await.unwrap()
}

impl Trouble for Sqlite {
    fn handles(&self) -> Handles {
        self.handles.clone()
    }

    async fn strike(&mut self, dice: &mut Rng) {
        let file = file(self.directory.path());
        match dice.u8(..8) {
            // Somebody else writes and does not come to an end.
            0 => {
                let lock = Connection::open(&file).unwrap();
                lock.busy_timeout(Duration::from_secs(5)).unwrap();
                lock.execute_batch("BEGIN IMMEDIATE").unwrap();
                tokio::time::sleep(PATIENCE + LONGER).await;
                lock.execute_batch("ROLLBACK").unwrap();
                self.held += 1;
            }
            1 | 2 => {
                let handle = Arc::new(Opened(open(&file).await));
                self.handles.replace(dice.usize(..2), Arc::new(Late { handle, one_in: 40 }));
                self.opened += 1;
            }
            3..=5 => {
                let number = OTHERS[dice.usize(..2)];
                self.handles.get(number).kill().await;
                self.killed += 1;
                self.handles.replace(number, Arc::new(Process::start(&url(&file)).await));
            }
            _ => {}
        }
    }

    async fn heal(&mut self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    fn met(&self) -> Vec<Met> {
        vec![
            Met { what: "locks held", times: self.held, least: 4 },
            Met { what: "handles opened anew", times: self.opened, least: 5 },
            Met { what: "processes killed", times: self.killed, least: 10 },
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once() {
    examine("sqlite", Mode::Once, Sqlite::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn again() {
    examine("sqlite", Mode::Again, Sqlite::new().await).await;
}

/// In memory: clients share one handle, which is all that there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    examine("sqlite in memory", Mode::Again, Chaotic::new([factum::open("sqlite::memory:").await.unwrap()]))
        .await;
}
