//! Tables of a view's own shape: made, read, and written by user code in the transaction of the store.
//!
//! User code runs on the thread that writes, while nobody else can: so what it waits for has to be there at once.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use rusqlite::{CachedStatement, Connection, Error, ErrorCode, Row, types::ValueRef};
use uuid::Uuid;

use super::{
    super::error::failed,
    builds,
    value::{date_text, time_text},
};
use crate::{
    read::{Build, Projected, SqlConnection, SqlTables, Stage, Value, Values, WorkError},
    store::{BoxFuture, StoreError},
};

/// Finds or makes the build with this fingerprint. In a transaction that writes.
pub(super) fn prepare(
    connection: &Connection,
    tables: &SqlTables,
    fingerprint: [u8; 16],
    anew: bool,
) -> Result<Build, StoreError> {
    tables.validate()?;
    let failed = |error| failed(&format!("preparing the tables of the view `{}`", tables.view), error);
    let mut builds = builds::of_view(connection, &tables.view)?;
    let fits = |build: &Build| {
        build.fingerprint == fingerprint && !(anew && matches!(build.stage, Stage::Live { .. }))
    };
    while let Some(build) = builds.iter().rposition(fits).map(|index| builds.remove(index)) {
        match missing(connection, &build)? {
            None => return Ok(build),
            Some(table) if build.stage != Stage::Beside => return Err(tables.dropped(&table)),
            // Somebody dropped what nobody reads: what is left of it is of no use.
            Some(_) => builds::remove(connection, &build).map_err(failed)?,
        }
    }
    make(connection, tables, fingerprint)
}

fn make(connection: &Connection, tables: &SqlTables, fingerprint: [u8; 16]) -> Result<Build, StoreError> {
    let view = &tables.view;
    let build = builds::next(connection, view, fingerprint)?;
    let live = builds::of_view(connection, view)?.into_iter().find(|known| known.stage != Stage::Beside);
    let own = live.map(|live| builds::tables(connection, &live)).transpose();
    let own = own.map_err(|error| failed(&format!("looking for the tables of `{view}`"), error))?;
    let mut made = Vec::new();
    for (name, definition) in &tables.definitions {
        let beside = build.table(name);
        builds::refuse_taken(connection, &beside)?;
        connection.execute_batch(&tables.named(definition, &build)).map_err(|error| {
            let doing = format!("the definition of `{name}` of the view `{view}` is wrong");
            wrong(&doing, error)
        })?;
        match builds::what_is(connection, &beside)?.as_deref() {
            Some("table") => {
                if !own.iter().flatten().any(|own| own.eq_ignore_ascii_case(name)) {
                    builds::refuse_taken(connection, name)?;
                }
                made.push(name.as_str());
            }
            // It goes with its table, and keeps the name that it was given.
            Some("index") => {}
            _ => return Err(tables.not_made(name)),
        }
    }
    if made.is_empty() {
        return Err(StoreError::invalid(format!("the view `{view}` has no tables: define at least one")));
    }
    builds::enter(connection, &build, Some(&made.join(" ")))?;
    Ok(build)
}

/// A table of the build that is not there.
fn missing(connection: &Connection, build: &Build) -> Result<Option<String>, StoreError> {
    let tables = builds::tables(connection, build)
        .map_err(|error| failed(&format!("looking for the tables of `{}`", build.view), error))?;
    for table in tables {
        if builds::what_is(connection, &build.table(&table))?.as_deref() != Some("table") {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Has user code write what it has to. In a transaction that writes.
pub(super) fn project(
    connection: &mut Connection,
    reader: &str,
    projected: &Projected,
) -> Result<(), WorkError> {
    let Projected { tables, build, .. } = projected;
    // Whose build is gone has been overtaken by who put another one in its place.
    let now = builds::of_view(connection, &build.view)?;
    let now = now.into_iter().find(|known| known.generation == build.generation);
    let now = now.filter(|now| now.stage != Stage::Live { transactional: true });
    let now = now.ok_or_else(|| WorkError::Overtaken { reader: reader.to_owned() })?;
    if let Some(table) = missing(connection, &now)? {
        return Err(tables.dropped(&table).into());
    }
    let mut asked = Asked { connection };
    let mut running = pin!(projected.run(&mut asked, &now));
    match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(WorkError::Refused {
            view: build.view.to_string(),
            error: "it waits while it has the transaction".to_owned(),
        }),
    }
}

/// The rows that a statement gives which only reads.
pub(super) fn query(
    connection: &Connection,
    tables: &SqlTables,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Values>, StoreError> {
    let failed = |error| failed(&format!("reading the tables of `{}`", tables.view), error);
    let moment = connection.unchecked_transaction().map_err(failed)?;
    let builds = builds::of_view(&moment, &tables.view)?;
    let live = builds.into_iter().find(|build| build.stage != Stage::Beside);
    let live = live.ok_or_else(|| StoreError::no_build(&tables.view))?;
    if let Some(table) = missing(&moment, &live)? {
        return Err(tables.dropped(&table));
    }
    let mut statement = prepared(&moment, &tables.named(sql, &live), values)?;
    if !statement.readonly() {
        return Err(StoreError::invalid(
            "a statement that writes is refused here: a view is written by events",
        ));
    }
    rows(&mut statement)
}

/// The connection of the transaction.
struct Asked<'a> {
    connection: &'a mut Connection,
}

impl Asked<'_> {
    /// A statement may have ended the transaction, in ways that SQLite has: `OR ROLLBACK`, or when the disk is full.
    fn still_open<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(_) if self.connection.is_autocommit() => {
                Err(StoreError::invalid("the statement ended the transaction, which is the store's to end"))
            }
            outcome => outcome,
        }
    }
}

