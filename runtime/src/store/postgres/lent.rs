//! Connections that are not the store's own.

use std::{error::Error, fmt, future::Future, ops::Deref, sync::Arc};

use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    PostgresOptions,
    connection::{settings, too_slow},
    error::{failed, not_connected},
};
use crate::store::{BoxFuture, StoreError, StoreErrorKind};

/// Why no connection was lent.
pub type LendError = Box<dyn Error + Send + Sync>;

/// Connections that a program has already, and lends to a store: those of a pool, for instance. A closure is one.
///
/// ```no_run
/// # mod deadpool_postgres {
/// #     pub struct Pool; pub type Object = tokio_postgres::Client; pub type PoolError = std::fmt::Error;
/// #     impl Pool { pub async fn get(&self) -> Result<Object, PoolError> { todo!() } }
/// #     impl Clone for Pool { fn clone(&self) -> Self { Self } }
/// # }
/// # async fn example(pool: deadpool_postgres::Pool) -> Result<(), factum::store::StoreError> {
/// use factum::store::{PostgresStore, postgres::{Lent, PostgresOptions}};
///
/// let options = PostgresOptions::lent(move || {
///     let pool = pool.clone();
///     async move { Ok(Lent::new(pool.get().await?, |client| client)) }
/// });
/// let store = PostgresStore::open(options.schema("orders")?).await?;
/// # Ok(())
/// # }
/// ```
///
/// # What the store does with them
/// It borrows one to open, and then at most three, each when it is first needed: for appends, for loads, and for reads of
/// the whole store; and three more where views are kept in it, one for questions and two for writing, and one more for those
/// that write by SQL ([`SqlView`](crate::view::SqlView)). It keeps each until it is
/// lost or the store is dropped, and shares it between everything that it is asked meanwhile; so a pool needs room for three
/// more than the rest of the program uses, or six, or seven. A lender that has none left should wait for one; the store gives up after
/// [`PostgresOptions::timeout`].
///
/// While it has a connection, the store sets these parameters of the session by `set_config`: `search_path`,
/// `synchronous_commit`, `default_transaction_isolation`, `jit`, `enable_seqscan`, `enable_bitmapscan`,
/// `plan_cache_mode` and `statement_timeout`. Before it gives the connection back, it sets them to what they were, and its prepared statements
/// are gone. That happens in a task of the runtime in which the store was opened; if that has ended, the connection goes
/// back as it is. A connection in the middle of a transaction is refused.
///
/// Notifications reach whoever made the connection, not the store. So [`Store::wait`](crate::Store::wait) is woken by
/// what is recorded through this store, and notices what others record by looking, every 50 milliseconds;
/// [`Capabilities::wakes`](crate::store::Capabilities::wakes) is `false`.
///
/// A pooler that changes the server's session between transactions (PgBouncer in its mode `transaction`) is not for
/// this: the parameters would get lost.
pub trait Connections: Send + Sync + 'static {
    /// Lends a connection, for as long as what is returned lives.
    ///
    /// # Errors
    /// There is none. Where the cause is the driver's, the store tells what it means.
    fn lend(&self) -> BoxFuture<'_, Result<Lent, LendError>>;
}

impl<F, W> Connections for F
where
    F: Fn() -> W + Send + Sync + 'static,
    W: Future<Output = Result<Lent, LendError>> + Send + 'static,
{
    fn lend(&self) -> BoxFuture<'_, Result<Lent, LendError>> {
        Box::pin(self())
    }
}

/// A connection that goes back to its owner when this is dropped.
pub struct Lent(Box<dyn Holds>);

trait Holds: Send + Sync {
    fn client(&self) -> &Client;
}

struct Holder<T> {
    holder: T,
    client: fn(&T) -> &Client,
}

impl<T: Send + Sync> Holds for Holder<T> {
    fn client(&self) -> &Client {
        (self.client)(&self.holder)
    }
}

impl Lent {
    /// What a pool gives out, and how to get at the connection in it: mostly `|client| client`, because what pools give
    /// out dereferences to it.
    pub fn new<T: Send + Sync + 'static>(holder: T, client: fn(&T) -> &Client) -> Self {
        Self(Box::new(Holder { holder, client }))
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

const SETTINGS: &str = "SELECT current_setting(name) FROM unnest($1::text[]) WITH ORDINALITY AS u (name, number) \
    ORDER BY number";

const SET: &str =
    "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS u (name, value)";

/// The clock of a transaction stands still: where it is behind that of the statement, the transaction is older.
const OUTSIDE: &str = "SELECT now() = statement_timestamp()";

/// A lent connection that is set up for the store, until this is dropped.
pub(super) struct Borrowed {
    lent: Arc<Lent>,
    names: Vec<&'static str>,
    /// What was set before.
    before: Vec<String>,
    runtime: Handle,
}

/// Borrows a connection.
pub(super) async fn borrow(
    connections: &dyn Connections,
    options: &PostgresOptions,
) -> Result<Borrowed, StoreError> {
    let lent = match timeout(options.timeout, connections.lend()).await {
        Ok(lent) => lent.map_err(not_lent)?,
        Err(_) => return Err(too_slow("borrowing a connection", options)),
    };
    match timeout(options.timeout, set_up(lent, options)).await {
        Ok(borrowed) => borrowed,
        Err(_) => Err(too_slow("setting up a borrowed connection", options)),
    }
}

async fn set_up(lent: Lent, options: &PostgresOptions) -> Result<Borrowed, StoreError> {
    let setting = |error| failed("setting up a borrowed connection", error);
    let client = lent.0.client();
    let said = client.simple_query(OUTSIDE).await.map_err(setting)?;
    if !said.iter().any(|said| matches!(said, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))) {
        return Err(StoreError::invalid(
            "the connection that was lent is in the middle of a transaction: commit it or roll it back before lending it",
        ));
    }
    let (names, values): (Vec<_>, Vec<_>) = settings(options).into_iter().unzip();
    let mut before = Vec::new();
    for row in client.query(SETTINGS, &[&names]).await.map_err(setting)? {
        before.push(row.try_get(0).map_err(setting)?);
    }
    // From here on it is set back, whatever comes in between.
    let borrowed = Borrowed { lent: Arc::new(lent), names, before, runtime: Handle::current() };
    borrowed.lent.0.client().query(SET, &[&borrowed.names, &values]).await.map_err(setting)?;
    Ok(borrowed)
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let lent = Arc::clone(&self.lent);
        let (names, before) = (std::mem::take(&mut self.names), std::mem::take(&mut self.before));
        self.runtime.spawn(async move {
            // One that cannot be set back is broken, and its owner sees that for himself.
            let _ = lent.0.client().query(SET, &[&names, &before]).await;
        });
    }
}

/// A connection, of the store's own or of somebody else's.
pub(super) enum Held {
    Own(Client),
    Borrowed(Borrowed),
}

impl Deref for Held {
    type Target = Client;

    fn deref(&self) -> &Client {
        match self {
            Self::Own(client) => client,
            Self::Borrowed(borrowed) => borrowed.lent.0.client(),
        }
    }
}

fn not_lent(error: LendError) -> StoreError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
            return not_connected(error);
        }
        cause = error.source();
    }
    StoreError::new(
        StoreErrorKind::Unavailable,
        "no connection was lent: a store holds up to three connections of a pool for as long as it lives, and three or four \
         more if it keeps views",
    )
    .because(error)
}
