//! Who waits is woken by what other processes record.

use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client};

use super::{PostgresOptions, connection::connect, options::Source};

/// A connection that hears of every commit, while somebody waits.
pub(super) struct Listener {
    options: Arc<PostgresOptions>,
    client: Mutex<Option<Arc<Client>>>,
    starting: tokio::sync::Mutex<()>,
    /// Changes with every commit.
    heard: watch::Sender<()>,
}

impl Listener {
    pub(super) fn new(options: Arc<PostgresOptions>) -> Self {
        let heard = watch::Sender::new(());
        Self { options, client: Mutex::default(), starting: tokio::sync::Mutex::default(), heard }
    }

    /// Changes whenever something was recorded.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }

    /// Something was recorded here.
    pub(super) fn tell(&self) {
        self.heard.send_replace(());
    }

    /// Sees to it that the connection is there. Whether it is.
    pub(super) async fn listen(&self) -> bool {
        if self.is_listening() {
            return true;
        }
        let _turn = self.starting.lock().await;
        if self.is_listening() {
            return true;
        }
        // What a lent connection hears, its owner hears.
        let Source::Own(config) = &self.options.source else { return false };
        let Ok((client, connection)) = connect(config, &self.options).await else { return false };
        let (heard, schema) = (self.heard.clone(), self.options.schema.clone());
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // Until the client is dropped or the connection is lost.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(commit) = message
                    && commit.payload() == schema
                {
                    heard.send_replace(());
                }
            }
            // Who waits looks for itself, and begins anew.
            heard.send_replace(());
        });
        if client.batch_execute("LISTEN factum").await.is_err() {
            return false;
        }
        *self.lock() = Some(Arc::new(client));
        true
    }

    fn is_listening(&self) -> bool {
        self.lock().as_ref().is_some_and(|client| !client.is_closed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Client>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
