//! The book of builds, and their tables.

use tokio_postgres::{Error, Row, error::SqlState, types::ToSql};
use uuid::Uuid;

use super::{
    super::{
        connection::{Failure, Session},
        text,
    },
    letters::position,
    names::{self, table_of},
    rows::dropped,
    value::sql_type,
};
use crate::{
    read::{Build, ColumnType, Stage, Table, TableColumn},
    store::{Name, StoreError, StoreErrorKind},
};

const BUILDS: &str = "SELECT b.generation, b.fingerprint, b.stage, coalesce(r.position, 0)::text FROM factum_builds AS b \
    LEFT JOIN factum_readers AS r ON r.reader = b.view || '#' || b.generation \
    WHERE b.view = $1 AND b.stage <> 'gone' ORDER BY b.generation";

const PREPARE: &str = "SELECT found_generation FROM prepare_build($1, $2, $3, $4, $5, $6, $7, $8)";
const PROMOTE: &str = "SELECT promote_build($1, $2, $3)";
const DISCARD: &str = "SELECT discard_build($1, $2)";

/// Of `views.sql`: there is something else of that name.
const TAKEN: &str = "FA006";

/// What a table is like: its columns, and which place each has in the primary key, from 1 on.
const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
    coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0), \
    (SELECT c.collname = 'C' FROM pg_collation AS c WHERE c.oid = a.attcollation) \
    FROM pg_attribute AS a LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary \
    WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// As a number of PostgreSQL's.
pub(super) fn number(generation: u64) -> i64 {
    i64::try_from(generation).unwrap_or(i64::MAX)
}

/// The builds of a view, oldest first.
pub(super) async fn of_view(session: &Session, view: &str) -> Result<Vec<Build>, Failure> {
    let builds = session.prepared(BUILDS).await?;
    let rows = session.client.query(&builds, &[&text::encode(view)]).await?;
    rows.iter().map(|row| build(row, view.into())).collect()
}

fn build(row: &Row, view: Name) -> Result<Build, Failure> {
    let damaged = || StoreError::corrupt(format!("the book of the builds of `{view}` is damaged"));
    let stage = names::stage(row.try_get(2)?).ok_or_else(damaged)?;
    let generation = u64::try_from(row.try_get::<_, i64>(0)?).map_err(|_| damaged())?;
    let fingerprint = row.try_get::<_, Uuid>(1)?.into_bytes();
    Ok(Build { generation, fingerprint, stage, position: position(row, 3)?, view })
}

/// The stage of a build now; `None` if it is gone.
pub(super) async fn stage(session: &Session, build: &Build) -> Result<Option<Stage>, Failure> {
    let builds = of_view(session, &build.view).await?;
    Ok(builds.into_iter().find(|known| known.generation == build.generation).map(|known| known.stage))
}

/// Finds or makes the build with this fingerprint.
pub(super) async fn prepare(
    session: &Session,
    table: &Table,
    fingerprint: [u8; 16],
    anew: bool,
) -> Result<Build, Failure> {
    let view = table.name.as_str();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let types: Vec<String> = table.columns.iter().map(|column| declared(column.ty)).collect();
    let nullable: Vec<bool> = table.columns.iter().map(|column| column.nullable).collect();
    let indexed: Vec<bool> = table.columns.iter().map(|column| column.indexed).collect();
    let keys: Vec<&str> = table.key_columns().map(|column| column.name.as_str()).collect();
    let prepare = session.prepared(PREPARE).await?;
    let fingerprint = Uuid::from_bytes(fingerprint);
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&view, &fingerprint, &anew, &names, &types, &nullable, &indexed, &keys];
    let found = session.client.query_one(&prepare, &parameters).await;
    let generation: i64 = found.map_err(unless_foreign)?.try_get(0)?;
    let builds = of_view(session, view).await?;
    let gone = || StoreError::no_build(view);
    let build = builds.into_iter().find(|build| number(build.generation) == generation).ok_or_else(gone)?;
    examine(session, table, &build).await?;
    Ok(build)
}

/// Looks whether the table of a build is as it was made.
pub(super) async fn examine(session: &Session, table: &Table, build: &Build) -> Result<(), Failure> {
    let view = table.name.as_str();
    let mut beside = build.stage == Stage::Beside;
    loop {
        let columns = session.prepared(COLUMNS).await?;
        let rows = session.client.query(&columns, &[&table_of(view, build.generation, beside)]).await?;
        // The build may have been put in its place since its stage was looked at: then it has another name.
        match stage(session, build).await? {
            None => return Err(StoreError::no_build(view).into()),
            Some(now) if beside && now != Stage::Beside => beside = false,
            Some(_) => {
                let found = rows.iter().map(Found::read).collect::<Result<Vec<_>, _>>()?;
                return match differences(table, found) {
                    _ if rows.is_empty() => Err(dropped(view).into()),
                    none if none.is_empty() => Ok(()),
                    some => Err(StoreError::changed_table(view, &some.join(", ")).into()),
                };
            }
        }
    }
}

