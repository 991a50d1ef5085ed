//! Tables of a view's own shape: how they are made, and the transaction in which user code writes them.
//!
//! ```text
//!  Work { projected }            what a reader has done          work.rs
//!    │  the store begins a transaction, looks where the reader is
//!    ▼
//!  Projected::run ─► Projection (user code) ─► SqlTransaction ─► SqlConnection (the store's)
//!    │
//!    ▼  letters, position, commit
//! ```

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use super::{Build, Stage, Value, Values, WorkError};
use crate::{
    fnv::Fnv,
    store::{BoxFuture, Name, StoreError, StoreErrorKind},
};

/// The tables of a view that writes them by SQL of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlTables {
    /// The name under which the books of the view are kept.
    pub view: Name,
    /// What is made, in order: the name of a table or an index, and the statement that makes it, in which `{name}` stands for
    /// what it is called in the database.
    pub definitions: Vec<(Name, String)>,
}

impl SqlTables {
    /// A statement with the names of a build in the place of those in braces; other braces stay.
    #[must_use]
    pub fn named(&self, sql: &str, build: &Build) -> String {
        let mut named = sql.to_owned();
        for (name, _) in &self.definitions {
            named = named.replace(&format!("{{{name}}}"), &format!("\"{}\"", build.table(name)));
        }
        named
    }

    /// For stores: the statement that is to make this table or index makes none of its name.
    #[must_use]
    pub fn not_made(&self, name: &str) -> StoreError {
        StoreError::invalid(format!(
            "the definition of `{name}` of the view `{}` makes no table of that name, and no index: write its name in braces, \
             as in `CREATE TABLE {{{name}}} (…)`, and define one table at least",
            self.view,
        ))
    }

    /// For stores: a table of a live build is gone.
    #[must_use]
    pub fn dropped(&self, name: &str) -> StoreError {
        StoreError::corrupt(format!(
            "the table `{name}` of the view `{}` is gone: somebody dropped it, or renamed it. Put it back, or have the view \
             filled anew with `RunningApp::rebuild_sql`, or with another `VERSION`",
            self.view
        ))
    }

    /// A hash of the definitions and of this number.
    pub(crate) fn fingerprint(&self, version: u32) -> [u8; 16] {
        let versioned = Fnv::new().part(&version.to_be_bytes());
        let definitions = self.definitions.iter();
        let hash =
            definitions.fold(versioned, |hash, (name, sql)| hash.part(name.as_bytes()).part(sql.as_bytes()));
        hash.get().to_be_bytes()
    }
}

impl Build {
    /// What a table of it is called in the database, where it stands now.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        match self.stage {
            Stage::Beside => format!("{name}__{}", self.generation),
            Stage::Live { .. } => name.to_owned(),
        }
    }
}

/// What stores implement so that user code can write in their transaction.
///
/// An error of kind [`Invalid`](StoreErrorKind::Invalid) is the statement's own fault; any other is taken for trouble with the
/// database, in which nobody is at fault and which passes.
pub trait SqlConnection: Send {
    /// Carries out a statement; how many rows it changed. Parameter `$n` is the value with number `n`, from 1 on.
    fn execute<'a>(&'a mut self, sql: &'a str, values: &'a [Value])
    -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Carries out a statement that gives rows.
    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Vec<Values>, StoreError>>;
}

/// The transaction of the read store in which what a view does with some events is written, together with how far it has come.
///
/// Statements are in the SQL of the database. `{name}` stands for a table or an index of the view, wherever it stands: beside
/// the one that everybody reads while the view is filled, or in its place. Parameters are `$1`, `$2` … on both databases.
///
/// A statement that fails fails the event, whether or not the error is handed on: what the database makes of a transaction in
/// which something went wrong differs. Statements that begin or end transactions are refused.
pub struct SqlTransaction<'a> {
    connection: &'a mut dyn SqlConnection,
    tables: &'a SqlTables,
    build: &'a Build,
    /// Whether a statement is on its way.
    asking: Arc<AtomicBool>,
    /// What went wrong first.
    failed: Option<StoreError>,
}

impl<'a> SqlTransaction<'a> {
    fn new(connection: &'a mut dyn SqlConnection, tables: &'a SqlTables, build: &'a Build) -> Self {
        Self { connection, tables, build, asking: Arc::default(), failed: None }
    }

