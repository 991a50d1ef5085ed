//! One commit inside of a transaction.

use chrono::{DateTime, Utc};
use rusqlite::{
    Error, OptionalExtension, ToSql, params,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    claims,
    connection::Session,
    error::{failed, is_duplicate},
    keys,
    tail::{End, from_version, to_version},
    views::{self, Given},
    write::Answer,
};
use crate::{
    Metadata, Version,
    store::{
        Append, AppendError, Appended, Commit, Committed, Expected, Payload, Position, StoreError, StreamId,
        Tail, record::now,
    },
};

const AT_VERSION: &str = "SELECT position, id FROM events WHERE stream = ?1 AND version = ?2";
const FROM_POSITION: &str =
    "SELECT position, id, version, at FROM events WHERE position >= ?1 ORDER BY position";
const FIND_STREAM: &str = "SELECT key FROM streams WHERE category = ?1 AND id = ?2";
const COMMIT: &str = "SELECT position FROM commits WHERE id = ?1";
const NEW_CATEGORY: &str = "INSERT INTO categories (name) VALUES (?1)";
const NEW_STREAM: &str = "INSERT INTO streams (category, id) VALUES (?1, ?2)";
const RESERVE: &str = "INSERT INTO reserved (stream) VALUES (?1)";
const BEGUN: &str = "DELETE FROM reserved WHERE stream = ?1";
const NEW_EVENT: &str = "INSERT INTO events (stream, version, category, at, id, name, schema, \
     format, metadata, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const NEW_COMMIT: &str = "INSERT INTO commits (id, position) VALUES (?1, ?2)";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 5] = [AT_VERSION, FROM_POSITION, FIND_STREAM, COMMIT, BEGUN];

/// Records the commit, or says why not. Where the answer is an error and something was written, the transaction has to
/// be rolled back.
pub(super) fn record(session: &mut Session, commit: &Commit) -> Answer {
    Recording { session, commit, now: now().timestamp_micros(), given: Vec::new() }.run()
}

struct Recording<'a> {
    session: &'a mut Session,
    commit: &'a Commit,
    now: i64,
    /// What each event was given, if the commit has rows: they may contain it.
    given: Vec<Given>,
}

