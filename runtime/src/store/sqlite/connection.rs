//! Connections to the database: one that writes, and those that read.

use std::{
    fmt::Write as _,
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    SqliteOptions, Synchronous,
    constraints::Constraints,
    error::failed,
    holders::Holders,
    known::Known,
    patience::Patience,
    schema::{self, Owner},
    views::Tables,
};
use crate::store::{Durability, StoreError, StoreErrorKind, key::StoreKey};

/// Large enough for every statement there is, and for those of many views, so that each is compiled once.
const STATEMENTS: usize = 256;

/// How much of the database each connection keeps in memory.
const CACHE_KIB: i64 = 8 * 1024;

/// How many pages of the log lie between two merges into the database. Pages that are written again and again are then
/// merged once; four times SQLite's own number was worth a tenth of the processor's time.
const LOG_PAGES: i64 = 4000;

/// A connection, and what it need not look up again.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) known: Known,
    pub(super) constraints: Constraints,
    pub(super) holders: Holders,
    pub(super) tables: Tables,
    pub(super) store: StoreKey,
}

impl Session {
    fn new(connection: Connection, store: StoreKey) -> Result<Self, rusqlite::Error> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // A statement keeps its plan. Else SQLite looks at what is bound and compiles it again, each time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // A transaction makes its own parents; to look for them again with each row would be for nothing.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        // What stands in double quotes is a name, and an error if there is none of it. Else SQLite takes it for text.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        // A table takes the place of another one of its name: what people have made on top of it stays as it is, and does
        // not follow the one or the other.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true)?;
        let (known, constraints) = (Known::default(), Constraints::default());
        let (holders, tables) = (Holders::default(), Tables::default());
        Ok(Self { connection, known, constraints, holders, tables, store })
    }

    /// Carries out a statement that gives no rows.
    pub(super) fn execute(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute(()).map(drop)
    }

    /// Opens a database in memory, which this connection alone can see.
    pub(super) fn in_memory(store: StoreKey) -> Result<Self, StoreError> {
        let failed = |error| failed("opening a database in memory", error);
        let connection = Connection::open_in_memory().map_err(failed)?;
        schema::create(&connection, "the database in memory")?;
        let session = Self::new(connection, store).map_err(failed)?;
        Ok(Self { constraints: Constraints::alone(), ..session })
    }
}

/// A database file and the settings that every connection to it shares.
#[derive(Debug)]
pub(super) struct File {
    /// Absolute, so that connections opened later find the same file.
    path: PathBuf,
    /// As errors show it.
    name: String,
    options: SqliteOptions,
    store: StoreKey,
}

