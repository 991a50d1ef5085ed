//! Views in memory, and the books of their readers: the reference for read stores.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::{
    Position,
    read::{
        Build, Due, Lease, Letter, ProcessChange, ProcessState, Query, ReadStore, RowChange, RowOp,
        RowRefusal, Rows, Stage, Table, Test, Value, Values, Wish, Work, WorkError,
    },
    store::{AppendError, BoxFuture, Commit, Committed, StoreError, StoreErrorKind, StreamId},
};

/// Everything of a read store. The lock of the log guards it too.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// The builds of each view, oldest first.
    views: HashMap<String, Vec<Filled>>,
    positions: HashMap<String, Position>,
    letters: BTreeMap<(String, Position), Letter>,
    leases: HashMap<String, (String, Instant)>,
    processes: BTreeMap<(String, String), ProcessState>,
}

/// A build and its rows.
#[derive(Debug)]
struct Filled {
    build: Build,
    table: Arc<Table>,
    rows: BTreeMap<Values, Values>,
}

/// What rows of a commit come to, by table and key; what the store has yet to give is not filled in.
pub(super) type Changed = BTreeMap<(String, Values), Option<Values>>;

impl Books {
    fn builds(&self, view: &str) -> Vec<Build> {
        let builds = self.views.get(view).into_iter().flatten();
        let at = |build: &Build| self.positions.get(&build.reader()).copied().unwrap_or(build.position);
        builds.map(|filled| Build { position: at(&filled.build), ..filled.build.clone() }).collect()
    }

    fn live(&self, view: &str) -> Option<&Filled> {
        self.views.get(view)?.iter().find(|filled| filled.build.stage != Stage::Beside)
    }

    fn filled(&self, build: &Build) -> Option<&Filled> {
        let mut builds = self.views.get(&*build.view)?.iter();
        builds.find(|filled| filled.build.generation == build.generation)
    }

    fn filled_mut(&mut self, build: &Build) -> Option<&mut Filled> {
        let mut builds = self.views.get_mut(&*build.view)?.iter_mut();
        builds.find(|filled| filled.build.generation == build.generation)
    }

