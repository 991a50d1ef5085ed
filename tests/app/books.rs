//! A read store with trouble, and what apps make of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use factum::{
    Consistency, Position, Repository,
    app::{ReadError, State},
    read::{
        Build, Due, Lease, Letter, ProcessState, Query, ReadStore, SqlTables, Table, Value, Values, Wish,
        Work, WorkError,
    },
    store::{BoxFuture, StoreError, StoreErrorKind, StreamId},
};

use crate::{
    app,
    domain::{Account, Amounts, Fussy, Highest, MENDED, fill, open, pay},
    letters::turn,
    on_each,
    sql::{
        self,
        ledger::{Ledger, expected, tables},
    },
    table, until, until_state,
};

/// A read store in which things go wrong.
#[derive(Debug)]
pub(crate) struct Troubled {
    store: Arc<dyn ReadStore>,
    /// How many of a hundred answers are lost: what was asked for is done or not, and nobody is told.
    lost: u64,
    asked: AtomicU64,
    /// Whether it cannot be reached at all.
    down: AtomicBool,
    /// Whether it does not answer at all.
    pub(crate) silent: AtomicBool,
    /// Whether everybody is told to have every lease.
    all_lead: bool,
}

impl Troubled {
    pub(crate) fn new(store: Arc<dyn ReadStore>, lost: u64, all_lead: bool) -> Arc<Self> {
        let (down, silent) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { store, lost, asked: AtomicU64::new(0), down, silent, all_lead })
    }

    /// Whether it goes wrong now: before it was done, or after.
    fn trouble(&self) -> Option<bool> {
        if self.down.load(Ordering::SeqCst) {
            return Some(true);
        }
        // Spread over the calls, and the same each time.
        let asked = self.asked.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        (asked % 100 < self.lost).then_some(asked.is_multiple_of(2))
    }

    async fn ask<T, E: From<StoreError>>(&self, answer: BoxFuture<'_, Result<T, E>>) -> Result<T, E> {
        if self.silent.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let lost = || StoreError::new(StoreErrorKind::Unavailable, "the line is dead");
        match self.trouble() {
            Some(true) => Err(lost().into()),
            Some(false) => {
                drop(answer.await?);
                Err(lost().into())
            }
            None => answer.await,
        }
    }
}

impl ReadStore for Troubled {
    fn builds<'a>(&'a self, view: &'a str) -> BoxFuture<'a, Result<Vec<Build>, StoreError>> {
        Box::pin(self.ask(self.store.builds(view)))
    }

