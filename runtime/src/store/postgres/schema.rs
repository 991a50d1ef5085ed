//! The tables, and whose database it is.

use tokio_postgres::{Client, Error};

use super::{PostgresOptions, error::failed};
use crate::store::{Durability, StoreError, StoreErrorKind};

/// The oldest PostgreSQL on which the tests run.
const OLDEST: i32 = 15;

/// The version of the tables.
const VERSION: i32 = 1;

const TABLES: &str = include_str!("tables.sql");

const SERVER: &str = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'), \
    current_setting('fsync') = 'on'";

/// Whether the tables are there, whether anything is in the schema, and whether we may look.
const FOUND: &str = "SELECT to_regclass('factum') IS NOT NULL, \
    EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace($1)), \
    coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'USAGE'), true)";

/// The name is a parameter of the session, because a schema cannot be made by a statement that has parameters.
const NEW_SCHEMA: &str = "DO $$ BEGIN IF to_regnamespace(current_setting('factum.schema')) IS NULL THEN \
    EXECUTE format('CREATE SCHEMA %I', current_setting('factum.schema')); END IF; END $$";

/// Makes the tables if they are not there and may be made. How durable the server is.
pub(super) async fn prepare(client: &Client, options: &PostgresOptions) -> Result<Durability, StoreError> {
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
    if !exists(client, schema).await? {
        if options.existing {
            return Err(StoreError::new(
                StoreErrorKind::Missing,
                format!("there is no store in the schema `{schema}` of this database"),
            ));
        }
        create(client, schema).await?;
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

/// Whether our tables are there.
async fn exists(client: &Client, schema: &str) -> Result<bool, StoreError> {
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
            false => Ok(false),
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
    if version == VERSION {
        return Ok(true);
    }
    Err(StoreError::new(
        StoreErrorKind::Foreign,
        format!(
            "the tables in schema `{schema}` are of version {version}, this version of factum reads and writes version \
             {VERSION}: use the version of factum that wrote them, or a later one"
        ),
    ))
}

async fn create(client: &Client, schema: &str) -> Result<(), StoreError> {
    let making = |error| failed(&format!("making the tables in schema `{schema}`"), error);
    // One at a time. Whoever comes second finds the tables.
    client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1717794925, 0)").await.map_err(making)?;
    if !exists(client, schema).await? {
        client.execute("SELECT set_config('factum.schema', $1, true)", &[&schema]).await.map_err(making)?;
        client.batch_execute(NEW_SCHEMA).await.map_err(making)?;
        client.batch_execute(TABLES).await.map_err(making)?;
    }
    client.batch_execute("COMMIT").await.map_err(making)
}
