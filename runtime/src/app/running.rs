//! An app at work.

use std::{
    any::TypeId,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{
    AppView, Consistency, Letters, Rebuild, RebuildError, Repositories, SqlViewReader, ViewReader,
    options::{Options, Tell},
    rebuild,
};
use crate::{
    Aggregate, Repository, Transaction,
    read::ReadStore,
    reader::{Reader, Status},
    repository,
    store::Store,
    view::{SqlView, View},
};

/// What everything of an app shares.
pub(super) struct Core {
    pub(super) events: Arc<dyn Store>,
    pub(super) books: Arc<dyn ReadStore>,
    pub(super) views: Vec<Arc<AppView>>,
    /// Who does the work of handlers, by name.
    handlers: Mutex<Vec<(String, Reader)>>,
    pub(super) options: Options,
    pub(super) progress: Option<Tell>,
    stopped: watch::Sender<bool>,
}

impl Core {
    pub(super) fn new(
        events: Arc<dyn Store>,
        books: Arc<dyn ReadStore>,
        views: Vec<Arc<AppView>>,
        options: Options,
        progress: Option<Tell>,
    ) -> Arc<Self> {
        let (handlers, stopped) = (Mutex::default(), watch::Sender::new(false));
        Arc::new(Self { events, books, views, handlers, options, progress, stopped })
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(super) fn add_handler(&self, name: String, reader: Reader) {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).push((name, reader));
    }

    /// Who does the work of this handler.
    fn handler(&self, name: &str) -> Option<Reader> {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        handlers.iter().find(|(other, _)| *other == name).map(|(_, reader)| reader.clone())
    }

    /// All who read events in this process.
    fn readers(&self) -> Vec<Reader> {
        let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let views = self.views.iter().flat_map(|place| place.readers());
        views.chain(handlers.iter().map(|(_, reader)| reader.clone())).collect()
    }

    /// Lets all readers come to an end.
    fn stop(&self) {
        self.stopped.send_replace(true);
        for reader in self.readers() {
            reader.stop();
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("events", &self.events)
            .field("views", &self.views)
            .finish_non_exhaustive()
    }
}

/// An app at work. It is cheap to clone; when the last clone is dropped, its views are not filled any more by this process.
#[derive(Clone)]
pub struct RunningApp {
    held: Arc<Held>,
}

/// Stops the app when nobody holds it any more.
struct Held {
    core: Arc<Core>,
    repositories: Arc<Repositories>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.core.stop();
    }
}

impl RunningApp {
    pub(super) fn of(core: Arc<Core>) -> Self {
        let repositories = Repositories::of_app(Arc::clone(&core));
        Self { held: Arc::new(Held { core, repositories }) }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.held.core
    }

    pub(super) fn repositories(&self) -> &Arc<Repositories> {
        &self.held.repositories
    }

    pub(super) fn views(&self) -> &[Arc<AppView>] {
        &self.core().views
    }

    /// The aggregates of this type, with the views of the app: commands write the rows of transactional ones and wait for
    /// awaited ones. All repositories of a type that an app gives are clones of one.
    #[must_use]
    pub fn repository<A: Aggregate>(&self) -> Repository<A> {
        self.held.repositories.of()
    }

    /// Begins a transaction, with the views of the app: see [`transaction`](crate::transaction).
    pub fn transaction(&self) -> Transaction<()> {
        repository::begin(Arc::clone(&self.core().events), Some(Arc::clone(self.core()) as _))
    }

    /// The rows of a view. That the app has it is found out when they are asked for.
    #[must_use]
    pub fn view<V: View>(&self) -> ViewReader<V> {
        ViewReader::new(self.place(TypeId::of::<V>()), &self.core().options)
    }

    /// The tables of a view that writes them by SQL. That the app has it is found out when they are asked for.
    #[must_use]
    pub fn sql_view<V: SqlView>(&self) -> SqlViewReader<V> {
        SqlViewReader::new(self.place(TypeId::of::<V>()), &self.core().options)
    }

    fn place(&self, view: TypeId) -> Option<Arc<AppView>> {
        self.views().iter().find(|place| place.view.id() == view).cloned()
    }

    /// The store of events.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.core().events
    }

    /// The store of views.
    #[must_use]
    pub fn read_store(&self) -> &Arc<dyn ReadStore> {
        &self.core().books
    }

    /// How everything is doing that reads events in this process. A view that is being filled anew is there twice. One that is
    /// transactional has no reader.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.core().readers().iter().map(Reader::status).collect()
    }

    /// The dead letters of a view, by the name of its table or its `NAME`, or of a handler: events that it could not take.
    #[must_use]
    pub fn letters(&self, reader: &str) -> Letters {
        let place = self.views().iter().find(|place| place.view.name() == reader).cloned();
        Letters::new(reader, Arc::clone(&self.core().books), place, self.core().handler(reader))
    }

    /// Fills a view anew, from the first event on, beside the rows that are there; they stay until the new ones have caught
    /// up. If it is being filled anew already, that one.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn rebuild<V: View>(&self) -> Result<Rebuild, RebuildError> {
        let place = self.place(TypeId::of::<V>()).ok_or(RebuildError::Unknown { view: V::TABLE })?;
        if place.level == Consistency::Transactional {
            return Err(RebuildError::Transactional { view: V::TABLE });
        }
        rebuild::begin(self.core(), &place).await
    }

    /// The same for a view that writes by SQL.
    ///
    /// # Errors
    /// See [`RebuildError`].
    pub async fn rebuild_sql<V: SqlView>(&self) -> Result<Rebuild, RebuildError> {
        let place = self.place(TypeId::of::<V>()).ok_or(RebuildError::Unknown { view: V::NAME })?;
        rebuild::begin(self.core(), &place).await
    }

    /// The views that are being filled anew in this process at the moment.
    pub async fn rebuilds(&self) -> Vec<Rebuild> {
        let mut all = Vec::new();
        for place in self.views() {
            all.extend(rebuild::under_way(place).await);
        }
        all
    }

    /// Stops: what readers are at is finished and written, and their work is given back for others to do. Repositories go on to
    /// work; commands do not wait for awaited views any more.
    ///
    /// It takes six seconds at most, whatever does not answer or does not come to an end: a store, a handler. Readers have five
    /// for what they are at; what is cut off then has not happened, or is done again. One more is for giving the work
    /// back; what is not given back is free when its [lease](super::App::lease) lapses. Only code that keeps a thread busy
    /// without ever awaiting anything cannot be cut off.
    pub async fn shutdown(self) {
        self.core().stop();
        for reader in self.core().readers() {
            reader.ended().await;
        }
    }
}

impl fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunningApp").field(&self.held.core).finish()
    }
}
