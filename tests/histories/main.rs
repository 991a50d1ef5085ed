//! Concurrent clients, stores in trouble, and a checker that holds what the clients were told against what a store
//! promises.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is how a test fails"
)]

mod ask;
mod broken;
mod check;
mod history;
mod run;
mod trouble;

#[path = "../broken/bugs.rs"]
#[allow(dead_code, reason = "not every mistake shows in a history")]
mod bugs;
#[path = "../broken/reads.rs"]
mod reads;
#[path = "../broken/rows.rs"]
mod rows;
#[path = "../broken/snapshots.rs"]
mod snapshots;
#[path = "../broken/store.rs"]
mod store;
#[path = "../broken/writes.rs"]
mod writes;
