//! Dead letters: events that a reader could not deal with.

use chrono::DateTime;
use rusqlite::{Connection, Error, Row, params};
use uuid::Uuid;

use super::{
    super::error::failed,
    value::{integer, natural, position_text},
};
use crate::{
    Position, Version,
    read::{Letter, Wish},
    store::{EventId, Name, StoreError, StreamId},
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, category, id, version, event, name, error, attempts, at, wish FROM factum_letters ",
            $rest
        )
    };
}

const LETTERS: &str = select!("WHERE reader = ?1 AND position > ?2 ORDER BY position LIMIT ?3");
const OF_STREAM: &str =
    select!("WHERE reader = ?1 AND position > ?2 AND category = ?4 AND id = ?5 ORDER BY position LIMIT ?3");
const COUNT: &str = "SELECT count(*) FROM factum_letters WHERE reader = ?1";
const WISH: &str = "UPDATE factum_letters SET wish = ?3 WHERE reader = ?1 AND position = ?2";
const WISHED: &str = "SELECT category, id FROM factum_letters WHERE reader = ?1 AND wish <> 'wait' \
    ORDER BY position";
const BLOCKED: &str = "SELECT 1 FROM factum_letters WHERE reader = ?1 AND category = ?2 AND id = ?3";
const ANY: &str = "SELECT 1 FROM factum_letters WHERE reader = ?1";
const SETTLE: &str = "DELETE FROM factum_letters WHERE reader = ?1 AND position = ?2";
const FORGET: &str = "DELETE FROM factum_letters WHERE reader = ?1";
const KEEP: &str = "INSERT OR REPLACE INTO factum_letters \
    (reader, position, category, id, version, event, name, error, attempts, at, wish) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// For the test of their plans.
#[cfg(test)]
pub(in super::super) const STATEMENTS: [&str; 9] =
    [LETTERS, OF_STREAM, COUNT, WISH, WISHED, BLOCKED, ANY, SETTLE, FORGET];

const WISHES: [(Wish, &str); 3] = [(Wish::Wait, "wait"), (Wish::Retry, "retry"), (Wish::Skip, "skip")];

fn wish_text(wish: Wish) -> &'static str {
    WISHES.into_iter().find(|(known, _)| *known == wish).map_or("wait", |(_, text)| text)
}

/// Letters of a reader, or of one stream, behind this position.
pub(super) fn list(
    connection: &Connection,
    reader: &str,
    stream: Option<&StreamId>,
    after: Position,
    limit: usize,
) -> Result<Vec<Letter>, StoreError> {
    let after = position_text(after);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| Ok(letter(row, reader));
    let letters: Result<Vec<Option<Letter>>, Error> = match stream {
        None => connection
            .prepare_cached(LETTERS)
            .and_then(|mut select| select.query_map(params![reader, after, limit], read)?.collect()),
        Some(stream) => connection.prepare_cached(OF_STREAM).and_then(|mut select| {
            let (category, id) = (stream.category().as_str(), stream.id());
            select.query_map(params![reader, after, limit, category, id], read)?.collect()
        }),
    };
    let letters = letters.map_err(|error| failed_reading(reader, error))?;
    letters.into_iter().map(|letter| letter.ok_or_else(|| damaged(reader))).collect()
}

fn letter(row: &Row<'_>, reader: &str) -> Option<Letter> {
    let text = |column| row.get_ref(column).ok()?.as_str().ok();
    let wish = text(9)?;
    Some(Letter {
        reader: reader.to_owned(),
        position: text(0)?.parse().ok()?,
        stream: StreamId::new(text(1)?.to_owned(), text(2)?),
        version: Version::new(natural(row, 3).ok()?),
        event: EventId(Uuid::try_parse(text(4)?).ok()?),
        name: Name::from(text(5)?),
        error: text(6)?.to_owned(),
        attempts: row.get(7).ok()?,
        at: DateTime::from_timestamp_micros(row.get(8).ok()?)?,
        wish: WISHES.into_iter().find(|(_, text)| *text == wish)?.0,
    })
}

/// How many a reader has.
pub(super) fn count(connection: &Connection, reader: &str) -> Result<u64, StoreError> {
    connection
        .prepare_cached(COUNT)
        .and_then(|mut select| select.query_row([reader], |row| natural(row, 0)))
        .map_err(|error| failed_reading(reader, error))
}

/// Says what is to be done about one; whether it is there.
pub(super) fn wish(
    connection: &Connection,
    reader: &str,
    position: Position,
    wish: Wish,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached(WISH)
        .and_then(|mut update| update.execute(params![reader, position_text(position), wish_text(wish)]))
        .map(|changed| changed > 0)
        .map_err(|error| failed(&format!("changing a dead letter of `{reader}`"), error))
}

/// The streams about whose letters something was said.
pub(super) fn wished(
    connection: &Connection,
    reader: &str,
    limit: usize,
) -> Result<Vec<StreamId>, StoreError> {
    let mut streams: Vec<StreamId> = Vec::new();
    let mut read = || -> Result<(), Error> {
        let mut select = connection.prepare_cached(WISHED)?;
        let mut rows = select.query([reader])?;
        while streams.len() < limit
            && let Some(row) = rows.next()?
        {
            let stream = StreamId::new(row.get::<_, String>(0)?, row.get_ref(1)?.as_str()?);
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        Ok(())
    };
    read().map_err(|error| failed_reading(reader, error))?;
    Ok(streams)
}

/// Those of the streams that have letters.
pub(super) fn blocked(
    connection: &Connection,
    reader: &str,
    streams: &[StreamId],
) -> Result<Vec<StreamId>, StoreError> {
    let read = || -> Result<Vec<StreamId>, Error> {
        let mut blocked = Vec::new();
        // Hardly anybody has any.
        if connection.prepare_cached(ANY)?.exists([reader])? {
            let mut select = connection.prepare_cached(BLOCKED)?;
            for stream in streams {
                if select.exists(params![reader, stream.category().as_str(), stream.id()])? {
                    blocked.push(stream.clone());
                }
            }
        }
        Ok(blocked)
    };
    read().map_err(|error| failed_reading(reader, error))
}

/// Takes away those that are settled.
pub(super) fn settle(connection: &Connection, reader: &str, settled: &[Position]) -> Result<(), Error> {
    for position in settled {
        connection.prepare_cached(SETTLE)?.execute(params![reader, position_text(*position)])?;
    }
    Ok(())
}

/// Takes away all that a reader has.
pub(super) fn forget(connection: &Connection, reader: &str) -> Result<(), Error> {
    connection.prepare_cached(FORGET)?.execute([reader]).map(drop)
}

/// Keeps letters, each in place of what there is of the same event.
pub(super) fn keep(connection: &Connection, reader: &str, letters: &[Letter]) -> Result<(), Error> {
    for letter in letters {
        let Letter { position, stream, version, event, name, error, attempts, at, wish, .. } = letter;
        connection.prepare_cached(KEEP)?.execute(params![
            reader,
            position_text(*position),
            stream.category().as_str(),
            stream.id(),
            integer(version.get()),
            event.0.hyphenated().to_string(),
            name.as_str(),
            error,
            attempts,
            at.timestamp_micros(),
            wish_text(*wish),
        ])?;
    }
    Ok(())
}

fn failed_reading(reader: &str, error: Error) -> StoreError {
    failed(&format!("reading the dead letters of `{reader}`"), error)
}

fn damaged(reader: &str) -> StoreError {
    StoreError::corrupt(format!("a dead letter of `{reader}` cannot be what was written"))
}
