//! Handlers and processes: what is done when something has happened.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is how a test fails")]
#![allow(clippy::indexing_slicing, reason = "it is how a test fails")]

mod delivered;
mod domain;
mod failing;
mod processes;
#[cfg(all(feature = "jetstream", unix))]
mod published;
mod unique;

use std::{future::Future, sync::Arc, time::Duration};

use factum::{
    App, Store,
    app::{RunningApp, Status},
};

/// The stores on which the tests run: in memory, and in a file.
async fn stores() -> Vec<(Option<tempfile::TempDir>, Arc<dyn Store>)> {
    vec![(None, factum::open("memory:").await.unwrap())]
}

/// An app that gives up on nothing, and takes over quickly.
fn app(store: &Arc<dyn Store>) -> App {
    App::new(Arc::clone(store)).lease(Duration::from_millis(500))
}

/// Waits until it is so.
async fn until<F: Future<Output = bool>>(mut so: impl FnMut() -> F) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it does not come about");
}

fn status(app: &RunningApp, reader: &str) -> Status {
    app.status().into_iter().find(|status| status.reader == reader).unwrap()
}
