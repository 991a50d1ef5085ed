//! Which servers and which stream, and how they are reached.

use std::{fmt, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;

use crate::store::StoreError;

/// Where a JetStream store keeps its events, and how it gets there.
///
/// The text form, which [`factum::open`](crate::open) takes, is `nats://user:password@host:4222/name`. Several servers
/// of a cluster are joined by commas, `nats://one:4222,two:4222/name`; `nats://token@host` gives a token. The name is
/// that of the stream on the server, by default `factum`. Options follow a question mark, joined by `&`:
///
/// | option | values | meaning |
/// |---|---|---|
/// | `replicas` | `1`, `3`, `5` | how many servers keep a copy; default: as the stream has it, a new one `1` |
/// | `storage` | `file`, `memory` | where the servers keep it; default: as the stream has it, a new one `file` |
/// | `timeout` | milliseconds | how long an answer may take, all attempts together; default 30000 |
/// | `tls` | `require` | nothing is sent unencrypted; without it the server decides |
/// | `tls_ca` | a path | a file of certificates (PEM) to trust beside those of the system |
/// | `tls_cert`, `tls_key` | paths | the certificate and the key (PEM) that show the server who this is |
///
/// Other ways to say who one is, such as credentials files, are for [`JetStreamStore::with_client`].
///
/// [`JetStreamStore::with_client`]: crate::store::JetStreamStore::with_client
///
/// ```
/// use factum::store::jetstream::JetStreamOptions;
///
/// let options: JetStreamOptions = "nats://localhost/orders?replicas=3".parse()?;
/// assert_eq!(options, JetStreamOptions::new("orders")?.server("localhost").replicas(3)?);
/// # Ok::<(), factum::store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JetStreamOptions {
    pub(super) name: String,
    pub(super) servers: Vec<String>,
    pub(super) login: Option<Login>,
    pub(super) replicas: Option<usize>,
    pub(super) in_memory: Option<bool>,
    pub(super) timeout: Duration,
    pub(super) tls: bool,
    pub(super) tls_ca: Option<PathBuf>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) existing: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    User(String, String),
    Token(String),
}

impl JetStreamOptions {
    /// How long to wait for an answer unless told otherwise.
    const TIMEOUT: Duration = Duration::from_secs(30);

    /// The stream of this name.
    ///
    /// # Errors
    /// The name is not made of 1 to 64 ASCII letters, digits, `_` and `-`.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !letters || name.is_empty() || name.len() > 64 {
            return Err(StoreError::invalid(format!(
                "`{name}` is no name for a stream: use up to 64 letters, digits, `_` and `-`"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            servers: Vec::new(),
            login: None,
            replicas: None,
            in_memory: None,
            timeout: Self::TIMEOUT,
            existing: false,
            tls: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
        })
    }

    /// Connects to the servers.
    ///
    /// # Errors
    /// None of them can be reached, or they refuse the user.
    pub(crate) async fn connect(&self) -> Result<async_nats::Client, StoreError> {
        Ok(super::setup::connect(self).await?.0)
    }

    /// The name of the stream.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.in_memory == Some(true)
    }

    pub(crate) const fn wanted_replicas(&self) -> Option<usize> {
        self.replicas
    }

    /// Adds a server, `host` or `host:port`.
    #[must_use]
    pub fn server(mut self, host: &str) -> Self {
        self.servers.push(host.to_owned());
        self
    }

    /// Sets how many servers keep a copy of a stream that is made now; of one that is there, how many have to.
    ///
    /// # Errors
    /// It is not between 1 and 5.
    pub fn replicas(mut self, replicas: usize) -> Result<Self, StoreError> {
        if !(1..=5).contains(&replicas) {
            return Err(StoreError::invalid(format!(
                "`replicas={replicas}`: use a number from 1 to 5, best an odd one"
            )));
        }
        self.replicas = Some(replicas);
        Ok(self)
    }

    /// Sets whether a stream that is made now is kept in the memory of the servers, and gone when they stop; of one that
    /// is there, whether it has to be.
    #[must_use]
    pub const fn in_memory(mut self, in_memory: bool) -> Self {
        self.in_memory = Some(in_memory);
        self
    }

    /// Sets how long the server may take to answer, all attempts together. Then a read fails, and what became of an
    /// append is unknown.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Nothing is made: where there is no such stream yet, it is not opened.
    #[must_use]
    pub const fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    fn option(mut self, key: &str, value: &str) -> Result<Self, StoreError> {
        match (key, value) {
            ("replicas", _) => match value.parse() {
                Ok(replicas) => self.replicas(replicas),
                Err(_) => Err(wrong(key, value, "a number from 1 to 5")),
            },
            ("storage", "file") => Ok(self.in_memory(false)),
            ("storage", "memory") => Ok(self.in_memory(true)),
            ("storage", _) => Err(wrong(key, value, "`file` or `memory`")),
            ("timeout", _) => match value.parse() {
                Ok(time) => Ok(self.timeout(Duration::from_millis(time))),
                Err(_) => Err(wrong(key, value, "a whole number of milliseconds such as `30000`")),
            },
            ("tls", "require") => Ok(Self { tls: true, ..self }),
            ("tls", _) => Err(wrong(key, value, "`require`, or leave it out")),
            ("tls_ca" | "tls_cert" | "tls_key", "") => Err(wrong(key, value, "the path of a file")),
            ("tls_ca", _) => {
                self.tls_ca = Some(decoded(value)?.into());
                Ok(self)
            }
            ("tls_cert", _) => {
                self.tls_cert = Some(decoded(value)?.into());
                Ok(self)
            }
            ("tls_key", _) => {
                self.tls_key = Some(decoded(value)?.into());
                Ok(self)
            }
            _ => Err(StoreError::invalid(format!(
                "a NATS URL has no option `{key}`: it has `replicas`, `storage`, `timeout`, `tls`, `tls_ca`, `tls_cert` and \
                 `tls_key`"
            ))),
        }
    }
}

