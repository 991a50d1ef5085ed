//! What can be written and read, and indexes that views of rows have not.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use factum::{
    Consistency, Recorded, RunningApp,
    handler::HandlerError,
    read::{SqlTransaction, Value},
    view::SqlView,
};
use uuid::Uuid;

use super::on_each;
use crate::{
    app,
    domain::{Account, AccountCommand, AccountEvent, open},
    fresh,
};

/// A row of all types for each account, and the same in one that is `NULL` all through.
struct Types;

const COLUMNS: usize = 9;

fn every_value() -> [Value; COLUMNS] {
    let at: DateTime<Utc> = "2026-11-28T22:30:00.123456Z".parse().unwrap();
    [
        true.into(),
        i64::MIN.into(),
        0.1.into(),
        "größe {x} $1 \"'".into(),
        vec![0, 255].into(),
        at.into(),
        NaiveDate::from_ymd_opt(1999, 12, 31).unwrap().into(),
        Uuid::from_u128(7).into(),
        Value::Json("{\"a\":[1]}".to_owned()),
    ]
}

impl SqlView for Types {
    type Source = Account;
    const NAME: &'static str = "types";
    const VERSION: u32 = 1;
    const TABLES: &'static [(&'static str, &'static str)] = &[(
        "every_type",
        "CREATE TABLE {every_type} (a BOOLEAN, b BIGINT, c DOUBLE PRECISION, d TEXT, e BYTEA, f TIMESTAMPTZ, g DATE, \
         h UUID, i JSONB)",
    )];

    async fn project(
        &self,
        _: &Recorded<AccountEvent>,
        transaction: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        let insert = "INSERT INTO {every_type} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        transaction.execute(insert, &every_value()).await?;
        transaction.execute(insert, &[const { Value::Null }; COLUMNS]).await?;
        // In any order.
        let swapped =
            "INSERT INTO {every_type} (b, c) VALUES ($2, 2 * CAST($1 AS DOUBLE PRECISION)) RETURNING b, c";
        let found = transaction.query(swapped, &[1.5.into(), 7.into()]).await?;
        assert_eq!(found, [[Value::Integer(7), Value::Real(3.0)]]);
        let name = transaction.table("every_type");
        assert!(name == "every_type" || name.starts_with("every_type__"), "{name}");
        Ok(())
    }
}

