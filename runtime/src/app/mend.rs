//! Tables that somebody changed by hand, and builds that are gone: what is filled in their place.
//!
//! The rows of a view follow from the events, so a table that is not as it was made loses nothing: another build is filled
//! beside it, as by [`RunningApp::rebuild`](super::RunningApp::rebuild), and takes its place.

use super::AnyView;
use crate::{
    read::{Build, ReadStore, Stage},
    store::{StoreError, StoreErrorKind},
};

/// Whether the table of a build is not as it was made any more. If so, that is told.
pub(super) async fn is_altered(
    books: &dyn ReadStore,
    view: &dyn AnyView,
    build: &Build,
) -> Result<bool, StoreError> {
    match view.examine(books, build).await {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == StoreErrorKind::Altered => {
            tracing::warn!(view = view.name(), generation = build.generation, "{error}");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// How often it is looked again where other processes are faster. Each time, one of them has filled a whole view.
pub(super) const LOOKS: u32 = 10;

/// Whether a build was gone because another process has put another one in its place meanwhile.
pub(super) fn was_overtaken(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Missing
}

/// The build that is to be filled, as [`ReadStore::prepare`] gives it. One that nobody reads yet and that is not as it was made
/// is of no use to anybody, and goes.
pub(super) async fn prepare(
    books: &dyn ReadStore,
    view: &dyn AnyView,
    anew: bool,
) -> Result<Build, StoreError> {
    let mut looks = LOOKS;
    loop {
        let error = match view.prepare(books, anew).await {
            Err(error) if was_overtaken(&error) && looks > 0 => {
                looks -= 1;
                continue;
            }
            Err(error) if error.kind() == StoreErrorKind::Altered && looks > 0 => error,
            outcome => return outcome,
        };
        looks -= 1;
        let builds = books.builds(view.name()).await?;
        let ours = |build: &&Build| build.stage == Stage::Beside && build.fingerprint == view.fingerprint();
        let Some(altered) = builds.iter().rfind(ours) else { return Err(error) };
        tracing::warn!(view = view.name(), generation = altered.generation, "{error}");
        books.discard(altered).await?;
    }
}

/// The build that is to be filled in place of one whose table is not as it was made: the one that somebody else has begun, or
/// has come to an end with, or a new one.
pub(super) async fn in_place_of(
    books: &dyn ReadStore,
    view: &dyn AnyView,
    altered: u64,
) -> Result<Build, StoreError> {
    match view.prepare(books, false).await {
        Ok(begun) if begun.generation > altered => return Ok(begun),
        Err(error) if error.kind() != StoreErrorKind::Altered && !was_overtaken(&error) => return Err(error),
        Ok(_) | Err(_) => {}
    }
    prepare(books, view, true).await
}
