//! Derived aggregates at work: what each part of the language means when it runs.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

mod carrier;
mod commands;
mod decide;
mod evolution;
mod fold;
mod hygiene;
mod id;
mod life;
mod model;
mod moves;
mod options;
mod payload;
mod stored;