/// Says so if there is something of that name that is no build of the view.
pub(super) fn unless_foreign(error: Error) -> Failure {
    let Some(taken) = error.as_db_error().filter(|error| error.code().code() == TAKEN) else {
        return error.into();
    };
    let (what, name) = (taken.message(), taken.detail().unwrap_or_default());
    let advice = format!(
        "there is a {what} called `{name}` in the store's schema that does not belong to the view: give the view another \
         name, or rename the {what}"
    );
    StoreError::new(StoreErrorKind::Foreign, advice).into()
}

/// The type of a column as it is made. Text is ordered by its bytes.
fn declared(ty: ColumnType) -> String {
    match ty {
        ColumnType::Text => "text COLLATE \"C\"".to_owned(),
        ty => sql_type(ty).to_owned(),
    }
}

/// A column as PostgreSQL describes it.
struct Found {
    name: String,
    ty: String,
    not_null: bool,
    /// Its place in the primary key, from 1 on; 0 if it is not part of it.
    key: i32,
    /// Whether text is ordered by its bytes; `None` of what is no text.
    by_bytes: Option<bool>,
}

impl Found {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            name: row.try_get(0)?,
            ty: row.try_get(1)?,
            not_null: row.try_get(2)?,
            key: row.try_get(3)?,
            by_bytes: row.try_get(4)?,
        })
    }

    /// How it differs from what it should be.
    fn differences(self, column: &TableColumn, key: Option<usize>) -> Vec<String> {
        let Self { name, ty, not_null, key: found_key, by_bytes } = self;
        let mut differences = Vec::new();
        let expected = sql_type(column.ty);
        if ty != expected {
            differences.push(format!("the column `{name}` is of type `{ty}` and was of type `{expected}`"));
        } else if by_bytes == Some(false) {
            differences.push(format!("the column `{name}` is not ordered by its bytes (COLLATE \"C\")"));
        }
        if not_null == column.nullable {
            let now = if not_null { "must not" } else { "may" };
            differences.push(format!("the column `{name}` {now} be NULL now"));
        }
        if usize::try_from(found_key).ok() != Some(key.map_or(0, |place| place.saturating_add(1))) {
            differences.push(format!("the column `{name}` has another place in the primary key"));
        }
        differences
    }
}

fn differences(table: &Table, mut found: Vec<Found>) -> Vec<String> {
    let mut differences = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        match found.iter().position(|found| *found.name == *column.name) {
            Some(place) => {
                let key = table.key.iter().position(|key| *key == index);
                differences.extend(found.swap_remove(place).differences(column, key));
            }
            None => differences.push(format!("the column `{}` is missing", column.name)),
        }
    }
    differences.extend(found.into_iter().map(|other| format!("the column `{}` was added", other.name)));
    differences
}

/// Puts the build in the place of the live one. Whether it could be done without waiting for somebody who reads the table.
pub(super) async fn promote(session: &Session, build: &Build, transactional: bool) -> Result<bool, Failure> {
    let promote = session.prepared(PROMOTE).await?;
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&build.view.as_str(), &number(build.generation), &transactional];
    match session.client.query_one(&promote, &parameters).await {
        Ok(row) if row.try_get(0)? => Ok(true),
        Ok(_) => Err(StoreError::no_build(&build.view).into()),
        Err(error) => unless_busy(error),
    }
}

/// Removes the build. Whether it could be done without waiting for somebody who reads the table.
pub(super) async fn discard(session: &Session, build: &Build) -> Result<bool, Failure> {
    let discard = session.prepared(DISCARD).await?;
    match session.client.query_one(&discard, &[&build.view.as_str(), &number(build.generation)]).await {
        Ok(_) => Ok(true),
        Err(error) => unless_busy(error),
    }
}

fn unless_busy(error: Error) -> Result<bool, Failure> {
    let busy = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    match error.code().is_some_and(|code| busy.contains(code)) {
        true => Ok(false),
        false => Err(unless_foreign(error)),
    }
}

/// Somebody reads the table, and does not stop.
pub(super) fn busy(build: &Build) -> StoreError {
    let Build { view, generation, .. } = build;
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "build {generation} of the view `{view}` cannot be put in its place or removed: somebody has a transaction open \
             that has read the table (`pg_stat_activity` shows who); try again when it has ended"
        ),
    )
}
