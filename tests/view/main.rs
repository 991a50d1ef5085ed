//! Derived views at work: what each part of the language means when it runs.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod by_hand;
mod contract;
mod creation;
mod domain;
mod envelope;
mod evolution;
mod fingerprint;
mod folder;
mod hygiene;
mod ids;
mod keys;
mod rules;
mod several;
