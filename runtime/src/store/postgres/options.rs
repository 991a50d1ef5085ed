//! Which database, and how it is reached.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config};

use super::{
    SslMode,
    lent::Connections,
    tls::{Root, Tls},
};
use crate::store::StoreError;

/// Where a PostgreSQL store keeps its events, and how it gets there.
///
/// The text form, which [`factum::open`](crate::open) takes, is a URL as PostgreSQL's own tools take it:
/// `postgres://user:password@host:5432/database`, then perhaps a question mark and options, joined by `&`. What
/// PostgreSQL's URLs know (`connect_timeout` in seconds, `application_name`, `channel_binding`, several hosts …) is
/// understood, and:
///
/// | option | values | meaning |
/// |---|---|---|
/// | `schema` | a name of letters, digits and `_` | the schema that holds the tables, made if it is not there; default `factum` |
/// | `timeout` | milliseconds | how long an answer may take; default 30000 |
/// | `sslmode` | as in [`SslMode`] | whether the connection is encrypted and the server known; default `prefer` |
/// | `sslrootcert` | a path, or `system` | who must have signed the server's certificate: a PEM file, or whom the operating system trusts; given alone, it means `sslmode=verify-full` |
/// | `sslcert`, `sslkey` | paths | the certificate that the server is shown, and its key: PEM files, without a passphrase |
///
/// `prefer` is what PostgreSQL's own tools do by default. Across a network that is not yours alone, use
/// `sslmode=verify-full`: the others do not protect from somebody who stands in between. Certificates are looked at as
/// browsers do, so the host's name has to be one of the certificate's alternative names. `sslmode` says nothing of Unix
/// sockets, over which nothing is encrypted. A SCRAM password is bound to the encrypted connection where the server can.
///
/// ```
/// use factum::store::postgres::PostgresOptions;
///
/// let options: PostgresOptions = "postgres://ann@localhost/shop?schema=orders".parse()?;
/// assert_eq!(options, PostgresOptions::url("postgres://ann@localhost/shop")?.schema("orders")?);
/// # Ok::<(), factum::store::StoreError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct PostgresOptions {
    pub(super) source: Source,
    pub(super) tls: Tls,
    pub(super) schema: String,
    pub(super) timeout: Duration,
    pub(super) existing: bool,
}

/// Where connections come from.
#[derive(Clone)]
pub(super) enum Source {
    Own(Box<Config>),
    Lent(Arc<dyn Connections>),
}

impl PostgresOptions {
    /// How long to wait for an answer, and for a connection, unless told otherwise.
    const TIMEOUT: Duration = Duration::from_secs(30);
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// The database that this URL names, without options of factum's own.
    ///
    /// # Errors
    /// It is not a URL of PostgreSQL, or what it says of encryption does not go together.
    pub fn url(url: &str) -> Result<Self, StoreError> {
        let (mut tls, mut seen) = (Tls::default(), Vec::new());
        let (url, ours) = split(url, &["sslmode", "sslrootcert", "sslcert", "sslkey"]);
        for (key, value) in ours {
            once(&mut seen, key)?;
            let value = percent_decode_str(value).decode_utf8().map_err(|error| {
                StoreError::invalid(format!("the value of `{key}` is not UTF-8")).because(error)
            })?;
            match key {
                "sslmode" => tls.mode = Some(SslMode::named(&value)?),
                "sslrootcert" if value == "system" => tls.root = Some(Root::System),
                "sslrootcert" => tls.root = Some(Root::File((*value).into())),
                "sslcert" => tls.certificate = Some((*value).into()),
                _ => tls.key = Some((*value).into()),
            }
        }
        tls.check()?;
        let config: Config = url.parse().map_err(|error| {
            StoreError::invalid(
                "the URL is not understood: use `postgres://user:password@host:5432/database?option=value`",
            )
            .because(error)
        })?;
        Ok(Self { tls, ..Self::config(config) })
    }

    /// The database that the driver's own configuration names. Its `ssl_mode` counts, until
    /// [`ssl_mode`](Self::ssl_mode) sets another one.
    #[must_use]
    pub fn config(mut config: Config) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Self::CONNECT_TIMEOUT);
        }
        // The host's name goes with its certificate.
        if config.get_hosts().is_empty() {
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        let mode = match config.get_ssl_mode() {
            config::SslMode::Disable => Some(SslMode::Disable),
            config::SslMode::Require => Some(SslMode::Require),
            _ => None,
        };
        let tls = Tls { mode, ..Tls::default() };
        Self { tls, ..Self::from_source(Source::Own(Box::new(config))) }
    }

    /// The database to which these connections lead: those of a pool that the program has already. See [`Connections`].
    #[must_use]
    pub fn lent(connections: impl Connections) -> Self {
        Self::from_source(Source::Lent(Arc::new(connections)))
    }

    fn from_source(source: Source) -> Self {
        Self {
            source,
            tls: Tls::default(),
            schema: "factum".to_owned(),
            timeout: Self::TIMEOUT,
            existing: false,
        }
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

    /// Sets whether connections are encrypted and the server has to prove who it is.
    #[must_use]
    pub const fn ssl_mode(mut self, mode: SslMode) -> Self {
        self.tls.mode = Some(mode);
        self
    }

    /// Sets the PEM file of those who may have signed the server's certificate.
    #[must_use]
    pub fn ssl_root_cert(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.root = Some(Root::File(path.into()));
        self
    }

    /// Sets the PEM files of the certificate that the server is shown, and of its key.
    #[must_use]
    pub fn ssl_cert(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.certificate = Some(certificate.into());
        self.tls.key = Some(key.into());
        self
    }

    /// Whether what was set goes together.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.source {
            Source::Lent(_) if self.tls != Tls::default() => Err(StoreError::invalid(
                "connections that are lent are encrypted or not by whoever made them: leave out `ssl_mode` and the like",
            )),
            Source::Own(_) | Source::Lent(_) => self.tls.check(),
        }
    }
}

