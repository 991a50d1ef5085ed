//! A view as a reader of events.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{AnyView, AppView, Core, any_view::take_ahead, mend, start};
use crate::{
    Position,
    read::{Build, ReadStore, Rows, Stage},
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
    core: Weak<Core>,
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
    pub(super) fn new(core: &Arc<Core>, place: &Arc<AppView>, build: Build, goal: Goal, pace: Pace) -> Self {
        Self {
            core: Arc::downgrade(core),
            view: Arc::clone(&place.view),
            reader: build.reader(),
            live: AtomicBool::new(matches!(build.stage, Stage::Live { .. })),
            build,
            events: Arc::clone(&core.events),
            books: Arc::clone(&core.books),
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

    /// The table of the build is not as it was made: another one is filled in its place.
    async fn give_up(&self) -> Result<Next, StoreError> {
        let next = mend::in_place_of(&*self.books, &*self.view, self.build.generation).await?;
        let reason =
            format!("somebody changed its table by hand: build {} is filled in its place", next.generation);
        if let Some(place) = self.place.upgrade() {
            place.gave_up(self.build.generation);
        }
        self.hand_over(next);
        Ok(Next::End(reason))
    }

    /// Has another reader go on with this build, which takes the place of this one's.
    fn hand_over(&self, build: Build) {
        let (Some(core), Some(place)) = (self.core.upgrade(), self.place.upgrade()) else { return };
        let pace = match build.stage {
            Stage::Beside => core.options.rebuild_pace(),
            Stage::Live { .. } => core.options.pace(),
        };
        start::fill(&core, &place, build, self.goal, pace);
    }

    /// The build is gone. Where another one of the same program took its place, it is filled from now on, by this process or
    /// after the one that is at it.
    fn follow(&self, builds: Vec<Build>) {
        let filled = |build: &Build| {
            build.generation > self.build.generation
                && build.fingerprint == self.view.fingerprint()
                && build.stage != Stage::Live { transactional: true }
        };
        if let Some(build) = builds.into_iter().rfind(filled) {
            self.hand_over(build);
        }
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
            self.end_the_altered().await?;
            self.ready.store(true, Ordering::Release);
            // Whoever does not know the view writes no more; what was written until now is still to be read.
            return Ok(Next::Again);
        }
        self.promote().await?;
        put_in_force(&*self.view, &*self.events).await?;
        Ok(Next::End("it is written together with the events from now on".to_owned()))
    }

    /// Where somebody changed the table of a transactional view by hand, those who know the view write to it still, as far as
    /// the database lets them. Without it they cannot, until this build is in its place.
    async fn end_the_altered(&self) -> Result<(), StoreError> {
        let fingerprint = self.view.fingerprint();
        for build in self.books.builds(self.view.name()).await? {
            if build.stage == (Stage::Live { transactional: true }) && build.fingerprint == fingerprint {
                self.books.discard(&build).await?;
            }
        }
        Ok(())
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
            let build = builds.iter().find(|build| build.generation == self.build.generation);
            let Some(build) = build else {
                self.follow(builds);
                return Ok(Next::End("another build of the view has taken its place".to_owned()));
            };
            if build.stage == (Stage::Live { transactional: true }) {
                return Ok(Next::End("it is written together with the events".to_owned()));
            }
            if mend::is_altered(&*self.books, &*self.view, build).await? {
                return self.give_up().await;
            }
            self.live.store(build.stage != Stage::Beside, Ordering::Release);
            Ok(Next::GoOn)
        })
    }

    fn take<'a>(&'a self, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<Taken, StoreError>> {
        self.view.take(events, &self.build, &*self.books)
    }

    fn take_ahead<'a>(
        &'a self,
        events: &'a [RecordedEvent],
        rows: Option<&'a Rows>,
    ) -> BoxFuture<'a, Option<Taken>> {
        Box::pin(async move {
            let view = self.view.rows()?;
            take_ahead(view, events, &self.build, &*self.books, rows).await
        })
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
