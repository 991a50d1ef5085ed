//! What `factum::locked!` finds, and what it writes.

mod changes;
mod crates;
mod files;
mod samples;
