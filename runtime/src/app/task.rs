//! A view as a reader of events.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{AnyView, AppView};
use crate::{
    Position,
    read::{Build, ReadStore, Stage},
    reader::{Next, Pace, Taken, Task},
    store::{BoxFuture, Capability, Constraint, Filter, RecordedEvent, Standing, Store, StoreError},
};

/// Fills one build of a view.
pub(super) struct Filling {
    view: Arc<dyn AnyView>,
    build: Build,
    reader: String,
    events: Arc<dyn Store>,
    books: Arc<dyn ReadStore>,
    goal: Goal,
    pace: Pace,
    /// Who is told that the build is live.
    place: Weak<AppView>,
    /// Whether the build is what everybody reads.
    live: AtomicBool,
    /// Whether everything is done that it takes to get there. Of a transactional view, the first half: writers that do not
    /// know it are kept out, so that what is there is all that will be there.
    ready: AtomicBool,
}

/// What becomes of a build that has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Everybody reads it, and it is filled on, behind the commits.
    Behind,
    /// Everybody reads it, and it is written with the commits from then on.
    Transactional,
}

impl Filling {
    pub(super) fn new(
        place: &Arc<AppView>,
        build: Build,
        (events, books): (&Arc<dyn Store>, &Arc<dyn ReadStore>),
        goal: Goal,
        pace: Pace,
    ) -> Self {
        Self {
            view: Arc::clone(&place.view),
            reader: build.reader(),
            live: AtomicBool::new(matches!(build.stage, Stage::Live { .. })),
            build,
            events: Arc::clone(events),
            books: Arc::clone(books),
            goal,
            pace,
            place: Arc::downgrade(place),
            ready: AtomicBool::new(false),
        }
    }

    /// Makes the build the one that everybody reads.
    async fn promote(&self) -> Result<(), StoreError> {
        let (view, generation) = (self.view.name(), self.build.generation);
        self.books.promote(&self.build, self.goal == Goal::Transactional).await?;
        self.live.store(true, Ordering::Release);
        if let Some(place) = self.place.upgrade() {
            place.went_live(generation);
        }
        tracing::info!(view, generation, "the view was filled, and is live");
        self.tidy_up().await
    }

    /// Removes older builds that nobody fills: those of versions of the program that did not come so far.
    async fn tidy_up(&self) -> Result<(), StoreError> {
        for build in self.books.builds(self.view.name()).await? {
            let (work, Pace { holder, lease, .. }) = (build.reader(), &self.pace);
            if build.generation < self.build.generation
                && self.books.lease(&work, holder, *lease).await?.is_some()
            {
                self.books.discard(&build).await?;
                self.books.release(&work, holder).await?;
            }
        }
        Ok(())
    }

    /// Takes steps towards a view that is written with the commits. Each can be repeated.
    async fn become_transactional(&self) -> Result<Next, StoreError> {
        if self.books.count_letters(&self.reader).await? > 0 {
            return Ok(Next::End("there are events that the view cannot take".to_owned()));
        }
        if !self.ready.load(Ordering::Acquire) {
            for category in self.view.categories() {
                let constraint = Constraint { category, name: self.view.constraint() };
                self.events.constrain(&constraint, Some(Standing::Building)).await?;
            }
            self.ready.store(true, Ordering::Release);
            // Whoever does not know the view writes no more; what was written until now is still to be read.
            return Ok(Next::Again);
        }
        self.promote().await?;
        put_in_force(&*self.view, &*self.events).await?;
        Ok(Next::End("it is written together with the events from now on".to_owned()))
    }

    /// Has everybody read the build, which is filled behind the commits.
    async fn become_live(&self) -> Result<Next, StoreError> {
        if !self.live.load(Ordering::Acquire) {
            self.promote().await?;
        }
        // It may have been transactional before.
        let on_record = on_record(&*self.view, &*self.events).await?;
        if !on_record.is_empty() && !is_alone(&*self.view, &*self.books, &self.pace).await? {
            tokio::time::sleep(self.pace.lease / 10).await;
            return Ok(Next::Again);
        }
        for (constraint, _) in on_record {
            self.events.constrain(&constraint, None).await?;
        }
        self.ready.store(true, Ordering::Release);
        Ok(Next::GoOn)
    }
}

/// The constraints of a view that are on record, whatever their fingerprint. None where the store knows of none.
pub(super) async fn on_record(
    view: &dyn AnyView,
    events: &dyn Store,
) -> Result<Vec<(Constraint, Standing)>, StoreError> {
    let mut all = Vec::new();
    if !events.capabilities().supports(Capability::Claims) {
        return Ok(all);
    }
    for category in view.categories() {
        let names = events.constraints(&category).await?.into_iter();
        let names = names.filter(|(name, _)| name.starts_with(&view.constraints()));
        all.extend(names.map(|(name, standing)| (Constraint { category: category.clone(), name }, standing)));
    }
    Ok(all)
}

/// Whether no other version of the program is at work on the view: who is has the lease of its build.
pub(super) async fn is_alone(
    view: &dyn AnyView,
    books: &dyn ReadStore,
    pace: &Pace,
) -> Result<bool, StoreError> {
    for build in books.builds(view.name()).await? {
        let work = build.reader();
        if build.fingerprint == view.fingerprint() {
            continue;
        }
        if books.lease(&work, &pace.holder, pace.lease).await?.is_none() {
            return Ok(false);
        }
        books.release(&work, &pace.holder).await?;
    }
    Ok(true)
}

/// The last step towards a transactional view: its constraints take effect, and those of other versions of it go.
pub(super) async fn put_in_force(view: &dyn AnyView, events: &dyn Store) -> Result<(), StoreError> {
    let name = view.constraint();
    for category in view.categories() {
        let constraint = Constraint { category, name: name.clone() };
        events.constrain(&constraint, Some(Standing::Building)).await?;
        events.constrain(&constraint, Some(Standing::InForce)).await?;
    }
    for (constraint, _) in on_record(view, events).await? {
        if constraint.name != name {
            events.constrain(&constraint, None).await?;
        }
    }
    Ok(())
}

impl Task for Filling {
    fn reader(&self) -> &str {
        &self.reader
    }

    fn filter(&self) -> &Filter {
        self.view.filter()
    }

    fn begin(&self) -> BoxFuture<'_, Result<Next, StoreError>> {
        Box::pin(async move {
            let builds = self.books.builds(self.view.name()).await?;
            let build = builds.into_iter().find(|build| build.generation == self.build.generation);
            Ok(match build.map(|build| build.stage) {
                None => Next::End("another build of the view has taken its place".to_owned()),
                Some(Stage::Live { transactional: true }) => {
                    Next::End("it is written together with the events".to_owned())
                }
                Some(stage) => {
                    self.live.store(stage != Stage::Beside, Ordering::Release);
                    Next::GoOn
                }
            })
        })
    }

    fn take<'a>(&'a self, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<Taken, StoreError>> {
        self.view.take(events, &self.build, &*self.books)
    }

    fn caught_up(&self, _: Position) -> BoxFuture<'_, Result<Next, StoreError>> {
        Box::pin(async move {
            match self.goal {
                Goal::Transactional => self.become_transactional().await,
                Goal::Behind if !self.ready.load(Ordering::Acquire) => self.become_live().await,
                Goal::Behind => Ok(Next::GoOn),
            }
        })
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling")
            .field("view", &self.view)
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}
