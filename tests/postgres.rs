//! A PostgreSQL server of the tests' own.

#![allow(clippy::expect_used, clippy::panic, reason = "it is how a test fails")]

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use factum::{
    Store,
    store::{BoxFuture, StoreError},
    testing::contract::Harness,
};
use tempfile::TempDir;

use crate::{
    certificates::MAKE_CERTIFICATES,
    guard::{Guard, free_port},
};

/// Stops the server whose programs are in `$1` and removes its directory `$2`.
const STOP: &str = "as_owner() { if [ \"$(id -u)\" = 0 ]; then runuser -u postgres -- \"$@\"; else \"$@\"; fi; }; \
                    as_owner \"$1/pg_ctl\" -D \"$2/data\" stop -m immediate; rm -rf \"$2\"";

const MISSING: &str = "PostgreSQL 15 or later is not installed (Debian: apt-get install postgresql)";

/// A server on a free port of this machine, with its data in a temporary directory. It keeps what it acknowledges as
/// one in production does.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    settings: &'static str,
    /// Lives as long as the server.
    _guard: Guard,
}

impl Postgres {
    /// The server that the tests of this process share. `None`, loudly, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// It does not start; or it is not installed, and `FACTUM_SERVERS=required` says that nothing is to be left out.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A server that encrypts connections, to which there are several ways in. Its certificate is that of `localhost`, and
    /// not of `127.0.0.1`. See [`file`](Self::file) for who signed it. `None` and panics are as for
    /// [`shared`](Self::shared).
    ///
    /// | user | way in |
    /// |---|---|
    /// | `factum` | encrypted |
    /// | `scram` | encrypted, by the password `right` |
    /// | `certified` | encrypted, by a certificate |
    /// | `plain` | not encrypted |
    /// | `word` | not encrypted, by the password `right` |
    #[must_use]
    pub fn encrypting() -> Option<&'static Self> {
        static ENCRYPTING: OnceLock<Option<Postgres>> = OnceLock::new();
        ENCRYPTING
            .get_or_init(|| Self::start_with("-c ssl=on -c ssl_ca_file=root.crt", Self::encrypt))
            .as_ref()
    }

    /// A server for one test, which stops when it is dropped. `None` and panics are as for [`shared`](Self::shared).
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with("", |_| {})
    }

    fn start_with(settings: &'static str, prepare: impl FnOnce(&Self)) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(env::var("FACTUM_SERVERS").as_deref() != Ok("required"), "{MISSING}");
            // Past the test harness, which keeps to itself what a test prints that passes.
            let _ = writeln!(io::stderr(), "\nNOT TESTED on PostgreSQL: {MISSING}");
            return None;
        };
        let directory = TempDir::with_prefix("factum-postgres").expect("a directory can be made").keep();
        // PostgreSQL does not run as root, and its own user has to own the directory.
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&directory));
        }
        let guard = Guard::new(STOP, &[&programs, &directory]);
        let initdb = [programs.join("initdb").display().to_string(), "-D".to_owned(), data(&directory)];
        run(unprivileged(&initdb).args(["-A", "trust", "-U", "factum", "-E", "UTF8", "--locale=C"]));
        let server = Self { programs, directory, port: free_port(), settings, _guard: guard };
        prepare(&server);
        server.run();
        Some(server)
    }

    /// The URL of an empty schema, which no other test has.
    #[must_use]
    pub fn fresh(&self) -> String {
        static SCHEMAS: AtomicUsize = AtomicUsize::new(0);
        self.url(&format!("test_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed)))
    }

    /// The URL of this schema.
    #[must_use]
    pub fn url(&self, schema: &str) -> String {
        format!("postgres://factum@127.0.0.1:{}/postgres?schema={schema}", self.port)
    }

    /// The port on the loopback interface.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server, after it was stopped, and waits until it answers.
    ///
    /// # Panics
    /// It does not start.
    pub fn run(&self) {
        let socket = self.directory.display();
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c max_connections=300 -k {socket} {}",
            self.port, self.settings
        );
        let log = self.directory.join("log");
        let started = self.control(&["start", "-w", "-o", &settings, "-l", &log.display().to_string()]);
        assert!(started, "PostgreSQL does not start: {}", fs::read_to_string(log).unwrap_or_default());
    }

    /// Stops the server as a crash does, in the middle of everything.
    ///
    /// # Panics
    /// It does not stop.
    pub fn crash(&self) {
        assert!(self.control(&["stop", "-m", "immediate"]), "PostgreSQL does not stop");
    }

    /// The path of a file in the server's own directory: `root.crt`, which has signed its certificate, or `other.crt`, which
    /// has not; `server.crt`, `client.crt` and `client.key`, which is for the user `certified`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join("data").join(name)
    }

    /// What `psql` prints when it carries out this in a schema, as the server's superuser: the rows that it is asked for, one
    /// in a line, with `|` between the columns.
    ///
    /// # Errors
    /// What it says if it fails.
    ///
    /// # Panics
    /// It is not installed.
    pub fn psql(&self, schema: &str, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "factum",
            ])
            .args(["-c", sql, "postgres"])
            .env("PGOPTIONS", format!("-c search_path={schema}"))
            .output()
            .expect("psql can be run");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Certificates, users and ways in.
    fn encrypt(&self) {
        let data = data(&self.directory);
        run(&mut unprivileged(&["sh", "-ec", MAKE_CERTIFICATES, "make", &data].map(str::to_owned)));
        fs::write(self.file("pg_hba.conf"), "local all factum trust\n").expect("the directory is ours");
        self.run();
        let users = "CREATE ROLE plain SUPERUSER LOGIN; CREATE ROLE certified SUPERUSER LOGIN; \
                     CREATE ROLE scram SUPERUSER LOGIN PASSWORD 'right'; CREATE ROLE word SUPERUSER LOGIN PASSWORD 'right'";
        let program = self.programs.join("psql").display().to_string();
        let (socket, port) = (self.directory.display().to_string(), self.port.to_string());
        let arguments = ["-X", "-h", &socket, "-p", &port, "-U", "factum", "-c", users, "postgres"];
        run(unprivileged(&[program]).args(arguments));
        self.crash();
        let ways = "hostssl all factum 127.0.0.1/32 trust\nhostssl all scram 127.0.0.1/32 scram-sha-256\n\
                    hostssl all certified 127.0.0.1/32 cert\nhostnossl all plain 127.0.0.1/32 trust\n\
                    hostnossl all word 127.0.0.1/32 scram-sha-256\nlocal all factum trust\n";
        fs::write(self.file("pg_hba.conf"), ways).expect("the directory is ours");
    }

    fn control(&self, arguments: &[&str]) -> bool {
        let program = self.programs.join("pg_ctl").display().to_string();
        let mut command = unprivileged(&[program, "-D".to_owned(), data(&self.directory)]);
        // The server keeps what it inherits, and who waits for the end of our output would wait for its end.
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// Where PostgreSQL's programs are: the newest that Debian has installed, or those on the path.
fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(version, programs)| *version >= 15 && programs.join("initdb").exists())
        .max();
    let on_path =
        || env::split_paths(&env::var_os("PATH")?).find(|directory| directory.join("initdb").exists());
    newest.map(|(_, programs)| programs).or_else(on_path)
}

