//! A help desk: people report what is broken, others take care of it.
//!
//! [`domain`] is the whole of it, and [`views`] what is asked of many incidents at once. The program `helpdesk` around them
//! reads arguments and requests, gives commands and shows what comes of them.

pub mod domain;
pub mod views;
