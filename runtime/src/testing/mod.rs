//! Testing: given / when / then for the domain, the contract for stores.

mod given;

pub use given::{Given, When};
