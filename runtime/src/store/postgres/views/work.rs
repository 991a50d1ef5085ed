//! What a reader has done: one transaction, sent at once.

use std::borrow::Cow;

use futures_util::{future::join_all, join};
use tokio_postgres::{Error, Row, error::SqlState, types::ToSql};

use super::{
    super::{
        connection::{Failure, Session},
        error::{is_lost, kind, plain},
        text,
    },
    builds::number,
    letters::{self, position},
    names::table_of,
    processes,
    statement::{Asked, Batch, Given, Shape},
    value::Cell,
};
use crate::{
    Position,
    read::{Build, Rows, Stage, Value, Values, Work},
    store::{StoreError, StoreErrorKind},
};

const ADVANCE: &str =
    "SELECT advance_reader($1, $2::text::numeric, $3::text::numeric, $4::text, $5::bigint, $6::boolean)";
const POSITION: &str = "SELECT position::text FROM factum_readers WHERE reader = $1";

/// Of `views.sql`: the reader or the build is not as it was thought to be.
pub(super) const OVERTAKEN: &str = "FA004";
/// The build has another stage, and so another name.
pub(super) const OTHER_STAGE: &str = "FA005";

/// How far a reader has come.
pub(super) async fn reader_position(session: &Session, reader: &str) -> Result<Position, Failure> {
    let statement = session.prepared(POSITION).await?;
    match session.client.query_opt(&statement, &[&text::encode(reader)]).await? {
        Some(row) => position(&row, 0),
        None => Ok(Position::START),
    }
}

/// What came of work that was written, or was not.
pub(super) enum Written {
    Done,
    Overtaken,
    /// The build has another stage than was thought.
    OtherStage,
    /// The build has no table under the name that it should have.
    NoTable,
    /// One of these rows, which are put, cannot be written.
    Row,
    Changed(StoreError),
}

/// Writes the work, on a connection on which nobody comes in between.
pub(super) async fn write(session: &Session, work: &Work, beside: bool) -> Result<Written, Error> {
    let build = work.rows.as_ref().map(|rows| &rows.build);
    let name = build.map(|build| table_of(&build.view, build.generation, beside)).unwrap_or_default();
    let mut asked = vec![advance(work, build, beside)];
    if let Some(rows) = &work.rows {
        if !rows.remove.is_empty() {
            asked.push(batch(rows, &name, &Shape::Remove, &rows.remove));
        }
        if !rows.put.is_empty() {
            asked.push(batch(rows, &name, &Shape::Put, &rows.put));
        }
    }
    let of_rows = 1..asked.len();
    asked.extend(rest(work));

    let view = build.map(|build| build.view.as_str()).unwrap_or_default();
    let (nth, error) = match transaction(session, &asked, "COMMIT").await? {
        None => return Ok(Written::Done),
        Some(failed) => failed,
    };
    let code = error.code().map(SqlState::code).unwrap_or_default();
    let class = code.get(..2).unwrap_or_default();
    match (code, class) {
        (OVERTAKEN, _) => Ok(Written::Overtaken),
        (OTHER_STAGE, _) => Ok(Written::OtherStage),
        _ if !of_rows.contains(&nth) => Err(error),
        ("42P01", _) => Ok(Written::NoTable),
        (_, "42") if code != "42501" => Ok(Written::Changed(StoreError::changed_table(view, &plain(&error)))),
        _ if is_of_row(&error) => Ok(Written::Row),
        _ => Err(error),
    }
}

/// Lets the reader go on, if it is where it was thought to be, and the build too.
pub(super) fn advance<'a>(work: &'a Work, build: Option<&'a Build>, beside: bool) -> Asked<'a> {
    Asked {
        text: ADVANCE.to_owned(),
        parameters: vec![
            Box::new(text::encode(&work.reader)),
            Box::new(work.after.to_string()),
            Box::new(work.upto.to_string()),
            Box::new(build.map(|build| build.view.as_str())),
            Box::new(build.map(|build| number(build.generation))),
            Box::new(beside),
        ],
    }
}

/// What of the work is no row.
pub(super) fn rest(work: &Work) -> Vec<Asked<'_>> {
    let mut asked = Vec::new();
    if !work.settled.is_empty() {
        asked.push(letters::settle(&work.reader, &work.settled));
    }
    if !work.letters.is_empty() {
        asked.push(letters::keep(&work.reader, &work.letters));
    }
    asked.extend(processes::keep(&work.reader, &work.processes));
    asked
}

/// Whether the database has something against a row, or cannot write anything at all.
pub(in super::super) fn is_of_row(error: &Error) -> bool {
    let limit = error.code().is_some_and(|code| code.code().starts_with("54"));
    limit || (error.as_db_error().is_some() && kind(error) == StoreErrorKind::Io)
}

/// The first of these rows that cannot be written, and why.
pub(super) async fn misfit(
    session: &Session,
    rows: &Rows,
    beside: bool,
) -> Result<Option<(Values, StoreError)>, Error> {
    let name = table_of(&rows.build.view, rows.build.generation, beside);
    for row in &rows.put {
        let asked = batch(rows, &name, &Shape::Put, std::slice::from_ref(row));
        if let Some((_, error)) = transaction(session, &[asked], "ROLLBACK").await? {
            let cause = StoreError::new(StoreErrorKind::Invalid, plain(&error));
            return Ok(Some((rows.table.key_of(row), cause)));
        }
    }
    Ok(None)
}

fn batch<'a>(rows: &'a Rows, name: &'a str, shape: &'a Shape, given: &'a [Values]) -> Asked<'a> {
    let cell = |value: &'a Value| Given::Cell(Cell(Cow::Borrowed(value)));
    let given = given.iter().map(|row| row.iter().map(cell).collect()).collect();
    Batch { table: &rows.table, name, shape, rows: given, events: 0 }.asked()
}

/// Carries out these statements one after the other, and ends the transaction like this: in one round trip. The first that
/// failed, with its number; then the transaction is rolled back. An error is one that leaves open what became of it.
async fn transaction(
    session: &Session,
    asked: &[Asked<'_>],
    end: &str,
) -> Result<Option<(usize, Error)>, Error> {
    let mut statements = Vec::with_capacity(asked.len());
    for (nth, asked) in asked.iter().enumerate() {
        match session.prepared(&asked.text).await {
            Ok(statement) => statements.push(statement),
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) => return Ok(Some((nth, error))),
        }
    }
    let parameters: Vec<Vec<&(dyn ToSql + Sync)>> = asked.iter().map(Asked::parameters).collect();
    let client = &session.client;
    let all = statements.iter().zip(&parameters);
    // Each is sent when it is first polled, and so all are, in this order, before anybody waits.
    let (begun, answers, ended) = join!(
        client.batch_execute("BEGIN"),
        join_all(all.map(|(statement, parameters)| client.query(statement, parameters))),
        client.batch_execute(end),
    );
    let failed = |answer: Result<Vec<Row>, Error>| answer.err();
    let failed: Vec<Option<Error>> = answers.into_iter().map(failed).collect();
    let mut first = None;
    for (nth, error) in failed.into_iter().enumerate().filter_map(|(nth, error)| Some((nth, error?))) {
        if is_lost(&error) {
            return Err(error);
        }
        first = first.or(Some((nth, error)));
    }
    begun?;
    match first {
        Some(first) => Ok(Some(first)),
        None => ended.map(|()| None),
    }
}

/// Whether the build that the work is about was beside the live one when it was last looked at.
pub(super) fn is_beside(work: &Work) -> bool {
    work.rows.as_ref().is_some_and(|rows| rows.build.stage == Stage::Beside)
}
