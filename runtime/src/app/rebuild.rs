//! Views that are filled anew beside the rows that are there.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{AppView, Core, mend, start, task::Goal};
use crate::{
    read::Stage,
    reader::{Reader, State, Status, race},
    store::StoreError,
};

/// A view that is being filled anew. It goes on whether or not this is kept.
#[derive(Clone, Debug)]
pub struct Rebuild {
    place: Arc<AppView>,
    generation: u64,
    reader: Reader,
}

/// Why a view could not be filled anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The app has no such view.
    #[error("the app has no view `{view}`: add it with `App::view` or `App::sql_view` before it is started")]
    Unknown {
        /// The view.
        view: &'static str,
    },
    /// The view is transactional.
    #[error(
        "the view `{view}` is transactional, and its rows cannot be filled anew while commands write to them: raise \
         `#[view(epoch = …)]` and start the new version of the program"
    )]
    Transactional {
        /// The view.
        view: &'static str,
    },
    /// It has come to an end before the rows could be taken over.
    #[error("the view `{view}` was not filled to the end: {reason}")]
    Stopped {
        /// The view.
        view: &'static str,
        /// Why it has.
        reason: String,
    },
    /// The read store cannot be read or written.
    #[error("the view `{view}` cannot be filled anew: {cause}")]
    Store {
        /// The view.
        view: &'static str,
        /// What the store says.
        cause: StoreError,
    },
}

impl Rebuild {
    /// The name of the view's table.
    #[must_use]
    pub fn view(&self) -> &'static str {
        self.place.view.name()
    }

    /// How far it has come.
    #[must_use]
    pub fn status(&self) -> Status {
        self.reader.status()
    }

    /// How far it has come, as soon as that has changed.
    pub async fn changed(&self) -> Status {
        // The sender lives as long as the reader, so an error cannot be.
        drop(self.reader.watch().changed().await);
        self.reader.status()
    }

    /// Waits until everybody reads the new rows.
    ///
    /// # Errors
    /// It has come to an end before, because the app was shut down or another version of the program was faster; or the read
    /// store cannot be read.
    pub async fn done(&self) -> Result<(), RebuildError> {
        let view = self.view();
        loop {
            let mut watch = self.reader.watch();
            let status = watch.borrow_and_update().clone();
            let builds = self.place.books.builds(view).await;
            let builds = builds.map_err(|cause| RebuildError::Store { view, cause })?;
            let build = builds.iter().find(|build| build.generation == self.generation);
            match (build.map(|build| build.stage), status.state) {
                (Some(Stage::Live { .. }), _) => return Ok(()),
                (_, State::Stopped { reason }) => return Err(RebuildError::Stopped { view, reason }),
                _ => {}
            }
            // Another process may be the one that does it: this one is told nothing.
            race(watch.wait_for(|status| status.state == State::Live || status.is_stopped()), sleep(LOOK))
                .await;
        }
    }
}

/// How often it is looked whether somebody else has come to an end.
const LOOK: Duration = Duration::from_millis(200);

/// Fills a view anew.
pub(super) async fn begin(core: &Arc<Core>, place: &Arc<AppView>) -> Result<Rebuild, RebuildError> {
    let view = place.view.name();
    let build = mend::prepare(&*core.books, &*place.view, true).await;
    let build = build.map_err(|cause| RebuildError::Store { view, cause })?;
    let generation = build.generation;
    let reader = start::fill(core, place, build, Goal::Behind, core.options.rebuild_pace());
    Ok(Rebuild { place: Arc::clone(place), generation, reader })
}

/// Those of a view that are under way.
pub(super) async fn under_way(place: &Arc<AppView>) -> Vec<Rebuild> {
    let live = place.live().await.ok().flatten().map_or(0, |build| build.generation);
    let later = place
        .all_readers()
        .into_iter()
        .filter(|(generation, reader)| *generation > live && !reader.status().is_stopped());
    later.map(|(generation, reader)| Rebuild { place: Arc::clone(place), generation, reader }).collect()
}
