//! Commits that are on their way for a while after their client has given up.

use std::{sync::Arc, time::Duration};

use factum::store::BoxFuture;

use crate::{
    ask::Tag,
    history::{Request, Response},
    run::Handle,
};

/// A handle through which one append in so many is of unknown outcome at once, and is carried out a little later.
pub(crate) struct Late<H> {
    pub(crate) handle: Arc<H>,
    pub(crate) one_in: u32,
}

impl<H: Handle> Handle for Late<H> {
    fn ask<'a>(&'a self, tag: Tag, request: &'a Request) -> BoxFuture<'a, Result<Response, String>> {
        let is_append = matches!(request, Request::Append { .. });
        if !is_append || fastrand::u32(..self.one_in) != 0 {
            return self.handle.ask(tag, request);
        }
        let (handle, request) = (Arc::clone(&self.handle), request.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..100))).await;
            let _ = handle.ask(tag, &request).await;
        });
        Box::pin(async { Ok(Response::Unknown("it is on its way, on purpose".to_owned())) })
    }

    fn wait(&self, after: u128) -> BoxFuture<'_, ()> {
        self.handle.wait(after)
    }
}
