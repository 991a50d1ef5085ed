//! The contracts of [`Store`] and of [`ReadStore`] as suites of tests: one case for each promise.
//!
//! Every store runs its suite, ours and those of others, with one line in a test file:
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
//!
//! Read stores have a suite of their own, [`read_contract_tests!`](crate::testing::read_contract_tests), with the same
//! arguments. Its harness opens an `Arc<dyn ReadStore>`; [`AsReadStore`] makes one of the harness of a store that is both. What
//! such a store does with the rows of commits is in the first suite, as the theme `commit_rows`.
//!
//! ```
//! use std::sync::Arc;
//! use factum::{read::ReadStore, store::MemoryStore};
//!
//! factum::testing::read_contract_tests!(
//!     memory_read, || async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn ReadStore>) }
//! );
//! # fn main() {}
//! ```
//!
//! A read store that anybody can get at with SQL says how in [`Harness::meddle`], and is tried with tables that are not its own
//! and with its own changed by hand.

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
mod commit_rows;
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
mod read;
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

use crate::store::{BoxFuture, Capability, StoreError};

#[doc(hidden)]
pub use crate::{read::ReadStore, store::Store};
pub use list::cases;
pub use read::cases as read_cases;

/// Where a suite gets its stores from: event stores, or with `dyn ReadStore` read stores. Each new harness stands for a new,
/// empty store.
///
/// A function that makes a new store is a harness, because all themes but `handles` open a harness once.
pub trait Harness<S: ?Sized = dyn Store>: Send + Sync + 'static {
    /// Opens the store. For the theme `handles`: opening it again gives another handle on the same data, while the
    /// first is in use and after it was dropped.
    ///
    /// # Errors
    /// The store cannot be opened; the case fails.
    fn open(&self) -> BoxFuture<'_, Result<Arc<S>, StoreError>>;

    /// What is missing on this machine, if the store cannot be tried here. Then nothing is tried.
    fn missing(&self) -> Option<String> {
        None
    }

    /// Has somebody who goes around the store run this SQL where its views are, such as `DROP TABLE tickets`; `false` if
    /// nobody can, and then the store is not tried with it.
    ///
    /// # Errors
    /// It cannot be run; the case fails.
    fn meddle<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let _ = sql;
        Box::pin(async { Ok(false) })
    }
}

impl<F, O, S> Harness<S> for F
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output = Result<Arc<S>, StoreError>> + Send + 'static,
    S: ?Sized,
{
    fn open(&self) -> BoxFuture<'_, Result<Arc<S>, StoreError>> {
        Box::pin(self())
    }
}

/// The harness of an event store that is a read store too, for the suite of read stores.
#[derive(Debug)]
pub struct AsReadStore<H>(pub H);

impl<H: Harness> Harness<dyn ReadStore> for AsReadStore<H> {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn ReadStore>, StoreError>> {
        Box::pin(async {
            self.0.open().await?.read_store().ok_or_else(|| StoreError::unsupported(Capability::Rows))
        })
    }

    fn missing(&self) -> Option<String> {
        self.0.missing()
    }

    fn meddle<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.meddle(sql)
    }
}

/// One promise, as a test.
pub struct Case<S: ?Sized + 'static = dyn Store> {
    name: &'static str,
    body: Body<S>,
}

enum Body<S: ?Sized + 'static> {
    /// The case needs one handle.
    Store(fn(Arc<S>) -> BoxFuture<'static, ()>),
    /// The case opens the store itself, once, and meddles with it.
    Once(for<'a> fn(&'a dyn Harness<S>) -> BoxFuture<'a, ()>),
    /// The case opens several handles.
    Harness(for<'a> fn(&'a dyn Harness<S>) -> BoxFuture<'a, ()>),
}

/// No case takes longer; one that hangs fails.
const LIMIT: Duration = Duration::from_secs(120);

impl<S: ?Sized> Case<S> {
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
    pub async fn run(&self, harness: &dyn Harness<S>) {
        let body = async {
            match self.body {
                Body::Store(body) => body(harness.open().await.expect("the store opens")).await,
                Body::Once(body) | Body::Harness(body) => body(harness).await,
            }
        };
        if tokio::time::timeout(LIMIT, body).await.is_err() {
            panic!("`{}` did not come to an end within {LIMIT:?}", self.name);
        }
    }
}

impl<S: ?Sized> fmt::Debug for Case<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a generated test does: the case on a runtime of one thread, and on one of several, each with a new harness.
#[doc(hidden)]
pub fn run<S: ?Sized, H: Harness<S>>(cases: &[Case<S>], name: &str, harness: impl Fn() -> H) {
    let case = cases.iter().find(|case| case.name == name).expect("the case is in the list");
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
