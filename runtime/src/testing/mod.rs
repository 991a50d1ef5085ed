//! Testing: given / when / then for the domain, and made-up values; the contract for stores and stores that misbehave on
//! purpose (feature `testing`).

#[cfg(feature = "testing")]
pub mod chaos;
#[cfg(feature = "testing")]
pub mod contract;
mod given;
#[cfg(feature = "testing")]
pub mod lock;
pub mod sample;

#[cfg(feature = "testing")]
#[doc(inline)]
pub use crate::{contract_tests, locked};
pub use given::{Given, When};