fn wrong(key: &str, value: &str, right: &str) -> StoreError {
    StoreError::invalid(format!("`{key}={value}` is not understood: use {right}"))
}

fn decoded(text: &str) -> Result<String, StoreError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| StoreError::invalid("what is written with `%` in the URL is no text"))
}

impl std::str::FromStr for JetStreamOptions {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let shape = || {
            StoreError::invalid(
                "the URL is not understood: use `nats://user:password@host:4222/name?option=value`, with several hosts joined \
                 by commas",
            )
        };
        let rest = url.strip_prefix("nats://").ok_or_else(shape)?;
        // What stands behind may be part of a password, and is not to be shown.
        let ends = rest.find(['/', '?']).unwrap_or(rest.len());
        if rest.get(ends..).is_some_and(|behind| behind.contains('@')) {
            return Err(StoreError::invalid(
                "there is an `@` behind the host: in a user name or a password, write `/` as `%2F`, `?` as `%3F` and `@` as `%40`",
            ));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let mut options = Self::new(if name.is_empty() { "factum" } else { name })?;
        options.login = match login.map(|login| login.split_once(':').ok_or(login)) {
            None => None,
            Some(Ok((user, password))) => Some(Login::User(decoded(user)?, decoded(password)?)),
            Some(Err(token)) => Some(Login::Token(decoded(token)?)),
        };
        for host in hosts.split(',') {
            if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || letter == '/') {
                return Err(shape());
            }
            options = options.server(host);
        }
        let mut seen = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if seen.contains(&key) {
                return Err(StoreError::invalid(format!("the option `{key}` is given twice")));
            }
            seen.push(key);
            options = options.option(key, value)?;
        }
        if options.tls_cert.is_some() != options.tls_key.is_some() {
            return Err(StoreError::invalid("`tls_cert` and `tls_key` go together: give both or neither"));
        }
        Ok(options)
    }
}

/// Without what is secret.
impl fmt::Debug for JetStreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamOptions")
            .field("name", &self.name)
            .field("servers", &self.servers)
            .field("replicas", &self.replicas)
            .field("in_memory", &self.in_memory)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    #[test]
    fn every_option_is_read() {
        let parsed: JetStreamOptions =
            "nats://ann:p%40ss@one:99,two/shop?replicas=3&storage=memory&timeout=50&tls=require&tls_ca=/a%20b.pem"
                .parse()
                .unwrap();
        assert_eq!(
            (parsed.name.as_str(), parsed.servers.as_slice()),
            ("shop", &["one:99".to_owned(), "two".to_owned()][..])
        );
        assert!(parsed.login == Some(Login::User("ann".to_owned(), "p@ss".to_owned())));
        assert_eq!((parsed.replicas, parsed.in_memory, parsed.tls), (Some(3), Some(true), true));
        assert_eq!(parsed.timeout, Duration::from_millis(50));
        assert_eq!(parsed.tls_ca.as_deref(), Some(std::path::Path::new("/a b.pem")));
        let parsed: JetStreamOptions = "nats://secret@one".parse().unwrap();
        assert!(parsed.login == Some(Login::Token("secret".to_owned())) && parsed.name == "factum");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right_and_without_the_password() {
        for (url, right) in [
            ("nats:one", "nats://user:password@host"),
            ("nats://ann:secret@/shop", "nats://user:password@host"),
            ("nats://ann:secret@one,,two/shop", "joined by commas"),
            ("nats://ann:sec/ret@one/secret", "`%2F`"),
            ("nats://ann:sec?ret@one/secret", "`%3F`"),
            ("nats://ann:secret@one/a.b", "letters, digits"),
            ("nats://ann:secret@one/a?replicas=9", "1 to 5"),
            ("nats://ann:secret@one/a?replicas=many", "1 to 5"),
            ("nats://ann:secret@one/a?storage=disk", "`file`"),
            ("nats://ann:secret@one/a?timeout=1s", "whole number"),
            ("nats://ann:secret@one/a?timeout=1&timeout=2", "twice"),
            ("nats://ann:secret@one/a?tls=no", "`require`"),
            ("nats://ann:secret@one/a?tls_cert=a", "go together"),
            ("nats://ann:secret@one/a?synchronous=full", "it has `replicas`"),
        ] {
            let error = url.parse::<JetStreamOptions>().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{url}");
            assert!(error.to_string().contains(right), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let options: JetStreamOptions = "nats://ann:secret@one".parse().unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
