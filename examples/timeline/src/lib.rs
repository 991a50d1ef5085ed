//! The history of a git repository as events.
//!
//! Every path that was ever in the tree is an aggregate, and so is the line of commits. [`domain`] says what can happen
//! to them; the program `timeline` around it reads repositories and answers questions.

pub mod domain;
