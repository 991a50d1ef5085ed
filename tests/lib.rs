//! The tests that span crates; each file beside this one is a test of its own. Here is what they share.

pub mod counter;
pub mod stores;
