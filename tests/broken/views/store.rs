//! A read store in memory with one mistake in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use chrono::{DateTime, Utc};
use factum::{
    Position,
    read::{Build, Due, Lease, Letter, ProcessState, Query, ReadStore, Table, Values, Wish, Work, WorkError},
    store::{BoxFuture, MemoryStore, StoreError, StoreErrorKind, StreamId},
    testing::contract::Harness,
};
use tokio::sync::Semaphore;

use super::bugs::ViewBug::{self, *};

/// What all handles have in common, and what each knows by itself.
#[derive(Clone, Debug)]
pub(crate) struct BrokenViews {
    pub(crate) bug: ViewBug,
    pub(crate) wrong: Arc<Mutex<Wrong>>,
    pub(crate) signal: Arc<Semaphore>,
    pub(crate) own: Arc<Mutex<Own>>,
}

/// What the handles share.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) store: MemoryStore,
    /// How often a reader wrote.
    pub(crate) writes: HashMap<String, u128>,
    /// Who has a lease.
    pub(crate) holders: HashMap<String, String>,
    /// How many rows have been paged.
    pub(crate) paged: usize,
    pub(crate) leases: usize,
    pub(crate) handles: usize,
    /// Whether there is a table of others, and which build has none any more that is as it was made.
    pub(crate) foreign: bool,
    pub(crate) damaged: Option<u64>,
}

/// What a handle knows by itself.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) number: usize,
    pub(crate) found: HashMap<String, Vec<Values>>,
    pub(crate) positions: HashMap<String, Position>,
}

impl BrokenViews {
    pub(crate) fn new(bug: ViewBug) -> Self {
        Self { bug, wrong: Arc::default(), signal: Arc::new(Semaphore::new(0)), own: Arc::default() }
    }

    pub(crate) fn wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap()
    }

    pub(crate) fn store(&self) -> MemoryStore {
        self.wrong().store.clone()
    }

    /// The reader for which it takes this one.
    pub(crate) fn reader(&self, reader: &str) -> Result<String, StoreError> {
        Ok(match self.bug {
            IgnoresCase => reader.to_lowercase(),
            MixesReaders => reader.replace("post", "mail").replace("remind", "confirm"),
            RefusesLongNames if reader.len() > 200 => return Err(StoreError::invalid("too long")),
            _ => reader.to_owned(),
        })
    }
}

impl Harness<dyn ReadStore> for BrokenViews {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn ReadStore>, StoreError>> {
        self.wrong().handles += 1;
        let mut handle = self.clone();
        handle.own = Arc::new(Mutex::new(Own { number: self.wrong().handles, ..Own::default() }));
        match self.bug {
            LosesEverything => handle.wrong = Arc::default(),
            WaitsForItsOwnSteps => handle.signal = Arc::new(Semaphore::new(0)),
            _ => {}
        }
        Box::pin(async move { Ok(Arc::new(handle) as Arc<dyn ReadStore>) })
    }

    fn meddle<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.meddle_with(sql))
    }
}

impl ReadStore for BrokenViews {
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>> {
        Box::pin(self.builds_wrongly(view))
    }

    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        Box::pin(self.prepare_wrongly(table, fingerprint, anew))
    }

    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.examine_wrongly(table, build))
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.promote_wrongly(build, transactional))
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.discard_wrongly(build))
    }

    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(self.rows_wrongly(table, build, keys))
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(self.find_wrongly(query))
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        if self.bug == BeginsBeforeItIsAwaited {
            let handle = self.clone();
            let begun = tokio::spawn(async move { handle.write_wrongly(work).await });
            return Box::pin(async { begun.await.unwrap() });
        }
        Box::pin(self.write_wrongly(work))
    }

    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>> {
        Box::pin(async move {
            let reader = self.reader(reader)?;
            let position = self.store().position(&reader).await?;
            match self.bug {
                RefusesStrangers if position == Position::START => Err(StoreError::invalid("who is that?")),
                CountsWork => {
                    Ok(Position::new(self.wrong().writes.get(&reader).copied().unwrap_or_default()))
                }
                _ => Ok(position),
            }
        })
    }

    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        Box::pin(async move {
            let stream = stream.filter(|_| self.bug != IgnoresStreams);
            let mut letters = self.store().letters(&self.reader(reader)?, stream, after, limit).await?;
            match self.bug {
                ForgetsAttempts => letters.iter_mut().for_each(|letter| letter.attempts = 1),
                ListsLettersByStream => {
                    letters.sort_by(|one, two| one.stream.id().cmp(two.stream.id()));
                }
                _ => {}
            }
            Ok(letters)
        })
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move { self.store().count_letters(&self.reader(reader)?).await })
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            match self.bug {
                WishesNothing => Ok(true),
                _ => self.store().wish(&self.reader(reader)?, position, wish).await,
            }
        })
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move { self.store().wished(&self.reader(reader)?, limit).await })
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(async move {
            match self.bug {
                BlocksEverything => Ok(streams.to_vec()),
                _ => self.store().blocked(&self.reader(reader)?, streams).await,
            }
        })
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(self.lease_wrongly(work, holder, duration))
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.release_wrongly(work, holder))
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(async move {
            let keys: Vec<_> = keys.iter().map(|key| self.key(key)).collect();
            self.store().processes(&self.reader(manager)?, &keys).await
        })
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(async move {
            let mut due = self.store().due(&self.reader(manager)?, now, limit).await?;
            match self.bug {
                OrdersTheDueByKey => due.keys.sort(),
                TellsEachDeadline => due.keys.extend(due.keys.first().cloned()),
                TellsNoNextDeadline => due.next = None,
                _ => {}
            }
            Ok(due)
        })
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let store = self.store();
            let now = store.position(reader).await?;
            match self.bug {
                NeverWakes => std::future::pending().await,
                WaitsForTheNextStep => store.reached(reader, Position::new(now.get() + 1)).await,
                WakesOne | WaitsForItsOwnSteps if now < position => {
                    self.signal.acquire().await.unwrap().forget();
                    Ok(())
                }
                _ => store.reached(reader, position).await,
            }
        })
    }
}

/// What is said of something whose table is not as it was made.
pub(crate) fn damaged() -> StoreError {
    StoreError::new(StoreErrorKind::Altered, "the table is not as it was made")
}
