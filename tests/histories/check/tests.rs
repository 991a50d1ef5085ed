//! The checker is on trial here: histories that are known to be right, and others that are known to be wrong.

mod brute;
mod model;
mod mutations;
mod right;
mod wrong;
