//! From a URL to a store.

use std::sync::Arc;

use crate::store::{MemoryStore, Store, StoreError, StoreErrorKind};

/// Opens the store that `url` names:
///
/// | URL | store |
/// |---|---|
/// | `memory:` | a new [`MemoryStore`], gone with the process |
/// | `sqlite:helpdesk.db` | the SQLite file of this path, made if it is not there (feature `sqlite`) |
/// | `sqlite::memory:` | a new SQLite database in memory |
/// | `postgres://user:password@host/database` | this PostgreSQL database (feature `postgres`) |
/// | `nats://user:password@host/stream` | this stream of NATS JetStream, made if it is not there (feature `jetstream`) |
///
/// Options follow a question mark, such as `sqlite:helpdesk.db?synchronous=normal`: see
/// [`SqliteOptions`](crate::store::sqlite::SqliteOptions), `factum::store::postgres::PostgresOptions` and
/// `factum::store::jetstream::JetStreamOptions`.
///
/// # Errors
/// The URL names no store that this program was built with, or the store cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_or_make(url, true).await
}

/// Opens the store that `url` names as [`open`] does, but only if it is there: nothing is made, neither files nor tables.
///
/// # Errors
/// As [`open`]; [`StoreErrorKind::Missing`] if there is no such store, which is so for every store in memory.
pub async fn open_existing(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_or_make(url, false).await
}

async fn open_or_make(url: &str, make: bool) -> Result<Arc<dyn Store>, StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" if rest.is_empty() && !make => Err(StoreError::new(
            StoreErrorKind::Missing,
            "a store in memory is always a new one: name one that is kept",
        )),
        "memory" if rest.is_empty() => Ok(Arc::new(MemoryStore::new())),
        "memory" => Err(StoreError::invalid(format!(
            "`{url}` has something after `memory:`; a store in memory has no name and no options"
        ))),
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let options: crate::store::sqlite::SqliteOptions = rest.parse()?;
            let options = if make { options } else { options.existing() };
            Ok(Arc::new(crate::store::SqliteStore::open(options).await?))
        }
        #[cfg(not(feature = "sqlite"))]
        "sqlite" => Err(StoreError::invalid(
            "this program was built without SQLite: enable factum's feature `sqlite`",
        )),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let options: crate::store::postgres::PostgresOptions = url.parse()?;
            let options = if make { options } else { options.existing() };
            Ok(Arc::new(crate::store::PostgresStore::open(options).await?))
        }
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => Err(StoreError::invalid(
            "this program was built without PostgreSQL: enable factum's feature `postgres`",
        )),
        #[cfg(feature = "jetstream")]
        "nats" => {
            let options: crate::store::jetstream::JetStreamOptions = url.parse()?;
            let options = if make { options } else { options.existing() };
            Ok(Arc::new(crate::store::JetStreamStore::open(options).await?))
        }
        #[cfg(not(feature = "jetstream"))]
        "nats" => Err(StoreError::invalid(
            "this program was built without NATS: enable factum's feature `jetstream`",
        )),
        // What follows `://` may hold a password.
        _ => Err(StoreError::invalid(format!(
            "`{}` does not name a store: use `memory:`, `sqlite:path/to/file.db`, `postgres://host/database` or \
             `nats://host/stream`",
            without_secrets(url)
        ))),
    }
}

/// What of a URL that is not understood can be shown: what follows `://`, or stands before an `@`, may hold a password.
fn without_secrets(url: &str) -> &str {
    let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
    if scheme.contains('@') { scheme.split([':', '/']).next().unwrap_or_default() } else { scheme }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_names_no_store_is_shown_without_its_password() {
        for (url, shown) in [
            ("mysql://ann:secret@host/db", "`mysql`"),
            ("nats//ann:secret@host/a", "`nats`"),
            ("postgress:ann:secret@host/a", "`postgress`"),
            ("helpdesk.db", "`helpdesk.db`"),
            ("C:\\helpdesk.db", "`C:\\helpdesk.db`"),
        ] {
            let error = open(url).await.unwrap_err().to_string();
            assert!(error.contains(shown) && error.contains("`memory:`"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
    #[tokio::test]
    async fn what_is_not_there_is_not_made() {
        let error = open_existing("memory:").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
        assert_eq!(open_existing("nonsense:").await.unwrap_err().kind(), StoreErrorKind::Invalid);
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite:{}", directory.path().join(name).display());
        std::fs::write(directory.path().join("empty.db"), "").unwrap();
        for url in [url("store.db"), url("empty.db"), url("no/store.db"), "sqlite::memory:".to_owned()] {
            let error = open_existing(&url).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
        }
        let files = || std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files(), 1);
        drop(open(&url("store.db")).await.unwrap());
        open_existing(&url("store.db")).await.unwrap();
        assert_eq!(std::fs::read(directory.path().join("empty.db")).unwrap(), b"");
    }
}
