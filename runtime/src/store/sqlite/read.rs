//! Pages of events.

use rusqlite::{Connection, Error, Params, Row, params};

use super::{
    connection::Session,
    error::failed,
    known::{self, Known},
    row::{self, Undecodable, columns},
    tail::{End, from_version},
};
use crate::{
    Version,
    store::{
        Commit, Facts, Name, Page, Position, RecordedEvent, StoreError, StreamId, StreamPage, Tail,
        name::Names,
    },
};

const STREAM: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version"
);

/// The first of the columns.
const FACTS: &str = "SELECT position, name, schema, payload FROM events \
    WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version";

const ALL: &str =
    concat!("SELECT ", columns!(), " FROM events WHERE position > ?1 ORDER BY position LIMIT ?2");

const CATEGORY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events INDEXED BY events_by_category \
     WHERE category = ?1 AND position > ?2 AND position < ?3 ORDER BY position LIMIT ?4"
);

const HEAD: &str = "SELECT max(position) FROM events";

/// For the test of their plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 6] = [STREAM, FACTS, ALL, CATEGORY, known::STREAMS, row::FORMAT];

/// The largest number of events for which room is made before they are there.
const MANY: usize = 1024;

/// At most `limit` events of a stream, from this version on.
pub(super) fn stream(
    session: &mut Session,
    stream: &StreamId,
    from: Version,
    limit: usize,
) -> Result<StreamPage, StoreError> {
    let mut page = StreamPage::default();
    if let Some(range) = Range::find(session, stream, from, limit)? {
        page.events.reserve(range.len());
        range.read(session, STREAM, |row, version, connection, names| {
            page.events.push(row::event(row, stream.clone(), version, connection, names)?);
            Ok(())
        })?;
        (page.next, page.tail) = range.what_follows();
    }
    Ok(page)
}

/// What a fold needs of the same events.
pub(super) fn facts(
    session: &mut Session,
    stream: &StreamId,
    from: Version,
    limit: usize,
) -> Result<Facts, StoreError> {
    let Some(range) = Range::find(session, stream, from, limit)? else { return Ok(Facts::default()) };
    let mut facts = Facts::with_capacity(range.len());
    let mut all_json = true;
    range.read(session, FACTS, |row, version, _, names| {
        all_json &= row::push_fact(&mut facts, row, version, names)?;
        if version == range.to {
            facts.position = row::position(row)?;
        }
        Ok(())
    })?;
    if !all_json {
        return self::stream(session, stream, from, limit).map(Facts::from);
    }
    (facts.next, facts.tail) = range.what_follows();
    Ok(facts)
}

/// The events of a page, and the end of their stream. Where a stream ends is looked up first: then it is known how many
/// events there must be, and nothing else needs to be read of the last one only.
struct Range {
    from: Version,
    to: Version,
    end: End,
}

impl Range {
    /// At most `limit` events from this version on; `None` if the stream is empty. What is added to the stream after
    /// this is not part of the page.
    fn find(
        session: &mut Session,
        stream: &StreamId,
        from: Version,
        limit: usize,
    ) -> Result<Option<Self>, StoreError> {
        let end = End::find(session, stream).map_err(|error| failed_reading(stream, error))?;
        let from = from.max(Version::FIRST);
        let longest = Version::new(from.get().saturating_add(limit as u64).saturating_sub(1));
        Ok(end.map(|end| Self { from, to: end.version.min(longest), end }))
    }

    fn len(&self) -> usize {
        let events = (self.to.get().saturating_add(1)).saturating_sub(self.from.get());
        usize::try_from(events).map_or(MANY, |events| events.min(MANY))
    }

