//! An app: a store of events, the views that follow from them, and who keeps those ready.
#![doc = ""]
#![doc = include_str!("../../docs/trouble.md")]

mod any_view;
mod beside;
mod duplicates;
mod error;
mod handlers;
mod holders;
mod letters;
mod mend;
mod options;
mod query;
mod rebuild;
mod repositories;
mod retire;
mod running;
mod sql;
mod start;
mod task;
mod view;

use std::{any::TypeId, fmt, sync::Arc, time::Duration};

pub use error::StartError;
pub use letters::Letters;
pub use query::{Find, Found, ReadError, ViewReader};
pub use rebuild::{Rebuild, RebuildError};
pub(crate) use repositories::Repositories;
pub use running::RunningApp;
pub use sql::SqlViewReader;

use any_view::{AnyView, Typed};
use handlers::AnyHandler;
use holders::Holders;
use options::{Options, Tell};
use retire::Retired;
use running::Core;
use sql::TypedSql;
use view::AppView;

pub use crate::reader::{State, Status};
use crate::{
    Aggregate,
    handler::{Handler, OnDuplicate},
    process::Process,
    read::ReadStore,
    store::Store,
    view::{SqlView, View},
};

/// How far behind the events a view may be.
///
/// The rows are the same at each level; what differs is when they are there, and who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Never: its rows are written in the transaction of the commit. A command whose events the view cannot take is refused,
    /// alone. The view has to be in the database of the events, and a program that does not know it cannot write to the
    /// aggregates that it reads.
    Transactional,
    /// Not seen by whoever gives commands through the app: a command returns when the view has seen its events, or after a
    /// time ([`App::awaited_timeout`]) with [`Receipt::late`](crate::Receipt::late). Others may see it behind.
    Awaited,
    /// Some milliseconds, usually. [`ViewReader::after`] waits for one's own write.
    Eventual,
}

/// An app that is about to start: which views it has, and how consistent each is.
///
/// ```
/// # use factum::{Aggregate, App, Consistency, View};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Aggregate)]
/// # #[events { #[creates] Opened { by }, Changed { amount: i64 } }]
/// # #[commands { Open => Opened, Change => Changed }]
/// # struct Account { #[id] number: u64, by: String, #[on(Changed += amount)] balance: i64 }
/// #[derive(View, Debug, PartialEq)]
/// #[view(of(Account))]
/// struct Balance {
///     #[key]
///     number: u64,
///     #[on(Opened = 0, Changed += amount)]
///     balance: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = factum::open("memory:").await?;
/// let app = App::new(store).view::<Balance>(Consistency::Eventual).start().await?;
/// let accounts = app.repository::<Account>();
/// accounts.execute(&1, AccountCommand::Open { by: "Ann".to_owned() }).await?;
/// let receipt = accounts.execute(&1, AccountCommand::Change { amount: 100 }).await?;
/// let row = app.view::<Balance>().after(&receipt).get(&1).await?;
/// assert_eq!(row, Some(Balance { number: 1, balance: 100 }));
/// app.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Several processes
///
/// Any number of processes may run the same app on the same stores. One of them keeps a view ready; the others take over
/// within the duration of a [lease](Self::lease) and a tenth when it dies, and at once (a tenth) when it is shut down.
///
/// # When a view has changed
///
/// A view whose columns or rules have changed is another one: it is filled beside the one that is there, from the first event
/// on, and takes its place when it has caught up. Until then readers see the old rows. A view that is new, one that is to be
/// transactional, and one that was so, are waited for by [`start`](Self::start). Of two versions of a program that run at the
/// same time, the one that started last has its way; the view of the other one stops, and says so.
///
/// # When somebody has changed a table by hand
///
/// Rows follow from events, so nothing is lost: another table is filled in place of one that is not as it was made, or that is
/// gone, and the log says at `warn` what differs. [`start`](Self::start) does so, and waits for it. A view that is filled behind
/// the commits is mended at work too, when it meets the table next, and questions that the table cannot answer are refused
/// until then ([`ReadError::Filling`]). Of a transactional view commands are refused instead
/// ([`Altered`](crate::store::StoreErrorKind::Altered)) until a program that has the view starts, because all who write have to
/// change over at one moment. What the database does not refuse is not noticed before the next start: a column more that may be
/// empty, say, or rows that somebody changed: [`RunningApp::rebuild`] puts those right.
#[must_use = "an app does nothing until it is started"]
pub struct App {
    store: Arc<dyn Store>,
    read_store: Option<Arc<dyn ReadStore>>,
    views: Vec<(Arc<dyn AnyView>, Consistency)>,
    handlers: Vec<AnyHandler>,
    retired: Vec<Retired>,
    options: Options,
    progress: Option<Tell>,
}

