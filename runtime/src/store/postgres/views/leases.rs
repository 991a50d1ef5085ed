//! Leases, by the clock of the server.

use std::time::Duration;

use super::super::{
    connection::{Failure, Session},
    text,
};
use crate::read::Lease;

const LEASE: &str = "INSERT INTO factum_leases AS l (work, holder, until) \
    VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 microsecond') \
    ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, \
    until = clock_timestamp() + $3::bigint * interval '1 microsecond' \
    WHERE l.holder = excluded.holder OR l.until <= clock_timestamp() \
    RETURNING (date_part('epoch', until - clock_timestamp()) * 1000000)::bigint";
const RELEASE: &str = "DELETE FROM factum_leases WHERE work = $1 AND holder = $2";

/// No lease is longer: a century.
const LONGEST: i64 = 3_155_760_000_000_000;

/// Takes or renews the lease, unless somebody else has it.
pub(super) async fn take(
    session: &Session,
    work: &str,
    holder: &str,
    duration: Duration,
) -> Result<Option<Lease>, Failure> {
    let statement = session.prepared(LEASE).await?;
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(LONGEST);
    let taken = session
        .client
        .query_opt(&statement, &[&text::encode(work), &text::encode(holder), &microseconds])
        .await?;
    let Some(row) = taken else { return Ok(None) };
    let remaining = Duration::from_micros(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default());
    Ok(Some(Lease { work: work.to_owned(), holder: holder.to_owned(), remaining }))
}

/// Gives the lease back, if it is held.
pub(super) async fn release(session: &Session, work: &str, holder: &str) -> Result<(), Failure> {
    let statement = session.prepared(RELEASE).await?;
    session.client.execute(&statement, &[&text::encode(work), &text::encode(holder)]).await?;
    Ok(())
}
