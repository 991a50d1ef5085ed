//! Where the database is and how it is opened.

use std::{path::PathBuf, str::FromStr, time::Duration};

use crate::store::StoreError;

/// Where a SQLite store keeps its events, and how.
///
/// The text form, which [`factum::open`](crate::open) takes after `sqlite:`, is the path of a file, then perhaps a
/// question mark and options, joined by `&`. The path stands as it is, nothing in it is decoded.
///
/// | option | values | meaning |
/// |---|---|---|
/// | `synchronous` | `full`, `normal`, `off` | see [`Synchronous`]; default `full` |
/// | `busy_timeout` | milliseconds | how long to wait for other processes; default 30000 |
/// | `vfs` | a name | the SQLite VFS to use; default is the platform's |
///
/// `:memory:` is a database in memory. It ends with the store, and it has no options.
///
/// ```
/// use factum::store::sqlite::{SqliteOptions, Synchronous};
///
/// let parsed: SqliteOptions = "my data/helpdesk.db?synchronous=normal".parse()?;
/// assert_eq!(parsed, SqliteOptions::file("my data/helpdesk.db").synchronous(Synchronous::Normal));
/// # Ok::<(), factum::store::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// `None`: in memory.
    pub(super) path: Option<PathBuf>,
    pub(super) synchronous: Synchronous,
    pub(super) busy_timeout: Duration,
    pub(super) vfs: Option<String>,
    pub(super) existing: bool,
}

/// When SQLite waits until what it wrote is on stable storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Before every commit is acknowledged: it survives the death of the machine.
    #[default]
    Full,
    /// Before the log is merged into the database only. An acknowledged commit survives the death of the process. When
    /// the machine dies, the last commits may be gone; the database stays whole, and no commit is there in part.
    Normal,
    /// Never. An acknowledged commit survives the death of the process. When the machine dies, the database may be
    /// damaged. For data that can be made again.
    Off,
}

impl Synchronous {
    const ALL: [Self; 3] = [Self::Full, Self::Normal, Self::Off];

    /// The word for it, in URLs and in SQLite.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
            Self::Off => "off",
        }
    }
}

impl SqliteOptions {
    /// How long to wait for other processes, unless told otherwise.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

    /// The database in the file of this path. The file is made if it is not there, its directory is not.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::in_memory() }
    }

    /// A database in memory. What it holds ends with the store; the other options mean nothing to it.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self {
            path: None,
            synchronous: Synchronous::Full,
            busy_timeout: Self::BUSY_TIMEOUT,
            vfs: None,
            existing: false,
        }
    }

    /// Sets what an acknowledged commit survives.
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets how long an append waits while other processes write, before it fails.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets the SQLite VFS: the layer between SQLite and the operating system. It must have been registered.
    #[must_use]
    pub fn vfs(mut self, name: impl Into<String>) -> Self {
        self.vfs = Some(name.into());
        self
    }

    /// Nothing is made: where there is no store in the file yet, it is not opened.
    #[must_use]
    pub const fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    fn set(self, key: &str, value: &str) -> Result<Self, StoreError> {
        match key {
            "synchronous" => match Synchronous::ALL.into_iter().find(|known| known.as_str() == value) {
                Some(synchronous) => Ok(self.synchronous(synchronous)),
                None => Err(StoreError::invalid(format!(
                    "`synchronous={value}` is not known: use `full`, `normal` or `off`"
                ))),
            },
            "busy_timeout" => match value.parse() {
                Ok(milliseconds) => Ok(self.busy_timeout(Duration::from_millis(milliseconds))),
                Err(_) => Err(StoreError::invalid(format!(
                    "`busy_timeout={value}` is not a number of milliseconds: use a whole number such as `30000`"
                ))),
            },
            "vfs" if !value.is_empty() => Ok(self.vfs(value)),
            "vfs" => Err(StoreError::invalid("`vfs=` names no VFS: use `vfs=name` or leave it out")),
            _ => Err(StoreError::invalid(format!(
                "SQLite has no option `{key}`: use `synchronous`, `busy_timeout` or `vfs`"
            ))),
        }
    }
}

impl FromStr for SqliteOptions {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        match (path, query) {
            ("", _) => Err(StoreError::invalid(
                "no file is named: use `sqlite:path/to/file.db`, or `sqlite::memory:` for a database in memory",
            )),
            (":memory:", None) => Ok(Self::in_memory()),
            (":memory:", Some(_)) => {
                Err(StoreError::invalid("a database in memory has no options: leave out what follows `?`"))
            }
            // SQLite gives such names a meaning of its own.
            (path, _) if path.starts_with(':') || path == "memory:" => Err(StoreError::invalid(format!(
                "`{path}` names no file: use `sqlite::memory:` for a database in memory, or `sqlite:./{path}` for a file \
                 of this name"
            ))),
            // Some programs take what follows as relative, to the system it is a path from the root.
            (path, _) if path.starts_with("//") && !path.starts_with("///") => Err(StoreError::invalid(
                "a path does not begin with `//`: use `sqlite:file.db` for a file in this directory, or \
                 `sqlite:/path/to/file.db` for one from the root",
            )),
            (path, query) => {
                let mut seen = Vec::new();
                query.into_iter().flat_map(|query| query.split('&')).try_fold(
                    Self::file(path),
                    |options, option| {
                        let (key, value) = option.split_once('=').unwrap_or((option, ""));
                        if seen.contains(&key) {
                            return Err(StoreError::invalid(format!("the option `{key}` is given twice")));
                        }
                        seen.push(key);
                        options.set(key, value)
                    },
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    #[test]
    fn every_option_is_read() {
        let parsed: SqliteOptions =
            "a b/c.db?synchronous=off&busy_timeout=50&vfs=unix-dotfile".parse().unwrap();
        let built = SqliteOptions::file("a b/c.db")
            .synchronous(Synchronous::Off)
            .busy_timeout(Duration::from_millis(50))
            .vfs("unix-dotfile");
        assert_eq!(parsed, built);
        assert_eq!("100%41.db".parse::<SqliteOptions>().unwrap(), SqliteOptions::file("100%41.db"));
        for path in ["/a.db", "///a.db", "./:memory", "C:/a.db"] {
            assert_eq!(path.parse::<SqliteOptions>().unwrap(), SqliteOptions::file(path));
        }
        assert_eq!(":memory:".parse::<SqliteOptions>().unwrap(), SqliteOptions::in_memory());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        for (text, right) in [
            ("", "sqlite::memory:"),
            ("?synchronous=full", "sqlite::memory:"),
            (":memory:?synchronous=full", "no options"),
            (":memory", "sqlite::memory:"),
            ("memory:", "sqlite:./memory:"),
            ("//", "sqlite:file.db"),
            ("//a.db?synchronous=full", "sqlite:file.db"),
            ("//host/a.db", "sqlite:/path/to/file.db"),
            ("a.db?", "`synchronous`, `busy_timeout` or `vfs`"),
            ("a.db?sync=full", "`synchronous`, `busy_timeout` or `vfs`"),
            ("a.db?synchronous", "`full`, `normal` or `off`"),
            ("a.db?synchronous=extra", "`full`, `normal` or `off`"),
            ("a.db?busy_timeout=-1", "whole number"),
            ("a.db?vfs=", "vfs=name"),
            ("a.db?vfs=a&vfs=b", "twice"),
        ] {
            let error = text.parse::<SqliteOptions>().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{text}");
            assert!(error.to_string().contains(right), "{text}: {error}");
        }
    }
}
