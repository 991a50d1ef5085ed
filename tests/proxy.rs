//! A way to a server on which connections can be cut at the worst moment.

#![allow(clippy::expect_used, reason = "it is how a test fails")]

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

/// Hands everything on in both directions between its own port and a server's, but for what is to be lost.
#[derive(Debug)]
pub struct Proxy {
    /// The port on the loopback interface by which the server is reached.
    pub port: u16,
    shared: Arc<Shared>,
}

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A client asks, and the question is lost.
    Question,
    /// A client asks; the question is sent to the server, and nobody waits for the answer.
    Asked,
    /// The server answers, and the answer is lost.
    Answer,
}

#[derive(Debug, Default)]
struct Shared {
    planned: Mutex<Vec<Cut>>,
    open: Mutex<Vec<Arc<Notify>>>,
    refusing: AtomicBool,
    muted: Mutex<Option<Vec<u8>>>,
    cut: AtomicUsize,
}

impl Proxy {
    /// A proxy on a free port for the server on this port of this machine. It works as long as the runtime.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::<Shared>::default();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    if !shared.refusing.load(Ordering::SeqCst) {
                        tokio::spawn(Arc::clone(&shared).connect(client, server));
                    }
                }
            }
        });
        Self { port, shared }
    }

    /// The next answers, this many, are read from the server and lost, each with its connection.
    pub fn lose(&self, answers: usize) {
        (0..answers).for_each(|_| self.plan(Cut::Answer));
    }

    /// A connection is cut as soon as it comes to that, once.
    pub fn plan(&self, cut: Cut) {
        lock(&self.shared.planned).push(cut);
    }

    /// How many cuts are planned that it has not come to.
    #[must_use]
    pub fn left(&self) -> usize {
        lock(&self.shared.planned).len()
    }

    /// Cuts connections now: the one of this number, counted from the oldest and round again, or all.
    pub fn cut(&self, number: Option<usize>) {
        let open = lock(&self.shared.open);
        match number {
            Some(_) if open.is_empty() => {}
            Some(number) => open.iter().skip(number % open.len()).take(1).for_each(|one| one.notify_one()),
            None => open.iter().for_each(|one| one.notify_one()),
        }
    }

    /// Whether new connections are closed at once, as if there were no server.
    pub fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::SeqCst);
    }

    /// What the server says with these bytes in it is not handed on; the connection stays.
    pub fn mute(&self, bytes: &[u8]) {
        *lock(&self.shared.muted) = Some(bytes.to_owned());
    }

    /// Forgets what was planned and refuses nobody.
    pub fn heal(&self) {
        lock(&self.shared.planned).clear();
        self.refuse(false);
    }

    /// How many connections were cut on purpose.
    #[must_use]
    pub fn met(&self) -> usize {
        self.shared.cut.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn connect(self: Arc<Self>, client: TcpStream, server: u16) {
        // A server that is down is as far as the client can see one that closes its connections.
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
        let now = Arc::new(Notify::new());
        lock(&self.open).push(Arc::clone(&now));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // Whatever ends first, all of it goes: the connection is cut.
        let on_purpose = tokio::select! {
            cut = self.hand_on(from_client, to_server, Cut::Question, Some(Cut::Asked)) => cut,
            cut = self.hand_on(from_server, to_client, Cut::Answer, None) => cut,
            () = now.notified() => true,
        };
        self.cut.fetch_add(usize::from(on_purpose), Ordering::SeqCst);
        lock(&self.open).retain(|open| !Arc::ptr_eq(open, &now));
    }

    /// Hands on until the connection ends, or it comes to a cut: before something is handed on, or after it. Whether it
    /// did.
    async fn hand_on(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        before: Cut,
        after: Option<Cut>,
    ) -> bool {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if self.comes_to(before) {
                return true;
            }
            let said = buffer.get(..read).unwrap_or_default();
            if before == Cut::Answer && self.is_muted(said) {
                continue;
            }
            if to.write_all(said).await.is_err() {
                return false;
            }
            if after.is_some_and(|after| self.comes_to(after)) {
                return true;
            }
        }
        false
    }

    fn is_muted(&self, said: &[u8]) -> bool {
        let muted = lock(&self.muted);
        muted.as_ref().is_some_and(|bytes| said.windows(bytes.len()).any(|part| part == bytes))
    }

    fn comes_to(&self, cut: Cut) -> bool {
        let mut planned = lock(&self.planned);
        let found = planned.iter().position(|planned| *planned == cut);
        found.map(|found| planned.remove(found)).is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
