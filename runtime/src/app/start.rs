//! How an app begins: what it checks, and what it does with the builds of its views.

use std::{ptr, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    AnyHandler, App, AppView, Consistency, Core, Repositories, StartError,
    options::Tell,
    task::{Filling, Goal, is_alone, on_record, put_in_force},
};
use crate::{
    read::{Build, ReadStore, Stage},
    reader::{Pace, Reader, State},
    store::{Capability, Standing, StoreError},
    view::RecordedUse,
};

/// Looks whether everything can be as it is wanted, before anything is done. The read store.
pub(super) fn check(app: &App) -> Result<Arc<dyn ReadStore>, StartError> {
    let own = Arc::clone(&app.store).read_store();
    let Some(books) = app.read_store.clone().or_else(|| own.clone()) else {
        return Err(StartError::NoReadStore);
    };
    let together = own.is_some_and(|own| ptr::addr_eq(Arc::as_ptr(&own), Arc::as_ptr(&books)));
    for (index, (view, level)) in app.views.iter().enumerate() {
        let name = view.name();
        for (other, _) in app.views.iter().take(index) {
            let mut taken = other.tables().into_iter().chain([other.name()]);
            let wanted = view.tables();
            if let Some(table) = taken.find(|taken| *taken == name || wanted.contains(taken)) {
                return Err(StartError::SameTable { table });
            }
        }
        if *level != Consistency::Transactional {
            continue;
        }
        let Some(rows) = view.rows() else { return Err(StartError::NotData { view: name }) };
        let capabilities = app.store.capabilities();
        if !together {
            return Err(StartError::Elsewhere { view: name });
        }
        if !capabilities.supports(Capability::Rows) || !capabilities.supports(Capability::Claims) {
            return Err(StartError::NoRows { view: name });
        }
        let model = rows.model();
        let as_is = model.recorded == RecordedUse::AsIs && !model.reads_rows;
        if model.recorded != RecordedUse::None && !as_is {
            return Err(StartError::Recorded { view: name });
        }
    }
    for (index, handler) in app.handlers.iter().enumerate() {
        if app.handlers.iter().take(index).any(|other| other.name == handler.name) {
            return Err(StartError::SameHandler { name: handler.name.clone() });
        }
    }
    Ok(books)
}

/// How many events a handler takes at once, at most: as many may be given again after the process has died.
const HANDLED_AT_ONCE: usize = 64;

/// Lets a handler begin.
pub(super) fn begin_handler(core: &Core, repositories: &Arc<Repositories>, handler: AnyHandler) {
    let name = handler.name.clone();
    let task = handler.begin(repositories, &core.books);
    let pace = core.options.pace();
    let pace = Pace { page: pace.page.min(HANDLED_AT_ONCE), ..pace };
    core.add_handler(name, Reader::spawn(task, Arc::clone(&core.events), Arc::clone(&core.books), pace));
}

/// Begins to fill a view, if somebody has to.
pub(super) async fn begin(core: &Core, place: &Arc<AppView>) -> Result<(), StoreError> {
    let view = &*place.view;
    let fingerprint = view.fingerprint();
    let builds = core.books.builds(view.name()).await?;
    let live = builds.iter().find(|build| build.stage != Stage::Beside);
    let ours = live.filter(|live| live.fingerprint == fingerprint);
    let wanted = Stage::Live { transactional: place.level == Consistency::Transactional };
    let goal = if place.level == Consistency::Transactional { Goal::Transactional } else { Goal::Behind };
    let unfinished = ours.is_some_and(|ours| {
        builds.iter().any(|build| build.fingerprint == fingerprint && build.generation > ours.generation)
    });
    let as_wanted = ours.filter(|ours| ours.stage == wanted);
    if let Some(build) = as_wanted
        && goal == Goal::Behind
    {
        fill(core, place, build.clone(), goal, core.options.pace());
    }
    if as_wanted.is_none() || (unfinished && goal == Goal::Behind) {
        let mut build = view.prepare(&*core.books, ours.is_some()).await?;
        if goal == Goal::Transactional && core.books.count_letters(&build.reader()).await? > 0 {
            // It could not take events when this was tried before. Perhaps it can now.
            core.books.discard(&build).await?;
            build = view.prepare(&*core.books, ours.is_some()).await?;
        }
        fill(core, place, build, goal, core.options.rebuild_pace());
    } else {
        // It says so if somebody has changed the table.
        view.prepare(&*core.books, false).await?;
    }
    Ok(())
}

