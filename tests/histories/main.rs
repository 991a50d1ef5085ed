//! Concurrent clients, a store in trouble, and a checker that holds what they were told against what the store promises.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod ask;
mod check;
mod history;
mod run;
mod trouble;
