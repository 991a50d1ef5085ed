//! The same store as a read store: tables of views, and the books of those who read events.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::MemoryStore;
use crate::{
    Position,
    read::{
        Build, Due, Lease, Letter, Place, ProcessState, Query, ReadStore, Stage, Table, Value, Values, Wish,
        Work, WorkError, no_sql,
    },
    store::{BoxFuture, Name, StoreError, StreamId},
};

#[derive(Debug, Default)]
pub(super) struct Books {
    views: HashMap<Name, View>,
    /// Builds too: see [`Build::reader`].
    readers: HashMap<String, Reader>,
    /// Who has the right to do what, and until when; `None`: beyond all time.
    leases: HashMap<String, (String, Option<Instant>)>,
}

#[derive(Debug, Default)]
struct View {
    /// How many builds there have been, so that no generation is given twice.
    made: u64,
    builds: Vec<Filling>,
}

/// A build with its rows.
#[derive(Debug)]
pub(super) struct Filling {
    generation: u64,
    fingerprint: [u8; 16],
    table: Arc<Table>,
    pub(super) stage: Stage,
    pub(super) rows: BTreeMap<Values, Values>,
}

#[derive(Debug, Default)]
struct Reader {
    position: Position,
    letters: BTreeMap<Position, Letter>,
    processes: BTreeMap<String, ProcessState>,
}

impl Filling {
    /// Whether its table is the one that somebody takes it for.
    pub(super) fn check(&self, table: &Table) -> Result<(), StoreError> {
        let kind = |table: &Table| {
            let columns = table.columns.iter();
            (columns.map(|c| (c.name.clone(), c.ty, c.nullable)).collect::<Vec<_>>(), table.key.clone())
        };
        if kind(&self.table) == kind(table) {
            return Ok(());
        }
        Err(StoreError::changed_table(&table.name, "it has other columns"))
    }

    pub(super) fn set(&mut self, key: Values, row: Option<Values>) {
        match row {
            Some(row) => self.rows.insert(key, row),
            None => self.rows.remove(&key),
        };
    }
}

/// The value as it is kept.
pub(super) fn kept(value: Value) -> Value {
    match value {
        Value::Time(time) => {
            Value::Time(DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time))
        }
        value => value,
    }
}

impl Books {
    pub(super) fn live(&self, view: &Name) -> Option<&Filling> {
        self.views.get(view)?.builds.iter().find(|build| build.stage != Stage::Beside)
    }

    pub(super) fn live_mut(&mut self, view: &Name) -> Option<&mut Filling> {
        self.views.get_mut(view)?.builds.iter_mut().find(|build| build.stage != Stage::Beside)
    }

    fn filling(&mut self, build: &Build) -> Option<&mut Filling> {
        let mut builds = self.views.get_mut(&build.view)?.builds.iter_mut();
        builds.find(|other| other.generation == build.generation)
    }

    fn build(&self, view: Name, filling: &Filling) -> Build {
        let Filling { generation, fingerprint, stage, .. } = *filling;
        let mut build = Build { view, generation, fingerprint, stage, position: Position::START };
        build.position = self.position(&build.reader());
        build
    }

    fn builds(&self, view: &str) -> Vec<Build> {
        let Some((view, View { builds, .. })) = self.views.get_key_value(view) else { return Vec::new() };
        builds.iter().map(|filling| self.build(view.clone(), filling)).collect()
    }

