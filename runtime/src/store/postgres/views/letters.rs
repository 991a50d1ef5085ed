//! Dead letters: events that a reader could not deal with.

use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    super::{
        connection::{Failure, Session},
        tail::{from_version, stream_key},
        text,
    },
    statement::{Asked, Parameter},
    value::{self, Cell},
};
use crate::{
    Position, Version,
    read::{Letter, Value, Wish},
    store::{EventId, Name, StoreError, StreamId},
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position::text, category, stream_id, version, event, name, error, attempts, at, wish \
             FROM factum_letters ",
            $rest
        )
    };
}

const LETTERS: &str =
    select!("WHERE reader = $1 AND position > $2::text::numeric ORDER BY factum_letters.position LIMIT $3");
const OF_STREAM: &str = select!(
    "WHERE reader = $1 AND position > $2::text::numeric AND stream = $4 ORDER BY factum_letters.position LIMIT $3"
);
const COUNT: &str = "SELECT count(*) FROM factum_letters WHERE reader = $1";
const WISH: &str =
    "UPDATE factum_letters SET wish = $3 WHERE reader = $1 AND position = $2::text::numeric RETURNING true";
const WISHED: &str = "SELECT category, stream_id FROM factum_letters WHERE reader = $1 AND wish <> 'wait' \
    GROUP BY category, stream_id ORDER BY min(position) LIMIT $2";
const BLOCKED: &str = "SELECT u.number FROM unnest($2::uuid[]) WITH ORDINALITY AS u (stream, number) \
    WHERE (SELECT l.version FROM factum_letters AS l WHERE l.reader = $1 AND l.stream = u.stream LIMIT 1) IS NOT NULL \
    ORDER BY u.number";
const SETTLE: &str =
    "DELETE FROM factum_letters WHERE reader = $1 AND position = ANY ($2::text[]::numeric[])";
const KEEP: &str = "INSERT INTO factum_letters \
    (reader, position, category, stream_id, stream, version, event, name, error, attempts, at, wish) \
    SELECT $1, u.position::numeric, u.category, u.stream_id, u.stream, u.version, u.event, u.name, u.error, u.attempts, \
    u.at, u.wish FROM unnest($2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::uuid[], $8::text[], \
    $9::text[], $10::bigint[], $11::timestamptz[], $12::text[]) \
    AS u (position, category, stream_id, stream, version, event, name, error, attempts, at, wish) \
    ON CONFLICT (reader, position) DO UPDATE SET \
    (category, stream_id, stream, version, event, name, error, attempts, at, wish) = (excluded.category, \
    excluded.stream_id, excluded.stream, excluded.version, excluded.event, excluded.name, excluded.error, \
    excluded.attempts, excluded.at, excluded.wish)";

const WISHES: [(Wish, &str); 3] = [(Wish::Wait, "wait"), (Wish::Retry, "retry"), (Wish::Skip, "skip")];

fn wish_text(wish: Wish) -> &'static str {
    WISHES.iter().find(|(known, _)| *known == wish).map_or("wait", |(_, text)| text)
}

/// How many, as PostgreSQL counts.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The position that was sent as text.
pub(super) fn position(row: &Row, column: usize) -> Result<Position, Failure> {
    let sent: &str = row.try_get(column)?;
    sent.parse().map_err(|_| StoreError::corrupt(format!("`{sent}` is no position")).into())
}

fn damaged(reader: &str) -> StoreError {
    StoreError::corrupt(format!("a dead letter of `{reader}` cannot be what was written"))
}

fn decoded(sent: &str, reader: &str) -> Result<String, StoreError> {
    text::decode(sent).map(std::borrow::Cow::into_owned).ok_or_else(|| damaged(reader))
}

/// The letters of a reader behind a position, of one stream or of all.
pub(super) async fn find(
    session: &Session,
    reader: &str,
    stream: Option<&StreamId>,
    after: Position,
    most: usize,
) -> Result<Vec<Letter>, Failure> {
    let (encoded, after, most) = (text::encode(reader), after.to_string(), limit(most));
    let rows = match stream {
        None => {
            let statement = session.prepared(LETTERS).await?;
            session.client.query(&statement, &[&encoded, &after, &most]).await?
        }
        Some(stream) => {
            let statement = session.prepared(OF_STREAM).await?;
            session.client.query(&statement, &[&encoded, &after, &most, &stream_key(stream)]).await?
        }
    };
    rows.iter().map(|row| letter(row, reader)).collect()
}