    /// Hands over each row with the version that it must have.
    fn read(
        &self,
        session: &mut Session,
        sql: &str,
        mut take: impl FnMut(&Row<'_>, Version, &Connection, &mut Names) -> Result<(), Undecodable>,
    ) -> Result<(), StoreError> {
        let Session { connection, known, .. } = session;
        let stream = &self.end.stream;
        let failed = |error| failed_reading(stream, error);
        let mut select = connection.prepare_cached(sql).map_err(failed)?;
        let range = params![self.end.key, from_version(self.from), from_version(self.to)];
        let mut rows = select.query(range).map_err(failed)?;
        let mut version = self.from;
        while let Some(row) = rows.next().map_err(failed)? {
            take(row, version, connection, &mut known.names)
                .map_err(|damaged| damaged.of(row, &format!("version {version} of `{stream}`")))?;
            version = version.next();
        }
        // No version is there twice, so if there are as many as there must be, there is no gap.
        if version <= self.to {
            let Self { from, to, .. } = self;
            return Err(StoreError::corrupt(format!(
                "`{stream}` does not have all of its events from version {from} to {to}"
            )));
        }
        Ok(())
    }

    /// Where to read on, or the tail.
    fn what_follows(self) -> (Option<Version>, Option<Tail>) {
        if self.to < self.end.version { (Some(self.to.next()), None) } else { (None, Some(self.end.into())) }
    }
}

/// At most `limit` events of the whole store, after this position.
pub(super) fn all(session: &mut Session, after: Position, limit: usize) -> Result<Page, StoreError> {
    let Some(start) = row_id(after) else { return Ok(nothing(after)) };
    let Session { connection, known, .. } = session;
    let mut events = collect(connection, known, ALL, params![start, one_more(limit)], limit)?;
    let end = events.len() <= limit;
    events.truncate(limit);
    let last = events.last().map_or(after, |last| last.position);
    Ok(Page { events, last, end })
}

/// At most `limit` events of these categories, after this position.
pub(super) fn categories(
    session: &mut Session,
    names: &[Name],
    after: Position,
    limit: usize,
) -> Result<Page, StoreError> {
    let Some(start) = row_id(after) else { return Ok(nothing(after)) };
    let Session { connection, known, .. } = session;
    // All reads see the same moment. Else an event of the first category could be missed that was recorded before one
    // of the second that is found.
    let moment = connection.unchecked_transaction().map_err(failed_all)?;
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        keys.extend(known.category_key(&moment, name).map_err(failed_all)?);
    }
    keys.sort_unstable();
    keys.dedup();
    let mut events = Vec::new();
    let mut before = i64::MAX;
    for key in keys {
        let range = params![key, start, before, one_more(limit)];
        events.extend(collect(&moment, known, CATEGORY, range, limit)?);
        events.sort_unstable_by_key(|event: &RecordedEvent| event.position);
        // What comes after a full page is not read from the other categories.
        if let Some(beyond) = events.get(limit) {
            before = row_id(beyond.position).unwrap_or(before);
            events.truncate(limit.saturating_add(1));
        }
    }
    let end = events.len() <= limit;
    events.truncate(limit);
    let last = match events.last() {
        Some(last) if !end => last.position,
        // Nothing that matches is left, so the page has looked at everything there is.
        _ => head(&moment)?.max(after),
    };
    Ok(Page { events, last, end })
}

/// The events of a commit, from this position on, if there are so many without a gap.
pub(super) fn between(
    session: &mut Session,
    first: i64,
    count: i64,
) -> Result<Option<Vec<RecordedEvent>>, StoreError> {
    let Session { connection, known, .. } = session;
    // No commit has more, so nor has what was recorded as one.
    let many = usize::try_from(count).unwrap_or(0);
    if many == 0 || many > Commit::MOST_EVENTS {
        return Ok(None);
    }
    let events = collect(connection, known, ALL, params![first.saturating_sub(1), count], many)?;
    let ends = |event: &RecordedEvent| row_id(event.position) == Some(first.saturating_add(count) - 1);
    Ok((events.len() == many && events.last().is_some_and(ends)).then_some(events))
}

/// The position of the last event.
pub(super) fn head(connection: &Connection) -> Result<Position, StoreError> {
    let select = connection.prepare_cached(HEAD);
    let head: Option<i64> =
        select.and_then(|mut select| select.query_row((), |row| row.get(0))).map_err(failed_all)?;
    Ok(Position::new(u128::try_from(head.unwrap_or(0)).unwrap_or(0)))
}

fn collect(
    connection: &Connection,
    known: &mut Known,
    sql: &str,
    parameters: impl Params,
    limit: usize,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut select = connection.prepare_cached(sql).map_err(failed_all)?;
    let mut find_streams = connection.prepare_cached(known::STREAMS).map_err(failed_all)?;
    let mut rows = select.query(parameters).map_err(failed_all)?;
    let mut events = Vec::with_capacity(limit.saturating_add(1).min(MANY));
    while let Some(row) = rows.next().map_err(failed_all)? {
        let damaged = |damaged: Undecodable| damaged.of(row, "in a read of the whole store");
        let key = row::stream_key(row).map_err(damaged)?;
        let stream = known.stream(connection, &mut find_streams, key).map_err(failed_all)?;
        let stream = stream.ok_or(row::OF_NO_STREAM).map_err(damaged)?;
        let version = row::version(row).map_err(damaged)?;
        events.push(row::event(row, stream, version, connection, &mut known.names).map_err(damaged)?);
    }
    Ok(events)
}

fn failed_reading(stream: &StreamId, error: Error) -> StoreError {
    failed(&format!("reading `{stream}`"), error)
}

fn failed_all(error: Error) -> StoreError {
    failed("reading events", error)
}

fn nothing(after: Position) -> Page {
    Page { events: Vec::new(), last: after, end: true }
}

/// The position as a row id; `None` behind every event that there can be.
fn row_id(position: Position) -> Option<i64> {
    i64::try_from(position.get()).ok()
}

/// One event more than asked for tells whether there are more.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
