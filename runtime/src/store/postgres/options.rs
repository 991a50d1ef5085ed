//! Which database, and how it is reached.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{Config, config::SslMode};

use crate::store::StoreError;

/// Where a PostgreSQL store keeps its events, and how it gets there.
///
/// The text form, which [`factum::open`](crate::open) takes, is a URL as PostgreSQL's own tools take it:
/// `postgres://user:password@host:5432/database`, then perhaps a question mark and options, joined by `&`. What
/// PostgreSQL's URLs know (`connect_timeout` in seconds, `application_name`, several hosts …) is understood, and:
///
/// | option | values | meaning |
/// |---|---|---|
/// | `schema` | a name of letters, digits and `_` | the schema that holds the tables, made if it is not there; default `factum` |
/// | `timeout` | milliseconds | how long an answer may take; default 30000 |
///
/// ```
/// use factum::store::postgres::PostgresOptions;
///
/// let options: PostgresOptions = "postgres://ann@localhost/shop?schema=orders".parse()?;
/// assert_eq!(options, PostgresOptions::url("postgres://ann@localhost/shop")?.schema("orders")?);
/// # Ok::<(), factum::store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) timeout: Duration,
    pub(super) existing: bool,
}

impl PostgresOptions {
    /// How long to wait for an answer, and for a connection, unless told otherwise.
    const TIMEOUT: Duration = Duration::from_secs(30);
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// The database that this URL names, without options of factum's own.
    ///
    /// # Errors
    /// It is not a URL of PostgreSQL, or asks for an encrypted connection.
    pub fn url(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(|error| {
            StoreError::invalid(
                "the URL is not understood: use `postgres://user:password@host:5432/database?option=value`",
            )
            .because(error)
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(StoreError::invalid(
                "this version of factum does not encrypt connections to PostgreSQL: leave out `sslmode=require` and use a \
                 network that is yours alone",
            ));
        }
        config.ssl_mode(SslMode::Disable);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Self::CONNECT_TIMEOUT);
        }
        Ok(Self { config, schema: "factum".to_owned(), timeout: Self::TIMEOUT, existing: false })
    }

    /// Sets the schema that holds the tables. Stores in different schemas have nothing to do with each other.
    ///
    /// # Errors
    /// The name is not made of at most 63 lower-case ASCII letters, digits and `_`, or begins with a digit or `pg_`.
    pub fn schema(mut self, name: &str) -> Result<Self, StoreError> {
        let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let begins_well = name.starts_with(|first: char| !first.is_ascii_digit()) && !name.starts_with("pg_");
        if !letters || !begins_well || name.len() > 63 {
            return Err(StoreError::invalid(format!(
                "`schema={name}` is no name for a schema: use up to 63 lower-case letters, digits and `_`, and begin with a \
                 letter other than in `pg_`"
            )));
        }
        name.clone_into(&mut self.schema);
        Ok(self)
    }

    /// Sets how long the server may take to answer. Then a read fails, and what became of an append is unknown.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Nothing is made: where there is no store in the schema yet, it is not opened.
    #[must_use]
    pub const fn existing(mut self) -> Self {
        self.existing = true;
        self
    }
}

impl FromStr for PostgresOptions {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let is_ours = |option: &&str| option.starts_with("schema=") || option.starts_with("timeout=");
        let (ours, theirs): (Vec<_>, Vec<_>) =
            query.split('&').filter(|option| !option.is_empty()).partition(is_ours);
        let rest = if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
        let mut seen = Vec::new();
        ours.into_iter().try_fold(Self::url(&rest)?, |options, option| {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if seen.contains(&key) {
                return Err(StoreError::invalid(format!("the option `{key}` is given twice")));
            }
            seen.push(key);
            match key {
                "schema" => options.schema(value),
                _ => value.parse().map(|time| options.timeout(Duration::from_millis(time))).map_err(|_| {
                    StoreError::invalid(format!(
                        "`timeout={value}` is not a number of milliseconds: use a whole number such as `30000`"
                    ))
                }),
            }
        })
    }
}

/// Without the password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("schema", &self.schema)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    #[test]
    fn every_option_is_read() {
        let parsed: PostgresOptions =
            "postgres://ann@host:99/shop?application_name=till&schema=orders&timeout=50".parse().unwrap();
        assert_eq!(parsed.schema, "orders");
        assert_eq!(parsed.timeout, Duration::from_millis(50));
        assert_eq!(parsed.config.get_application_name(), Some("till"));
        assert_eq!((parsed.config.get_dbname(), parsed.config.get_ports()), (Some("shop"), &[99][..]));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right_and_without_the_password() {
        for (query, right) in [
            ("?schema=", "lower-case"),
            ("?schema=1a", "lower-case"),
            ("?schema=pg_a", "`pg_`"),
            ("?schema=A%22", "lower-case"),
            ("?timeout=1s", "whole number"),
            ("?timeout=1&timeout=2", "twice"),
            ("?synchronous=full", "option=value"),
            ("?sslmode=require", "sslmode"),
        ] {
            let error =
                format!("postgres://ann:secret@host/db{query}").parse::<PostgresOptions>().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{query}");
            assert!(error.to_string().contains(right), "{query}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let options = PostgresOptions::url("postgres://ann:secret@host/db").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
