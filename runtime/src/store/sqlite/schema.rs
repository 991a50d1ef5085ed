//! The tables, and whose file it is.

use rusqlite::{Connection, Error, Transaction, TransactionBehavior};

use super::error::failed;
use crate::store::{StoreError, StoreErrorKind};

/// What SQLite keeps in the header of a file to tell whose it is: `fctm`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"fctm");

/// What makes the tables of a version from those of the version before, in order; the first one makes them. A step may count on
/// those before it and on nothing else.
const STEPS: [&str; 2] = [TABLES, BOOKS];

/// The version that this code reads and writes.
const VERSION: i32 = STEPS.len() as i32;

/// Every text and number is there as itself, for any tool that reads SQLite.
///
/// - Nothing of events and streams is ever updated or deleted, so keys, once committed, stand for ever. An append writes
///   one row of `events` and its two index entries; no counter is kept anywhere, because each page that is touched is
///   written to the log.
/// - `position` is one more than the last one, inside of the transaction that writes it. SQLite has one writer at a
///   time, so the order of positions is the order of commits, and no gap fills late.
/// - `payload` is text where `format` is NULL (JSON), else a blob. The columns that a load reads come first, because
///   SQLite finds a column by counting; what an append reads comes before the payload, which may be long.
/// - `metadata` is one column, although it has parts that all tools know: most events have none, and each column that
///   a scan reads costs time for each event. It is NULL where nothing was said; people see its parts in `log`.
/// - The index on `category` ends, like every index, with the position.
/// - `commits` holds the ids of commits that expected no version. Others are recognised by their events.
/// - `keys` and `claims` hold hashes, not what somebody chose or typed: they are short, and nobody reads it there.
/// - `claim_changes` are the latest changes of `claims`, which has what was before: see `holders.rs`. The last one is never
///   taken away, so no key is given twice.
/// - `reserved` is there for streams that are given a value before their first event. Any other stream that is in `streams`
///   and has no events is damaged, and nobody begins it anew.
/// - `snapshots` is a cache, which may be emptied at any time: `DELETE FROM snapshots`. It names its streams itself, because
///   a snapshot that has no events any more must be found out as such, and not be damage.
/// - A constraint names its category, because it may be there before the first stream is. Its claims go when it goes.
const TABLES: &str = "
CREATE TABLE categories (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE streams (
    key      INTEGER PRIMARY KEY,
    category INTEGER NOT NULL REFERENCES categories,
    id       TEXT NOT NULL,
    UNIQUE (category, id)
) STRICT;

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream   INTEGER NOT NULL REFERENCES streams,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL, -- microseconds since 1970
    name     TEXT NOT NULL,
    schema   INTEGER NOT NULL,
    payload  ANY NOT NULL,
    format   TEXT,
    id       BLOB NOT NULL,    -- a UUID
    category INTEGER NOT NULL REFERENCES categories,
    metadata TEXT,             -- a JSON object, if there is any
    UNIQUE (stream, version)
) STRICT;

CREATE INDEX events_by_category ON events (category);

CREATE TABLE commits (
    id       BLOB PRIMARY KEY,
    position INTEGER NOT NULL  -- of its first event
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    hash        BLOB PRIMARY KEY, -- of an idempotency key and its category
    fingerprint BLOB NOT NULL,    -- of the command
    position    INTEGER NOT NULL, -- of the first event of the commit
    events      INTEGER NOT NULL  -- how many it has
) STRICT, WITHOUT ROWID;

CREATE TABLE constraints (
    key      INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    name     TEXT NOT NULL UNIQUE,
    standing TEXT NOT NULL        -- 'building' or 'in force'
) STRICT;

CREATE TABLE claims (
    value        BLOB PRIMARY KEY, -- a hash of what is unique
    \"constraint\" INTEGER NOT NULL REFERENCES constraints,
    owner        INTEGER NOT NULL REFERENCES streams
) STRICT, WITHOUT ROWID;

