//! The overview by hand: batches of events folded in memory, and two statements for each.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::{
    Error,
    database::Entry,
    hand::{self, Event},
};

const TABLE: &str = "
DROP TABLE IF EXISTS by_hand.overview;
CREATE TABLE by_hand.overview (
    number bigint PRIMARY KEY,
    text text NOT NULL,
    assignee bigint,
    open boolean NOT NULL,
    edits bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS by_hand.read (position bigint NOT NULL);
DELETE FROM by_hand.read;
INSERT INTO by_hand.read VALUES (0)";

/// How many events are taken in a transaction.
const BATCH: i64 = 1000;

const NEXT: &str = "SELECT position, stream, name, payload FROM by_hand.events WHERE position > $1 \
    ORDER BY position LIMIT $2";

const INSERT: &str = "INSERT INTO by_hand.overview (number, text, assignee, open, edits) \
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[])";

const UPDATE: &str = "UPDATE by_hand.overview AS o SET text = coalesce(u.text, o.text), \
    assignee = coalesce(u.assignee, o.assignee), open = coalesce(u.open, o.open), edits = o.edits + u.edits \
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[], $5::bigint[]) \
    AS u (number, text, assignee, open, edits) WHERE o.number = u.number";

/// What a batch does to a row.
#[derive(Debug, Default)]
struct Change {
    created: bool,
    text: Option<String>,
    assignee: Option<i64>,
    open: Option<bool>,
    edits: i64,
}

/// The number of a stream.
pub(super) fn stream_number(stream: &str) -> i64 {
    stream.strip_prefix("incident-").and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Fills a new table from the first event on.
pub(super) async fn fill(client: &Client) -> Result<(), Error> {
    client.batch_execute(TABLE).await?;
    let (next, insert) = (client.prepare(NEXT).await?, client.prepare(INSERT).await?);
    let update = client.prepare(UPDATE).await?;
    let read = client.prepare("UPDATE by_hand.read SET position = $1").await?;
    let mut position = 0_i64;
    loop {
        let rows = client.query(&next, &[&position, &BATCH]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        let mut changes: BTreeMap<i64, Change> = BTreeMap::new();
        for row in &rows {
            let change = changes.entry(stream_number(row.try_get(1)?)).or_default();
            match Event::decode(row.try_get(2)?, row.try_get(3)?)? {
                Event::Reported(hand::Reported { text, .. }) => {
                    *change =
                        Change { created: true, text: Some(text), open: Some(true), ..Change::default() };
                }
                Event::TextChanged(hand::TextChanged { text }) => {
                    change.text = Some(text);
                    change.edits += 1;
                }
                Event::Assigned(hand::Assigned { to, .. }) => change.assignee = Some(to as i64),
                Event::Closed(_) => change.open = Some(false),
                Event::Reopened(_) => change.open = Some(true),
                Event::Removed => return Err("nothing is removed here".into()),
            }
        }
        position = last.try_get(0)?;
        client.batch_execute("BEGIN").await?;
        for (statement, created) in [(&insert, true), (&update, false)] {
            let of: Vec<_> = changes.iter().filter(|(_, change)| change.created == created).collect();
            let numbers: Vec<_> = of.iter().map(|(number, _)| **number).collect();
            let texts: Vec<_> = of.iter().map(|(_, change)| change.text.as_deref()).collect();
            let assignees: Vec<_> = of.iter().map(|(_, change)| change.assignee).collect();
            let open: Vec<_> = of.iter().map(|(_, change)| change.open).collect();
            let edits: Vec<_> = of.iter().map(|(_, change)| change.edits).collect();
            if !numbers.is_empty() {
                client.execute(statement, &[&numbers, &texts, &assignees, &open, &edits]).await?;
            }
        }
        client.execute(&read, &[&position]).await?;
        client.batch_execute("COMMIT").await?;
    }
}

/// The rows, by number.
pub(super) async fn overview(client: &Client) -> Result<Vec<Entry>, Error> {
    let select = "SELECT number, text, assignee, open, edits FROM by_hand.overview ORDER BY number";
    let mut entries = Vec::new();
    for row in client.query(select, &[]).await? {
        let (number, assignee): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(2)?);
        let edits: i64 = row.try_get(4)?;
        entries.push(Entry {
            number: number.unsigned_abs(),
            text: row.try_get(1)?,
            assignee: assignee.map(i64::unsigned_abs),
            open: row.try_get(3)?,
            edits: edits.unsigned_abs(),
        });
    }
    Ok(entries)
}
