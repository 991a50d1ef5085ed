//! Snapshots of state.

use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    connection::{Failure, Session},
    tail::{from_version, stream_key},
    text,
};
use crate::{
    Version,
    store::{EventId, Name, Payload, Snapshot, StoreError, StreamId},
};

pub(super) const SNAPSHOT: &str =
    "SELECT version, last, fingerprint, origin, format, state FROM snapshots WHERE stream = $1";

pub(super) const KEEP: &str = "INSERT INTO snapshots (stream, version, last, fingerprint, origin, format, state) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (stream) DO UPDATE SET \
     (version, last, fingerprint, origin, format, state) = (excluded.version, excluded.last, \
     excluded.fingerprint, excluded.origin, excluded.format, excluded.state)";

/// The snapshot of the stream.
pub(super) async fn find(session: &Session, stream: &StreamId) -> Result<Option<Snapshot>, Failure> {
    let Some(row) = session.client.query_opt(&session.snapshot, &[&stream_key(stream)]).await? else {
        return Ok(None);
    };
    let damaged = || StoreError::corrupt(format!("the snapshot of `{stream}` cannot be what was written"));
    Ok(Some(decode(&row, stream).ok_or_else(damaged)?))
}

fn decode(row: &Row, stream: &StreamId) -> Option<Snapshot> {
    let (format, state): (Option<&str>, &[u8]) = (row.try_get(4).ok()?, row.try_get(5).ok()?);
    Some(Snapshot {
        stream: stream.clone(),
        version: Version::new(u64::try_from(row.try_get::<_, i64>(0).ok()?).ok()?),
        last: EventId(row.try_get(1).ok()?),
        fingerprint: row.try_get::<_, Uuid>(2).ok()?.into_bytes(),
        origin: row.try_get(3).ok()?,
        state: match format {
            None => Payload::json(std::str::from_utf8(state).ok()?),
            Some(format) => {
                let format = Name::from(text::decode(format)?.into_owned());
                Payload::Other { format, bytes: state.into() }
            }
        },
    })
}

/// Keeps the snapshot in place of the one that the stream has. Done twice it does no more than once.
pub(super) async fn keep(session: &Session, snapshot: &Snapshot) -> Result<(), Failure> {
    let Snapshot { stream, version, last, fingerprint, origin, state } = snapshot;
    let format = match state {
        Payload::Json(_) => None,
        Payload::Other { format, .. } => Some(text::encode(format)),
    };
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &stream_key(stream),
        &from_version(*version),
        &last.0,
        &Uuid::from_bytes(*fingerprint),
        origin,
        &format,
        &state.bytes(),
    ];
    session.client.execute(&session.keep_snapshot, &parameters).await?;
    Ok(())
}
