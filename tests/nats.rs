//! NATS servers of the tests' own: one alone, or three that replicate.

#![allow(clippy::expect_used, clippy::panic, reason = "it is how a test fails")]

use std::{
    env, fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
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

const MISSING: &str = "nats-server 2.12 or later is not installed (`tests/nats-server` fetches it)";

/// NATS servers on free ports of this machine, with their data in a temporary directory. They sync before they
/// acknowledge, as in production.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    directory: PathBuf,
    nodes: Vec<Node>,
    /// Lives as long as the servers.
    _guard: Guard,
}

#[derive(Debug)]
struct Node {
    port: u16,
    monitor: u16,
    process: Mutex<Option<Child>>,
}

impl Nats {
    /// The server that the tests of this process share. `None`, loudly, where there is no nats-server.
    ///
    /// # Panics
    /// It does not start; or it is not installed, and `FACTUM_SERVERS=required` says that nothing is to be left out.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Nats>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(1, "")).as_ref()
    }

    /// The three servers that the tests of this process share. `None` and panics are as for [`shared`](Self::shared).
    #[must_use]
    pub fn shared_cluster() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Nats>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(3, "")).as_ref()
    }

    /// So many servers for one test, with these further lines in their configuration. They stop when this is dropped.
    /// `None` and panics are as for [`shared`](Self::shared).
    #[must_use]
    pub fn start(servers: usize, settings: &str) -> Option<Self> {
        Self::start_with(servers, |directory, number| {
            let store = directory.join(number.to_string());
            let store = store.display();
            format!(
                "jetstream {{ store_dir: \"{store}\", sync_interval: always, max_file: 20G }}\n{settings}"
            )
        })
    }

    /// A server to which connections are encrypted, with a certificate of `localhost`; where `verify` is set, it wants to
    /// see one of its clients, too. See [`file`](Self::file). `None` and panics are as for [`shared`](Self::shared).
    #[must_use]
    pub fn encrypting(verify: bool) -> Option<Self> {
        Self::start_with(1, |directory, _| {
            let made = Command::new("sh").args(["-ec", MAKE_CERTIFICATES, "make"]).arg(directory).output();
            assert!(made.is_ok_and(|made| made.status.success()), "openssl makes no certificates");
            let directory = directory.display();
            format!(
                "jetstream {{ store_dir: \"{directory}/0\", sync_interval: always }}\n\
                 tls {{ cert_file: \"{directory}/server.crt\", key_file: \"{directory}/server.key\", \
                 ca_file: \"{directory}/root.crt\", verify: {verify} }}\n"
            )
        })
    }

    /// The path of a file in the servers' directory: see [`MAKE_CERTIFICATES`].
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A server that keeps no streams. `None` and panics are as for [`shared`](Self::shared).
    #[must_use]
    pub fn start_without_jetstream() -> Option<Self> {
        Self::start_with(1, |_, _| String::new())
    }

    fn start_with(servers: usize, settings: impl Fn(&Path, usize) -> String) -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var("FACTUM_SERVERS").as_deref() != Ok("required"), "{MISSING}");
            // Past the test harness, which keeps to itself what a test prints that passes.
            let _ = writeln!(io::stderr(), "\nNOT TESTED on NATS: {MISSING}");
            return None;
        };
        let directory = TempDir::with_prefix("factum-nats").expect("a directory can be made").keep();
        const STOP: &str = "for pid in \"$1\"/*.pid; do kill -9 \"$(cat \"$pid\")\"; done; rm -rf \"$1\"";
        let guard = Guard::new(STOP, &[&directory]);
        let routes: Vec<u16> = (0..servers).map(|_| free_port()).collect();
        let nodes = routes
            .iter()
            .enumerate()
            .map(|(number, route)| {
                let node = Node { port: free_port(), monitor: free_port(), process: Mutex::default() };
                let file = directory.join(format!("{number}.conf"));
                let text =
                    configuration(&directory, number, &node, *route, &routes) + &settings(&directory, number);
                fs::write(file, text).expect("the configuration can be written");
                node
            })
            .collect();
        let servers = Self { program, directory, nodes, _guard: guard };
        for number in 0..servers.nodes.len() {
            servers.begin(number);
        }
        for number in 0..servers.nodes.len() {
            servers.wait_for(number);
        }
        Some(servers)
    }

    /// How many servers there are.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.nodes.len()
    }

    /// The URL of an empty store, which no other test has, with as many replicas as there are servers.
    #[must_use]
    pub fn fresh(&self) -> String {
        static STORES: AtomicUsize = AtomicUsize::new(0);
        self.url(&format!("test_{}", STORES.fetch_add(1, Ordering::Relaxed)))
    }

    /// The URL of this store.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("nats://{}/{name}?replicas={}", hosts.join(","), self.nodes.len())
    }

    /// The port of a server on the loopback interface.
    ///
    /// # Panics
    /// There is no server of this number.
    #[must_use]
    pub fn port(&self, number: usize) -> u16 {
        self.node(number).port
    }

    /// What the server says of itself to those who watch over it, as JSON: `/jsz?streams=true`, say.
    #[must_use]
    pub fn monitor(&self, number: usize, path: &str) -> Option<String> {
        get(self.node(number).monitor, path)
    }

    /// Starts a server again after it was killed, and waits until it is of use.
    ///
    /// # Panics
    /// It does not start.
    pub fn run(&self, number: usize) {
        self.begin(number);
        self.wait_for(number);
    }

    /// Kills a server in the middle of everything.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(&self, number: usize) {
        if let Some(mut process) = self.process(number).take() {
            process.kill().expect("the server can be killed");
            process.wait().expect("the server ends");
        }
    }

    fn node(&self, number: usize) -> &Node {
        self.nodes.get(number).expect("there is such a server")
    }

    fn process(&self, number: usize) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.node(number).process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, number: usize) {
        let log = fs::File::create(self.directory.join(format!("{number}.log"))).expect("a log can be made");
        let started = Command::new(&self.program)
            .arg("-c")
            .arg(self.directory.join(format!("{number}.conf")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server can be run");
        *self.process(number) = Some(started);
    }

    fn wait_for(&self, number: usize) {
        let begun = Instant::now();
        while !get(self.node(number).monitor, "/healthz").is_some_and(|answer| answer.contains("\"ok\"")) {
            let log = || fs::read_to_string(self.directory.join(format!("{number}.log"))).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "nats-server does not start: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn configuration(directory: &Path, number: usize, node: &Node, route: u16, routes: &[u16]) -> String {
    let directory = directory.display();
    let Node { port, monitor, .. } = node;
    let mut text = format!(
        "server_name: n{number}\nhost: 127.0.0.1\nport: {port}\nhttp: \"127.0.0.1:{monitor}\"\n\
         pid_file: \"{directory}/{number}.pid\"\n"
    );
    if routes.len() > 1 {
        let routes: Vec<_> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        text += &format!(
            "cluster {{ name: factum, host: 127.0.0.1, port: {route}, routes: [{}] }}\n",
            routes.join(", ")
        );
    }
    text
}

/// Where nats-server is: as `tests/nats-server` says, which also fetches it.
fn program() -> Option<PathBuf> {
    let on_path = env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join("nats-server"))
        .find(|program| is_new_enough(program));
    let cache = env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| Path::new(&env::var_os("HOME").unwrap_or_default()).join(".cache"), PathBuf::from);
    let cached = cache.join("factum/nats-server/root/usr/sbin/nats-server");
    on_path.or_else(|| is_new_enough(&cached).then_some(cached))
}

fn is_new_enough(program: &Path) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else { return false };
    let said = String::from_utf8_lossy(&output.stdout);
    let mut numbers =
        said.rsplit(['v', ' ']).next().unwrap_or_default().trim().split('.').map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (2, 12))
}

/// The answer to a question by HTTP; `None` if there is none.
fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// A store of its own, on the shared server or the shared three.
#[derive(Debug)]
pub struct Stream(Option<String>);

impl Stream {
    /// A new store on one server.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(Nats::shared().map(Nats::fresh))
    }

    /// A new store that three servers replicate.
    #[must_use]
    pub fn replicated() -> Self {
        Self(Nats::shared_cluster().map(Nats::fresh))
    }
}

impl Harness for Stream {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
        Box::pin(factum::open(self.0.as_deref().unwrap_or_default()))
    }

    fn missing(&self) -> Option<String> {
        self.0.is_none().then(|| MISSING.to_owned())
    }
}
