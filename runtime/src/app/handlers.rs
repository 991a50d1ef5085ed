//! The handlers and process managers of an app.

use std::{fmt, sync::Arc};

use super::{
    Repositories,
    duplicates::{self, Finding},
};
use crate::{
    Aggregate,
    handler::{Handler, Handling, OnDuplicate},
    process::{Managing, Process},
    read::ReadStore,
    reader::Task,
};

/// A handler or a process manager, of whatever type, that is about to begin.
pub(super) struct AnyHandler {
    pub(super) name: String,
    begin: Box<Begin>,
}

type Begin = dyn FnOnce(Arc<Repositories>, Arc<dyn ReadStore>) -> Arc<dyn Task> + Send;

impl AnyHandler {
    pub(super) fn handler<H: Handler>(handler: H) -> Self {
        let name = handler.name().to_owned();
        let begin = move |repositories, _| Arc::new(Handling::new(Arc::new(handler), repositories)) as _;
        Self { name, begin: Box::new(begin) }
    }

    pub(super) fn duplicates<D: OnDuplicate>(told: D) -> Self {
        let begin = move |repositories: Arc<Repositories>, _| {
            let finding = Finding::new(told, repositories.core());
            Arc::new(Handling::new(Arc::new(finding), repositories)) as _
        };
        Self { name: duplicates::name(D::Aggregate::CATEGORY), begin: Box::new(begin) }
    }

    pub(super) fn process<P: Process>(process: P) -> Self {
        let begin = move |repositories, books| Arc::new(Managing::new(process, repositories, books)) as _;
        Self { name: P::NAME.to_owned(), begin: Box::new(begin) }
    }

    pub(super) fn begin(self, repositories: &Arc<Repositories>, books: &Arc<dyn ReadStore>) -> Arc<dyn Task> {
        (self.begin)(Arc::clone(repositories), Arc::clone(books))
    }
}

impl fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyHandler").field(&self.name).finish()
    }
}