/// Lets somebody fill this build.
pub(super) fn fill(core: &Core, place: &Arc<AppView>, build: Build, goal: Goal, pace: Pace) -> Reader {
    let generation = build.generation;
    let task = Arc::new(Filling::new(place, build, (&core.events, &core.books), goal, pace.clone()));
    let reader = Reader::spawn(task, Arc::clone(&core.events), Arc::clone(&core.books), pace);
    place.add(generation, reader.clone());
    if let Some(tell) = &core.progress {
        tokio::spawn(tell_progress(reader.clone(), Arc::clone(tell)));
    }
    reader
}

async fn tell_progress(reader: Reader, tell: Tell) {
    let mut watch = reader.watch();
    loop {
        let status = watch.borrow_and_update().clone();
        let done = status.is_stopped() || status.state == State::Live;
        tell(&status);
        if done || watch.changed().await.is_err() {
            return;
        }
        // For people: more often than ten times a second is nothing that they could read.
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the view is as it is wanted, where there is no other way to begin.
pub(super) async fn settled(core: &Core, place: &Arc<AppView>) -> Result<(), StartError> {
    let view = place.view.name();
    let failed = |cause| StartError::Store { view, cause };
    match place.level {
        Consistency::Transactional => transactional(core, place).await,
        Consistency::Awaited | Consistency::Eventual => {
            let mut pause = Duration::from_millis(5);
            loop {
                let builds = core.books.builds(view).await.map_err(failed)?;
                match builds.iter().find(|build| build.stage != Stage::Beside) {
                    // There are rows to be read meanwhile, and nobody has to know the view to write.
                    Some(Build { stage: Stage::Live { transactional: false }, .. })
                        if on_record(&*place.view, &*core.events).await.map_err(failed)?.is_empty() =>
                    {
                        return Ok(());
                    }
                    _ if place.readers().iter().all(|reader| reader.status().is_stopped()) => {
                        return Err(StartError::Replaced { view });
                    }
                    _ => sleep(pause).await,
                }
                pause = (pause * 2).min(Duration::from_millis(200));
            }
        }
    }
}

async fn transactional(core: &Core, place: &Arc<AppView>) -> Result<(), StartError> {
    let view = place.view.name();
    let failed = |cause| StartError::Store { view, cause };
    for reader in place.readers() {
        let status = reader.ended().await;
        if status.letters > 0 {
            let letters = core.books.letters(&status.reader, None, crate::Position::START, 1);
            let letters = letters.await.map_err(failed)?;
            if let Some(first) = letters.into_iter().next() {
                let (letters, position, error) = (status.letters, first.position, first.error);
                return Err(StartError::CannotTake { view, letters, position, error });
            }
        }
    }
    let builds = core.books.builds(view).await.map_err(failed)?;
    let ours = builds.iter().find(|build| {
        build.stage == Stage::Live { transactional: true } && build.fingerprint == place.view.fingerprint()
    });
    let Some(ours) = ours else { return Err(StartError::Replaced { view }) };
    place.is_transactional_in(ours.clone());
    let name = place.view.constraint();
    let on_record = on_record(&*place.view, &*core.events).await.map_err(failed)?;
    let in_force = |(constraint, standing): &(crate::store::Constraint, Standing)| {
        constraint.name == name && *standing == Standing::InForce
    };
    if on_record.len() == place.view.categories().len() && on_record.iter().all(in_force) {
        return Ok(());
    }
    // Somebody has come to an end in the middle, or another version is at it.
    let pace = core.options.pace();
    if !is_alone(&*place.view, &*core.books, &pace).await.map_err(failed)? {
        return Err(StartError::Replaced { view });
    }
    put_in_force(&*place.view, &*core.events).await.map_err(failed)
}
