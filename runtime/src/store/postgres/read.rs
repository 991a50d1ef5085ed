//! Pages of events.

use std::pin::pin;

use futures_util::{TryStreamExt, try_join};
use tokio_postgres::{Row, RowStream, types::ToSql};
use uuid::Uuid;

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

/// For each stream its number among those asked for, from 1 on.
pub(super) const FACTS_OF_MANY: &str = concat!(
    "SELECT ",
    facts!(),
    ", number FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS wanted (one, first, most, number), \
     LATERAL (SELECT * FROM events WHERE stream = wanted.one AND version >= wanted.first ORDER BY version \
     LIMIT wanted.most) AS found"
);

const NUMBER: usize = 6;

macro_rules! all {
    ($columns:expr) => {
        concat!("SELECT ", $columns, " FROM events WHERE position > $1 ORDER BY position LIMIT $2")
    };
}

/// How many positions are looked through for events of some categories in one statement: some hundredths of a second.
macro_rules! looked_through {
    () => {
        "50000"
    };
}

/// There is no index by category: it would cost each append more than it would spare those who read everything of a
/// category, of which only what is new comes by again. What is looked through begins at an event, so that no gap is too
/// wide.
macro_rules! categories {
    ($columns:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM events WHERE position > $1 AND category = ANY($3) AND position < ",
            looked_through!(),
            " + (SELECT position FROM events WHERE position > $1 ORDER BY position LIMIT 1) \
             ORDER BY position LIMIT $2"
        )
    };
}

/// The last position, and the last one that is looked through; NULL where there is nothing to look through.
pub(super) const REACH: &str = concat!(
    "SELECT coalesce(max(position), 0), ",
    looked_through!(),
    " - 1 + (SELECT position FROM events WHERE position > $1 ORDER BY position LIMIT 1) FROM events"
);

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
    let mut version = from.max(Version::FIRST);
    let key = stream_key(stream);
    let parameters: [&(dyn ToSql + Sync); 3] = [&key, &from_version(version), &one_more(limit)];
    let mut rows = pin!(session.client.query_raw(&session.stream, parameters).await?);
    let mut at = None;
    while let Some(row) = rows.try_next().await? {
        check(stream, version, &row)?;
        if page.events.len() == limit {
            page.next = Some(version);
            return Ok(page);
        }
        page.events.push(row::event(&row, stream.clone(), &mut names)?);
        at = Some(row::at(&row)?);
        version = version.next();
    }
    page.tail = tail(session, store, (stream, key), version, at);
    Ok(page)
}

/// Which events of a stream a fold needs: at most `limit`, from this version on.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) stream: StreamId,
    /// What stands for it in the tables.
    pub(super) key: Uuid,
    pub(super) from: Version,
    pub(super) limit: usize,
}

