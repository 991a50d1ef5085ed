//! Mistakes with builds and in what is read of them.

use std::{mem, sync::Arc};

use chrono::{DateTime, NaiveDate};
use factum::{
    Position,
    read::{Build, Query, ReadStore, Stage, Table, Test, Value, Values, Work},
    store::{MemoryStore, StoreError, StoreErrorKind},
};

use super::{
    bugs::ViewBug::*,
    store::{BrokenViews, damaged},
};

impl BrokenViews {
    /// The table for which it takes this one.
    fn table(&self, table: &Arc<Table>) -> Arc<Table> {
        match self.bug {
            MixesViews if table.name.starts_with("ticket") => {
                Arc::new(Table { name: "tickets".into(), ..(**table).clone() })
            }
            _ => Arc::clone(table),
        }
    }

    pub(crate) async fn builds_wrongly(&self, view: &str) -> Result<Vec<Build>, StoreError> {
        let view = if self.bug == MixesViews { "tickets" } else { view };
        let mut builds = self.store().builds(view).await?;
        if self.bug == TellsNoPositions {
            builds.iter_mut().for_each(|build| build.position = Position::START);
        }
        Ok(builds)
    }

    pub(crate) async fn prepare_wrongly(
        &self,
        table: &Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> Result<Build, StoreError> {
        let (store, table) = (self.store(), &self.table(table));
        if self.is_foreign() {
            return Err(StoreError::new(StoreErrorKind::Foreign, "there is another table of this name"));
        }
        let there = store.builds(&table.name).await?;
        match self.bug {
            RefusesWordsOfSql if table.columns.iter().any(|column| column.name == "select") => {
                return Err(StoreError::invalid("a syntax error"));
            }
            EmptiesWhatItPrepares | HasOneBuildOnly => {
                let same = self.bug == EmptiesWhatItPrepares;
                for build in there.iter().filter(|build| (build.fingerprint == fingerprint) == same) {
                    store.discard(build).await?;
                }
            }
            ChecksThenPrepares if there.is_empty() => {
                tokio::task::yield_now().await;
                for build in store.builds(&table.name).await? {
                    store.discard(&build).await?;
                }
            }
            _ => {}
        }
        let anew = anew && self.bug != IgnoresAnew;
        let found = there.iter().rfind(|build| build.fingerprint == fingerprint);
        match (self.bug, store.prepare(table, fingerprint, anew).await, found) {
            (_, Ok(build), _) if self.is_damaged(build.generation) => Err(damaged()),
            (PromotesWhatItPrepares, Ok(build), _) => {
                store.promote(&build, false).await?;
                Ok(build)
            }
            (TellsNoPositions, Ok(build), _) => Ok(Build { position: Position::START, ..build }),
            (TakesAnyTable, Err(_), _) => Ok(Build {
                view: table.name.clone(),
                generation: 1,
                fingerprint,
                stage: Stage::Beside,
                position: Position::START,
            }),
            (TrustsFingerprints, Err(_), Some(found)) => Ok(found.clone()),
            (_, outcome, _) => outcome,
        }
    }

    pub(crate) async fn promote_wrongly(&self, build: &Build, transactional: bool) -> Result<(), StoreError> {
        let store = self.store();
        if self.is_foreign() {
            return Err(StoreError::new(StoreErrorKind::Foreign, "there is another table of this name"));
        }
        let builds = store.builds(&build.view).await?;
        let old = builds.iter().find(|old| old.stage != Stage::Beside && old.generation != build.generation);
        match (self.bug, old) {
            (ForgetsWhatIsTransactional, _) => store.promote(build, false).await,
            (PromotesWhatIsGone, _) => store.promote(build, transactional).await.or(Ok(())),
            (KeepsTheBooksOfTheOld, Some(old)) => {
                let letters = store.letters(&old.reader(), None, Position::START, usize::MAX).await?;
                store.promote(build, transactional).await?;
                let mut work = Work::new(old.reader(), Position::START, old.position);
                work.letters = letters;
                store.write(work).await.unwrap();
                Ok(())
            }
            (PromotesInTwoSteps, Some(old)) => {
                store.discard(old).await?;
                tokio::task::yield_now().await;
                store.promote(build, transactional).await
            }
            _ => store.promote(build, transactional).await,
        }
    }

    pub(crate) async fn discard_wrongly(&self, build: &Build) -> Result<(), StoreError> {
        if self.bug == DiscardsNothing {
            return Ok(());
        }
        self.store().discard(build).await?;
        if self.bug == CountsWhatIsThere && self.store().builds(&build.view).await?.is_empty() {
            self.wrong().store = MemoryStore::new();
        }
        Ok(())
    }

    pub(crate) async fn rows_wrongly(
        &self,
        table: &Arc<Table>,
        build: &Build,
        keys: &[Values],
    ) -> Result<Vec<Option<Values>>, StoreError> {
        let store = self.store();
        if self.is_damaged(build.generation) {
            return Err(damaged());
        }
        let (mut build, mut keys) = (build.clone(), keys.to_vec());
        match self.bug {
            MixesUpKeys => keys.iter_mut().for_each(|key| key.reverse()),
            ReadsTheLatestBuild => build = store.builds(&build.view).await?.pop().unwrap(),
            _ => {}
        }
        match (self.bug, store.rows(&self.table(table), &build, &keys).await) {
            (TakesNoKeyForAnAbsentOne, Err(_)) => Ok(vec![None; keys.len()]),
            (LeavesOutAbsentRows, Ok(mut rows)) => {
                rows.retain(Option::is_some);
                Ok(rows)
            }
            (_, Ok(mut rows)) => {
                rows.iter_mut().flatten().flatten().for_each(|value| self.change_what_is_read(value));
                Ok(rows)
            }
            (_, outcome) => outcome,
        }
    }

    pub(crate) async fn find_wrongly(&self, query: &Query) -> Result<Vec<Values>, StoreError> {
        if self.live_is_damaged(query).await? {
            return Err(damaged());
        }
        let asked = format!("{query:?}");
        if self.bug == KeepsWhatItRead
            && let Some(found) = self.own.lock().unwrap().found.get(&asked)
        {
            return Ok(found.clone());
        }
        let mut asks = Query { table: self.table(&query.table), ..query.clone() };
        self.change_what_is_asked(&mut asks);
        let mut rows = match (self.bug, self.store().find(&asks).await) {
            (TakesNoBuildForAnEmptyOne | AnswersAnything, Err(_)) => Vec::new(),
            (_, outcome) => outcome?,
        };
        self.change_what_is_found(query, &mut rows);
        rows.iter_mut().flatten().for_each(|value| self.change_what_is_read(value));
        self.own.lock().unwrap().found.insert(asked, rows.clone());
        Ok(rows)
    }

    fn change_what_is_asked(&self, query: &mut Query) {
        match self.bug {
            IgnoresConditions => query.conditions.clear(),
            LooksAtOneCondition => query.conditions.truncate(1),
            IgnoresLimits | CountsPagesByRows => query.limit = usize::MAX,
            IgnoresTheOrder => query.order = None,
            TakesAnEmptyListForAll => {
                query.conditions.retain(|condition| condition.test != Test::Among(Vec::new()));
            }
            IncludesTheUpperBound => {
                for condition in &mut query.conditions {
                    if let Test::Below(Value::Integer(bound)) = &mut condition.test {
                        *bound += 1;
                    }
                }
            }
            PagesByTheFirstColumn => {
                let several = query.order.is_some() || query.table.key.len() > 1;
                let last = query.after.as_mut().and_then(|after| after.key.last_mut());
                if let Some(Value::Integer(last)) = last.filter(|_| several) {
                    *last = if query.descending { i64::MIN } else { i64::MAX };
                }
            }
            _ => {}
        }
        if self.bug == CountsPagesByRows && query.after.take().is_none() {
            self.wrong().paged = 0;
        }
        if let Some(after) = query.after.as_mut().filter(|_| self.bug == IgnoresTheOrder) {
            after.order = None;
        }
    }

    fn change_what_is_found(&self, query: &Query, rows: &mut Vec<Values>) {
        let nothing_wanted = |test: &Test| matches!(test, Test::Equals(Value::Null));
        match (self.bug, query.order) {
            (FindsInAnyOrder, None) => rows.reverse(),
            (FindsNothingNowhere, _) if query.conditions.iter().any(|c| nothing_wanted(&c.test)) => {
                rows.clear();
            }
            (PutsNothingLast, Some(column)) => rows.sort_by_key(|row| row[column] == Value::Null),
            (OrdersTextWithoutCase, Some(column)) => {
                rows.sort_by_key(|row| match &row[column] {
                    Value::Text(text) => text.to_lowercase(),
                    _ => String::new(),
                });
            }
            (CountsPagesByRows, _) => {
                let paged = self.wrong().paged;
                *rows = mem::take(rows).into_iter().skip(paged).take(query.limit.max(1)).collect();
                self.wrong().paged += rows.len();
            }
            _ => {}
        }
    }

    fn change_what_is_read(&self, value: &mut Value) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "it is the mistake")]
        let read = match (self.bug, &*value) {
            (TakesTruthForNumbers, Value::Bool(truth)) => Value::Integer(i64::from(*truth)),
            (KeepsNumbersAsReals, Value::Integer(number)) => Value::Integer(*number as f64 as i64),
            (KeepsFewDigits, Value::Real(number)) => Value::Real(f64::from(*number as f32)),
            (TrimsText, Value::Text(text)) => Value::Text(text.trim().to_owned()),
            (EndsBytesAtNul, Value::Bytes(bytes)) => {
                Value::Bytes(bytes.iter().copied().take_while(|byte| *byte != 0).collect())
            }
            (CountsMilliseconds, Value::Time(time)) => {
                Value::Time(DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap())
            }
            (CountsDaysFrom1970, Value::Date(day)) => {
                Value::Date((*day).max(NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()))
            }
            (KeepsHalfAUuid, Value::Uuid(uuid)) => {
                Value::Uuid(uuid::Uuid::from_u128(uuid.as_u128() & u128::from(u64::MAX)))
            }
            (CutsJson, Value::Json(text)) => Value::Json(text.replace(['{', '}'], "")),
            _ => return,
        };
        *value = read;
    }
}
