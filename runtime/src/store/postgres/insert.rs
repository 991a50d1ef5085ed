//! Commits of which every append goes where it was expected to go: one plain statement records all of them, or nothing.

use tokio_postgres::{Error, Row, error::SqlState, types::ToSql};

use super::{
    columns::{Cells, Columns},
    connection::Session,
    tail::from_version,
    text,
    write::{Place, Placed},
};
use crate::store::{Append, Commit};

/// The lock under which positions are given out: one who appends at a time, in whichever process, until the commit can be
/// seen.
///
/// The statement may have begun to see before it was its turn; what was recorded in between, it meets in the index of
/// versions, and fails.
macro_rules! turn {
    () => {
        "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(1717794925, 'events'::regclass::oid::int))"
    };
}

/// The time, in microseconds.
macro_rules! now {
    () => {
        "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"
    };
}

/// Tells those who listen, when the commit can be seen.
macro_rules! notify {
    () => {
        "pg_notify('factum', current_schema())"
    };
}

macro_rules! one {
    ($judge:expr) => {
        concat!(
            turn!(),
            " INSERT INTO events (position, version, at, schema, stream, id, name, payload, category, stream_id, metadata) \
             SELECT nextval('positions'), $2::bigint, greatest(",
            now!(),
            ", $3), $4, $1, $5, $6, $7, $8, $9, $10 FROM turn",
            $judge,
            " RETURNING position - 1, at, ",
            notify!()
        )
    };
}

/// Nothing is on record for the category that the writer does not know. The statement has locked `events` before it began to
/// see, and whoever changes what is on record locks them against that: it is so until the commit can be seen.
macro_rules! known {
    () => {
        "NOT EXISTS (SELECT FROM constraints WHERE category = $8 AND name <> ALL ($11::text[]))"
    };
}

/// Records one event, if it goes behind the last one of its stream.
pub(super) const ONE: &str = one!(concat!(
    " WHERE $2::bigint - 1 = coalesce((SELECT version FROM events WHERE stream = $1 ORDER BY version DESC LIMIT 1), 0) AND ",
    known!()
));

/// Records one event, if none of its version is there.
///
/// That there is one of the version before has to be known. Who has read it over this very connection knows it: what is
/// recorded stays, unless another server takes over that has not heard of it yet, and this ends the connection.
pub(super) const NEXT: &str = one!(concat!(" WHERE ", known!()));

macro_rules! all {
    ($judge:expr, $more:expr) => {
        concat!(
            turn!(),
            ", clock AS MATERIALIZED (SELECT ",
            now!(),
            " AS now, ",
            notify!(),
            ", setval('positions', nextval('positions') + $3::bigint - 1) - $3::bigint AS base FROM turn WHERE NOT EXISTS \
             (SELECT FROM unnest($1::uuid[], $2::bigint[]) AS a (stream, first) WHERE a.first - 1 <> coalesce((SELECT version \
             FROM events WHERE stream = a.stream ORDER BY version DESC LIMIT 1), 0)) \
             AND NOT EXISTS (SELECT FROM unnest($16::text[]) WITH ORDINALITY AS g (category, number), constraints AS c \
             WHERE c.category = g.category AND c.name <> ALL (ARRAY(SELECT k.name FROM unnest($17::int[], $18::text[]) \
             AS k (crowd, name) WHERE k.crowd = g.number)))",
            $judge,
            "), recorded AS (INSERT INTO events (position, version, at, schema, stream, id, name, payload, category, \
             stream_id, metadata) SELECT clock.base + u.number, u.version, greatest(CASE WHEN $14 THEN NULL ELSE clock.now \
             END, u.at), coalesce(u.schema, 1), u.stream, u.id, u.name, u.payload, coalesce(u.category, $15), u.stream_id, \
             u.metadata FROM clock, unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[], $9::text[], \
             $10::text[], $11::text[], $12::text[], $13::text[]) WITH ORDINALITY AS u (stream, version, at, schema, id, \
             name, payload, category, stream_id, metadata, number))",
            $more,
            " SELECT base, now FROM clock"
        )
    };
}

/// Records all events, if each append goes behind the last event of its stream.
pub(super) const ALL: &str = all!("", "");

/// The same with values that are taken, if nobody holds any of them and their constraints are in force, and with keys, if
/// none of them was used.
pub(super) const CLAIMING: &str = all!(
    " AND NOT EXISTS (SELECT FROM claims WHERE value = ANY ($21::uuid[])) \
     AND NOT EXISTS (SELECT FROM unnest($19::text[], $20::text[]) AS w (category, name) WHERE (SELECT c.in_force \
     FROM constraints AS c WHERE c.category = w.category AND c.name = w.name LIMIT 1) IS NOT TRUE) \
     AND NOT EXISTS (SELECT FROM keys WHERE hash = ANY ($24::uuid[]))",
    ", claimed AS (INSERT INTO claims (value, owner, constraint_name) SELECT t.value, t.owner, ($20::text[])[t.use] \
     FROM clock, unnest($21::uuid[], $22::uuid[], $23::int[]) AS t (value, owner, use)), \
     remembered AS (INSERT INTO keys (hash, fingerprint, position, events) SELECT k.hash, k.fingerprint, \
     clock.base + k.place, k.events FROM clock, unnest($24::uuid[], $25::uuid[], $26::bigint[], $27::bigint[]) \
     AS k (hash, fingerprint, place, events))"
);

