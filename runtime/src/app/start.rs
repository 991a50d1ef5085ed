//! How an app begins: what it checks, and what it does with the builds of its views.

use std::{ptr, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    AnyHandler, App, AppView, Consistency, Core, Repositories, StartError, duplicates, mend,
    options::Tell,
    retire::Retired,
    task::{Filling, Goal, is_alone, on_record, put_in_force},
};
use crate::{
    model::Enforce,
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
    for Retired { table, category } in &app.retired {
        if app.views.iter().any(|(view, _)| view.name() == *table && view.reads(category)) {
            return Err(StartError::Retired { view: table, category });
        }
    }
    for kept in app.views.iter().filter_map(|(view, _)| view.kept()) {
        let aggregate = kept.aggregate;
        if kept.fields.is_empty() {
            return Err(StartError::NothingToKeep { aggregate });
        }
        let after = kept.fields.iter().find(|unique| unique.enforce == Enforce::After);
        let told = duplicates::name(kept.category);
        if let Some(unique) = after
            && app.handlers.iter().all(|handler| handler.name != told)
        {
            return Err(StartError::NobodyTold { aggregate, field: unique.field });
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

/// Begins to fill a view, if somebody has to. The first build that can be read, by its generation.
pub(super) async fn begin(core: &Arc<Core>, place: &Arc<AppView>) -> Result<u64, StoreError> {
    for _ in 0..mend::LOOKS {
        match begin_with_what_is_there(core, place).await {
            Err(error) if mend::was_overtaken(&error) => {}
            outcome => return outcome,
        }
    }
    begin_with_what_is_there(core, place).await
}

async fn begin_with_what_is_there(core: &Arc<Core>, place: &Arc<AppView>) -> Result<u64, StoreError> {
    let (view, books) = (&*place.view, &*core.books);
    let fingerprint = view.fingerprint();
    let builds = books.builds(view.name()).await?;
    let live = builds.iter().find(|build| build.stage != Stage::Beside);
    let ours = live.filter(|live| live.fingerprint == fingerprint);
    let wanted = Stage::Live { transactional: place.level == Consistency::Transactional };
    let goal = if place.level == Consistency::Transactional { Goal::Transactional } else { Goal::Behind };
    let unfinished = ours.is_some_and(|ours| {
        builds.iter().any(|build| build.fingerprint == fingerprint && build.generation > ours.generation)
    });
    let altered = match ours {
        Some(ours) if mend::is_altered(books, view, ours).await? => ours.generation,
        _ => 0,
    };
    let as_wanted = ours.filter(|ours| ours.stage == wanted && altered == 0);
    let mut readable = 0;
    if let Some(build) = as_wanted
        && goal == Goal::Behind
    {
        fill(core, place, build.clone(), goal, core.options.pace());
    }
    if as_wanted.is_none() || (unfinished && goal == Goal::Behind) {
        let mut build = match altered {
            0 => mend::prepare(books, view, ours.is_some()).await?,
            altered => mend::in_place_of(books, view, altered).await?,
        };
        if goal == Goal::Transactional && books.count_letters(&build.reader()).await? > 0 {
            // It could not take events when this was tried before. Perhaps it can now.
            books.discard(&build).await?;
            build = mend::prepare(books, view, ours.is_some()).await?;
        }
        if altered > 0 {
            readable = build.generation;
            place.gave_up(altered);
        }
        fill(core, place, build, goal, core.options.rebuild_pace());
    } else {
        // Indexes that somebody dropped are made again.
        mend::prepare(books, view, false).await?;
    }
    Ok(readable)
}

/// Lets somebody fill this build, if nobody in this process is at it.
pub(super) fn fill(core: &Arc<Core>, place: &Arc<AppView>, build: Build, goal: Goal, pace: Pace) -> Reader {
    let generation = build.generation;
    if let Some(at_it) = place.reader(generation).filter(|reader| !reader.status().is_stopped()) {
        return at_it;
    }
    let task = Arc::new(Filling::new(core, place, build, goal, pace.clone()));
    let reader = Reader::spawn(task, Arc::clone(&core.events), Arc::clone(&core.books), pace);
    place.add(generation, reader.clone());
    if let Some(tell) = &core.progress {
        tokio::spawn(tell_progress(reader.clone(), Arc::clone(tell)));
    }
    if core.is_stopped() {
        reader.stop();
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
pub(super) async fn settled(core: &Core, place: &Arc<AppView>, readable: u64) -> Result<(), StartError> {
    let view = place.view.name();
    let failed = |cause| StartError::Store { view, cause };
    match place.level {
        Consistency::Transactional => transactional(core, place, readable).await,
        Consistency::Awaited | Consistency::Eventual => {
            let mut pause = Duration::from_millis(5);
            loop {
                let builds = core.books.builds(view).await.map_err(failed)?;
                let live = |build: &&Build| build.stage != Stage::Beside && build.generation >= readable;
                match builds.iter().find(live) {
                    // There are rows to be read meanwhile, and nobody has to know the view to write.
                    Some(Build { stage: Stage::Live { transactional: false }, fingerprint, .. })
                        // What another version of the program keeps says nothing of values that this one asks for.
                        if (place.view.kept().is_none() || *fingerprint == place.view.fingerprint())
                            && on_record(&*place.view, &*core.events).await.map_err(failed)?.is_empty() =>
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

async fn transactional(core: &Core, place: &Arc<AppView>, readable: u64) -> Result<(), StartError> {
    let view = place.view.name();
    let failed = |cause| StartError::Store { view, cause };
    // One that ends may have another one go on in its place.
    let mut looked = Vec::new();
    while let Some((generation, reader)) =
        place.all_readers().into_iter().find(|(generation, _)| !looked.contains(generation))
    {
        looked.push(generation);
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
        build.stage == Stage::Live { transactional: true }
            && build.fingerprint == place.view.fingerprint()
            && build.generation >= readable
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
