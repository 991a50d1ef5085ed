//! Several who change the same thing at the same time, and what must hold whoever is faster.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod account;
mod answered;
mod building;
mod creation;
mod crowd;
mod fields;
mod lost;
mod once;
mod recorded;
mod runtimes;
mod together;
mod unique;
mod warm;
mod watched;

use std::sync::Arc;

use factum::{Store, store::MemoryStore};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}
