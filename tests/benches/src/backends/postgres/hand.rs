//! By hand on tokio-postgres: one table.

use std::{
    ops::Range,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use tokio_postgres::{Client, NoTls, Statement};

use super::{
    grouped::{Grouped, SignUps, Viewed},
    plain::Plain,
    view,
};
use crate::{
    Error, Fact,
    database::{Answer, Database, Entry, Runner, Watch, Work},
    hand::{self, Event, Incident},
};

const TABLE: &str = "
DROP SCHEMA IF EXISTS by_hand CASCADE;
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    payload text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (stream, version)
);
CREATE TABLE by_hand.addresses (address text PRIMARY KEY, stream text NOT NULL)";

pub(super) const LOAD: &str = "SELECT name, payload FROM by_hand.events WHERE stream = $1 ORDER BY version";

const IMPORT: &str = "INSERT INTO by_hand.events (stream, version, name, payload) \
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])";

/// What a replay has to know of an event: what happened, and to whom, when.
const SCAN: &str =
    "SELECT position, stream, version, at, name, payload FROM by_hand.events ORDER BY position";

pub(super) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The state and the version of a stream.
pub(super) async fn load(
    client: &Client,
    select: &Statement,
    stream: &str,
) -> Result<(Option<Incident>, i64), Error> {
    let (mut state, mut version) = (None, 0);
    for row in client.query(select, &[&stream]).await? {
        Incident::fold(&mut state, 1, Event::decode(row.try_get(0)?, row.try_get(1)?)?)?;
        version += 1;
    }
    Ok((state, version))
}

/// The name of a stream.
pub(super) fn stream_name(stream: u64) -> String {
    format!("incident-{stream}")
}

/// The table, made anew.
pub(super) struct ByHand {
    url: String,
    client: Client,
    select: Statement,
    import: Statement,
    scan: Statement,
}

impl ByHand {
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        let client = connect(url).await?;
        client.batch_execute(TABLE).await?;
        let (select, import) = (client.prepare(LOAD).await?, client.prepare(IMPORT).await?);
        let scan = client.prepare(SCAN).await?;
        Ok(Self { url: url.to_owned(), client, select, import, scan })
    }
}

impl Database for ByHand {
    /// All rows in one statement, as arrays.
    fn append<'a>(&'a self, streams: Range<u64>, already: u64, events: &'a [Fact]) -> Answer<'a, ()> {
        Box::pin(async move {
            let many = (streams.end - streams.start) as usize * events.len();
            let (mut keys, mut versions) = (Vec::with_capacity(many), Vec::with_capacity(many));
            let (mut names, mut payloads) = (Vec::with_capacity(many), Vec::with_capacity(many));
            for stream in streams {
                for ((name, payload), version) in events.iter().zip(already + 1..) {
                    keys.push(stream_name(stream));
                    versions.push(version as i64);
                    names.push(*name);
                    payloads.push(payload.as_str());
                }
            }
            self.client.execute(&self.import, &[&keys, &versions, &names, &payloads]).await?;
            Ok(())
        })
    }

    fn addresses(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let rows = self.client.query("SELECT address FROM by_hand.addresses", &[]).await?;
            Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
        })
    }

    /// What the server does by itself after a while.
    fn settle(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(self.client.batch_execute("ANALYZE by_hand.events").await?) })
    }

    fn programs(&self, work: Work, clients: u64) -> Answer<'_, Vec<Runner>> {
        Box::pin(async move {
            Ok(match work {
                Work::Command | Work::Warm => {
                    let plain = Runner::new("select + insert", &Plain::open(&self.url, clients).await?);
                    if clients == 1 {
                        vec![plain]
                    } else {
                        vec![plain, Runner::new("grouped", &Grouped::open(&self.url).await?)]
                    }
                }
                Work::SignUp => {
                    vec![Runner::new("grouped", &Arc::new(SignUps(Grouped::open(&self.url).await?)))]
                }
                Work::Viewed | Work::ViewedCold => {
                    view::fill(&self.client).await?;
                    vec![Runner::new("grouped", &Arc::new(Viewed(Grouped::open(&self.url).await?)))]
                }
                Work::Append | Work::SignUpFreely => Vec::new(),
            })
        })
    }

    fn fill(&self) -> Answer<'_, Duration> {
        Box::pin(async move {
            let began = Instant::now();
            view::fill(&self.client).await?;
            Ok(began.elapsed())
        })
    }

    fn overview(&self) -> Answer<'_, Vec<Entry>> {
        Box::pin(view::overview(&self.client))
    }

    fn load(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(
            async move { Ok(load(&self.client, &self.select, &stream_name(stream)).await?.1.unsigned_abs()) },
        )
    }

    /// All rows in one stream, as they come.
    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let none: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
            let mut rows = pin!(self.client.query_raw(&self.scan, none).await?);
            let mut events = 0;
            while let Some(row) = rows.try_next().await? {
                let at: std::time::SystemTime = row.try_get(3)?;
                let envelope: (i64, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                std::hint::black_box((envelope, at));
                match Event::decode(row.try_get(4)?, row.try_get(5)?)? {
                    Event::TextChanged(hand::TextChanged { text }) => watch(Some(&text)),
                    _ => watch(None),
                }
                events += 1;
            }
            Ok(events)
        })
    }
}
