//! Testing: given / when / then for the domain, and made-up values; with the feature `testing` the laws of a model, the
//! lock of what was published, the contracts for stores, and stores that misbehave on purpose.

#[cfg(feature = "testing")]
pub mod chaos;
#[cfg(feature = "testing")]
pub mod contract;
mod given;
#[cfg(feature = "testing")]
pub mod laws;
#[cfg(feature = "testing")]
pub mod lock;
pub mod sample;

#[cfg(feature = "testing")]
#[doc(inline)]
pub use crate::{contract_tests, locked, read_contract_tests};
pub use given::{Given, When};
/// What strategies are written with, in the version that [`laws!`](crate::laws!) takes them in.
#[cfg(feature = "testing")]
pub use proptest;
