//! Connections, and what is prepared on them.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::try_join;
use tokio::time::timeout;
use tokio_postgres::{
    Client, Config, Connection, Error, Socket, Statement,
    config::{self, Host},
};

use super::{
    PostgresOptions, SslMode, claims,
    error::{failed, is_about_tls, is_lost, not_connected},
    insert, keys,
    known::Known,
    lent::{self, Held},
    options::Source,
    read, snapshots,
    statements::Statements,
    tls::Encrypted,
    write,
};
use crate::store::{StoreError, StoreErrorKind};

/// A connection with its statements.
pub(super) struct Session {
    /// No other has it in this process.
    pub(super) number: u64,
    pub(super) client: Held,
    pub(super) append: Statement,
    pub(super) insert_one: Statement,
    pub(super) insert_next: Statement,
    pub(super) insert_all: Statement,
    pub(super) insert_claiming: Statement,
    pub(super) ends: Statement,
    pub(super) given: Statement,
    pub(super) given_unconditionally: Statement,
    pub(super) stream: Statement,
    pub(super) facts: Statement,
    pub(super) facts_of_many: Statement,
    /// Without what only payloads of other formats than JSON need, and with it.
    pub(super) all: [Statement; 2],
    /// The same.
    pub(super) categories: [Statement; 2],
    pub(super) reach: Statement,
    pub(super) head: Statement,
    pub(super) remembered: Statement,
    pub(super) constraints: Statement,
    pub(super) constrain: Statement,
    pub(super) claim: Statement,
    pub(super) snapshot: Statement,
    pub(super) keep_snapshot: Statement,
    /// What depends on the tables of views.
    pub(super) statements: Statements,
    known: Mutex<Known>,
    /// Whether the last batch with unique values or keys had one in it that was not free.
    pub(super) denied: AtomicBool,
}

impl Session {
    async fn begin(client: Held) -> Result<Self, Error> {
        client.execute(insert::CATCH_UP, &[]).await?;
        let (append, insert_one, insert_next, insert_all, ends, given, given_unconditionally) = try_join!(
            client.prepare(write::APPEND),
            client.prepare(insert::ONE),
            client.prepare(insert::NEXT),
            client.prepare(insert::ALL),
            client.prepare(write::ENDS),
            client.prepare(write::GIVEN),
            client.prepare(write::GIVEN_UNCONDITIONALLY),
        )?;
        let (stream, facts, facts_of_many, reach, head) = try_join!(
            client.prepare(read::STREAM),
            client.prepare(read::FACTS),
            client.prepare(read::FACTS_OF_MANY),
            client.prepare(read::REACH),
            client.prepare(read::HEAD),
        )?;
        let (insert_claiming, remembered, constraints, constrain, claim) = try_join!(
            client.prepare(insert::CLAIMING),
            client.prepare(keys::REMEMBERED),
            client.prepare(claims::CONSTRAINTS),
            client.prepare(claims::CONSTRAIN),
            client.prepare(claims::CLAIM),
        )?;
        let (snapshot, keep_snapshot) =
            try_join!(client.prepare(snapshots::SNAPSHOT), client.prepare(snapshots::KEEP))?;
        let [all, all_columns] = read::ALL.map(|all| client.prepare(all));
        let [categories, categories_all_columns] =
            read::CATEGORIES.map(|categories| client.prepare(categories));
        let (all, all_columns, categories, categories_all_columns) =
            try_join!(all, all_columns, categories, categories_all_columns)?;
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            client,
            append,
            insert_one,
            insert_next,
            insert_all,
            insert_claiming,
            ends,
            given,
            given_unconditionally,
            stream,
            facts,
            facts_of_many,
            all: [all, all_columns],
            categories: [categories, categories_all_columns],
            reach,
            head,
            remembered,
            constraints,
            constrain,
            claim,
            snapshot,
            keep_snapshot,
            statements: Statements::default(),
            known: Mutex::default(),
            denied: AtomicBool::default(),
        })
    }

    /// The statement with this text, which is prepared if it is not yet.
    pub(super) async fn prepared(&self, text: &str) -> Result<Statement, Error> {
        self.statements.get(&self.client, text).await
    }

    /// What was met in reads of the whole store.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set on each connection. What is recorded is durable, whatever the default of the database is, and each
