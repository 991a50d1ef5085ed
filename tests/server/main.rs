//! What can only be tried on a database server: others who hold transactions open, connections that die, crashes.

#![cfg(all(feature = "postgres", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod ahead;
mod claims;
mod faults;
mod load;
mod log;
mod migration;
mod order;
mod pool;
mod quick;
mod refused;
mod seldom;
mod tail;
mod tls;
mod views;

use factum_tests::plain::{Subject, all, all_after, commit, events_of, stream};
use tokio_postgres::{Client, NoTls};

/// Somebody with a connection of his own to the store's tables.
async fn somebody(url: &str) -> Client {
    let (base, schema) = url.split_once("?schema=").unwrap();
    let mut config: tokio_postgres::Config = base.parse().unwrap();
    let (client, connection) =
        config.options(format!("-c search_path={schema}")).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
