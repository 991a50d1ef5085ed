//! What can only be tried on NATS servers: those that are not right, and those that die.

#![cfg(all(feature = "jetstream", unix))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod cluster;
mod content;
mod cut;
mod refused;
mod restart;
mod tls;
mod values;

use factum_tests::plain::{Subject, all, commit, event, events_of, stream};