    fn prepare<'a>(
        &'a self,
        table: &'a Arc<Table>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        self.store.prepare(table, fingerprint, anew)
    }

    fn examine<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.ask(self.store.examine(table, build)))
    }

    fn prepare_sql<'a>(
        &'a self,
        tables: &'a Arc<SqlTables>,
        fingerprint: [u8; 16],
        anew: bool,
    ) -> BoxFuture<'a, Result<Build, StoreError>> {
        self.store.prepare_sql(tables, fingerprint, anew)
    }

    fn query_sql<'a>(
        &'a self,
        tables: &'a SqlTables,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(self.ask(self.store.query_sql(tables, sql, values)))
    }

    fn promote<'a>(&'a self, build: &'a Build, transactional: bool) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.ask(self.store.promote(build, transactional)))
    }

    fn discard<'a>(&'a self, build: &'a Build) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.ask(self.store.discard(build)))
    }

    fn rows<'a>(
        &'a self,
        table: &'a Arc<Table>,
        build: &'a Build,
        keys: &'a [Values],
    ) -> BoxFuture<'a, Result<Vec<Option<Values>>, StoreError>> {
        Box::pin(self.ask(self.store.rows(table, build, keys)))
    }

    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Values>, StoreError>> {
        Box::pin(self.ask(self.store.find(query)))
    }

    fn write(&self, work: Work) -> BoxFuture<'_, Result<(), WorkError>> {
        Box::pin(self.ask(self.store.write(work)))
    }

    fn position<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<Position, StoreError>> {
        Box::pin(self.ask(self.store.position(reader)))
    }

    fn letters<'a>(
        &'a self,
        reader: &'a str,
        stream: Option<&'a StreamId>,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        Box::pin(self.ask(self.store.letters(reader, stream, after, limit)))
    }

    fn count_letters<'a>(&'a self, reader: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.ask(self.store.count_letters(reader)))
    }

    fn wish<'a>(
        &'a self,
        reader: &'a str,
        position: Position,
        wish: Wish,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.store.wish(reader, position, wish)
    }

    fn wished<'a>(
        &'a self,
        reader: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(self.ask(self.store.wished(reader, limit)))
    }

    fn blocked<'a>(
        &'a self,
        reader: &'a str,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        Box::pin(self.ask(self.store.blocked(reader, streams)))
    }

    fn lease<'a>(
        &'a self,
        work: &'a str,
        holder: &'a str,
        duration: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        if self.all_lead {
            let lease = Lease { work: work.to_owned(), holder: holder.to_owned(), remaining: duration };
            return Box::pin(std::future::ready(Ok(Some(lease))));
        }
        Box::pin(self.ask(self.store.lease(work, holder, duration)))
    }

    fn release<'a>(&'a self, work: &'a str, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.ask(self.store.release(work, holder)))
    }

    fn processes<'a>(
        &'a self,
        manager: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<ProcessState>>, StoreError>> {
        Box::pin(self.ask(self.store.processes(manager, keys)))
    }

    fn due<'a>(
        &'a self,
        manager: &'a str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Due, StoreError>> {
        Box::pin(self.ask(self.store.due(manager, now, limit)))
    }

    fn reached<'a>(&'a self, reader: &'a str, position: Position) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.ask(self.store.reached(reader, position)))
    }
}

/// Two that both believe to have the lease, which says nothing after all, on a store that does not always say what it has done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_applied_twice_and_nothing_is_left_out() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let books = Arc::clone(&store).read_store().unwrap();
        let calm = app(&store).view::<Amounts>(Consistency::Eventual).view::<Highest>(Consistency::Eventual);
        calm.start().await.unwrap().shutdown().await;
        let mut apps = Vec::new();
        let troubled = Troubled::new(Arc::clone(&books), 10, true);
        while apps.len() < 2 {
            let app = app(&store).page_size(3).read_store(troubled.clone());
            let app = app.view::<Amounts>(Consistency::Eventual).view::<Highest>(Consistency::Eventual);
            // What it asks for when it starts may fail as well.
            apps.extend(app.start().await.ok());
        }
        fill(&Repository::<Account>::new(Arc::clone(&store)), 6, 20).await;
        let head = store.head().await.unwrap();
        for reader in ["amounts#1", "highest#1"] {
            until("everything is there", || async { books.position(reader).await.unwrap() >= head }).await;
        }
        let amounts = table::<Amounts>(&store).await;
        assert_eq!(amounts.len(), 20);
        assert!(amounts.iter().all(|row| row[1] == factum::read::Value::Integer(6)), "{amounts:?}");
        let highest = table::<Highest>(&store).await;
        assert!(highest.iter().all(|row| row[1] == factum::read::Value::Integer(210)), "{highest:?}");
        for app in apps {
            app.shutdown().await;
        }
    })
    .await;
}