    fn prepare(
        &mut self,
        table: &Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> Result<Build, StoreError> {
        let builds = self.views.entry(table.name.to_string()).or_default();
        let fits = |filled: &&Filled| {
            filled.build.fingerprint == fingerprint && (!anew || filled.build.stage == Stage::Beside)
        };
        if let Some(found) = builds.iter().rev().find(fits) {
            let build = found.build.clone();
            return Ok(Build { position: self.position(&build.reader()), ..build });
        }
        let build = Build {
            view: table.name.clone(),
            generation: builds.last().map_or(1, |last| last.build.generation + 1),
            fingerprint,
            stage: Stage::Beside,
            position: Position::START,
        };
        builds.push(Filled { build: build.clone(), table: Arc::clone(table), rows: BTreeMap::new() });
        Ok(build)
    }

    fn promote(&mut self, build: &Build, transactional: bool) -> Result<(), StoreError> {
        let position = self.position(&build.reader());
        let filled = self.filled_mut(build).ok_or_else(|| gone(build))?;
        (filled.build.stage, filled.build.position) = (Stage::Live { transactional }, position);
        for other in self.builds(&build.view) {
            if other.stage != Stage::Beside && other.generation != build.generation {
                self.discard(&other);
            }
        }
        Ok(())
    }

    fn discard(&mut self, build: &Build) {
        if let Some(builds) = self.views.get_mut(&*build.view) {
            builds.retain(|filled| filled.build.generation != build.generation);
        }
        let reader = build.reader();
        self.positions.remove(&reader);
        self.letters.retain(|(other, _), _| *other != reader);
    }

    fn find(&self, query: &Query) -> Result<Vec<Values>, StoreError> {
        let view = &query.table.name;
        let missing =
            || StoreError::new(StoreErrorKind::Missing, format!("the view `{view}` is not there yet"));
        let live = self.live(view).ok_or_else(missing)?;
        live.has_columns_of(&query.table)?;
        let meets = |row: &&Values| {
            query.conditions.iter().all(|condition| {
                row.get(condition.column).is_some_and(|value| passes(value, &condition.test))
            })
        };
        let place = |row: &Values| {
            let order = query.order.and_then(|column| row.get(column).cloned());
            (order, live.table.key_of(row))
        };
        let mut rows: Vec<_> = live.rows.values().filter(meets).map(|row| (place(row), row)).collect();
        rows.sort_by(|(one, _), (two, _)| if query.descending { two.cmp(one) } else { one.cmp(two) });
        if let Some(after) = &query.after {
            let after = (after.order.clone(), after.key.clone());
            rows.retain(|(place, _)| if query.descending { *place < after } else { *place > after });
        }
        rows.truncate(query.limit.max(1));
        Ok(rows.into_iter().map(|(_, row)| row.clone()).collect())
    }

    fn position(&self, reader: &str) -> Position {
        self.positions.get(reader).copied().unwrap_or_default()
    }

    fn write(&mut self, work: Work) -> Result<(), WorkError> {
        let Work { reader, after, upto, rows, letters, settled, processes } = work;
        let overtaken = || WorkError::Overtaken { reader: reader.clone() };
        if self.position(&reader) != after {
            return Err(overtaken());
        }
        if let Some(rows) = rows {
            let filled = self.filled_mut(&rows.build).ok_or_else(overtaken)?;
            if filled.build.stage == (Stage::Live { transactional: true }) {
                return Err(overtaken());
            }
            filled.write(rows)?;
        }
        for ProcessChange { key, state } in processes {
            let at = (reader.clone(), key);
            match state {
                Some(state) => drop(self.processes.insert(at, state)),
                None => drop(self.processes.remove(&at)),
            }
        }
        self.letters.extend(letters.into_iter().map(|letter| ((reader.clone(), letter.position), letter)));
        for position in settled {
            self.letters.remove(&(reader.clone(), position));
        }
        self.positions.insert(reader, upto);
        Ok(())
    }

    fn letters_of<'a>(&'a self, reader: &'a str) -> impl Iterator<Item = &'a Letter> {
        let first = (reader.to_owned(), Position::START);
        self.letters
            .range(first..)
            .take_while(move |((other, _), _)| other == reader)
            .map(|(_, letter)| letter)
    }

    fn due(&self, manager: &str, now: DateTime<Utc>, limit: usize) -> Due {
        let own = self.processes.iter().filter(|((other, _), _)| other == manager);
        let mut all: Vec<_> = own
            .flat_map(|((_, key), state)| state.deadlines.iter().map(move |deadline| (deadline.due, key)))
            .collect();
        all.sort();
        let next = all.iter().map(|(due, _)| *due).find(|due| *due > now);
        let mut keys: Vec<String> = Vec::new();
        for (_, key) in all.into_iter().filter(|(due, _)| *due <= now) {
            if keys.len() < limit && !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        Due { keys, next }
    }

    /// What the rows of a commit come to, if all of them can be changed as it asks.
    pub(super) fn check_rows(&self, commit: &Commit) -> Result<Changed, AppendError> {
        let mut changed = Changed::new();
        for op in &commit.rows {
            self.check_row(op, &mut changed).map_err(|reason| AppendError::Row(op.refused(reason)))?;
        }
        Ok(changed)
    }

    fn check_row(&self, op: &RowOp, changed: &mut Changed) -> Result<(), RowRefusal> {
        let database = |message: &str| RowRefusal::Database(message.to_owned());
        let live = self.live(&op.table.name).ok_or_else(|| database("the view is not there"))?;
        if live.build.stage != (Stage::Live { transactional: true }) {
            return Err(database("the view is not transactional any more: start the program again"));
        }
        let at = (op.table.name.to_string(), op.key.clone());
        let before = changed.get(&at).cloned().unwrap_or_else(|| live.rows.get(&op.key).cloned());
        let after = match &op.change {
            RowChange::Put(row) => Some(row.clone()),
            RowChange::Ensure(row) => Some(before.unwrap_or_else(|| row.clone())),
            RowChange::Set(columns) => {
                let mut row = before.ok_or(RowRefusal::Absent)?;
                for (column, value) in columns {
                    *row.get_mut(*column).ok_or_else(|| database("there is no such column"))? = value.clone();
                }
                Some(row)
            }
            RowChange::Add(columns) => {
                let mut row = before.ok_or(RowRefusal::Absent)?;
                for (column, number) in columns {
                    let value = row.get_mut(*column).ok_or_else(|| database("there is no such column"))?;
                    *value = sum(value, number).ok_or_else(|| database("the sum is no number of 64 bits"))?;
                }
                Some(row)
            }
            RowChange::Swap { from, to } if *from == before => to.clone(),
            RowChange::Swap { .. } => return Err(RowRefusal::Stale),
            RowChange::Remove => None,
        };
        if let Some(row) = &after {
            live.fits(row).map_err(RowRefusal::Database)?;
        }
        changed.insert(at, after);
        Ok(())
    }

    /// Writes what the rows of a commit come to.
    pub(super) fn write_rows(&mut self, changed: Changed, committed: &Committed) {
        let events = committed.appends.iter();
        let events: Vec<_> = events
            .flat_map(|append| append.positions.iter().map(|position| (*position, append.at)))
            .collect();
        let given = |value: Value| match value {
            Value::RecordedAt(index) => events.get(index).map_or(Value::Null, |(_, at)| Value::Time(*at)),
            Value::RecordedPosition(index) => {
                let position = events.get(index).map(|(position, _)| position.get()).unwrap_or_default();
                Value::Text(format!("{position:039}"))
            }
            value => value,
        };
        for ((view, key), row) in changed {
            let builds = self.views.get_mut(&view).into_iter().flatten();
            for live in builds.filter(|filled| filled.build.stage != Stage::Beside) {
                match &row {
                    Some(row) => {
                        drop(live.rows.insert(key.clone(), row.iter().cloned().map(given).collect()));
                    }
                    None => drop(live.rows.remove(&key)),
                }
            }
        }
    }
}

impl Filled {
    fn write(&mut self, rows: Rows) -> Result<(), WorkError> {
        for row in &rows.put {
            self.fits(row).map_err(|message| WorkError::Row {
                view: self.build.view.to_string(),
                key: self.table.key_of(row),
                cause: StoreError::invalid(message),
            })?;
        }
        for row in rows.put {
            self.rows.insert(self.table.key_of(&row), row);
        }
        for key in rows.remove {
            self.rows.remove(&key);
        }
        Ok(())
    }

    fn fits(&self, row: &Values) -> Result<(), String> {
        if row.len() != self.table.columns.len() {
            return Err(format!("it has {} values for {} columns", row.len(), self.table.columns.len()));
        }
        for (column, value) in self.table.columns.iter().zip(row) {
            let fits = match value {
                Value::Null => column.nullable,
                Value::RecordedAt(_) | Value::RecordedPosition(_) => true,
                Value::Text(text) if text.contains('\0') => false,
                value => value.column_type() == Some(column.ty),
            };
            if !fits {
                return Err(format!("`{value}` does not fit into the column `{}`", column.name));
            }
        }
        Ok(())
    }

    fn has_columns_of(&self, table: &Table) -> Result<(), StoreError> {
        match self.table.columns == table.columns && self.table.key == table.key {
            true => Ok(()),
            false => Err(StoreError::corrupt(format!(
                "the table `{}` has other columns than the view: another version of the program filled it",
                table.name
            ))),
        }
    }
}

fn passes(value: &Value, test: &Test) -> bool {
    match test {
        Test::Equals(other) => value == other,
        Test::AtLeast(other) => *value != Value::Null && value >= other,
        Test::Below(other) => *value != Value::Null && value < other,
        Test::Among(others) => others.contains(value),
    }
}

fn sum(one: &Value, two: &Value) -> Option<Value> {
    match (one, two) {
        (Value::Integer(one), Value::Integer(two)) => one.checked_add(*two).map(Value::Integer),
        (Value::Real(one), Value::Real(two)) => Some(Value::Real(one + two)),
        _ => None,
    }
}

fn gone(build: &Build) -> StoreError {
    StoreError::new(
        StoreErrorKind::Missing,
        format!("the build {} of the view `{}` is gone", build.generation, build.view),
    )
}

impl MemoryStore {
    /// What `read` makes of the books, and those who wait for readers are woken.
    fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        let outcome = change(&mut self.log().books);
        self.0.worked.notify_waiters();
        outcome
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
        Box::pin(async move { self.change(|books| books.prepare(table, fingerprint, anew)) })
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.change(|books| books.promote(build, transactional)) })
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.change(|books| books.discard(build));
            Ok(())
        })
    }

    fn rows<'a>(
        &'a self,
        _: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let filled = log.books.filled(build).ok_or_else(|| gone(build))?;
            Ok(keys.iter().map(|key| filled.rows.get(key).cloned()).collect())
        })
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(async move { self.log().books.find(query) })
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        Box::pin(async move { self.change(|books| books.write(work)) })
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
            let wanted = |letter: &&Letter| {
                letter.position > after && stream.is_none_or(|stream| letter.stream == *stream)
            };
            Ok(log.books.letters_of(reader).filter(wanted).take(limit.max(1)).cloned().collect())
        })
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move { Ok(self.log().books.letters_of(reader).count() as u64) })
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut log = self.log();
            let letter = log.books.letters.get_mut(&(reader.to_owned(), position));
            Ok(letter.map(|letter| letter.wish = wish).is_some())
        })
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let mut streams: Vec<StreamId> = Vec::new();
            for letter in log.books.letters_of(reader).filter(|letter| letter.wish != Wish::Wait) {
                if streams.len() < limit.max(1) && !streams.contains(&letter.stream) {
                    streams.push(letter.stream.clone());
                }
            }
            Ok(streams)
        })
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let blocked =
                |stream: &&StreamId| log.books.letters_of(reader).any(|letter| letter.stream == **stream);
            Ok(streams.iter().filter(blocked).cloned().collect())
        })
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            let (now, leases) = (Instant::now(), &mut self.log().books.leases);
            if leases.get(work).is_some_and(|(other, until)| other != holder && *until > now) {
                return Ok(None);
            }
            leases.insert(work.to_owned(), (holder.to_owned(), now + duration));
            Ok(Some(Lease { work: work.to_owned(), holder: holder.to_owned(), remaining: duration }))
        })
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let leases = &mut self.log().books.leases;
            if leases.get(work).is_some_and(|(other, _)| other == holder) {
                leases.remove(work);
            }
            Ok(())
        })
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(async move {
            let log = self.log();
            let state = |key: &String| log.books.processes.get(&(manager.to_owned(), key.clone())).cloned();
            Ok(keys.iter().map(state).collect())
        })
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(async move { Ok(self.log().books.due(manager, now, limit.max(1))) })
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Listen before looking, so that what comes in between is not missed.
            let mut worked = pin!(self.0.worked.notified());
            worked.as_mut().enable();
            if self.log().books.position(reader) < position {
                worked.await;
            }
            Ok(())
        })
    }
}
