//! NATS JetStream: by hand a message for each event.

mod hand;
mod load;

use std::sync::atomic::{AtomicU64, Ordering};

use factum_tests::nats::Nats;

use super::Backend;
use crate::{
    database::{Answer, Database},
    ours::Ours,
};

/// A server of the benchmark's own, which syncs before it acknowledges.
#[derive(Debug)]
pub struct Jetstream {
    server: Nats,
    streams: AtomicU64,
}

impl Jetstream {
    /// Starts it; `None` where it is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Nats::start(1, "").map(|server| Self { server, streams: AtomicU64::new(0) })
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.server.port(0))
    }
}

impl Backend for Jetstream {
    fn name(&self) -> &'static str {
        "JetStream"
    }

    fn settings(&self) -> Answer<'_, String> {
        Box::pin(async move {
            let ours = factum::open(&self.server.fresh()).await?.capabilities().durability;
            let server = hand::settings(&self.url()).await?;
            let told = self.server.monitor(0, "/jsz?config=true").unwrap_or_default();
            // A server that syncs at intervals says at which, and nothing more.
            let sync = if told.contains("\"sync_always\": true") { "always" } else { "at intervals" };
            Ok(format!("{server}, sync={sync}; ours is durable against {ours:?}"))
        })
    }

    fn ours(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move { Ours::open(&self.server.fresh()).await })
    }

    fn by_hand(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async move {
            let name = format!("by_hand_{}", self.streams.fetch_add(1, Ordering::Relaxed));
            let by_hand = hand::ByHand::open(&self.url(), &name).await?;
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