/// statement of `append` sees what was committed before it. A server gives up before its client does, so that the client
/// gets to know what happened. Every statement follows an index in its order, also on tables that nobody has analysed:
/// there, the planner would rather read a whole stream and sort it than a page of it.
///
/// A plan is made once. What to plan anew for would be the length of arrays, and planning costs more than it could spare.
pub(super) fn settings(options: &PostgresOptions) -> [(&'static str, String); 8] {
    let patience = options.timeout.as_millis().saturating_mul(4) / 5;
    [
        ("search_path", options.schema.clone()),
        ("synchronous_commit", "on".to_owned()),
        ("default_transaction_isolation", "read committed".to_owned()),
        ("jit", "off".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        ("enable_bitmapscan", "off".to_owned()),
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("statement_timeout", patience.to_string()),
    ]
}

/// A connection of the store's own, which somebody has to poll.
pub(super) type Opened = (Client, Connection<Socket, Encrypted<Socket>>);

/// Begins a connection.
pub(super) async fn connect(config: &Config, options: &PostgresOptions) -> Result<Opened, StoreError> {
    let mut config = config.clone();
    let mut arguments = config.get_options().unwrap_or_default().to_owned();
    for (name, value) in settings(options) {
        arguments.push_str(&format!(" -c {name}={}", value.replace(' ', "\\ ")));
    }
    config.options(arguments.trim_start());
    let mode = options.tls.mode();
    let over_sockets = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
    config.ssl_mode(match mode {
        SslMode::Disable => config::SslMode::Disable,
        // As PostgreSQL's own tools see it, a socket of this machine needs no encryption.
        _ if over_sockets => config::SslMode::Disable,
        SslMode::Prefer => config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => config::SslMode::Require,
    });
    let connector = options.tls.connector().await?;
    let connecting = async {
        match config.connect(connector.clone()).await {
            // It was a preference only.
            Err(error) if mode == SslMode::Prefer && would_rather_not(&error) => {
                config.ssl_mode(config::SslMode::Disable).connect(connector).await
            }
            connected => connected,
        }
    };
    match timeout(options.timeout, connecting).await {
        Ok(connected) => connected.map_err(|error| not_connected(&error)),
        Err(_) => Err(too_slow("connecting", options)),
    }
}

/// Whether the server may take a connection that is not encrypted, and did not take the one that was.
fn would_rather_not(error: &Error) -> bool {
    is_about_tls(error) || error.code().is_some_and(|code| code.code() == "28000")
}

/// A connection, new or borrowed.
pub(super) async fn hold(options: &PostgresOptions) -> Result<Held, StoreError> {
    match &options.source {
        Source::Own(config) => {
            let (client, connection) = connect(config, options).await?;
            // It ends with the client, and its error is that of whatever was asked last.
            tokio::spawn(connection);
            Ok(Held::Own(client))
        }
        Source::Lent(connections) => lent::borrow(&**connections, options).await.map(Held::Borrowed),
    }
}

pub(super) fn too_slow(doing: &str, options: &PostgresOptions) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("{doing} took longer than {:?}, so PostgreSQL is taken for unreachable", options.timeout),
    )
}

/// One connection that is begun again when it was lost. What several tasks ask of it travels together: nobody waits for
/// the answers of others before asking.
pub(super) struct Link {
    options: Arc<PostgresOptions>,
    current: Mutex<Option<Arc<Session>>>,
    connecting: tokio::sync::Mutex<()>,
}

impl Link {
    pub(super) fn new(options: Arc<PostgresOptions>) -> Self {
        Self { options, current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// The connection, which is made if there is none.
    pub(super) async fn session(&self) -> Result<Arc<Session>, StoreError> {
        match self.current() {
            Some(session) => Ok(session),
            // Apart, because the future of whoever asks would be five times as large for it.
            None => Box::pin(self.begin()).await,
        }
    }

    async fn begin(&self) -> Result<Arc<Session>, StoreError> {
        let _turn = self.connecting.lock().await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let client = hold(&self.options).await?;
        let session = match timeout(self.options.timeout, Session::begin(client)).await {
            Ok(prepared) => Arc::new(prepared.map_err(|error| failed("preparing statements", error))?),
            Err(_) => return Err(too_slow("preparing statements", &self.options)),
        };
        *self.lock() = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Asks for something that changes nothing. When the connection is lost meanwhile, it is asked once more on a new
    /// one.
    pub(super) async fn ask<T, F>(
        &self,
        doing: &str,
        question: impl Fn(Arc<Session>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut again = true;
        loop {
            let session = self.session().await?;
            match timeout(self.options.timeout, question(Arc::clone(&session))).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Failure::Damaged(error))) => return Err(error),
                Ok(Err(Failure::Asking(error))) => {
                    let lost = is_lost(&error);
                    if lost {
                        self.forget(&session);
                    }
                    if !lost || !std::mem::take(&mut again) {
                        return Err(failed(doing, error));
                    }
                }
                Err(_) => {
                    self.forget(&session);
                    return Err(too_slow(doing, &self.options));
                }
            }
        }
    }

    /// Asks for something that must not be asked again just so. The outer error says that it was not asked.
    pub(super) async fn ask_once<T, F>(
        &self,
        doing: &str,
        question: impl FnOnce(Arc<Session>) -> F,
    ) -> Result<Result<T, Unanswered>, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let session = self.session().await?;
        Ok(match timeout(self.options.timeout, question(Arc::clone(&session))).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let lost = is_lost(&error);
                if lost {
                    self.forget(&session);
                }
                Err(Unanswered { error: failed(doing, error), definite: !lost })
            }
            Err(_) => {
                self.forget(&session);
                Err(Unanswered { error: too_slow(doing, &self.options), definite: false })
            }
        })
    }

    fn current(&self) -> Option<Arc<Session>> {
        self.lock().as_ref().filter(|session| !session.client.is_closed()).map(Arc::clone)
    }

    /// The next one to ask makes a new connection.
    pub(super) fn forget(&self, session: &Arc<Session>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something was not read.
pub(super) enum Failure {
    Asking(Error),
    Damaged(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Asking(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Damaged(error)
    }
}

/// Something that was asked and not done, or perhaps done.
pub(super) struct Unanswered {
    pub(super) error: StoreError,
    /// Nothing happened.
    pub(super) definite: bool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.options).finish()
    }
}
