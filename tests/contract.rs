//! The contract of `Store`, on every store.