/// What SQLite keeps it as.
fn as_kept(value: &Value) -> Value {
    match value {
        Value::Bool(value) => Value::Integer((*value).into()),
        Value::Time(_) => "2026-11-28T22:30:00.123456Z".into(),
        Value::Date(value) => value.to_string().into(),
        Value::Uuid(value) => value.to_string().into(),
        Value::Json(value) => value.into(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn values_come_back() {
    for kind in ["sqlite", "postgres"] {
        if !crate::houses().await.iter().any(|(name, _)| *name == kind) {
            continue;
        }
        let store = fresh(kind).await;
        let app = app(&store).sql_view(Types, Consistency::Awaited).start().await.unwrap();
        app.repository::<Account>().execute(&1, open("ann")).await.unwrap();
        assert_eq!(app.letters("types").list(factum::Position::START, 9).await.unwrap(), []);
        let types = app.sql_view::<Types>();
        let found = types.query("SELECT * FROM {every_type} ORDER BY b", &[]).await.unwrap();
        let every: Vec<Value> = match kind {
            "sqlite" => every_value().iter().map(as_kept).collect(),
            _ => every_value().into(),
        };
        assert!(found.contains(&every), "{found:?}");
        assert!(found.contains(&vec![Value::Null; COLUMNS]), "{found:?}");
        if kind == "postgres" {
            let cast = types.query("SELECT 1::smallint, $1::int, 1.5::real, 'a'::varchar", &[2.into()]).await;
            assert_eq!(cast.unwrap(), [[1.into(), 2.into(), 1.5.into(), "a".into()]]);
            let unknown = types.query("SELECT 1::numeric AS n", &[]).await.unwrap_err();
            assert!(unknown.to_string().contains("`n::text`"), "{unknown}");
            for (unfit, said) in [(Value::from("x"), "`x` is no `int4`"), (i64::MAX.into(), "is no `int4`")] {
                let error = types.query("SELECT $1::int", &[unfit]).await.unwrap_err();
                assert!(error.to_string().contains(said), "{error}");
            }
        }
        app.shutdown().await;
    }
}

/// Owners that are found by words.
struct Search<const POSTGRES: bool>;

impl<const POSTGRES: bool> SqlView for Search<POSTGRES> {
    type Source = Account;
    const NAME: &'static str = "search";
    const VERSION: u32 = 1;
    const TABLES: &'static [(&'static str, &'static str)] = if POSTGRES {
        &[
            ("words", "CREATE TABLE {words} (number BIGINT PRIMARY KEY, owner TEXT NOT NULL)"),
            ("words_found", "CREATE INDEX {words_found} ON {words} USING gin (to_tsvector('simple', owner))"),
        ]
    } else {
        &[("words", "CREATE VIRTUAL TABLE {words} USING fts5 (number UNINDEXED, owner)")]
    };

    async fn project(
        &self,
        event: &Recorded<AccountEvent>,
        transaction: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        let number: i64 = event.stream.id().parse()?;
        if let AccountEvent::Opened { owner } | AccountEvent::Given { owner } = &event.event {
            transaction.execute("DELETE FROM {words} WHERE number = $1", &[number.into()]).await?;
            let values = [number.into(), owner.into()];
            transaction.execute("INSERT INTO {words} VALUES ($1, $2)", &values).await?;
        }
        Ok(())
    }
}

async fn finds<const POSTGRES: bool>(app: &RunningApp, word: &str) -> Vec<Vec<Value>> {
    let sql = match POSTGRES {
        true => {
            "SELECT number FROM {words} WHERE to_tsvector('simple', owner) @@ to_tsquery('simple', $1) ORDER BY 1"
        }
        false => "SELECT number FROM {words} WHERE {words} MATCH $1 ORDER BY 1",
    };
    app.sql_view::<Search<POSTGRES>>().query(sql, &[word.into()]).await.unwrap()
}

async fn is_found_by_words<const POSTGRES: bool>(kind: &str) {
    if !crate::houses().await.iter().any(|(name, _)| *name == kind) {
        return;
    }
    let store = fresh(kind).await;
    let app = app(&store).sql_view(Search::<POSTGRES>, Consistency::Awaited).start().await.unwrap();
    let accounts = app.repository::<Account>();
    accounts.execute(&1, open("Ann Lee")).await.unwrap();
    accounts.execute(&2, open("Ann Day")).await.unwrap();
    accounts.execute(&2, AccountCommand::Give { owner: "Bob Lee".to_owned() }).await.unwrap();
    for _ in 0..2 {
        assert_eq!(finds::<POSTGRES>(&app, "ann").await, [[1.into()]]);
        assert_eq!(finds::<POSTGRES>(&app, "lee").await, [[1.into()], [2.into()]]);
        app.rebuild_sql::<Search<POSTGRES>>().await.unwrap().done().await.unwrap();
    }
    app.shutdown().await;
}

#[tokio::test]
async fn an_index_for_words_of_sqlite_is_filled_anew_like_others() {
    is_found_by_words::<false>("sqlite").await;
}

#[tokio::test]
async fn an_index_for_words_of_postgres_is_filled_anew_like_others() {
    is_found_by_words::<true>("postgres").await;
}

/// Everything that happened, in one table for all aggregates.
struct Log;

impl SqlView for Log {
    type Source = factum::handler::Everything;
    const NAME: &'static str = "everything";
    const VERSION: u32 = 1;
    const TABLES: &'static [(&'static str, &'static str)] =
        &[("happened", "CREATE TABLE {happened} (position TEXT PRIMARY KEY, name TEXT NOT NULL)")];

    async fn project(
        &self,
        event: &factum::store::RecordedEvent,
        transaction: &mut SqlTransaction<'_>,
    ) -> Result<(), HandlerError> {
        let values = [event.position.into(), event.name.as_str().into()];
        transaction.execute("INSERT INTO {happened} VALUES ($1, $2)", &values).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_view_of_everything_is_awaited_by_all() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        // Its tables may be elsewhere.
        let elsewhere = Arc::clone(&store).read_store().unwrap();
        let app =
            app(&store).read_store(elsewhere).sql_view(Log, Consistency::Awaited).start().await.unwrap();
        for number in 1..=5 {
            app.repository::<Account>().execute(&number, open("ann")).await.unwrap();
            let found = app.sql_view::<Log>().query("SELECT count(*) FROM {happened}", &[]).await.unwrap();
            assert_eq!(found, [[i64::try_from(number).unwrap().into()]]);
        }
        app.shutdown().await;
    })
    .await;
}