impl App {
    /// An app on this store of events, without views. Its views are kept in the same store, if it can keep any.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (views, handlers, retired) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            store,
            read_store: None,
            views,
            handlers,
            retired,
            options: Options::default(),
            progress: None,
        }
    }

    /// Keeps views in this store instead, and the books of those who read events. Then no view can be
    /// [`Transactional`](Consistency::Transactional).
    pub fn read_store(mut self, store: Arc<dyn ReadStore>) -> Self {
        self.read_store = Some(store);
        self
    }

    /// Adds a view.
    pub fn view<V: View>(mut self, consistency: Consistency) -> Self {
        self.views.push((Arc::new(Typed::<V>::new()), consistency));
        self
    }

    /// Lets a view go that no program has any more, by the name of its table. [Transactional](Consistency::Transactional) ones stay
    /// on record, and keep everybody from writing to the aggregates that they read, until somebody says this, once for each of
    /// those aggregates. The table is dropped.
    ///
    /// When [`start`](Self::start) has done so, programs that have the view still cannot write rows to it any more, and so no
    /// events; one that starts has it again, filled from the first event on. It may be said any number of times.
    ///
    /// ```
    /// # use factum::{Aggregate, App};
    /// # #[derive(Aggregate)]
    /// # #[events { #[creates] Opened { by } }]
    /// # #[commands { Open => Opened }]
    /// # struct Account { #[id] number: u64, by: String }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = factum::open("memory:").await?;
    /// let app = App::new(store).retire::<Account>("balance").start().await?;
    /// # app.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn retire<A: Aggregate>(mut self, table: &'static str) -> Self {
        self.retired.push(Retired { table, category: A::CATEGORY });
        self
    }

    /// Adds a view that writes tables of its own shape by SQL. It cannot be [`Transactional`](Consistency::Transactional), and the
    /// store of views has to be SQLite or PostgreSQL.
    pub fn sql_view<V: SqlView>(mut self, view: V, consistency: Consistency) -> Self {
        self.views.push((Arc::new(TypedSql::new(view)), consistency));
        self
    }

    /// Adds a handler: what is done when something has happened.
    pub fn handler<H: Handler>(mut self, handler: H) -> Self {
        self.handlers.push(AnyHandler::handler(handler));
        self
    }

    /// Adds a process manager: what takes several events and some time, and leads to commands.
    pub fn process<P: Process>(mut self, process: P) -> Self {
        self.handlers.push(AnyHandler::process(process));
        self
    }

    /// Keeps who holds which unique value of this aggregate, for fields with `#[unique(enforce = view)]` or `after`: a table
    /// `unique_<category>` in the read store, behind the commits, which any SQL tool can query. Values are in it as hashes.
    ///
    /// With it, the app's repositories and transactions carry out commands that take a value which is enforced on the view;
    /// others refuse those. Before the commit they look whether another aggregate has the value, and answer
    /// [`ExecuteError::Taken`](crate::ExecuteError::Taken). That costs one question to the read store, and nothing in the event
    /// store.
    ///
    /// # What it does not see
    ///
    /// Who took a value a moment ago: from the commit until the table has taken in its events, some milliseconds usually, as
    /// long as it lags if it is behind ([`RunningApp::status`]), and for ever where its event is a dead letter of the table. Two
    /// that take the same value within that time both get it, and nobody is told unless the app has
    /// [`on_duplicate`](Self::on_duplicate) for the aggregate as well. A value that was given back is taken still for as long.
    /// Programs that write without `factum` are not stopped either. Where one of these must not be, `enforce = append` is the
    /// place.
    pub fn unique<A: Aggregate>(mut self) -> Self {
        let id = TypeId::of::<Holders<A>>();
        if self.views.iter().all(|(view, _)| view.id() != id) {
            let holders = Holders::<A>::new(Arc::clone(&self.store));
            self.views.push((Arc::new(holders), Consistency::Eventual));
        }
        self
    }

    /// Adds who is told of duplicates of an aggregate whose fields are `#[unique(enforce = after)]`, and says what becomes of
    /// them; what [`unique`](Self::unique) adds is added too. Of fields with `enforce = view`, it is told of those that got
    /// past the view. It is a reader called `duplicates of <category>`.
    pub fn on_duplicate<D: OnDuplicate>(self, told: D) -> Self {
        let mut app = self.unique::<D::Aggregate>();
        app.handlers.push(AnyHandler::duplicates(told));
        app
    }

    /// How long a command waits for [awaited](Consistency::Awaited) views; 5 seconds unless said otherwise.
    pub fn awaited_timeout(mut self, timeout: Duration) -> Self {
        self.options.awaited = timeout;
        self
    }

    /// How long a question waits for a view that is to have seen a write: see [`ViewReader::after`]. 5 seconds unless said
    /// otherwise.
    pub fn after_timeout(mut self, timeout: Duration) -> Self {
        self.options.after = timeout;
        self
    }

    /// For how long a process has the right to fill a view, and renews it: how long it may take at most until another one
    /// takes over. 10 seconds unless said otherwise; at least 100 milliseconds.
    pub fn lease(mut self, duration: Duration) -> Self {
        self.options.lease = duration.max(Duration::from_millis(100));
        self
    }

    /// How many dead letters a reader may have before it stops until some are settled; 1,000 unless said otherwise, at least 1.
    pub fn letters_limit(mut self, letters: u64) -> Self {
        self.options.letters = letters.max(1);
        self
    }

    /// How many events are read at once, and what comes of them is written at once; 500 unless said otherwise.
    pub fn page_size(mut self, events: usize) -> Self {
        self.options.page = events.max(1);
        self
    }

    /// How many events are taken in a second, at most, by a view that is filled anew, so that there is room for others. As
    /// many as possible unless said otherwise.
    pub fn rebuild_at_most(mut self, events_per_second: u32) -> Self {
        self.options.rebuild = Some(events_per_second.max(1));
        self
    }

    /// Tells this function how far views have come that are catching up, about ten times a second each, until they are live;
    /// while [`start`](Self::start) waits for them too.
    pub fn on_progress(mut self, tell: impl Fn(&Status) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }

    /// Starts the app: it fills its views from now on, until it is [shut down](RunningApp::shutdown) or dropped. It takes a
    /// tokio runtime whose time is enabled.
    ///
    /// It returns when every view can be read: those that have not been there before, and those that are to be transactional
    /// or were, are filled first. Others are filled in the background.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running then. A store that goes away while views are filled is waited for.
    pub async fn start(self) -> Result<RunningApp, StartError> {
        let books = start::check(&self)?;
        let Self { store, views, handlers, retired, options, progress, .. } = self;
        let place = |(view, level)| Arc::new(AppView::new(view, level, Arc::clone(&books)));
        let views = views.into_iter().map(place).collect();
        let core = Core::new(store, Arc::clone(&books), views, options, progress);
        let app = RunningApp::of(core);
        for retired in retired {
            let gone = retired.carry_out(app.core()).await;
            gone.map_err(|cause| StartError::Store { view: retired.table, cause })?;
        }
        let mut begun = Vec::new();
        for place in app.views() {
            let readable = start::begin(app.core(), place).await;
            begun.push((
                place,
                readable.map_err(|cause| StartError::Store { view: place.view.name(), cause })?,
            ));
        }
        for (place, readable) in begun {
            start::settled(app.core(), place, readable).await?;
        }
        for handler in handlers {
            start::begin_handler(app.core(), app.repositories(), handler);
        }
        Ok(app)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, read_store, views, handlers, retired, options, .. } = self;
        f.debug_struct("App")
            .field("store", store)
            .field("read_store", read_store)
            .field("views", views)
            .field("handlers", handlers)
            .field("retired", retired)
            .field("options", options)
            .finish()
    }
}
