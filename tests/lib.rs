//! The tests that span crates; each file beside this one is a test of its own. Here is what they share.

#[cfg(unix)]
pub mod certificates;
pub mod counter;
#[cfg(unix)]
pub mod guard;
#[cfg(all(feature = "jetstream", unix))]
pub mod nats;
pub mod plain;
#[cfg(all(feature = "postgres", unix))]
pub mod postgres;
pub mod proxy;
pub mod stores;
