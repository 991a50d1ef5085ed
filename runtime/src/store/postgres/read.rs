//! Pages of events.

use std::pin::pin;

use futures_util::{TryStreamExt, try_join};
use tokio_postgres::{Row, RowStream, Statement, types::ToSql};

use super::{
    connection::{Failure, Link, Session},
    known::Known,
    row::{self, all_columns, columns, facts},
    tail::{End, from_version, stream_key},
    text,
};
use crate::{
    Version,
    store::{
        Facts, Filter, Page, Position, StoreError, StreamId, StreamPage, Tail, key::StoreKey, name::Names,
    },
};

pub(super) const STREAM: &str = concat!(
    "SELECT ",
    all_columns!(),
    " FROM events WHERE stream = $1 AND version >= $2 ORDER BY version LIMIT $3"
);

pub(super) const FACTS: &str = concat!(
    "SELECT ",
    facts!(),
    " FROM events WHERE stream = $1 AND version >= $2 ORDER BY version LIMIT $3"
);

macro_rules! all {
    ($columns:expr) => {
        concat!("SELECT ", $columns, " FROM events WHERE position > $1 ORDER BY position LIMIT $2")
    };
}

/// Each category is read through the index for itself, and no further than the page can go.
macro_rules! categories {
    ($columns:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM unnest($3::text[]) AS wanted (one), LATERAL (SELECT * FROM events WHERE category = wanted.one \
             AND position > $1 ORDER BY position LIMIT $2) AS found ORDER BY position LIMIT $2"
        )
    };
}

pub(super) const ALL: [&str; 2] = [all!(columns!()), all!(all_columns!())];

pub(super) const CATEGORIES: [&str; 2] = [categories!(columns!()), categories!(all_columns!())];

pub(super) const HEAD: &str = "SELECT coalesce(max(position), 0) FROM events";

/// The largest number of events for which room is made before they are there.
const MANY: usize = 1024;

/// At most `limit` events of a stream, from this version on.
pub(super) async fn stream(
    session: &Session,
    store: StoreKey,
    stream: &StreamId,
    from: Version,
    limit: usize,
) -> Result<StreamPage, Failure> {
    let mut page = StreamPage::default();
    let mut names = Names::default();
    (page.next, page.tail) = read(session, &session.stream, store, stream, from, limit, |row, _| {
        page.events.push(row::event(row, stream.clone(), &mut names)?);
        Ok(())
    })
    .await?;
    Ok(page)
}

/// What a fold needs of the same events; `None` if the payload of one of them is not JSON.
pub(super) async fn facts(
    session: &Session,
    store: StoreKey,
    stream: &StreamId,
    from: Version,
    limit: usize,
) -> Result<Option<Facts>, Failure> {
    let mut facts = Facts::with_capacity(limit.min(MANY / 16));
    let mut names = Names::default();
    let mut all_json = true;
    (facts.next, facts.tail) = read(session, &session.facts, store, stream, from, limit, |row, version| {
        match row::json(row)? {
            Some(payload) => {
                facts.push_json(version, row::name(row, &mut names)?, row::schema(row)?, payload)
            }
            None => all_json = false,
        }
        facts.position = row::position(row)?;
        Ok(())
    })
    .await?;
    Ok(all_json.then_some(facts))
}

/// Hands over each row of a page with its version. Where to read on, or the tail.
async fn read(
    session: &Session,
    select: &Statement,
    store: StoreKey,
    stream: &StreamId,
    from: Version,
    limit: usize,
    mut take: impl FnMut(&Row, Version) -> Result<(), StoreError>,
) -> Result<(Option<Version>, Option<Tail>), Failure> {
    let mut version = from.max(Version::FIRST);
    let key = stream_key(stream);
    let parameters: [&(dyn ToSql + Sync); 3] = [&key, &from_version(version), &one_more(limit)];
    let mut rows = pin!(session.client.query_raw(select, parameters).await?);
    let mut at = None;
    let mut left = limit;
    while let Some(row) = rows.try_next().await? {
        if row::version(&row)? != version {
            let found =
                StoreError::corrupt(format!("`{stream}` has no event of version {version}, but later ones"));
            return Err(found.into());
        }
        if left == 0 {
            return Ok((Some(version), None));
        }
        left -= 1;
        take(&row, version)?;
        at = Some(row::at(&row)?);
        version = version.next();
    }
    let last = Version::new(version.get() - 1);
    let tail = at.map(|at| {
        Tail::new(End { store, stream: stream.clone(), version: last, at, seen_by: Some(session.number) })
    });
    Ok((None, tail))
}

