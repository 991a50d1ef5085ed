//! Tells the stores of a process apart.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the stores of a process apart: what one hands back with a read means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoreKey(u64);

impl StoreKey {
    /// Another one than all before.
    pub(super) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}
