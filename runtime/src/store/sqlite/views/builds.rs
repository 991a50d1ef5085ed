//! The book of builds: which there are of a view, and which one everybody reads.

use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::{
    super::error::failed,
    definition::{self, Found},
    letters,
    names::{self, quoted},
    value::{integer, natural},
    work,
};
use crate::{
    Position,
    read::{Build, Stage, Table},
    store::{Name, StoreError, StoreErrorKind},
};

const BUILDS: &str = "SELECT generation, fingerprint, stage FROM factum_builds \
    WHERE view = ?1 AND stage <> 'gone' ORDER BY generation";
const LIVE: &str =
    "SELECT generation, stage FROM factum_builds WHERE view = ?1 AND stage IN ('live', 'transactional')";
const STAGE: &str = "SELECT stage FROM factum_builds WHERE view = ?1 AND generation = ?2";
const NEXT: &str = "SELECT ifnull(max(generation), 0) + 1 FROM factum_builds WHERE view = ?1";
const NEW: &str =
    "INSERT INTO factum_builds (view, generation, fingerprint, stage, tables) VALUES (?1, ?2, ?3, ?4, ?5)";
const TABLES: &str = "SELECT tables FROM factum_builds WHERE view = ?1 AND generation = ?2";
const CHANGE: &str = "UPDATE factum_builds SET stage = ?3 WHERE view = ?1 AND generation = ?2";

/// For the test of their plans.
#[cfg(test)]
pub(in super::super) const STATEMENTS: [&str; 6] = [BUILDS, LIVE, STAGE, NEXT, CHANGE, TABLES];

const BESIDE: &str = "beside";
const IS_LIVE: &str = "live";
const TRANSACTIONAL: &str = "transactional";
/// The number of a build is not given again: somebody may still be at work who takes the new one for his.
const GONE: &str = "gone";

const fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Beside => BESIDE,
        Stage::Live { transactional: false } => IS_LIVE,
        Stage::Live { transactional: true } => TRANSACTIONAL,
    }
}

/// `None`: gone.
fn to_stage(text: &str) -> Option<Stage> {
    match text {
        BESIDE => Some(Stage::Beside),
        IS_LIVE => Some(Stage::Live { transactional: false }),
        TRANSACTIONAL => Some(Stage::Live { transactional: true }),
        _ => None,
    }
}

/// The builds of a view that are there, oldest first.
pub(super) fn of_view(connection: &Connection, view: &str) -> Result<Vec<Build>, StoreError> {
    let failed = |error| failed(&format!("reading the builds of `{view}`"), error);
    let found: Vec<(u64, [u8; 16], Stage)> = connection
        .prepare_cached(BUILDS)
        .and_then(|mut select| select.query_map([view], build)?.collect())
        .map_err(failed)?;
    let name = Name::from(view);
    let whole = |(generation, fingerprint, stage)| {
        let build = Build { view: name.clone(), generation, fingerprint, stage, position: Position::START };
        let position = work::position(connection, &build.reader())?;
        Ok(Build { position, ..build })
    };
    found.into_iter().map(whole).collect()
}

fn build(row: &Row<'_>) -> Result<(u64, [u8; 16], Stage), Error> {
    let stage = to_stage(row.get_ref(2)?.as_str()?).ok_or(Error::IntegralValueOutOfRange(2, 0))?;
    Ok((natural(row, 0)?, row.get(1)?, stage))
}

/// The names of a build's tables as everybody will know them.
pub(super) fn tables(connection: &Connection, build: &Build) -> Result<Vec<String>, Error> {
    let Build { view, generation, .. } = build;
    let mut select = connection.prepare_cached(TABLES)?;
    let tables: Option<String> =
        select.query_row(params![view.as_str(), integer(*generation)], |row| row.get(0))?;
    Ok(tables.map_or_else(|| vec![view.to_string()], |names| names.split(' ').map(str::to_owned).collect()))
}

