//! A help desk: people report what is broken, others take care of it.
//!
//! [`domain`] is the whole of it. The program `helpdesk` around it reads arguments, gives commands and prints.

pub mod domain;
