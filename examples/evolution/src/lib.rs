//! A library that has been open for three years. Its events have changed twice, and nothing that was stored ever has.
//!
//! [`domain`] is its domain of today. The versions before it are in the package `evolution-history`, which wrote the
//! databases in `fixtures/`. [`mistakes`] are changes that do not compile.

pub mod domain;
pub mod mistakes;

/// The SQLite database that version 1 of the domain wrote.
pub const FIRST_DAY: &[u8] = include_bytes!("../fixtures/first-day.db");

/// The same a year later, continued by version 2.
pub const SECOND_YEAR: &[u8] = include_bytes!("../fixtures/second-year.db");
