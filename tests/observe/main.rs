//! What can be seen of a program at work: spans and metrics, recorded by the plainest subscriber and recorder there can be.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "it is how a test fails")]

mod commands;
mod domain;
mod metered;
mod readers;
mod stores;
mod table;
mod traced;