/// The name of a build's table, wherever it stands now; `None` if it is gone.
pub(super) fn table(connection: &Connection, view: &str, generation: u64) -> Result<Option<String>, Error> {
    let mut select = connection.prepare_cached(STAGE)?;
    let stage: Option<String> =
        select.query_row(params![view, integer(generation)], |row| row.get(0)).optional()?;
    Ok(stage.and_then(|stage| to_stage(&stage)).map(|stage| table_at(view, generation, stage)))
}

/// Whether a build is there that readers of events write.
pub(super) fn is_filled(connection: &Connection, view: &str, generation: u64) -> Result<bool, Error> {
    let mut select = connection.prepare_cached(STAGE)?;
    let stage: Option<String> =
        select.query_row(params![view, integer(generation)], |row| row.get(0)).optional()?;
    let stage = stage.and_then(|stage| to_stage(&stage));
    Ok(stage.is_some_and(|stage| stage != Stage::Live { transactional: true }))
}

fn table_at(view: &str, generation: u64, stage: Stage) -> String {
    match stage {
        Stage::Beside => names::beside(view, generation),
        Stage::Live { .. } => view.to_owned(),
    }
}

/// The build of a view that everybody reads, if there is one; and whether it is written with the commits.
pub(super) fn live(connection: &Connection, view: &str) -> Result<Option<(u64, bool)>, Error> {
    let mut select = connection.prepare_cached(LIVE)?;
    select
        .query_row([view], |row| Ok((natural(row, 0)?, row.get_ref(1)?.as_str()? == TRANSACTIONAL)))
        .optional()
}

/// Finds or makes the build with this fingerprint. In a transaction that writes.
pub(super) fn prepare(
    connection: &Connection,
    table: &Table,
    fingerprint: [u8; 16],
    anew: bool,
) -> Result<Build, StoreError> {
    table.validate()?;
    let failed = |error| failed(&format!("preparing the table of the view `{}`", table.name), error);
    let mut builds = of_view(connection, &table.name)?;
    let fits = |build: &Build| {
        build.fingerprint == fingerprint && !(anew && matches!(build.stage, Stage::Live { .. }))
    };
    while let Some(build) = builds.iter().rposition(fits).map(|index| builds.remove(index)) {
        let name = build.table(&table.name);
        match definition::compare(connection, table, &name).map_err(failed)? {
            Found::Same => {
                definition::index(connection, table, build.generation, &name).map_err(failed)?;
                return Ok(build);
            }
            Found::Other(what) => return Err(StoreError::changed_table(&table.name, &what)),
            Found::Nothing if build.stage != Stage::Beside => return Err(dropped(&table.name)),
            // Somebody dropped what nobody reads: what is left of it is of no use.
            Found::Nothing => forget(connection, &build).map_err(failed)?,
        }
    }
    make(connection, table, fingerprint)
}

fn make(connection: &Connection, table: &Table, fingerprint: [u8; 16]) -> Result<Build, StoreError> {
    let failed = |error| failed(&format!("making the table of the view `{}`", table.name), error);
    let build = next(connection, &table.name, fingerprint)?;
    let name = build.table(&table.name);
    refuse_taken(connection, &name)?;
    if live(connection, &table.name).map_err(failed)?.is_none() {
        refuse_taken(connection, &table.name)?;
    }
    definition::create(connection, table, &name)
        .and_then(|()| definition::index(connection, table, build.generation, &name))
        .map_err(failed)?;
    enter(connection, &build, None)?;
    Ok(build)
}

/// The build of a view that comes next.
pub(super) fn next(connection: &Connection, view: &Name, fingerprint: [u8; 16]) -> Result<Build, StoreError> {
    let generation: u64 = connection
        .prepare_cached(NEXT)
        .and_then(|mut select| select.query_row([view.as_str()], |row| natural(row, 0)))
        .map_err(|error| failed(&format!("looking for the builds of `{view}`"), error))?;
    let view = view.clone();
    Ok(Build { view, generation, fingerprint, stage: Stage::Beside, position: Position::START })
}

