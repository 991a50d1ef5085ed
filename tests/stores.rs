//! The stores that tests are run on.

use std::sync::Arc;

use factum::{
    Store,
    store::{BoxFuture, MemoryStore, StoreError},
    testing::contract::Harness,
};

/// A store in memory. Clones share what it holds, which is all that "opening it again" can mean.
#[derive(Debug, Default)]
pub struct Memory(MemoryStore);

impl Harness for Memory {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        let clone: Arc<dyn Store> = Arc::new(self.0.clone());
        Box::pin(async move { Ok(clone) })
    }
}

/// A SQLite file in a directory of its own, which goes with it.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub struct SqliteFile {
    directory: tempfile::TempDir,
    options: &'static str,
}

#[cfg(feature = "sqlite")]
impl SqliteFile {
    /// A new file, opened with these options: `?synchronous=off`.
    ///
    /// # Panics
    /// No directory can be made.
    #[must_use]
    #[allow(clippy::expect_used, reason = "it is how a test fails")]
    pub fn new(options: &'static str) -> Self {
        Self { directory: tempfile::tempdir().expect("a directory can be made"), options }
    }
}

#[cfg(feature = "sqlite")]
impl Harness for SqliteFile {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(async move {
            let path = self.directory.path().join("store.db");
            factum::open(&format!("sqlite:{}{}", path.display(), self.options)).await
        })
    }

    fn meddle<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            rusqlite::Connection::open(self.directory.path().join("store.db"))
                .and_then(|connection| connection.execute_batch(sql))
                .map(|()| true)
                .map_err(|error| StoreError::invalid(format!("`{sql}` cannot be run")).because(error))
        })
    }
}
