//! The stores, each with what can happen to it.
//!
//! For another store: a file beside these with a type that is a [`Trouble`](crate::run::Trouble), and tests at the end of
//! it that call [`examine`](crate::run::examine) once for each [`Mode`](crate::run::Mode). It says in `met` what it did to
//! the store and how often at least a run must see that, and in `promises` what the store does not promise.

#[cfg(all(feature = "jetstream", unix))]
mod jetstream;
mod late;
mod memory;
#[cfg(all(feature = "postgres", unix))]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
mod process;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use late::Late;