fn letter(row: &Row, reader: &str) -> Result<Letter, Failure> {
    let wish: &str = row.try_get(9)?;
    let wish = WISHES.iter().find(|(_, known)| *known == wish).map(|(wish, _)| *wish);
    Ok(Letter {
        reader: reader.to_owned(),
        position: position(row, 0)?,
        stream: stream(row, 1, reader)?,
        version: Version::new(u64::try_from(row.try_get::<_, i64>(3)?).unwrap_or_default()),
        event: EventId(row.try_get::<_, Uuid>(4)?),
        name: Name::from(decoded(row.try_get(5)?, reader)?),
        error: decoded(row.try_get(6)?, reader)?,
        attempts: u32::try_from(row.try_get::<_, i64>(7)?).unwrap_or(u32::MAX),
        at: value::time_in(row, 8).ok_or_else(|| damaged(reader))?,
        wish: wish.ok_or_else(|| damaged(reader))?,
    })
}

/// The stream that is named by two columns.
fn stream(row: &Row, from: usize, reader: &str) -> Result<StreamId, Failure> {
    let (category, id) = (row.try_get(from)?, row.try_get(from + 1)?);
    Ok(StreamId::new(decoded(category, reader)?, decoded(id, reader)?))
}

pub(super) async fn count(session: &Session, reader: &str) -> Result<u64, Failure> {
    let statement = session.prepared(COUNT).await?;
    let row = session.client.query_one(&statement, &[&text::encode(reader)]).await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default())
}

/// Whether there is a letter to wish something of.
pub(super) async fn wish(
    session: &Session,
    reader: &str,
    position: Position,
    wish: Wish,
) -> Result<bool, Failure> {
    let statement = session.prepared(WISH).await?;
    let (position, wish) = (position.to_string(), wish_text(wish));
    let row = session.client.query_opt(&statement, &[&text::encode(reader), &position, &wish]).await?;
    Ok(row.is_some())
}

/// Streams of which something is wished.
pub(super) async fn wished(session: &Session, reader: &str, most: usize) -> Result<Vec<StreamId>, Failure> {
    let statement = session.prepared(WISHED).await?;
    let rows = session.client.query(&statement, &[&text::encode(reader), &limit(most)]).await?;
    rows.iter().map(|row| stream(row, 0, reader)).collect()
}

/// Which of these streams have letters.
pub(super) async fn blocked(
    session: &Session,
    reader: &str,
    streams: &[StreamId],
) -> Result<Vec<StreamId>, Failure> {
    let keys: Vec<Uuid> = streams.iter().map(stream_key).collect();
    let statement = session.prepared(BLOCKED).await?;
    let rows = session.client.query(&statement, &[&text::encode(reader), &keys]).await?;
    let mut blocked = Vec::with_capacity(rows.len());
    for row in rows {
        let number = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        blocked.extend(number.checked_sub(1).and_then(|index| streams.get(index)).cloned());
    }
    Ok(blocked)
}

/// What removes letters.
pub(super) fn settle<'a>(reader: &'a str, settled: &[Position]) -> Asked<'a> {
    let positions: Vec<String> = settled.iter().map(ToString::to_string).collect();
    Asked { text: SETTLE.to_owned(), parameters: vec![Box::new(text::encode(reader)), Box::new(positions)] }
}

/// What keeps letters, each in place of the one at its position.
pub(super) fn keep<'a>(reader: &'a str, letters: &'a [Letter]) -> Asked<'a> {
    fn all<'a, T>(letters: &'a [Letter], of: impl Fn(&'a Letter) -> T) -> Parameter<'a>
    where
        T: ToSql + Send + Sync + 'a,
    {
        Box::new(letters.iter().map(of).collect::<Vec<T>>())
    }
    Asked {
        text: KEEP.to_owned(),
        parameters: vec![
            Box::new(text::encode(reader)),
            all(letters, |letter| letter.position.to_string()),
            all(letters, |letter| text::encode(letter.stream.category())),
            all(letters, |letter| text::encode(letter.stream.id())),
            all(letters, |letter| stream_key(&letter.stream)),
            all(letters, |letter| from_version(letter.version)),
            all(letters, |letter| letter.event.0),
            all(letters, |letter| text::encode(&letter.name)),
            all(letters, |letter| text::encode(&letter.error)),
            all(letters, |letter| i64::from(letter.attempts)),
            all(letters, |letter| Cell::owned(Value::Time(letter.at))),
            all(letters, |letter| wish_text(letter.wish)),
        ],
    }
}