/// What a fold needs; `None` if the payload of one of the events is not JSON.
pub(super) async fn facts(
    session: &Session,
    store: StoreKey,
    wanted: &Wanted,
) -> Result<Option<Facts>, Failure> {
    let mut found = Found::new(wanted);
    let mut names = Names::default();
    let from = from_version(found.version);
    let parameters: [&(dyn ToSql + Sync); 3] = [&wanted.key, &from, &one_more(wanted.limit)];
    let mut rows = pin!(session.client.query_raw(&session.facts, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        found.take(row, &mut names)?;
    }
    Ok(found.finish(session, store)?)
}

/// The same for several streams. What is wrong with one of them is not the affair of the others.
pub(super) async fn facts_of_many(
    session: &Session,
    store: StoreKey,
    wanted: &[Wanted],
) -> Result<Vec<Result<Option<Facts>, StoreError>>, Failure> {
    let keys: Vec<_> = wanted.iter().map(|wanted| wanted.key).collect();
    let limits: Vec<_> = wanted.iter().map(|wanted| one_more(wanted.limit)).collect();
    let mut found: Vec<_> = wanted.iter().map(|wanted| Ok(Found::new(wanted))).collect();
    let from: Vec<_> = wanted.iter().map(|wanted| from_version(wanted.from)).collect();
    let mut names = Names::default();
    let parameters: [&(dyn ToSql + Sync); 3] = [&keys, &from, &limits];
    let mut rows = pin!(session.client.query_raw(&session.facts_of_many, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        let number: i64 = row.try_get(NUMBER)?;
        let number = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
        if let Some(found) = found.get_mut(number)
            && let Ok(good) = found
            && let Err(damaged) = good.take(row, &mut names)
        {
            *found = Err(damaged);
        }
    }
    Ok(found.into_iter().map(|found| found?.finish(session, store)).collect())
}

/// What was found of a stream so far.
struct Found<'a> {
    wanted: &'a Wanted,
    facts: Facts,
    all_json: bool,
    /// The version that comes next.
    version: Version,
    left: usize,
    /// That of the last event, of which more has to be known than of the others.
    last: Option<Row>,
}

impl<'a> Found<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        let facts = Facts::with_capacity(wanted.limit.min(MANY / 64));
        let version = wanted.from.max(Version::FIRST);
        Self { wanted, facts, all_json: true, version, left: wanted.limit, last: None }
    }

    fn take(&mut self, row: Row, names: &mut Names) -> Result<(), StoreError> {
        check(&self.wanted.stream, self.version, &row)?;
        if self.left == 0 {
            self.facts.next = Some(self.version);
            return Ok(());
        }
        match row::json(&row)? {
            Some(payload) => {
                self.facts.push_json(self.version, row::name(&row, names)?, row::schema(&row)?, payload);
            }
            None => self.all_json = false,
        }
        self.last = Some(row);
        self.version = self.version.next();
        self.left -= 1;
        Ok(())
    }

    fn finish(mut self, session: &Session, store: StoreKey) -> Result<Option<Facts>, StoreError> {
        if let Some(last) = &self.last {
            self.facts.position = row::position(last)?;
            if self.facts.next.is_none() {
                let stream = (&self.wanted.stream, self.wanted.key);
                self.facts.tail = tail(session, store, stream, self.version, Some(row::at(last)?));
            }
        }
        Ok(self.all_json.then_some(self.facts))
    }
}

/// No version is missing.
fn check(stream: &StreamId, version: Version, row: &Row) -> Result<(), StoreError> {
    if row::version(row)? == version {
        return Ok(());
    }
    Err(StoreError::corrupt(format!("`{stream}` has no event of version {version}, but later ones")))
}

/// The tail of a stream in which this version comes next, and whose last event is of this time.
fn tail(
    session: &Session,
    store: StoreKey,
    (stream, key): (&StreamId, Uuid),
    next: Version,
    at: Option<i64>,
) -> Option<Tail> {
    let version = Version::new(next.get() - 1);
    let seen_by = Some(session.number);
    at.map(|at| Tail::new(End { store, stream: stream.clone(), key, version, at, seen_by }))
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

/// As pages. None of them is the last one of the store, which may have got longer when it is asked for.
fn split(read: Page, limit: usize) -> Vec<Page> {
    // A page is not to be short for having been read ahead, but for what was looked through.
    let looked_on = read.events.last().is_none_or(|event| event.position < read.last);
    let mut left = read.events.len();
    let mut events = read.events.into_iter();
    let mut pages = Vec::with_capacity(left / limit + 1);
    while left > limit {
        let events: Vec<_> = events.by_ref().take(limit).collect();
        pages.extend(events.last().map(|last| last.position).map(|last| Page { events, last, end: false }));
        left -= limit;
    }
    if !read.end && (looked_on || left == limit) {
        pages.push(Page { events: events.collect(), last: read.last, end: false });
    }
    pages
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
    let (reach, rows) = match filter {
        Filter::All => {
            (Reach::End(after), session.client.query_raw(all, parameters.into_iter().take(2)).await?)
        }
        Filter::Categories(_) => {
            let rows = session.client.query_raw(categories, parameters);
            try_join!(reach(session, start), async { Ok(rows.await?) })?
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
    match reach {
        Reach::End(head) if page.end => page.last = page.last.max(head),
        Reach::Position(last) if page.end => (page.last, page.end) = (last, false),
        _ => {}
    }
    Ok(Some(page))
}

/// How far is looked for events of some categories.
enum Reach {
    /// To the end, which is not before this position.
    End(Position),
    /// To this position only.
    Position(Position),
}

async fn reach(session: &Session, start: i64) -> Result<Reach, Failure> {
    let row = session.client.query_one(&session.reach, &[&start]).await?;
    let (head, last): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let position = |number: i64| Position::new(u128::try_from(number).unwrap_or(0));
    Ok(match last {
        Some(last) if last < head => Reach::Position(position(last)),
        _ => Reach::End(position(head)),
    })
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
