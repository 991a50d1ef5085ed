//! A view at work in this process: which builds of it are filled, and how far it has come.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::{AnyView, Consistency};
use crate::{
    Position,
    read::{Build, ReadStore, Stage},
    reader::{Reader, Status, race},
    store::StoreError,
};

/// How long it is believed which build is live.
const BELIEVED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct AppView {
    pub(super) view: Arc<dyn AnyView>,
    pub(super) level: Consistency,
    pub(super) books: Arc<dyn ReadStore>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Who fills builds of it in this process, by generation.
    readers: Vec<(u64, Reader)>,
    /// Which build was live when it was looked for.
    live: Option<(Instant, Build)>,
    /// The build that is live where the view is transactional: it stays so as long as this program may write.
    transactional: Option<Build>,
    /// Somebody changed the tables of builds up to this generation: others are filled in their place.
    given_up: u64,
}

impl AppView {
    pub(super) fn new(view: Arc<dyn AnyView>, level: Consistency, books: Arc<dyn ReadStore>) -> Self {
        Self { view, level, books, known: Mutex::default() }
    }

    /// Nothing that is done under the lock can panic halfway.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds somebody who fills a build.
    pub(super) fn add(&self, generation: u64, reader: Reader) {
        let mut known = self.known();
        known.readers.retain(|(_, reader)| !reader.status().is_stopped());
        known.readers.push((generation, reader));
    }

    /// Those who fill builds of it in this process, with the generations of those.
    pub(super) fn all_readers(&self) -> Vec<(u64, Reader)> {
        self.known().readers.clone()
    }

    /// Those who fill builds of it in this process.
    pub(super) fn readers(&self) -> Vec<Reader> {
        self.known().readers.iter().map(|(_, reader)| reader.clone()).collect()
    }

    /// The one who fills this build.
    pub(super) fn reader(&self, generation: u64) -> Option<Reader> {
        let known = self.known();
        known.readers.iter().find(|(other, _)| *other == generation).map(|(_, reader)| reader.clone())
    }

    /// This build is live: those before it are gone.
    pub(super) fn went_live(&self, generation: u64) {
        let mut known = self.known();
        known.live = None;
        for (_, reader) in known.readers.iter().filter(|(other, _)| *other < generation) {
            reader.stop();
        }
        known.readers.retain(|(other, _)| *other >= generation);
    }

    /// Somebody changed the table of this build: another one is filled in its place.
    pub(super) fn gave_up(&self, generation: u64) {
        let mut known = self.known();
        known.given_up = known.given_up.max(generation);
    }

    /// The build that is written with the commits.
    pub(super) fn transactional(&self) -> Option<Build> {
        self.known().transactional.clone()
    }

    /// This build is written with the commits: nobody has to fill it any more.
    pub(super) fn is_transactional_in(&self, build: Build) {
        let mut known = self.known();
        known.transactional = Some(build);
        known.readers.clear();
    }

    /// The build of this program that is written with the commits in place of this one, if there is one.
    pub(super) async fn transactional_after(&self, gone: &Build) -> Result<Option<Build>, StoreError> {
        let builds = self.books.builds(self.view.name()).await?;
        let next = builds.into_iter().find(|build| {
            build.stage == Stage::Live { transactional: true }
                && build.fingerprint == self.view.fingerprint()
                && build.generation > gone.generation
        });
        if let Some(next) = &next {
            self.known().transactional = Some(next.clone());
        }
        Ok(next)
    }

    /// The build that everybody reads, as far as is known.
    pub(super) async fn live(&self) -> Result<Option<Build>, StoreError> {
        if let Some((_, build)) = self.known().live.as_ref().filter(|(at, _)| at.elapsed() < BELIEVED) {
            return Ok(Some(build.clone()));
        }
        let builds = self.books.builds(self.view.name()).await?;
        let live = builds.into_iter().find(|build| build.stage != Stage::Beside);
        self.known().live = live.clone().map(|build| (Instant::now(), build));
        Ok(live)
    }

    /// The one who fills a build that will take the place of the one that is live, if the live one is not of this program, or
    /// not as this program made it.
    pub(super) async fn replacing(&self) -> Option<Status> {
        let live = self.live().await.ok()?;
        let given_up = self.known().given_up;
        let (generation, ours) = live.map_or((0, false), |live| {
            let ours = live.fingerprint == self.view.fingerprint() && live.generation > given_up;
            (live.generation, ours)
        });
        let later = self.all_readers().into_iter().filter(|(other, _)| *other > generation && !ours);
        later.map(|(_, reader)| reader.status()).find(|status| !status.is_stopped())
    }

    /// Waits until what everybody reads contains all events up to this position. Where the time is up: how far it has come, if
    /// that can be found out.
    pub(super) async fn reach(&self, position: Position, within: Duration) -> Result<(), Option<Position>> {
        if self.level == Consistency::Transactional {
            return Ok(());
        }
        match timeout(within, self.reach_at_last(position)).await {
            Ok(()) => Ok(()),
            Err(_) => match self.reached().await {
                Some(reached) if reached >= position => Ok(()),
                reached => Err(reached),
            },
        }
    }

    async fn reach_at_last(&self, position: Position) {
        loop {
            let outcome = match self.live().await {
                Ok(Some(build)) => self.reach_in(&build, position).await,
                Ok(None) => Ok(false),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => return,
                Ok(false) => sleep(Duration::from_millis(5)).await,
                // Time heals it, or the time is up.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Waits for a while, and says whether this build has come so far.
    async fn reach_in(&self, build: &Build, position: Position) -> Result<bool, StoreError> {
        let name = build.reader();
        if let Some(reader) = self.reader(build.generation).filter(|reader| reader.status().is_active()) {
            reader.reached(position).await;
            if reader.status().position >= position {
                return Ok(true);
            }
        }
        if self.books.position(&name).await? >= position {
            return Ok(true);
        }
        race(self.books.reached(&name, position), sleep(BELIEVED)).await;
        Ok(self.books.position(&name).await? >= position)
    }

    /// How far the build has come that everybody reads.
    pub(super) async fn reached(&self) -> Option<Position> {
        let asked = async {
            let build = self.live().await.ok()??;
            let known = self.reader(build.generation).map(|reader| reader.status().position);
            let written = self.books.position(&build.reader()).await.ok();
            written.max(known)
        };
        timeout(Duration::from_secs(1), asked).await.ok().flatten()
    }
}
