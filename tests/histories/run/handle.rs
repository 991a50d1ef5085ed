//! The handles on a store through which clients go, as a run can change them.

use std::sync::{Arc, Mutex, PoisonError};

use factum::{Position, Store, store::BoxFuture};

use crate::{
    ask::Tag,
    history::{Request, Response},
};

/// A way to a store: one that is opened here, or one in another process.
pub(crate) trait Handle: Send + Sync + 'static {
    /// Asks the store. The error is of a read that failed, and for people.
    fn ask<'a>(&'a self, tag: Tag, request: &'a Request) -> BoxFuture<'a, Result<Response, String>>;

    /// Waits until there may be something after this position.
    fn wait(&self, after: u128) -> BoxFuture<'_, ()>;

    /// Ends the process in which the store is opened, if that is another one. Who is asking is not answered.
    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A store that is opened here.
pub(crate) struct Opened(pub(crate) Arc<dyn Store>);

impl Handle for Opened {
    fn ask<'a>(&'a self, tag: Tag, request: &'a Request) -> BoxFuture<'a, Result<Response, String>> {
        Box::pin(async move { tag.ask(&*self.0, request).await.map_err(|error| error.to_string()) })
    }

    fn wait(&self, after: u128) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // One that fails is taken for one that returned early.
            let _ = self.0.wait(Position::new(after)).await;
        })
    }
}

/// All handles. Each client has one; trouble may put another one in its place.
#[derive(Clone)]
pub(crate) struct Handles(Arc<Vec<Mutex<Arc<dyn Handle>>>>);

impl Handles {
    pub(crate) fn new(handles: impl IntoIterator<Item = Arc<dyn Handle>>) -> Self {
        Self(Arc::new(handles.into_iter().map(Mutex::new).collect()))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, number: usize) -> Arc<dyn Handle> {
        Arc::clone(&self.0[number].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who is asking through the handle that was there goes on with it.
    pub(crate) fn replace(&self, number: usize, handle: Arc<dyn Handle>) {
        *self.0[number].lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }
}
