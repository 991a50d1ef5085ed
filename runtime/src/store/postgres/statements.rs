//! Statements that depend on the tables of views: each is prepared when a connection first needs it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio_postgres::{Client, Error, Statement};

/// How many are kept. When there are more, memory begins anew.
const MOST: usize = 256;

/// Statements of one connection, by their text.
#[derive(Default)]
pub(super) struct Statements(Mutex<HashMap<String, Statement>>);

impl Statements {
    /// The statement with this text.
    pub(super) async fn get(&self, client: &Client, text: &str) -> Result<Statement, Error> {
        if let Some(known) = self.lock().get(text) {
            return Ok(known.clone());
        }
        let statement = client.prepare(text).await?;
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The tables are not as they were.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
