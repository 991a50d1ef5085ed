//! Derived views at work: what each part of the language means when it runs.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is how a test fails")]

mod contract;
mod folder;