CREATE TABLE claim_changes (
    key          INTEGER PRIMARY KEY,
    value        BLOB NOT NULL,
    \"constraint\" INTEGER NOT NULL REFERENCES constraints,
    owner        INTEGER REFERENCES streams -- who holds it since; NULL: nobody
) STRICT;

CREATE TABLE reserved (
    stream INTEGER PRIMARY KEY REFERENCES streams
) STRICT;

CREATE TABLE snapshots (
    category    TEXT NOT NULL,
    id          TEXT NOT NULL, -- of the stream
    version     INTEGER NOT NULL,
    last        BLOB NOT NULL, -- the id of the event at that version
    fingerprint BLOB NOT NULL, -- of the code
    origin      BLOB NOT NULL, -- the process that folded from the first event on
    format      TEXT,          -- NULL: JSON
    state       ANY NOT NULL,
    PRIMARY KEY (category, id)
) STRICT;

-- For people.
CREATE VIEW log AS
SELECT position, categories.name AS category, streams.id AS id, version, events.name AS event, schema,
       strftime('%Y-%m-%d %H:%M:%f', at / 1e6, 'unixepoch') AS at, iif(json_valid(metadata), metadata ->> '$.actor', metadata) AS actor,
       iif(json_valid(metadata), metadata ->> '$.correlation_id', NULL) AS correlation_id,
       iif(json_valid(metadata), metadata ->> '$.causation_id', NULL) AS causation_id,
       iif(json_valid(metadata), metadata ->> '$.notes', NULL) AS notes, payload
FROM events
LEFT JOIN streams ON streams.key = events.stream
LEFT JOIN categories ON categories.key = events.category;