/// How much to read of the whole store: at most so many events, and as long as they have not so many bytes. The bytes end
/// no page that has fewer than `least` events.
#[derive(Clone, Copy, Debug)]
struct Extent {
    least: usize,
    most: usize,
    bytes: usize,
}

/// At most `limit` matching events of the whole store, after this position.
pub(super) async fn page(
    link: &Link,
    filter: &Filter,
    after: Position,
    limit: usize,
) -> Result<Page, StoreError> {
    ask(link, filter, after, Extent { least: limit, most: limit, bytes: usize::MAX }).await
}

/// The pages after this position, of `limit` events each: about so many events and bytes, but never the last page of the
/// store. Nothing comes between events that are there, so these pages are worth as much as those that are read when they
/// are asked for; but what comes behind the last one may have come meanwhile.
pub(super) async fn pages(
    link: &Link,
    filter: &Filter,
    after: Position,
    limit: usize,
    events: usize,
    bytes: usize,
) -> Result<Vec<Page>, StoreError> {
    Ok(split(ask(link, filter, after, Extent { least: limit, most: events, bytes }).await?, limit))
}

async fn ask(link: &Link, filter: &Filter, after: Position, extent: Extent) -> Result<Page, StoreError> {
    link.ask("reading events", |session| async move { all(&session, filter, after, extent).await }).await
}

/// Whole pages that are followed by more.
fn split(read: Page, limit: usize) -> Vec<Page> {
    let followed = if read.end { read.events.len().saturating_sub(1) } else { read.events.len() };
    let mut events = read.events.into_iter();
    let pages = (0..followed / limit).map_while(|_| {
        let events: Vec<_> = events.by_ref().take(limit).collect();
        Some(Page { last: events.last()?.position, events, end: false })
    });
    pages.collect()
}

/// Matching events of the whole store, after this position.
async fn all(session: &Session, filter: &Filter, after: Position, extent: Extent) -> Result<Page, Failure> {
    // Who reads at the same time begins with nothing that is known.
    let mut known = std::mem::take(&mut *session.known());
    let page = loop {
        match scan(session, filter, after, extent, &mut known).await? {
            Some(page) => break page,
            None => known.other_formats = true,
        }
    };
    *session.known() = known;
    Ok(page)
}

/// `None` if there are payloads that are not JSON, and that was not known.
async fn scan(
    session: &Session,
    filter: &Filter,
    after: Position,
    extent: Extent,
    known: &mut Known,
) -> Result<Option<Page>, Failure> {
    let Ok(start) = i64::try_from(after.get()) else {
        return Ok(Some(Page { events: Vec::new(), last: after, end: true }));
    };
    let one_more = one_more(extent.most);
    let names: Vec<_> = match filter {
        Filter::All => Vec::new(),
        Filter::Categories(categories) => {
            let mut names: Vec<_> = categories.iter().map(|name| text::encode(name)).collect();
            names.sort_unstable();
            names.dedup();
            names
        }
    };
    let parameters: [&(dyn ToSql + Sync); 3] = [&start, &one_more, &names];
    let [all, all_columns] = &session.all;
    let [categories, categories_all_columns] = &session.categories;
    let (all, categories) =
        if known.other_formats { (all_columns, categories_all_columns) } else { (all, categories) };
    // What is there is looked up before the events are read: then all of it that matches is among them.
    let (head, rows) = match filter {
        Filter::All => (after, session.client.query_raw(all, parameters.into_iter().take(2)).await?),
        Filter::Categories(_) => {
            let rows = session.client.query_raw(categories, parameters);
            let (head, rows) = try_join!(head(session), async { Ok(rows.await?) })?;
            (head, rows)
        }
    };
    let mut page = Page { events: Vec::with_capacity(extent.most.min(MANY)), last: after, end: true };
    let mut bytes = 0;
    let mut rows: std::pin::Pin<&mut RowStream> = pin!(rows);
    while let Some(row) = rows.try_next().await? {
        let events = page.events.len();
        if events == extent.most || (events >= extent.least && bytes >= extent.bytes) {
            page.end = false;
            break;
        }
        if !known.other_formats && row::json(&row)?.is_none() {
            return Ok(None);
        }
        bytes += row.raw_size_bytes();
        let stream = row::stream(&row, known)?;
        let event = row::event(&row, stream, &mut known.names)?;
        page.last = event.position;
        page.events.push(event);
    }
    if page.end {
        page.last = page.last.max(head);
    }
    Ok(Some(page))
}

/// The position of the last event.
pub(super) async fn head(session: &Session) -> Result<Position, Failure> {
    let row = session.client.query_one(&session.head, &[]).await?;
    let head: i64 = row.try_get(0)?;
    Ok(Position::new(u128::try_from(head).unwrap_or(0)))
}

/// One event more than asked for tells whether there are more.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
