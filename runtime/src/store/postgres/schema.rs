//! The tables, and whose database it is.

use tokio_postgres::{Client, Error};

use super::{PostgresOptions, error::failed};
use crate::store::{Durability, StoreError, StoreErrorKind};

/// The oldest PostgreSQL on which the tests run.
const OLDEST: i32 = 15;

/// What makes the tables of a version from those of the version before, in order; the first one makes them. Their number is
/// the version that this code reads and writes. A step may count on those before it and on nothing else, and what it
/// takes away must not be used by a store of the version before that is still at work.
pub(super) const STEPS: &[&str] = &[concat!(include_str!("tables.sql"), include_str!("views.sql"))];

const SERVER: &str = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'), \
    current_setting('fsync') = 'on'";

/// Whether the tables are there, whether anything is in the schema, and whether we may look.
const FOUND: &str = "SELECT to_regclass('factum') IS NOT NULL, \
    EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace($1)), \
    coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'USAGE'), true)";

/// The name is a parameter of the session, because a schema cannot be made by a statement that has parameters.
const NEW_SCHEMA: &str = "DO $$ BEGIN IF to_regnamespace(current_setting('factum.schema')) IS NULL THEN \
    EXECUTE format('CREATE SCHEMA %I', current_setting('factum.schema')); END IF; END $$";

const RECORD: &str = "WITH before AS (DELETE FROM factum) INSERT INTO factum (version) VALUES ($1)";

/// Makes the tables where they may be made, or makes them what these steps make of them. How durable the server is.
pub(super) async fn prepare(
    client: &Client,
    options: &PostgresOptions,
    steps: &[&str],
) -> Result<Durability, StoreError> {
    let schema = &options.schema;
    let looking = |error| failed("looking at the database", error);
    let server = client.query_one(SERVER, &[]).await.map_err(looking)?;
    let (version, encoding): (i32, String) =
        get(&server, 0).and_then(|v| Ok((v, get(&server, 1)?))).map_err(looking)?;
    if version < OLDEST {
        return Err(StoreError::new(
            StoreErrorKind::Foreign,
            format!("the server is PostgreSQL {version}: factum needs version {OLDEST} or later"),
        ));
    }
    if encoding != "UTF8" {
        return Err(StoreError::new(
            StoreErrorKind::Foreign,
            format!("the database keeps text as {encoding}: make it with `createdb --encoding=UTF8`"),
        ));
    }
    let done = done(client, schema, steps).await?;
    if done == 0 && options.existing {
        return Err(StoreError::new(
            StoreErrorKind::Missing,
            format!("there is no store in the schema `{schema}` of this database"),
        ));
    }
    if done < steps.len() {
        migrate(client, schema, steps).await?;
    }
    let fsync: bool = get(&server, 2).map_err(looking)?;
    Ok(if fsync { Durability::PowerLoss } else { Durability::Crash })
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    column: usize,
) -> Result<T, Error> {
    row.try_get(column)
}

/// How many of the steps are done: none where there is nothing of ours.
async fn done(client: &Client, schema: &str, steps: &[&str]) -> Result<usize, StoreError> {
    let looking = |error| failed("looking at the database", error);
    let found = client.query_one(FOUND, &[&schema]).await.map_err(looking)?;
    let (ours, others): (bool, bool) =
        get(&found, 0).and_then(|v| Ok((v, get(&found, 1)?))).map_err(looking)?;
    if !get(&found, 2).map_err(looking)? {
        return Err(StoreError::new(
            StoreErrorKind::Denied,
            format!(
                "this user may not use the schema `{schema}`: let its owner `GRANT USAGE ON SCHEMA` and the tables"
            ),
        ));
    }
    if !ours {
        return match others {
            false => Ok(0),
            true => Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "the schema `{schema}` holds tables of another application: name another one with `?schema=name`"
                ),
            )),
        };
    }
    let row = client.query_one("SELECT version FROM factum", &[]).await.map_err(looking)?;
    let version: i32 = get(&row, 0).map_err(looking)?;
    usize::try_from(version).ok().filter(|version| *version <= steps.len()).ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Foreign,
            format!(
                "the tables in schema `{schema}` are of version {version}, this version of factum knows those up to \
                 version {}: use the version of factum that wrote them, or a later one",
                steps.len()
            ),
        )
    })
}

/// Takes the steps that are not done yet: all of them, or none if one fails.
async fn migrate(client: &Client, schema: &str, steps: &[&str]) -> Result<(), StoreError> {
    let making = |error| failed(&format!("making the tables in schema `{schema}`"), error);
    // One at a time. Whoever comes second finds them done.
    client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1717794925, 0)").await.map_err(making)?;
    let migrated = async {
        let done = done(client, schema, steps).await?;
        if done == 0 {
            client
                .execute("SELECT set_config('factum.schema', $1, true)", &[&schema])
                .await
                .map_err(making)?;
            client.batch_execute(NEW_SCHEMA).await.map_err(making)?;
        }
        for step in steps.iter().skip(done) {
            client.batch_execute(step).await.map_err(making)?;
        }
        let version = i32::try_from(steps.len()).unwrap_or(i32::MAX);
        client.execute(RECORD, &[&version]).await.map_err(making)
    };
    match migrated.await {
        Ok(_) => client.batch_execute("COMMIT").await.map_err(making),
        Err(error) => {
            // The connection may be somebody else's, who wants it back as it was.
            let _ = client.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}