impl Recording<'_> {
    fn run(mut self) -> Answer {
        let commit = self.commit;
        let unconditional = commit.appends.iter().all(|append| append.expected == Expected::Any);
        if unconditional && let Some(first) = self.remembered().map_err(failed_recording)? {
            return self.first_answer(first);
        }
        // After a read of the stream there is nothing to look up, and the insertion itself notices a conflict. If
        // something else is against the commit, that may be because it was recorded before, or a conflict as well.
        if let [append] = commit.appends.as_slice()
            && let Some(end) = End::given(append, self.session.store)
            && self.refuse()?.is_none()
            && let Some(appended) = self.insert_after(end, append).map_err(failed_recording)?
        {
            return self.complete(vec![appended], unconditional);
        }
        // First all checks, then all writes: a conflict leaves nothing that would have to be undone.
        let mut ends = Vec::with_capacity(commit.appends.len());
        let mut index = 0;
        for append in &commit.appends {
            let end = End::find(self.session, &append.stream).map_err(failed_recording)?;
            let actual = end.as_ref().map_or(Version::NONE, |end| end.version);
            if append.expected.version().is_some_and(|expected| expected != actual) {
                return self.at_another_version(append, index, end.as_ref());
            }
            index += append.events.len();
            ends.push(end);
        }
        if let Some(refusal) = self.refuse()? {
            return Err(refusal);
        }
        let mut appends = Vec::with_capacity(commit.appends.len());
        let mut index = 0;
        for (append, end) in commit.appends.iter().zip(&ends) {
            appends.push(self.insert(append, index, end.as_ref()).map_err(failed_recording)?);
            index += append.events.len();
        }
        self.complete(appends, unconditional)
    }

    /// What is against the commit, whatever versions its streams have.
    fn refuse(&mut self) -> Result<Option<AppendError>, StoreError> {
        let Self { session, commit, .. } = self;
        session.constraints.look(&session.connection)?;
        if let Some(refusal) = session.constraints.refuse(commit) {
            return Ok(Some(refusal.into()));
        }
        if let Some(key) = &commit.key
            && keys::is_used(&session.connection, key).map_err(failed_recording)?
        {
            return Ok(Some(AppendError::KeyUsed { key: key.clone() }));
        }
        claims::refuse(session, commit)
    }

    /// Writes what belongs to the commit besides its events.
    fn complete(&mut self, appends: Vec<Appended>, unconditional: bool) -> Answer {
        let committed = Committed { appends };
        claims::change(self.session, self.commit, &committed).map_err(failed_recording)?;
        if let Some(key) = &self.commit.key {
            keys::remember(&self.session.connection, key, &committed).map_err(failed_recording)?;
        }
        if unconditional {
            self.remember(&committed).map_err(failed_recording)?;
        }
        views::change(self.session, &self.commit.rows, &self.given)?;
        Ok(committed)
    }

    /// Inserts after the end of the stream as a read saw it; `None` if that is not the end any more.
    fn insert_after(&mut self, end: &End, append: &Append) -> Result<Option<Appended>, Error> {
        match self.insert(append, 0, Some(end)) {
            Ok(appended) => Ok(Some(appended)),
            // Versions have no gaps, so if the first insertion goes through, so do the others.
            Err(error) if is_duplicate(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Inserts the events of an append; the stream is made if it has no end. The first event is the commit's event with
    /// this index.
    fn insert(&mut self, append: &Append, index: usize, end: Option<&End>) -> Result<Appended, Error> {
        let (category, key, last, last_at) = match end {
            Some(end) => (end.category, end.key, end.version, end.at),
            None => {
                let (category, key) = insert_stream(self.session, &append.stream)?;
                (category, key, Version::NONE, i64::MIN)
            }
        };
        let mut at = last_at;
        let mut version = last;
        let mut positions = Vec::with_capacity(append.events.len());
        let mut insert = self.session.connection.prepare_cached(NEW_EVENT)?;
        for (offset, event) in append.events.iter().enumerate() {
            version = version.next();
            let id = self.commit.event_id(index + offset);
            // The clock of the machine may go backwards; the times of a stream do not.
            at = at.max(self.commit.event_at(index + offset).unwrap_or(self.now));
            let position = insert.insert(params![
                key,
                from_version(version),
                category,
                at,
                id.0.as_bytes(),
                event.name.as_str(),
                event.schema,
                format(&event.payload),
                event.metadata.as_deref().map(metadata).transpose()?,
                AsColumn(&event.payload),
            ])?;
            let position = to_position(position)?;
            positions.push(position);
            if !self.commit.rows.is_empty() {
                self.given.push((position, at));
            }
        }
        let stream = append.stream.clone();
        let tail = Tail::from(End { store: self.session.store, stream, category, key, version, at });
        Ok(Appended { first: last.next(), positions, at: to_time(at)?, tail: Some(tail) })
    }

    /// The stream is not at the version that is expected: because this very commit was recorded before, or because
    /// another one was.
    fn at_another_version(&self, append: &Append, index: usize, end: Option<&End>) -> Answer {
        let expected = append.expected.version().unwrap_or_default();
        if let Some(end) = end
            && let Some((position, id)) = self.event_at(end.key, expected.next()).map_err(failed_recording)?
            && id == *self.commit.event_id(index).0.as_bytes()
        {
            // The events of a commit have consecutive positions.
            let events_before = i64::try_from(index).unwrap_or(i64::MAX);
            return self.first_answer(position.saturating_sub(events_before));
        }
        Err(AppendError::Conflict {
            stream: append.stream.clone(),
            expected: append.expected,
            actual: end.map_or(Version::NONE, |end| end.version),
        })
    }

    /// The position and the id of an event.
    fn event_at(&self, stream: i64, version: Version) -> Result<Option<(i64, [u8; 16])>, Error> {
        let mut select = self.session.connection.prepare_cached(AT_VERSION)?;
        select.query_row([stream, from_version(version)], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    /// What was answered when the commit was recorded, with its first event at this position.
    fn first_answer(&self, first: i64) -> Answer {
        let answer = self.appends_from(first).map_err(failed_recording)?;
        answer.map(|appends| Committed { appends }).ok_or_else(|| {
            let id = self.commit.id;
            StoreError::invalid(format!(
                "a commit with the id {id} was recorded before, with other events: give each commit an id of its own"
            ))
            .into()
        })
    }

    /// The appends of this commit as they were recorded from this position on; `None` if other events are there.
    fn appends_from(&self, first: i64) -> Result<Option<Vec<Appended>>, Error> {
        let mut select = self.session.connection.prepare_cached(FROM_POSITION)?;
        let mut rows = select.query([first])?;
        let mut appends = Vec::with_capacity(self.commit.appends.len());
        let mut index = 0;
        for append in &self.commit.appends {
            let mut events = Vec::with_capacity(append.events.len());
            for _ in &append.events {
                let Some(row) = rows.next()? else { return Ok(None) };
                if row.get::<_, [u8; 16]>(1)? != *self.commit.event_id(index).0.as_bytes() {
                    return Ok(None);
                }
                events.push((to_position(row.get(0)?)?, to_version(row.get(2)?)?, to_time(row.get(3)?)?));
                index += 1;
            }
            if let (Some(&(_, first, _)), Some(&(.., at))) = (events.first(), events.last()) {
                let positions = events.iter().map(|&(position, ..)| position).collect();
                appends.push(Appended { first, positions, at, tail: None });
            }
        }
        Ok(Some(appends))
    }

    /// The position of the first event of this commit, if it was recorded before and expected no version.
    fn remembered(&self) -> Result<Option<i64>, Error> {
        let id = self.commit.id.as_uuid();
        self.session
            .connection
            .prepare_cached(COMMIT)?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()
    }

    fn remember(&self, committed: &Committed) -> Result<(), Error> {
        let first = committed.appends.first().and_then(|append| append.positions.first().copied());
        let first = first.and_then(|position| i64::try_from(position.get()).ok());
        let id = self.commit.id.as_uuid();
        self.session.connection.prepare_cached(NEW_COMMIT)?.execute(params![id.as_bytes(), first]).map(drop)
    }
}

/// Makes a stream, and its category if that is new too. One that is reserved is there already.
pub(super) fn insert_stream(session: &mut Session, stream: &StreamId) -> Result<(i64, i64), Error> {
    let Session { connection, known, .. } = session;
    let category = match known.category_key(connection, stream.category())? {
        Some(key) => key,
        None => {
            let key = connection.prepare_cached(NEW_CATEGORY)?.insert([stream.category().as_str()])?;
            known.add_category(stream.category().clone(), key);
            key
        }
    };
    let inserted = connection.prepare_cached(NEW_STREAM)?.insert(params![category, stream.id()]);
    match inserted {
        Err(error) if is_duplicate(&error) => match find_stream(session, stream)? {
            Some(key) if session.connection.prepare_cached(BEGUN)?.execute([key])? == 1 => {
                Ok((category, key))
            }
            _ => Err(error),
        },
        inserted => inserted.map(|key| (category, key)),
    }
}

/// Makes a stream that has no events yet.
pub(super) fn reserve_stream(session: &mut Session, stream: &StreamId) -> Result<i64, Error> {
    let (_, key) = insert_stream(session, stream)?;
    session.connection.prepare_cached(RESERVE)?.execute([key])?;
    Ok(key)
}

/// The key of a stream.
pub(super) fn find_stream(session: &mut Session, stream: &StreamId) -> Result<Option<i64>, Error> {
    let Session { connection, known, .. } = session;
    let Some(category) = known.category_key(connection, stream.category())? else { return Ok(None) };
    let mut select = connection.prepare_cached(FIND_STREAM)?;
    select.query_row(params![category, stream.id()], |row| row.get(0)).optional()
}

/// Metadata as JSON. What says nothing is an empty object, which is not the same as none.
fn metadata(metadata: &Metadata) -> Result<String, Error> {
    serde_json::to_string(metadata).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

/// The format of a payload that is not JSON.
fn format(payload: &Payload) -> Option<&str> {
    match payload {
        Payload::Json(_) => None,
        Payload::Other { format, .. } => Some(format),
    }
}

/// JSON is text in the database, anything else is bytes.
struct AsColumn<'a>(&'a Payload);

impl ToSql for AsColumn<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, Error> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Payload::Json(text) => ValueRef::Text(text.as_bytes()),
            Payload::Other { bytes, .. } => ValueRef::Blob(bytes),
        }))
    }
}

fn to_position(integer: i64) -> Result<Position, Error> {
    u128::try_from(integer).map(Position::new).map_err(|_| Error::IntegralValueOutOfRange(0, integer))
}

fn to_time(micros: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_micros(micros).ok_or(Error::IntegralValueOutOfRange(0, micros))
}

fn failed_recording(error: Error) -> StoreError {
    match error {
        Error::ToSqlConversionFailure(cause) => {
            StoreError::invalid("an event cannot be written: its metadata has no JSON form").because(cause)
        }
        error => failed("recording a commit", error),
    }
}
