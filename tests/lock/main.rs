//! `factum.lock/`: the test that keeps what was published readable, and the derive in a crate that is built.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is how a test fails")]

mod build;
mod helper;