/// What PostgreSQL's own URLs know, and the files of certificates.
const OPTIONS: [&str; 22] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Takes the options of these names out of the query of a URL.
fn split<'a>(url: &'a str, names: &[&str]) -> (String, Vec<(&'a str, &'a str)>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let pair = |option: &'a str| option.split_once('=').unwrap_or((option, ""));
    let (ours, theirs): (Vec<_>, Vec<_>) = query
        .split('&')
        .filter(|option| !option.is_empty())
        .partition(|option| names.contains(&pair(option).0));
    let rest = if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
    (rest, ours.into_iter().map(pair).collect())
}

fn once<'a>(seen: &mut Vec<&'a str>, key: &'a str) -> Result<(), StoreError> {
    if seen.contains(&key) {
        return Err(StoreError::invalid(format!("the option `{key}` is given twice")));
    }
    seen.push(key);
    Ok(())
}

impl FromStr for PostgresOptions {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let (rest, ours) = split(url, &["schema", "timeout"]);
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let keys = query.split('&').map(|option| option.split_once('=').map_or(option, |(key, _)| key));
        // An `@` says that this is part of a password.
        if let Some(key) =
            keys.filter(|key| !key.is_empty() && !key.contains('@')).find(|key| !OPTIONS.contains(key))
        {
            return Err(StoreError::invalid(format!(
                "a PostgreSQL URL has no option `{key}`: it has `schema`, `timeout` and those of PostgreSQL itself, such as \
                 `sslmode`, `connect_timeout` and `application_name`"
            )));
        }
        let mut seen = Vec::new();
        ours.into_iter().try_fold(Self::url(&rest)?, |options, (key, value)| {
            once(&mut seen, key)?;
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

impl From<Config> for PostgresOptions {
    fn from(config: Config) -> Self {
        Self::config(config)
    }
}

/// Lent connections are the same if they come from the same lender.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(other)) => one == other,
            (Self::Lent(one), Self::Lent(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// Without the password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PostgresOptions");
        match &self.source {
            Source::Own(config) => shown
                .field("hosts", &config.get_hosts())
                .field("database", &config.get_dbname())
                .field("user", &config.get_user())
                .field("tls", &self.tls),
            Source::Lent(_) => shown.field("lent", &true),
        };
        shown.field("schema", &self.schema).field("timeout", &self.timeout).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    fn own(options: &PostgresOptions) -> &Config {
        match &options.source {
            Source::Own(config) => config,
            Source::Lent(_) => panic!("nothing was lent"),
        }
    }

    #[test]
    fn every_option_is_read() {
        let parsed: PostgresOptions =
            "postgres://ann@host:99/shop?application_name=till&schema=orders&timeout=50&sslmode=verify-full\
             &sslrootcert=%2Froot%20cert.pem&sslcert=c&sslkey=k"
                .parse()
                .unwrap();
        assert_eq!(parsed.schema, "orders");
        assert_eq!(parsed.timeout, Duration::from_millis(50));
        let config = own(&parsed);
        assert_eq!(config.get_application_name(), Some("till"));
        assert_eq!((config.get_dbname(), config.get_ports()), (Some("shop"), &[99][..]));
        let by_hand = PostgresOptions::config(config.clone())
            .schema("orders")
            .unwrap()
            .timeout(Duration::from_millis(50))
            .ssl_mode(SslMode::VerifyFull)
            .ssl_root_cert("/root cert.pem")
            .ssl_cert("c", "k");
        assert_eq!(parsed, by_hand);
        by_hand.check().unwrap();
    }

    #[test]
    fn the_mode_of_a_configuration_counts() {
        for (text, mode) in [
            ("host=a sslmode=disable", SslMode::Disable),
            ("host=a", SslMode::Prefer),
            ("host=a sslmode=require", SslMode::Require),
        ] {
            let options = PostgresOptions::from(text.parse::<Config>().unwrap());
            assert_eq!(options.tls.mode(), mode, "{text}");
        }
        let by_address = PostgresOptions::url("postgres://ann@/shop?hostaddr=::1").unwrap();
        assert_eq!(own(&by_address).get_hosts(), [config::Host::Tcp("::1".to_owned())]);
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
            ("?synchronous=full", "no option `synchronous`"),
            ("?sslmode=on", "`verify-full`"),
            ("?sslmode=allow", "`prefer`"),
            ("?sslmode=require&sslmode=disable", "twice"),
            ("?sslmode=prefer&sslrootcert=a", "`sslmode=verify-full`"),
            ("?sslmode=verify-ca", "`sslrootcert=path`"),
            ("?sslcert=a", "`sslkey=path`"),
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