impl File {
    pub(super) fn new(path: &Path, options: SqliteOptions, store: StoreKey) -> Result<Self, StoreError> {
        let name = format!("`{}`", path.display());
        if path.as_os_str().is_empty() {
            return Err(StoreError::invalid("the path of the SQLite file is empty: name a file"));
        }
        let path = std::path::absolute(path).map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("the path {name} cannot be made absolute"))
                .because(error)
        })?;
        Ok(Self { path, name, options, store })
    }

    /// Opens the connection that writes, makes the file and its tables if they are not there, and refuses a file that
    /// is not ours. Gives the durability that is in force.
    pub(super) fn open_writer(&self) -> Result<(Session, Durability), StoreError> {
        self.peek()?;
        let make = match self.options.existing {
            true => OpenFlags::empty(),
            false => OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | make)?;
        self.claim(&connection)?;
        let durability = self.configure(&connection)?;
        // From here on a busy database is the affair of whoever begins a transaction.
        connection.busy_timeout(Duration::ZERO).map_err(|error| self.failed_opening(error))?;
        Ok((self.session(connection)?, durability))
    }

    /// Opens one more connection that reads.
    pub(super) fn open_reader(&self) -> Result<Session, StoreError> {
        self.session(self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }

    fn session(&self, connection: Connection) -> Result<Session, StoreError> {
        Session::new(connection, self.store).map_err(|error| self.failed_opening(error))
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, StoreError> {
        let connection = self.open(&self.path, flags).map_err(|error| match &self.options.vfs {
            Some(vfs) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                StoreError::invalid(format!("there is no VFS `{vfs}`: register it first")).because(error)
            }
            _ => self.failed_opening(error),
        })?;
        // Larger than SQLite can count is as good as for ever.
        let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
        connection
            .busy_timeout(self.options.busy_timeout.min(longest))
            .map_err(|error| self.failed_opening(error))?;
        Ok(connection)
    }

    fn open(&self, path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self.options.vfs.as_deref() {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
            None => Connection::open_with_flags(path, flags),
        }
    }

    /// Looks whose file it is without touching it. To open a database is to repair it: a journal or log that lies
    /// beside it is played back. So a file that is clearly not ours is told by its own bytes, before that.
    ///
    /// Only through SQLite, because closing a file that was opened in any other way would drop the locks that this
    /// process has on it. What cannot be told here is left to `claim`.
    fn peek(&self) -> Result<(), StoreError> {
        let no_database = || {
            StoreError::new(
                StoreErrorKind::Foreign,
                format!("{} is not a SQLite database: name another file", self.name),
            )
        };
        match fs::metadata(&self.path) {
            // To open a pipe would be to wait for somebody who writes to it.
            Ok(other) if !other.is_file() => {
                let what = if other.is_dir() { "a directory" } else { "a device or a pipe" };
                return Err(StoreError::invalid(format!("{} is {what}: name a file", self.name)));
            }
            // SQLite takes a file of one byte for an empty one.
            Ok(file) if file.len() == 1 => return Err(no_database()),
            Err(error) if self.options.existing && error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::new(
                    StoreErrorKind::Missing,
                    format!("there is no file {}", self.name),
                ));
            }
            _ => {}
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let Ok(connection) = self.open(Path::new(&self.immutable()), flags) else { return Ok(()) };
        let owner = connection.unchecked_transaction().and_then(|looking| Owner::of(&looking));
        match owner {
            Ok(owner) => owner.refuse_others(&self.name),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                if self.was_being_made() { Ok(()) } else { Err(no_database()) }
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether the file was new and the machine died while it was being made: its first page may be missing then, and
    /// the journal beside it says that it was empty before. SQLite makes it empty again.
    fn was_being_made(&self) -> bool {
        const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
        let mut journal = self.path.clone().into_os_string();
        journal.push("-journal");
        // The header: magic, records, nonce, pages before. There are no locks on a journal that closing it could drop.
        let mut header = [0; 20];
        let read = fs::File::open(journal).and_then(|mut journal| journal.read_exact(&mut header));
        read.is_ok() && header.starts_with(&MAGIC) && header.ends_with(&[0; 4])
    }

    /// The path as a URI that tells SQLite to take the file as it is: no locks, no journal, no log.
    fn immutable(&self) -> String {
        let mut uri = String::from(if cfg!(windows) { "file:///" } else { "file:" });
        for byte in self.path.as_os_str().as_encoded_bytes() {
            match byte {
                b'\\' if cfg!(windows) => uri.push('/'),
                b'/' | b':' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
                byte => {
                    // Writing to a string cannot fail.
                    let _ = write!(uri, "%{byte:02x}");
                }
            }
        }
        uri.push_str("?immutable=1");
        uri
    }

    /// Makes sure that the database is ours: looks whose it is, and makes the tables if it is nobody's, or what an
    /// earlier version did not have.
    fn claim(&self, connection: &Connection) -> Result<(), StoreError> {
        let failed = |error| self.failed_opening(error);
        // Until we know, nothing is to be merged into the file, not even when we close it again.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        let owner =
            connection.unchecked_transaction().and_then(|looking| Owner::of(&looking)).map_err(failed)?;
        owner.refuse_others(&self.name)?;
        if connection.is_readonly("main").map_err(failed)? {
            return Err(StoreError::new(
                StoreErrorKind::Io,
                format!("{} is write-protected: a store needs to write", self.name),
            ));
        }
        if owner == Owner::Nobody && self.options.existing {
            return Err(StoreError::new(
                StoreErrorKind::Missing,
                format!("{} is empty: it holds no store yet", self.name),
            ));
        }
        if owner != Owner::Us {
            schema::create(connection, &self.name)?;
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
        Ok(())
    }

    /// Sets the database up, and reads back what came of it.
    fn configure(&self, connection: &Connection) -> Result<Durability, StoreError> {
        let failed = |error| self.failed_opening(error);
        // To its end: the mode is written when the statement ends, and that may fail. And here SQLite itself does not
        // wait for others, who may be opening the new file as well.
        let mode: String = Patience::of(self.options.busy_timeout)
            .attempt(|| connection.query_one("PRAGMA journal_mode = wal", (), |row| row.get(0)))
            .map_err(failed)?;
        if mode != "wal" {
            return Err(StoreError::new(
                StoreErrorKind::Io,
                format!(
                    "{} cannot be used in WAL mode (it stays in mode `{mode}`): put it on a local file system",
                    self.name
                ),
            ));
        }
        connection.pragma_update(None, "synchronous", self.options.synchronous.as_str()).map_err(failed)?;
        // On Apple's systems a sync proper is a call of its own. Elsewhere this changes nothing.
        let full = self.options.synchronous == Synchronous::Full;
        connection.pragma_update(None, "fullfsync", full).map_err(failed)?;
        connection.pragma_update(None, "checkpoint_fullfsync", full).map_err(failed)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(failed)?;
        let synchronous: i64 =
            connection.query_row("PRAGMA synchronous", (), |row| row.get(0)).map_err(failed)?;
        Ok(match synchronous {
            0 | 1 => Durability::Crash,
            2 | 3 => Durability::PowerLoss,
            _ => Durability::Unknown,
        })
    }

    fn failed_opening(&self, error: rusqlite::Error) -> StoreError {
        let hint = match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                " (its directory must be there, and both must be writable)"
            }
            _ => "",
        };
        failed(&format!("opening {}{hint}", self.name), error)
    }
}

/// Connections that read, opened when they are needed and kept for the next read.
///
/// A read runs on the thread that asks, so there are never many more than threads.
#[derive(Debug)]
pub(super) struct Readers {
    file: File,
    /// The one that was used last is on top: what it keeps in memory is the least stale.
    idle: Mutex<Vec<Session>>,
    most: usize,
}

impl Readers {
    pub(super) fn new(file: File) -> Self {
        let most = std::thread::available_parallelism().map_or(2, |cores| cores.get().saturating_mul(2));
        Self { file, idle: Mutex::default(), most }
    }

    /// Reads with a connection that nobody else uses meanwhile.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match idle {
            Some(session) => session,
            None => self.file.open_reader()?,
        };
        let result = read(&mut session)?;
        // After an error a connection is not used again, whatever state it may be in.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(session);
        }
        Ok(result)
    }
}