fn data(directory: &Path) -> String {
    directory.join("data").display().to_string()
}

/// The command, run by a user whom PostgreSQL accepts.
fn unprivileged(command: &[String]) -> Command {
    let prefix: &[&str] = if is_root() { &["runuser", "-u", "postgres", "--"] } else { &[] };
    let mut words = prefix.iter().copied().chain(command.iter().map(String::as_str));
    let mut command = Command::new(words.next().expect("a command has a first word"));
    // Its user may not be allowed to look at the directory that we are in.
    command.args(words).current_dir("/");
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id can be run");
    id.stdout.starts_with(b"0\n")
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A store in a schema of its own, on the shared server.
#[derive(Debug)]
pub struct Schema(Option<String>);

impl Schema {
    /// A new schema.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(Postgres::shared().map(Postgres::fresh))
    }
}

impl Harness for Schema {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(factum::open(self.0.as_deref().unwrap_or_default()))
    }

    fn missing(&self) -> Option<String> {
        self.0.is_none().then(|| MISSING.to_owned())
    }

    fn meddle<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let (Some(server), Some(url)) = (Postgres::shared(), &self.0) else { return Ok(false) };
            let schema = url.rsplit_once('=').map_or("", |(_, schema)| schema);
            server.psql(schema, sql).map(|_| true).map_err(StoreError::invalid)
        })
    }
}