/// Brings the sequence up to the events, where somebody copied or replicated the tables without it: what it gives must not
/// come into a gap before events that were read. Who may not write need not.
pub(super) const CATCH_UP: &str = "SELECT CASE WHEN has_sequence_privilege('positions', 'UPDATE') \
    AND last > coalesce(pg_sequence_last_value('positions'::regclass), 0) THEN setval('positions', last) END \
    FROM (SELECT max(position) AS last FROM events) AS e";

/// Behind which position the events were recorded, and when.
pub(super) struct Inserted {
    pub(super) behind: i64,
    pub(super) now: i64,
}

/// Records the batch, in which no stream is twice; `None` if nothing was recorded, and somebody has to judge why.
pub(super) async fn insert(
    session: &Session,
    batch: &[Placed],
    columns: &Columns<'_>,
) -> Result<Option<Inserted>, Error> {
    if is_unusual(columns) {
        return Ok(None);
    }
    let Columns { crowds, changes, keys, .. } = columns;
    let takes = &changes.takes;
    let events = i64::try_from(columns.ids.len()).unwrap_or(i64::MAX);
    let keep_times = batch.first().is_some_and(Placed::keeps_times);
    let parameters: [&(dyn ToSql + Sync); 27] = [
        &columns.streams,
        &columns.firsts,
        &events,
        &columns.event_streams,
        &columns.versions,
        &columns.times,
        &columns.schemas,
        &columns.ids,
        &columns.names,
        &columns.payloads,
        &columns.categories,
        &columns.stream_ids,
        &columns.metadata,
        &keep_times,
        &columns.category,
        &crowds.categories,
        &crowds.knowing,
        &crowds.known,
        &changes.categories,
        &changes.names,
        &takes.values,
        &takes.owners,
        &takes.uses,
        &keys.hashes,
        &keys.fingerprints,
        &keys.places,
        &keys.events,
    ];
    let (plain, _) = parameters.split_at(18);
    inserted(match columns.claims_something() {
        true => session.client.query_opt(&session.insert_claiming, &parameters).await,
        false => session.client.query_opt(&session.insert_all, plain).await,
    })
}

/// Whether there is something in the batch that the plain statements do not know.
pub(super) fn is_unusual(columns: &Columns<'_>) -> bool {
    let unusual = [columns.unconditional_ids.len(), columns.contents.len(), columns.changes.released.len()];
    unusual != [0; 3]
}

/// A commit of one event, with nothing about it that the statement for one does not know.
pub(super) struct Single<'a> {
    commit: &'a Commit,
    append: &'a Append,
    place: Place,
    cells: Cells<'a>,
}

impl<'a> Single<'a> {
    pub(super) fn of(batch: &'a [Placed]) -> Option<Self> {
        let [placed] = batch else { return None };
        let ([append], [place]) = (placed.commit.appends.as_slice(), placed.after.as_slice()) else {
            return None;
        };
        let [event] = append.events.as_slice() else { return None };
        let cells = Cells::of(event);
        let known = !placed.is_unconditional()
            && !placed.keeps_times()
            && cells.bytes.is_none()
            && placed.hashes().next().is_none();
        known.then_some(Self { commit: &placed.commit, append, place: *place, cells })
    }

    /// The same for what one who is alone records: with nothing to unnest it costs half.
    pub(super) async fn insert(&self, session: &Session) -> Result<Option<Inserted>, Error> {
        let Self { commit, append, place, cells } = self;
        let known: Vec<_> = commit.constraints.iter().map(|name| text::encode(name)).collect();
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &place.stream,
            &from_version(place.version.next()),
            &place.at,
            &cells.schema,
            &commit.event_id(0).0,
            &cells.name,
            &cells.payload,
            &text::encode(append.stream.category()),
            &text::encode(append.stream.id()),
            &cells.metadata,
            &known,
        ];
        let statement =
            if place.seen_by == Some(session.number) { &session.insert_next } else { &session.insert_one };
        inserted(session.client.query_opt(statement, &parameters).await)
    }
}

/// No row: an append did not go where it was expected to go, or something else speaks against a commit. That two versions,
/// values or keys collide, says the index.
fn inserted(answer: Result<Option<Row>, Error>) -> Result<Option<Inserted>, Error> {
    match answer {
        Ok(Some(row)) => Ok(Some(Inserted { behind: row.try_get(0)?, now: row.try_get(1)? })),
        Ok(None) => Ok(None),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}