    fn prepare(
        &mut self,
        table: &Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> Result<Build, StoreError> {
        table.validate()?;
        let view = self.views.entry(table.name.clone()).or_default();
        let fits =
            |build: &Filling| build.fingerprint == fingerprint && !(anew && build.stage != Stage::Beside);
        let index = match view.builds.iter().rposition(fits) {
            Some(index) => index,
            None => {
                view.made += 1;
                let (generation, table, rows) = (view.made, Arc::clone(table), BTreeMap::new());
                view.builds.push(Filling { generation, fingerprint, table, stage: Stage::Beside, rows });
                view.builds.len() - 1
            }
        };
        let missing = || StoreError::no_build(&table.name);
        let filling = self.views.get(&table.name).and_then(|view| view.builds.get(index));
        let filling = filling.ok_or_else(missing)?;
        filling.check(table)?;
        Ok(self.build(table.name.clone(), filling))
    }

    fn examine(&mut self, table: &Table, build: &Build) -> Result<(), StoreError> {
        self.filling(build).ok_or_else(|| StoreError::no_build(&build.view))?.check(table)
    }

    fn promote(&mut self, build: &Build, transactional: bool) -> Result<(), StoreError> {
        let found = self.filling(build).ok_or_else(|| StoreError::no_build(&build.view))?;
        found.stage = Stage::Live { transactional };
        let others = |other: &Build| other.stage != Stage::Beside && other.generation != build.generation;
        for old in self.builds(&build.view).iter().filter(|other| others(other)) {
            self.discard(old);
        }
        Ok(())
    }

    fn discard(&mut self, build: &Build) {
        if let Some(view) = self.views.get_mut(&build.view) {
            view.builds.retain(|other| other.generation != build.generation);
        }
        self.readers.remove(&build.reader());
    }

    fn rows(
        &mut self,
        table: &Table,
        build: &Build,
        keys: &[Values],
    ) -> Result<Vec<Option<Values>>, StoreError> {
        keys.iter().try_for_each(|key| table.check_key(key)).map_err(StoreError::invalid)?;
        let filling = self.filling(build).ok_or_else(|| StoreError::no_build(&build.view))?;
        filling.check(table)?;
        Ok(keys.iter().map(|key| filling.rows.get(key).cloned()).collect())
    }

    fn find(&self, query: &Query) -> Result<Vec<Values>, StoreError> {
        query.validate()?;
        let Query { table, conditions, order, descending, after, limit } = query;
        let live = self.live(&table.name).ok_or_else(|| StoreError::no_build(&table.name))?;
        live.check(table)?;
        let asked = |row: &Values| {
            conditions
                .iter()
                .all(|condition| row.get(condition.column).is_some_and(|value| condition.test.holds(value)))
        };
        // By the column, then by the key.
        let place = |row: &Values| (order.and_then(|column| row.get(column).cloned()), table.key_of(row));
        let after = after.as_ref().map(|Place { order, key }| (order.clone(), key.clone()));
        let behind = |found: &(_, _)| {
            after.as_ref().is_none_or(|after| if *descending { found < after } else { found > after })
        };
        let rows = live.rows.values().filter(|row| asked(row)).map(|row| (place(row), row));
        let mut rows: Vec<_> = rows.filter(|(place, _)| behind(place)).collect();
        rows.sort_by(|(one, _), (two, _)| if *descending { two.cmp(one) } else { one.cmp(two) });
        Ok(rows.into_iter().take((*limit).max(1)).map(|(_, row)| row.clone()).collect())
    }

    /// First all checks, then all writes.
    fn write(&mut self, work: Work) -> Result<(), WorkError> {
        work.validate()?;
        if let Some(projected) = &work.projected {
            return Err(no_sql(&projected.tables.view).into());
        }
        let overtaken = WorkError::Overtaken { reader: work.reader.clone() };
        if self.position(&work.reader) != work.after {
            return Err(overtaken);
        }
        if let Some(rows) = work.rows {
            let behind = |filling: &&mut Filling| filling.stage != Stage::Live { transactional: true };
            let Some(filling) = self.filling(&rows.build).filter(behind) else { return Err(overtaken) };
            filling.check(&rows.table)?;
            for key in &rows.remove {
                filling.set(key.iter().cloned().map(kept).collect(), None);
            }
            for row in &rows.put {
                let row: Values = row.iter().cloned().map(kept).collect();
                filling.set(rows.table.key_of(&row), Some(row));
            }
        }
        let reader = self.readers.entry(work.reader).or_default();
        reader.position = work.upto;
        for position in work.settled {
            reader.letters.remove(&position);
        }
        reader.letters.extend(work.letters.into_iter().map(|letter| (letter.position, letter)));
        for change in work.processes {
            match change.state {
                Some(state) => reader.processes.insert(change.key, state),
                None => reader.processes.remove(&change.key),
            };
        }
        Ok(())
    }

    fn position(&self, reader: &str) -> Position {
        self.readers.get(reader).map(|reader| reader.position).unwrap_or_default()
    }

    fn letters(&self, reader: &str) -> impl Iterator<Item = &Letter> {
        self.readers.get(reader).into_iter().flat_map(|reader| reader.letters.values())
    }

    fn wish(&mut self, reader: &str, position: Position, wish: Wish) -> bool {
        let reader = self.readers.get_mut(reader);
        let letter = reader.and_then(|reader| reader.letters.get_mut(&position));
        letter.map(|letter| letter.wish = wish).is_some()
    }

    fn lease(&mut self, work: &str, holder: &str, duration: Duration) -> Option<Lease> {
        let now = Instant::now();
        let valid = |until: &Option<Instant>| until.is_none_or(|until| until > now);
        if self.leases.get(work).is_some_and(|(other, until)| other != holder && valid(until)) {
            return None;
        }
        self.leases.insert(work.to_owned(), (holder.to_owned(), now.checked_add(duration)));
        Some(Lease { work: work.to_owned(), holder: holder.to_owned(), remaining: duration })
    }

    fn release(&mut self, work: &str, holder: &str) {
        if self.leases.get(work).is_some_and(|(other, _)| other == holder) {
            self.leases.remove(work);
        }
    }

    fn processes(&self, manager: &str, keys: &[String]) -> Vec<Option<ProcessState>> {
        let processes = self.readers.get(manager).map(|reader| &reader.processes);
        keys.iter().map(|key| processes.and_then(|processes| processes.get(key)).cloned()).collect()
    }

    fn due(&self, manager: &str, now: DateTime<Utc>, limit: usize) -> Due {
        let processes = self.readers.get(manager).into_iter().flat_map(|reader| reader.processes.values());
        let deadlines = processes
            .flat_map(|process| process.deadlines.iter().map(|deadline| (deadline.due, &process.key)));
        let (due, later): (BTreeSet<_>, BTreeSet<_>) = deadlines.partition(|(due, _)| *due <= now);
        let mut seen = BTreeSet::new();
        let keys = due.into_iter().map(|(_, key)| key).filter(|key| seen.insert(*key));
        Due { keys: keys.take(limit).cloned().collect(), next: later.first().map(|(due, _)| *due) }
    }
}

impl ReadStore for MemoryStore {
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>> {
        Box::pin(async move { Ok(self.log().books.builds(view)) })
    }

    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(async move { self.log().books.prepare(table, fingerprint, anew) })
    }

    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.log().books.examine(table, build) })
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.log().books.promote(build, transactional) })
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.log().books.discard(build);
            Ok(())
        })
    }

    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(async move { self.log().books.rows(table, build, keys) })
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(async move { self.log().books.find(query) })
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        Box::pin(async move {
            self.log().books.write(work)?;
            self.0.read.notify_waiters();
            Ok(())
        })
    }

    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>> {
        Box::pin(async move { Ok(self.log().books.position(reader)) })
    }

    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let asked = |letter: &&Letter| {
                letter.position > after && stream.is_none_or(|stream| letter.stream == *stream)
            };
            Ok(log.books.letters(reader).filter(asked).take(limit).cloned().collect())
        })
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move { Ok(self.log().books.letters(reader).count() as u64) })
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.log().books.wish(reader, position, wish)) })
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let wished = log.books.letters(reader).filter(|letter| letter.wish != Wish::Wait);
            let mut seen = HashSet::new();
            let streams = wished.map(|letter| &letter.stream).filter(|stream| seen.insert(*stream));
            Ok(streams.take(limit).cloned().collect())
        })
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let has = |stream: &&StreamId| log.books.letters(reader).any(|letter| letter.stream == **stream);
            Ok(streams.iter().filter(has).cloned().collect())
        })
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move { Ok(self.log().books.lease(work, holder, duration)) })
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.log().books.release(work, holder);
            Ok(())
        })
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(async move { Ok(self.log().books.processes(manager, keys)) })
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(async move { Ok(self.log().books.due(manager, now, limit)) })
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Listen before looking, so that what comes in between is not missed.
            let mut written = pin!(self.0.read.notified());
            written.as_mut().enable();
            if self.log().books.position(reader) < position {
                written.await;
            }
            Ok(())
        })
    }
}