/// The same of what user code writes in the transaction: it is called by both, and takes effect once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_shape_of_their_own_are_written_once() {
    sql::on_each(|house| async move {
        let store = house.open().await.unwrap();
        let calm = || app(&store).sql_view(Ledger, Consistency::Eventual).start();
        calm().await.unwrap().shutdown().await;
        let books = Arc::clone(&store).read_store().unwrap();
        let troubled = Troubled::new(Arc::clone(&books), 10, true);
        let mut apps = Vec::new();
        while apps.len() < 2 {
            let app = app(&store).page_size(3).read_store(troubled.clone());
            apps.extend(app.sql_view(Ledger, Consistency::Eventual).start().await.ok());
        }
        let plain = app(&store).start().await.unwrap();
        sql::fill(&plain, 6, 60).await;
        let head = store.head().await.unwrap();
        until("everything is there", || async { books.position("ledger#1").await.unwrap() >= head }).await;
        for app in apps {
            app.shutdown().await;
        }
        let calm = calm().await.unwrap();
        assert_eq!(tables(&calm).await, expected(&calm).await);
        assert_eq!(calm.letters("ledger").count().await.unwrap(), 0);
        calm.shutdown().await;
    })
    .await;
}

/// Dead letters are written as a whole too, and tried again though answers are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_come_and_go_though_answers_are_lost() {
    let _turn = turn().await;
    on_each(|house| async move {
        MENDED.store(false, Ordering::SeqCst);
        let store = house.open().await.unwrap();
        let books = Arc::clone(&store).read_store().unwrap();
        app(&store).view::<Fussy>(Consistency::Eventual).start().await.unwrap().shutdown().await;
        let troubled = Troubled::new(Arc::clone(&books), 8, false);
        let app = loop {
            let app = app(&store).page_size(4).read_store(troubled.clone());
            if let Ok(app) = app.view::<Fussy>(Consistency::Eventual).start().await {
                break app;
            }
        };
        let accounts = app.repository::<Account>();
        for number in 1..=5 {
            accounts.execute(&number, open("ann")).await.unwrap();
            for amount in [1, 13, 10, 14, 100] {
                accounts.execute(&number, pay(amount)).await.unwrap();
            }
        }
        let head = store.head().await.unwrap();
        until("all are read", || async { books.position("fussy#1").await.unwrap() >= head }).await;
        assert_eq!(books.count_letters("fussy#1").await.unwrap(), 20);
        MENDED.store(true, Ordering::SeqCst);
        until("all are settled", || async {
            drop(app.letters("fussy").retry_all().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
            books.count_letters("fussy#1").await.unwrap() == 0
        })
        .await;
        let sums: Vec<_> = table::<Fussy>(&store).await.into_iter().map(|mut row| row.remove(1)).collect();
        assert_eq!(sums, vec![factum::read::Value::Integer(138); 5]);
        app.shutdown().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_store_that_is_away_is_waited_for() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let troubled = Troubled::new(Arc::clone(&store).read_store().unwrap(), 0, false);
        let app = app(&store)
            .read_store(troubled.clone())
            .awaited_timeout(Duration::from_secs(2))
            .view::<Amounts>(Consistency::Awaited)
            .start()
            .await
            .unwrap();
        let accounts = app.repository::<Account>();
        accounts.execute(&1, open("ann")).await.unwrap();
        let seen = accounts.execute(&1, pay(1)).await.unwrap();
        assert_eq!(seen.late, []);
        troubled.down.store(true, Ordering::SeqCst);
        // Commands go on; what they cannot wait for they say.
        let receipt = accounts.execute(&1, pay(1)).await.unwrap();
        assert_eq!((receipt.late.len(), receipt.late[0].view), (1, "amounts"));
        until_state(&app, "amounts", |state| {
            matches!(state, State::Retrying { error, attempts, .. } if error.contains("line is dead") && *attempts > 3)
        })
        .await;
        let error = app.view::<Amounts>().get(&1).await.unwrap_err();
        assert!(matches!(error, ReadError::Store { view: "amounts", .. }), "{error}");
        let error = app.view::<Amounts>().after(&receipt).within(Duration::from_millis(50)).get(&1).await.unwrap_err();
        assert!(matches!(error, ReadError::Late { view: "amounts", .. }), "{error}");
        troubled.down.store(false, Ordering::SeqCst);
        let back = app.view::<Amounts>().after(&receipt).within(Duration::from_secs(30)).get(&1).await.unwrap();
        assert_eq!(back.unwrap().times, 2);
        app.shutdown().await;
    })
    .await;
}
