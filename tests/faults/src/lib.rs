//! What the SQLite store is tested with where things go wrong. For Unix.
//!
//! [`Disk`] is a disk that can be made to fail and that knows what would be left of it if the power went.
//! [`Workload`] makes commits, [`Ledger`] remembers what was answered to them, and [`check()`] compares that with what a
//! store holds.

mod check;
mod disk;
mod image;
mod ledger;
pub mod report;
mod vfs;
pub mod views;
mod workload;

pub use check::{Findings, check};
pub use disk::{Call, Disk, Fault, Moment};
pub use image::{Image, Survivors};
pub use ledger::{Entry, Ledger, Outcome, places};
pub use workload::Workload;
