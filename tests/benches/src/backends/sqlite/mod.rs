//! SQLite: by hand a table, a reader for each thread that asks, and a writer thread that groups.

mod grouped;
mod hand;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use tempfile::TempDir;

use super::Backend;
use crate::{
    Error,
    database::{Answer, Database},
    ours::Ours,
};

/// Files in a directory of their own.
#[derive(Debug)]
pub struct Sqlite {
    directory: TempDir,
    files: AtomicU64,
}

impl Sqlite {
    /// Makes the directory, where the program runs: what is for temporary files may be in memory.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { directory: tempfile::tempdir_in(".")?, files: AtomicU64::new(0) })
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join(format!("{}.db", self.files.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn settings(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let store = factum::open(&format!("sqlite:{}", self.file().display())).await?;
            let ours = store.capabilities().durability;
            Ok(format!("{}; ours is durable against {ours:?}", hand::settings(&self.file())?))
        })
    }

    fn ours(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ours::open(&format!("sqlite:{}", self.file().display())).await })
    }

    fn by_hand(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ok(Box::new(hand::ByHand::open(&self.file())?) as Box<dyn Database>) })
    }
}