impl SqlConnection for Asked<'_> {
    fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        let executed = prepared(self.connection, sql, values).and_then(|mut statement| {
            let changed = statement.raw_execute().map_err(refused)?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        });
        Box::pin(std::future::ready(self.still_open(executed)))
    }

    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        let found = prepared(self.connection, sql, values).and_then(|mut statement| rows(&mut statement));
        Box::pin(std::future::ready(self.still_open(found)))
    }
}

/// The statement with its values.
fn prepared<'c>(
    connection: &'c Connection,
    sql: &str,
    values: &[Value],
) -> Result<CachedStatement<'c>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(refused)?;
    let mut used = 0;
    for index in 1..=statement.parameter_count() {
        // `$2` is a name to SQLite, which gives it the next number.
        let named = statement.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok());
        let number: usize = named.unwrap_or(index);
        used = used.max(number);
        let value = number.checked_sub(1).and_then(|place| values.get(place));
        let value = value.ok_or_else(|| {
            StoreError::invalid(format!("there is no value for the parameter ${number} of `{sql}`"))
        })?;
        bind(&mut statement, index, value)?;
    }
    if used < values.len() {
        let given = values.len();
        return Err(StoreError::invalid(format!(
            "there are {given} values for {used} parameters of `{sql}`"
        )));
    }
    Ok(statement)
}

fn bind(statement: &mut CachedStatement<'_>, index: usize, value: &Value) -> Result<(), StoreError> {
    let unkept = || StoreError::invalid(format!("`{value}` cannot be kept by SQLite"));
    let bound = match value {
        Value::Null => statement.raw_bind_parameter(index, rusqlite::types::Null),
        Value::Bool(value) => statement.raw_bind_parameter(index, value),
        Value::Integer(value) => statement.raw_bind_parameter(index, value),
        // SQLite would make NULL of it.
        Value::Real(value) if value.is_nan() => return Err(unkept()),
        Value::Real(value) => statement.raw_bind_parameter(index, value),
        Value::Text(value) | Value::Json(value) => statement.raw_bind_parameter(index, value.as_str()),
        Value::Bytes(value) => statement.raw_bind_parameter(index, value.as_slice()),
        Value::Time(value) => {
            statement.raw_bind_parameter(index, time_text(value.timestamp_micros()).ok_or_else(unkept)?)
        }
        Value::Date(value) => statement.raw_bind_parameter(index, date_text(*value).ok_or_else(unkept)?),
        Value::Uuid(value) => {
            let mut text = Uuid::encode_buffer();
            statement.raw_bind_parameter(index, &*value.hyphenated().encode_lower(&mut text))
        }
        Value::RecordedAt(_) | Value::RecordedPosition(_) => return Err(unkept()),
    };
    bound.map_err(refused)
}

fn rows(statement: &mut CachedStatement<'_>) -> Result<Vec<Values>, StoreError> {
    let columns = statement.column_count();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(refused)? {
        found.push((0..columns).map(|column| value(row, column)).collect::<Result<_, _>>()?);
    }
    Ok(found)
}

fn value(row: &Row<'_>, column: usize) -> Result<Value, StoreError> {
    Ok(match row.get_ref(column).map_err(refused)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        ValueRef::Text(value) => match std::str::from_utf8(value) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(error) => return Err(StoreError::invalid("a text is not UTF-8").because(error)),
        },
    })
}

fn refused(error: Error) -> StoreError {
    wrong("SQLite refuses the statement", error)
}

/// The error of a statement that is not ours: its own fault, if the database is in order.
fn wrong(what: &str, error: Error) -> StoreError {
    let trouble = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen
        )
    );
    match trouble {
        true => failed("carrying out a statement of a view", error),
        false => StoreError::invalid(what).because(error),
    }
}
