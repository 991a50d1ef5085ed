//! NATS JetStream: by hand a message for each event.

mod hand;
mod load;
mod server;

use std::sync::atomic::{AtomicU64, Ordering};

use self::server::Server;
use super::Backend;
use crate::{
    Error,
    database::{Answer, Database},
    ours::Ours,
};

/// A server of the benchmark's own, which syncs before it acknowledges.
#[derive(Debug)]
pub struct Jetstream {
    server: Server,
    names: AtomicU64,
}

impl Jetstream {
    /// Starts it; `None` where it is not installed.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start() -> Result<Option<Self>, Error> {
        Ok(Server::start()?.map(|server| Self { server, names: AtomicU64::new(0) }))
    }

    fn name(&self, side: &str) -> String {
        format!("{side}_{}", self.names.fetch_add(1, Ordering::Relaxed))
    }
}

impl Backend for Jetstream {
    fn name(&self) -> &'static str {
        "JetStream"
    }

    fn settings(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let ours = factum::open(&format!("{}/{}", self.server.url(), self.name("settings"))).await;
            let ours = ours.map(|store| store.capabilities().durability);
            Ok(format!("{}; ours is durable against {ours:?}", hand::settings(&self.server.url()).await?))
        })
    }

    fn ours(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ours::open(&format!("{}/{}", self.server.url(), self.name("ours"))).await })
    }

    fn by_hand(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move {
            let by_hand = hand::ByHand::open(&self.server.url(), &self.name("hand")).await?;
            Ok(Box::new(by_hand) as Box<dyn Database>)
        })
    }

    /// A server that syncs for each message takes its time to fill.
    fn streams(&self) -> u64 {
        4_000
    }

    fn replayed(&self) -> u64 {
        100_000
    }
}
