//! Answers of several messages.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_nats::{Client, Message};
use futures_util::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle};

use super::server::said;
use crate::store::StoreError;

/// Answers of several messages. All of them come to one subscription, because to begin one for each question would be a
/// question of its own.
pub(super) struct Replies {
    prefix: String,
    next: AtomicU64,
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

type Waiting = Mutex<HashMap<u64, mpsc::UnboundedSender<Message>>>;

impl Replies {
    pub(super) async fn start(client: &Client) -> Result<Self, StoreError> {
        let prefix = client.new_inbox();
        let mut messages = client
            .subscribe(format!("{prefix}.*"))
            .await
            .map_err(|cause| said("subscribing to answers").because(cause))?;
        let waiting = Arc::<Waiting>::default();
        let task = tokio::spawn({
            let waiting = Arc::clone(&waiting);
            async move {
                while let Some(message) = messages.next().await {
                    let number = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
                    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(reply) = number.and_then(|number: u64| waiting.get(&number)) {
                        // Who has gone does not need it.
                        let _ = reply.send(message);
                    }
                }
            }
        });
        Ok(Self { prefix, next: AtomicU64::new(0), waiting, task })
    }

    /// A new question, of which the answer is awaited.
    pub(super) fn expect(&self) -> Reply<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, messages) = mpsc::unbounded_channel();
        self.lock().insert(number, sender);
        Reply { replies: self, number, subject: format!("{}.{number}", self.prefix), messages }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<Message>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer that is awaited.
pub(super) struct Reply<'a> {
    replies: &'a Replies,
    number: u64,
    pub(super) subject: String,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl Reply<'_> {
    /// The next message of the answer.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.number);
    }
}
