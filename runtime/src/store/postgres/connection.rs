//! Connections, and what is prepared on them.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::try_join;
use tokio::time::timeout;
use tokio_postgres::{Client, Connection, Error, NoTls, Socket, Statement, tls::NoTlsStream};

use super::{
    PostgresOptions,
    error::{failed, is_lost, not_connected},
    read, write,
};
use crate::store::{StoreError, StoreErrorKind};

/// A connection with its statements.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) append: Statement,
    pub(super) ends: Statement,
    pub(super) given: Statement,
    pub(super) given_unconditionally: Statement,
    pub(super) stream: Statement,
    pub(super) facts: Statement,
    pub(super) all: Statement,
    pub(super) categories: Statement,
    pub(super) head: Statement,
}

impl Session {
    async fn begin(client: Client) -> Result<Self, Error> {
        let (append, ends, given, given_unconditionally) = try_join!(
            client.prepare(write::APPEND),
            client.prepare(write::ENDS),
            client.prepare(write::GIVEN),
            client.prepare(write::GIVEN_UNCONDITIONALLY),
        )?;
        let (stream, facts, all, categories, head) = try_join!(
            client.prepare(read::STREAM),
            client.prepare(read::FACTS),
            client.prepare(read::ALL),
            client.prepare(read::CATEGORIES),
            client.prepare(read::HEAD),
        )?;
        Ok(Self { client, append, ends, given, given_unconditionally, stream, facts, all, categories, head })
    }
}

/// Begins a connection, which has to be polled by somebody.
pub(super) async fn connect(
    options: &PostgresOptions,
) -> Result<(Client, Connection<Socket, NoTlsStream>), StoreError> {
    let mut config = options.config.clone();
    // What is recorded is durable, whatever the default of the database is, and each statement of `append` sees what was
    // committed before it. A server gives up before its client does, so that the client gets to know what happened.
    // Every statement follows an index in its order, also on tables that nobody has analysed: there, the planner would
    // rather read a whole stream and sort it than a page of it.
    let patience = options.timeout.as_millis().saturating_mul(4) / 5;
    let settings = format!(
        "{} -c search_path={} -c synchronous_commit=on -c default_transaction_isolation=read\\ committed -c jit=off \
         -c enable_seqscan=off -c enable_bitmapscan=off \
         -c statement_timeout={patience}",
        config.get_options().unwrap_or_default(),
        options.schema,
    );
    config.options(settings.trim_start());
    match timeout(options.timeout, config.connect(NoTls)).await {
        Ok(connected) => connected.map_err(not_connected),
        Err(_) => Err(too_slow("connecting", options)),
    }
}

fn too_slow(doing: &str, options: &PostgresOptions) -> StoreError {
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
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let _turn = self.connecting.lock().await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let (client, connection) = connect(&self.options).await?;
        // It ends with the client, and its error is that of whatever was asked last.
        tokio::spawn(connection);
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
    fn forget(&self, session: &Arc<Session>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            *current = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Session>>> {
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