    /// Carries out a statement; how many rows it changed.
    ///
    /// # Errors
    /// The database refuses it, cannot carry it out, or it gives rows.
    pub async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let sql = self.prepare(sql)?;
        let outcome = self.connection.execute(&sql, values).await;
        self.note(outcome)
    }

    /// The rows that a statement gives, in its order.
    ///
    /// On SQLite a value is what it is kept as: a [`Bool`](Value::Bool) comes back as [`Integer`](Value::Integer), times, days,
    /// UUIDs and JSON as [`Text`](Value::Text). On PostgreSQL it is of the column's type; one that has no
    /// [`ColumnType`](super::ColumnType), such as `numeric`, has to be cast.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Values>, StoreError> {
        let sql = self.prepare(sql)?;
        let outcome = self.connection.query(&sql, values).await;
        self.note(outcome)
    }

    /// What a table of the view is called in the build that is being written, not in quotes.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        self.build.table(name)
    }

    /// What went wrong so far, if anything did.
    pub(crate) fn failed(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    fn prepare(&mut self, sql: &str) -> Result<String, StoreError> {
        if let Some(failed) = &self.failed {
            return Err(copy(failed));
        }
        if let Err(refused) = leaves_transactions_alone(sql) {
            return self.note(Err(refused));
        }
        self.asking.store(true, Ordering::Relaxed);
        Ok(self.tables.named(sql, self.build))
    }

    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.asking.store(false, Ordering::Relaxed);
        if let Err(error) = &outcome {
            self.failed = Some(copy(error));
        }
        outcome
    }

    /// What came of it all.
    fn end(self, outcome: Result<(), String>) -> Result<(), WorkError> {
        let refused = |error| Err(WorkError::Refused { view: self.tables.view.to_string(), error });
        match (self.failed, outcome) {
            (Some(trouble), _) if trouble.kind() != StoreErrorKind::Invalid => Err(trouble.into()),
            (_, Err(error)) => refused(error),
            (Some(failed), Ok(())) => refused(failed.to_string()),
            (None, Ok(())) if self.asking.load(Ordering::Relaxed) => {
                refused("a statement was given up before it was answered".to_owned())
            }
            (None, Ok(())) => Ok(()),
        }
    }
}

/// Refuses a statement that begins or ends a transaction.
pub(crate) fn leaves_transactions_alone(sql: &str) -> Result<(), StoreError> {
    const WORDS: [&str; 9] =
        ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"];
    let word: String = sql.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let word = word.to_ascii_uppercase();
    match WORDS.contains(&word.as_str()) {
        true => Err(StoreError::invalid(format!(
            "`{word}` is refused: the transaction is the store's, which begins and ends it"
        ))),
        false => Ok(()),
    }
}

fn copy(error: &StoreError) -> StoreError {
    StoreError::new(error.kind(), error.to_string())
}

impl fmt::Debug for SqlTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlTransaction").field("build", &self.build).finish_non_exhaustive()
    }
}

/// What is done in a transaction: some events, and the code of a view that takes them.
pub trait Projection: fmt::Debug + Send + Sync + 'static {
    /// Does it. It is all rolled back if this gives an error, and may be done again then.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    fn project<'a>(&'a self, transaction: &'a mut SqlTransaction<'_>) -> BoxFuture<'a, Result<(), String>>;
}

/// What the code of a view does with events, for a store to carry out in the transaction in which it moves the reader.
#[derive(Clone, Debug)]
pub struct Projected {
    /// The tables.
    pub tables: Arc<SqlTables>,
    /// The build of them.
    pub build: Build,
    /// What is done.
    pub projection: Arc<dyn Projection>,
}

impl Projected {
    /// For stores: does it on a connection with an open transaction. `build` is the build as it is in the books now. On a
    /// connection whose answers are there at once, so is this one's.
    ///
    /// # Errors
    /// [`WorkError::Refused`], or [`WorkError::Store`] where the database is in trouble: roll back.
    pub async fn run(&self, connection: &mut dyn SqlConnection, build: &Build) -> Result<(), WorkError> {
        let mut transaction = SqlTransaction::new(connection, &self.tables, build);
        let asking = Arc::clone(&transaction.asking);
        let outcome = {
            let mut projecting = pin!(self.projection.project(&mut transaction));
            // Others wait for the transaction to end, on SQLite all who write.
            poll_fn(|context| match projecting.as_mut().poll(context) {
                Poll::Pending if !asking.load(Ordering::Relaxed) => Poll::Ready(Err(
                    "it waits for something else than its transaction, which holds up others: get what it needs before, in a \
                     handler say, or from the event"
                        .to_owned(),
                )),
                polled => polled,
            })
            .await
        };
        transaction.end(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_those_of_the_build() {
        let definitions = vec![("days".into(), String::new()), ("day".into(), String::new())];
        let tables = SqlTables { view: "totals".into(), definitions };
        let build = |stage| Build {
            view: "totals".into(),
            generation: 3,
            fingerprint: [0; 16],
            stage,
            position: crate::Position::START,
        };
        let sql = "INSERT INTO {days} SELECT '{other}', {day}.x FROM {day}";
        assert_eq!(
            tables.named(sql, &build(Stage::Beside)),
            r#"INSERT INTO "days__3" SELECT '{other}', "day__3".x FROM "day__3""#
        );
        assert_eq!(
            tables.named(sql, &build(Stage::Live { transactional: false })),
            r#"INSERT INTO "days" SELECT '{other}', "day".x FROM "day""#
        );
    }

    #[test]
    fn a_fingerprint_tells_versions_and_definitions_apart() {
        let tables = |name: &str, sql: &str| SqlTables {
            view: "totals".into(),
            definitions: vec![(name.into(), sql.to_owned())],
        };
        let one = tables("a", "bc").fingerprint(1);
        assert_eq!(one, tables("a", "bc").fingerprint(1));
        assert_ne!(one, tables("a", "bc").fingerprint(2));
        assert_ne!(one, tables("ab", "c").fingerprint(1));
        assert_ne!(one, tables("a", "bd").fingerprint(1));
    }

    #[test]
    fn statements_about_transactions_are_told() {
        for refused in ["  commit; --", "SAVEPOINT one", "END"] {
            assert!(leaves_transactions_alone(refused).is_err(), "{refused}");
        }
        for taken in ["INSERT INTO committed VALUES (1)", "ending", ""] {
            assert!(leaves_transactions_alone(taken).is_ok(), "{taken}");
        }
    }
}
