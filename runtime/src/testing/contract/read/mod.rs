//! The contract of [`ReadStore`](crate::read::ReadStore).

mod builds;
mod by_hand;
mod find;
mod handles;
mod leases;
mod letters;
mod list;
mod processes;
mod reached;
mod rows;
pub(super) mod support;
mod types;
mod work;

pub use list::cases;
