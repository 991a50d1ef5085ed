//! People who register and share accounts, and money that moves between accounts.
//!
//! [`domain`] is the whole of it, and [`mailing`] says one of its rules where less depends on it. The program `registration` around it tells it as a story, puts it under load, and proves
//! from the store what came of that.

pub mod domain;
pub mod mailing;
