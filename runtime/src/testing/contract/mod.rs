//! The contract of [`Store`] as a suite of tests: one case for each promise.
//!
//! Every store runs it, ours and those of others, with one line in a test file:
//!
//! ```
//! use std::sync::Arc;
//! use factum::{Store, store::MemoryStore};
//!
//! factum::testing::contract_tests!(memory, || async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) });
//! # fn main() {}
//! ```
//!
//! That is a module `memory` with a `#[test]` for each case. A store whose data several handles can share, in one
//! process or one after the other, says so with `reopens` and runs the cases of the theme `handles` too:
//!
//! ```
//! use std::sync::Arc;
//! use factum::{Store, store::{BoxFuture, MemoryStore, StoreError}, testing::contract::Harness};
//!
//! struct Shared(MemoryStore);
//!
//! impl Harness for Shared {
//!     fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
//!         let handle: Arc<dyn Store> = Arc::new(self.0.clone());
//!         Box::pin(async move { Ok(handle) })
//!     }
//! }
//!
//! factum::testing::contract_tests!(shared, Shared(MemoryStore::new()), reopens);
//! # fn main() {}
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case fails as a test does"
)]

mod all;
mod append;
mod claims;
mod conflict;
mod facts;
mod fidelity;
mod filter;
mod handles;
mod keys;
mod large;
mod list;
mod names;
mod original;
mod position;
mod race;
mod refusal;
mod retry;
mod several;
mod snapshots;
mod stream;
mod support;
mod tail;
mod time;
mod wait;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::runtime::Builder;

use crate::store::{BoxFuture, Store, StoreError};

pub use list::cases;

/// Where the suite gets its stores from. Each new harness stands for a new, empty store.
///
/// A function that makes a new store is a harness, because all themes but `handles` open a harness once.
pub trait Harness: Send + Sync + 'static {
    /// Opens the store. For the theme `handles`: opening it again gives another handle on the same data, while the
    /// first is in use and after it was dropped.
    ///
    /// # Errors
    /// The store cannot be opened; the case fails.
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>>;

    /// What is missing on this machine, if the store cannot be tried here. Then nothing is tried.
    fn missing(&self) -> Option<String> {
        None
    }
}

impl<F, O> Harness for F
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output = Result<Arc<dyn Store>, StoreError>> + Send + 'static,
{
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(self())
    }
}

/// One promise, as a test.
pub struct Case {
    name: &'static str,
    body: Body,
}

enum Body {
    /// The case needs one handle.
    Store(fn(Arc<dyn Store>) -> BoxFuture<'static, ()>),
    /// The case opens handles itself.
    Harness(for<'a> fn(&'a dyn Harness) -> BoxFuture<'a, ()>),
}

impl Case {
    /// No case takes longer; one that hangs fails.
    const LIMIT: Duration = Duration::from_secs(120);

    /// The theme and the promise: `append::versions_have_no_gaps`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it opens the store more than once.
    #[must_use]
    pub const fn reopens(&self) -> bool {
        matches!(self.body, Body::Harness(_))
    }

    /// Tries the promise on a new harness, within a tokio runtime with everything enabled.
    ///
    /// # Panics
    /// The store does not keep the promise.
    pub async fn run(&self, harness: &dyn Harness) {
        let body = async {
            match self.body {
                Body::Store(body) => body(harness.open().await.expect("the store opens")).await,
                Body::Harness(body) => body(harness).await,
            }
        };
        if tokio::time::timeout(Self::LIMIT, body).await.is_err() {
            panic!("`{}` did not come to an end within {:?}", self.name, Self::LIMIT);
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a generated test does: the case on a runtime of one thread, and on one of several, each with a new harness.
#[doc(hidden)]
pub fn run<H: Harness>(name: &str, harness: impl Fn() -> H) {
    let case = cases().iter().find(|case| case.name == name).expect("the case is in the list");
    let runtimes =
        [("one thread", Builder::new_current_thread()), ("four threads", Builder::new_multi_thread())];
    for (threads, mut runtime) in runtimes {
        let harness = harness();
        if let Some(missing) = harness.missing() {
            println!("not tried: {missing}");
            return;
        }
        println!("on a runtime of {threads}");
        let runtime = runtime.worker_threads(4).enable_all().build().expect("tokio starts");
        runtime.block_on(case.run(&harness));
    }
}
