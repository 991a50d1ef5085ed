//! A way to the server on which connections can be cut at the worst moment.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Hands everything on in both directions, but for the answers that are to be lost.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    losing: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let losing = Arc::new(AtomicUsize::new(0));
        tokio::spawn({
            let losing = Arc::clone(&losing);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::spawn(hand_on(client, server, Arc::clone(&losing)));
                }
            }
        });
        Self { port, losing }
    }

    /// The next answers, this many, are read from the server and lost, each with its connection.
    pub(crate) fn lose(&self, answers: usize) {
        self.losing.store(answers, Ordering::SeqCst);
    }

    /// How many answers are still to be lost.
    pub(crate) fn left(&self) -> usize {
        self.losing.load(Ordering::SeqCst)
    }
}

async fn hand_on(client: TcpStream, server: TcpStream, losing: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    });
    let mut answer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_server.read(&mut answer).await {
        let lost = losing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() || to_client.write_all(&answer[..read]).await.is_err() {
            break;
        }
    }
    // With this half goes the other one: the connection is cut.
    asking.abort();
}
