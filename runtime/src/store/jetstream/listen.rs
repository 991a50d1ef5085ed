//! Who waits is woken by what any process records.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_nats::Client;
use futures_util::StreamExt;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// How long to wait for a subscription, before looking at intervals.
const PATIENCE: Duration = Duration::from_secs(1);

/// A subscription that hears of every message which the server has stored, once somebody has waited.
pub(super) struct Listener {
    client: Client,
    subject: String,
    task: Mutex<Option<JoinHandle<()>>>,
    starting: tokio::sync::Mutex<()>,
    /// Changes with every message.
    heard: watch::Sender<()>,
}

impl Listener {
    pub(super) fn new(client: Client, subject: String) -> Self {
        Self {
            client,
            subject,
            task: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
            heard: watch::Sender::new(()),
        }
    }

    /// Changes whenever something was stored.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }

    /// Something was stored by this very store.
    pub(super) fn tell(&self) {
        self.heard.send_replace(());
    }

    /// Sees to it that the subscription is there. Whether it is.
    pub(super) async fn listen(&self) -> bool {
        if self.is_listening() {
            return true;
        }
        let _turn = self.starting.lock().await;
        if self.is_listening() {
            return true;
        }
        // While the connection is away, nobody waits for it here.
        let subscribing = timeout(PATIENCE, self.client.subscribe(self.subject.clone()));
        let Ok(Ok(mut messages)) = subscribing.await else { return false };
        let heard = self.heard.clone();
        let task = tokio::spawn(async move {
            while messages.next().await.is_some() {
                heard.send_replace(());
            }
        });
        *self.lock() = Some(task);
        true
    }

    fn is_listening(&self) -> bool {
        self.lock().as_ref().is_some_and(|task| !task.is_finished())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.lock().take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
