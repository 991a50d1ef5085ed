//! PostgreSQL: by hand plainly, and with loads and appends that travel together.

mod grouped;
mod hand;
mod plain;
mod view;

use factum_tests::postgres::Postgres as Server;

use super::Backend;
use crate::{
    Error,
    database::{Answer, Database},
    ours::Ours,
};

const SETTINGS: &str = "SELECT string_agg(name || '=' || setting, ', ' ORDER BY name) FROM pg_settings WHERE name IN \
    ('server_version', 'fsync', 'synchronous_commit', 'wal_sync_method', 'full_page_writes', 'shared_buffers', 'autovacuum')";

/// A server of the benchmark's own. Nobody analyses ours' tables.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
}

impl Postgres {
    /// Starts it; `None` where it is not installed.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn start() -> Result<Option<Self>, Error> {
        let Some(server) = Server::start() else { return Ok(None) };
        let postgres = Self { server };
        let client = hand::connect(&postgres.url()).await?;
        client.batch_execute("ALTER SYSTEM SET autovacuum = off").await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(Some(postgres))
    }

    fn url(&self) -> String {
        format!("postgres://factum@127.0.0.1:{}/postgres", self.server.port())
    }
}

impl Backend for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn settings(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let store = factum::open(&self.server.fresh()).await?;
            let ours = store.capabilities().durability;
            let row = hand::connect(&self.url()).await?.query_one(SETTINGS, &[]).await?;
            Ok(format!("{}; ours is durable against {ours:?}", row.try_get::<_, String>(0)?))
        })
    }

    fn ours(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ours::open(&self.server.fresh()).await })
    }

    fn by_hand(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ok(Box::new(hand::ByHand::open(&self.url()).await?) as Box<dyn Database>) })
    }
}
