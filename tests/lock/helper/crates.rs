//! A crate with a lock, as `factum::locked!` sees it.

use std::{fs, path::PathBuf};

use factum::testing::lock::{Category, Disagreement, check};
use tempfile::TempDir;

use super::samples::published;

/// A crate with a lock.
pub(super) struct Crate(pub(super) TempDir);

impl Crate {
    pub(super) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A crate that has published the account.
    pub(super) fn published() -> Self {
        let krate = Self::new();
        assert_eq!(krate.update::<published::Account>(), Ok(vec![]));
        krate
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("factum.lock").join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn events(&self) -> String {
        self.read("account.events")
    }

    pub(super) fn payloads(&self) -> String {
        self.read("account.payloads")
    }

    pub(super) fn check<A: factum::Aggregate>(&self) -> Result<Vec<String>, Disagreement> {
        check(self.0.path(), None, &[Category::of::<A>()])
    }

    pub(super) fn update<A: factum::Aggregate>(&self) -> Result<Vec<String>, Disagreement> {
        check(self.0.path(), Some("update"), &[Category::of::<A>()])
    }

    /// What is wrong.
    pub(super) fn problems<A: factum::Aggregate>(&self) -> Vec<String> {
        self.check::<A>().unwrap_err().problems
    }
}

/// What it has published then.
pub(super) const EVENTS: &str = "\
factum.lock 1
category account

event Closed 1 { reason: String }
event Opened 1 { limit: u32, owner: Owner }
event Paid 1 { by: Means }
";
