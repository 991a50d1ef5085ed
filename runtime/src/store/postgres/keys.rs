//! Idempotency keys: under which one a commit is remembered, as columns, and what was recorded under one.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    connection::{Failure, Session},
    row::{self, all_columns},
};
use crate::store::{Commit, IdempotencyKey, Remembered, StoreError};

/// The events that were recorded under a key, with its fingerprint and their number.
pub(super) const REMEMBERED: &str = concat!(
    "SELECT ",
    all_columns!(),
    ", (SELECT fingerprint FROM keys WHERE hash = $1), (SELECT events FROM keys WHERE hash = $1) FROM events \
     WHERE position >= (SELECT position FROM keys WHERE hash = $1) ORDER BY position \
     LIMIT (SELECT events FROM keys WHERE hash = $1)"
);

const FINGERPRINT: usize = 12;
const EVENTS: usize = 13;

/// The keys of a batch.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) hashes: Vec<Uuid>,
    pub(super) fingerprints: Vec<Uuid>,
    /// Where the first event of the commit stands among all, from 1 on.
    pub(super) places: Vec<i64>,
    /// How many events the commit has.
    pub(super) events: Vec<i64>,
    pub(super) commits: Vec<i32>,
}

impl Keys {
    /// The commit's key, if it has one. Before it stand so many events of others.
    pub(super) fn add(&mut self, number: i32, commit: &Commit, before: usize) {
        let Some(key) = &commit.key else { return };
        let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
        self.hashes.push(key.hash());
        self.fingerprints.push(Uuid::from_bytes(key.fingerprint));
        self.places.push(i64::try_from(before).unwrap_or(i64::MAX).saturating_add(1));
        self.events.push(i64::try_from(events).unwrap_or(i64::MAX));
        self.commits.push(number);
    }
}

/// What was recorded under the key.
pub(super) async fn remembered(
    session: &Session,
    key: &IdempotencyKey,
) -> Result<Option<Remembered>, Failure> {
    let rows = session.client.query(&session.remembered, &[&key.hash()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let fingerprint = first.try_get::<_, Uuid>(FINGERPRINT)?.into_bytes();
    if usize::try_from(first.try_get::<_, i64>(EVENTS)?).ok() != Some(rows.len()) {
        return Err(
            StoreError::corrupt("an idempotency key was used, but not all of its events are there").into()
        );
    }
    let mut known = session.known();
    let event = |row: &Row| row::event(row, row::stream(row, &mut known)?, &mut known.names);
    Ok(Some(Remembered { fingerprint, events: rows.iter().map(event).collect::<Result<_, _>>()? }))
}