/// Enters a build into the books, with the names of its tables if they are not that of the view.
pub(super) fn enter(connection: &Connection, build: &Build, tables: Option<&str>) -> Result<(), StoreError> {
    let Build { view, generation, fingerprint, stage, .. } = build;
    let (view, generation) = (view.as_str(), integer(*generation));
    connection
        .prepare_cached(NEW)
        .and_then(|mut new| new.execute(params![view, generation, fingerprint, stage_text(*stage), tables]))
        .map(drop)
        .map_err(|error| failed(&format!("entering a build of `{view}` into the books"), error))
}

/// Refuses a name under which there is something that is not ours to change.
pub(super) fn refuse_taken(connection: &Connection, name: &str) -> Result<(), StoreError> {
    match what_is(connection, name)? {
        None => Ok(()),
        Some(what) => Err(StoreError::new(
            StoreErrorKind::Foreign,
            format!(
                "there is a {what} called `{name}` in the database that does not belong to the view: give the view another \
                 name, or rename the {what}"
            ),
        )),
    }
}

/// What there is of this name, in SQLite's words: a table, a view, an index.
pub(super) fn what_is(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    connection
        .prepare_cached("SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")
        .and_then(|mut select| select.query_row([name], |row| row.get(0)).optional())
        .map_err(|error| failed(&format!("looking for a table called `{name}`"), error))
}

/// Puts the build in the place of the live one. In a transaction that writes.
pub(super) fn promote(connection: &Connection, build: &Build, transactional: bool) -> Result<(), StoreError> {
    let Build { view, generation, .. } = build;
    let failed = |error| failed(&format!("making build {generation} of `{view}` the live one"), error);
    let builds = of_view(connection, view)?;
    let Some(now) = builds.iter().find(|known| known.generation == *generation) else {
        return Err(StoreError::no_build(view));
    };
    if now.stage == Stage::Beside {
        if let Some(live) = builds.iter().find(|known| known.stage != Stage::Beside) {
            remove(connection, live).map_err(failed)?;
        }
        for table in tables(connection, now).map_err(failed)? {
            refuse_taken(connection, &table)?;
            let (beside, table) = (quoted(&now.table(&table)), quoted(&table));
            connection.execute_batch(&format!("ALTER TABLE {beside} RENAME TO {table}")).map_err(failed)?;
        }
    }
    change(connection, build, stage_text(Stage::Live { transactional })).map_err(failed)
}

/// Removes a build, wherever it stands. In a transaction that writes.
pub(super) fn discard(connection: &Connection, build: &Build) -> Result<(), StoreError> {
    let Build { view, generation, .. } = build;
    let builds = of_view(connection, view)?;
    match builds.iter().find(|known| known.generation == *generation) {
        Some(now) => remove(connection, now)
            .map_err(|error| failed(&format!("removing build {generation} of `{view}`"), error)),
        None => Ok(()),
    }
}

/// Removes a build that stands as is said.
pub(super) fn remove(connection: &Connection, build: &Build) -> Result<(), Error> {
    for table in tables(connection, build)? {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&build.table(&table))))?;
    }
    forget(connection, build)
}

/// Strikes a build out of the books.
fn forget(connection: &Connection, build: &Build) -> Result<(), Error> {
    let reader = build.reader();
    work::forget(connection, &reader)?;
    letters::forget(connection, &reader)?;
    change(connection, build, GONE)
}

fn change(connection: &Connection, build: &Build, stage: &str) -> Result<(), Error> {
    let view = build.view.as_str();
    connection.prepare_cached(CHANGE)?.execute(params![view, integer(build.generation), stage]).map(drop)
}

/// Somebody dropped the table of a build.
pub(super) fn dropped(view: &str) -> StoreError {
    StoreError::changed_table(view, "somebody dropped it")
}