CREATE VIEW held AS
WITH latest AS (SELECT value, \"constraint\", owner, max(key) FROM claim_changes GROUP BY value),
     holders AS (SELECT value, \"constraint\", owner FROM claims WHERE value NOT IN (SELECT value FROM latest)
                 UNION ALL SELECT value, \"constraint\", owner FROM latest WHERE owner IS NOT NULL)
SELECT hex(value) AS value, constraints.name AS \"constraint\", categories.name AS category, streams.id AS id
FROM holders
LEFT JOIN constraints ON constraints.key = holders.\"constraint\"
LEFT JOIN streams ON streams.key = holders.owner
LEFT JOIN categories ON categories.key = streams.category;
";

/// The books of views and of those who read events.
///
/// - They begin with `factum_`, so that views can have the other names.
/// - Positions are text: they may be those of another store, which are longer than a number of SQLite. With leading zeros, they
///   sort.
/// - A build that is gone leaves its number.
/// - A view that writes tables of its own shape has several in a build, each called like the one of another view.
const BOOKS: &str = "
CREATE TABLE factum_builds (
    view        TEXT NOT NULL,    -- the table that everybody reads; another one beside it is called `view__generation`
    generation  INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,    -- of the code that fills it
    stage       TEXT NOT NULL,    -- 'beside', 'live', 'transactional' or 'gone'
    tables      TEXT,             -- names with spaces between them; NULL: one, called like the view
    PRIMARY KEY (view, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE factum_readers (
    reader   TEXT PRIMARY KEY,    -- the name of a handler, or `view#generation`
    position TEXT NOT NULL        -- of the last event that it has dealt with
) STRICT, WITHOUT ROWID;

CREATE TABLE factum_letters (
    reader   TEXT NOT NULL,
    position TEXT NOT NULL,
    category TEXT NOT NULL,
    id       TEXT NOT NULL,       -- of the stream
    version  INTEGER NOT NULL,
    event    TEXT NOT NULL,       -- a UUID
    name     TEXT NOT NULL,
    error    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at       INTEGER NOT NULL,    -- of the last attempt, in microseconds since 1970
    wish     TEXT NOT NULL,       -- 'wait', 'retry' or 'skip'
    PRIMARY KEY (reader, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX factum_letters_by_stream ON factum_letters (reader, category, id, position);
CREATE INDEX factum_letters_wished ON factum_letters (reader, position) WHERE wish <> 'wait';

CREATE TABLE factum_leases (
    work   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    since  INTEGER NOT NULL,      -- microseconds since 1970
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE factum_processes (
    manager TEXT NOT NULL,
    key     TEXT NOT NULL,
    state   TEXT NOT NULL,        -- JSON
    PRIMARY KEY (manager, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE factum_deadlines (
    manager TEXT NOT NULL,
    key     TEXT NOT NULL,
    place   INTEGER NOT NULL,     -- among those of the process
    name    TEXT NOT NULL,
    due     INTEGER NOT NULL,     -- microseconds since 1970
    origin  TEXT NOT NULL,        -- what set it
    PRIMARY KEY (manager, key, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX factum_deadlines_by_time ON factum_deadlines (manager, due);
";

/// Whose a database is, as far as its header and its tables tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: it is empty.
    Nobody,
    /// Ours, in the version that this code reads and writes.
    Us,
    /// Ours, in this earlier version, of which the one of this code can be made.
    UsBefore(usize),
    /// Ours, in this other version.
    UsOfVersion(i32),
    /// Somebody else's. The text says by what that is known.
    SomebodyElse(String),
}

impl Owner {
    /// Looks at the database. In a transaction, because another process may be making its tables meanwhile.
    pub(super) fn of(database: &Transaction<'_>) -> Result<Self, Error> {
        let id: i32 = database.query_row("PRAGMA application_id", (), |row| row.get(0))?;
        let version: i32 = database.query_row("PRAGMA user_version", (), |row| row.get(0))?;
        if id == APPLICATION_ID {
            return Ok(match usize::try_from(version) {
                Ok(0) | Err(_) => Self::UsOfVersion(version),
                Ok(before) if before < STEPS.len() => Self::UsBefore(before),
                Ok(_) if version == VERSION => Self::Us,
                Ok(_) => Self::UsOfVersion(version),
            });
        }
        if id != 0 {
            return Ok(Self::SomebodyElse(format!(
                "a SQLite database of another application (its id is {id:#x})"
            )));
        }
        let tables: bool =
            database.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", (), |row| row.get(0))?;
        Ok(match (tables, version) {
            (false, 0) => Self::Nobody,
            (true, _) => Self::SomebodyElse("a SQLite database with other tables".to_owned()),
            (false, _) => {
                Self::SomebodyElse(format!("a SQLite database of another kind (its version is {version})"))
            }
        })
    }

    /// Refuses what cannot be used: a database of somebody else, or of another version.
    pub(super) fn refuse_others(&self, file: &str) -> Result<(), StoreError> {
        match self {
            Self::Nobody | Self::Us | Self::UsBefore(_) => Ok(()),
            Self::UsOfVersion(newer) if *newer > VERSION => Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "{file} was written by a newer version of factum (its tables have version {newer}, this program knows \
                     {VERSION}): use that one"
                ),
            )),
            Self::UsOfVersion(version) => Err(StoreError::corrupt(format!(
                "{file} says that its tables have version {version}, which never existed"
            ))),
            Self::SomebodyElse(what) => Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!("{file} is not a store of factum but {what}: name another file"),
            )),
        }
    }
}

/// Makes the tables, or what is missing of them, unless another process has just done so.
///
/// In one transaction, so that nobody ever sees half of them, and before the database is switched to WAL, so that the
/// header of the file itself says whose it is from its first byte on.
pub(super) fn create(connection: &Connection, file: &str) -> Result<(), StoreError> {
    let failed_making = |error| failed(&format!("making the tables of {file}"), error);
    let making =
        Transaction::new_unchecked(connection, TransactionBehavior::Exclusive).map_err(failed_making)?;
    let owner = Owner::of(&making).map_err(failed_making)?;
    let done = match owner {
        Owner::Nobody => 0,
        Owner::UsBefore(version) => version,
        owner => return owner.refuse_others(file),
    };
    for step in STEPS.iter().skip(done) {
        making.execute_batch(step).map_err(failed_making)?;
    }
    making.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed_making)?;
    making.pragma_update(None, "user_version", VERSION).map_err(failed_making)?;
    making.commit().map_err(failed_making)
}
