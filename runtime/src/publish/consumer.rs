//! Events on their way in, in another service.

use std::{fmt, future::Future, str::FromStr, time::Duration};

use async_nats::jetstream::{
    self, AckKind, Message,
    consumer::{AckPolicy, PullConsumer, pull},
};
use futures_util::StreamExt as _;

use super::CloudEvent;
use crate::{
    handler::{HandlerError, with_causes},
    reader::{Either, caught, race},
    store::{StoreError, StoreErrorKind, jetstream::JetStreamOptions},
};

/// How long the server waits for word of a message before it gives it to another process.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// The first pause before an event is tried again, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// What another service does with an event.
pub trait Receiver: Send + Sync + 'static {
    /// Deals with an event. It may come again: remember [`CloudEvent::key`] where that matters, or give a command with it as
    /// key ([`once`](crate::Execute::once)).
    ///
    /// An error or a panic means that it is tried again, for ever and with growing pauses, and that those behind it wait. What
    /// is to be passed over is for the receiver to say, with `Ok`.
    fn receive(&self, event: &CloudEvent) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// Takes what a [`Publisher`](super::Publisher) sends, one after the other in its order, and remembers on the server how far it
/// has come.
///
/// Any number of processes may run under one name: each event comes to one of them, one at a time. What was given to a process
/// that dies is given to another one after half a minute.
pub struct Consumer {
    name: String,
    consumer: PullConsumer,
}

impl Consumer {
    /// Takes events from the stream of this URL, such as `nats://localhost/public` (see [`JetStreamOptions`]), from its first one
    /// on, under this name. `subjects` says which, in NATS' own words: `public.incident.>`; empty for all of the stream.
    ///
    /// # Errors
    /// The URL is no such URL, the server cannot be reached, or has no such stream; or there is a consumer of this name that is
    /// another one.
    pub async fn connect(url: &str, name: &str, subjects: &str) -> Result<Self, StoreError> {
        let options = JetStreamOptions::from_str(url)?;
        let context = jetstream::new(options.connect().await?);
        let stream = context.get_stream(options.name()).await.map_err(|error| {
            StoreError::new(
                StoreErrorKind::Missing,
                format!("there is no stream `{}`: let somebody publish first", options.name()),
            )
            .because(error)
        })?;
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: subjects.to_owned(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // One at a time, so that they stay in order.
            max_ack_pending: 1,
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(name, config).await.map_err(|error| {
            StoreError::invalid(format!("the consumer `{name}` can be neither found nor made")).because(error)
        })?;
        Ok(Self { name: name.to_owned(), consumer })
    }

    /// Calls the receiver for each event, until `stop` is ready. What is under way then is finished or left alone, and comes again.
    ///
    /// # Errors
    /// The server refuses to give messages. While it is away, it is waited for.
    pub async fn run(
        &self,
        receiver: &impl Receiver,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StoreError> {
        match race(self.receive_all(receiver), stop).await {
            Either::First(error) => Err(error),
            Either::Second(()) => Ok(()),
        }
    }

    async fn receive_all(&self, receiver: &impl Receiver) -> StoreError {
        let mut pause = FIRST;
        loop {
            let mut messages = match self.consumer.messages().await {
                Ok(messages) => messages,
                Err(error) => {
                    return StoreError::new(StoreErrorKind::Unavailable, "NATS gives no messages")
                        .because(error);
                }
            };
            while let Some(message) = messages.next().await {
                match message {
                    Ok(message) => {
                        pause = FIRST;
                        self.deal_with(receiver, &message).await;
                    }
                    Err(error) => {
                        tracing::warn!(consumer = self.name, "trouble with NATS: {error}");
                        break;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn deal_with(&self, receiver: &impl Receiver, message: &Message) {
        let event = match CloudEvent::of_message(message.headers.as_ref(), &message.payload) {
            Ok(event) => event,
            Err(error) => {
                // Nobody else could make more of it.
                tracing::error!(consumer = self.name, subject = %message.subject, "{error}; it is passed over");
                return self.answer(message, AckKind::Term).await;
            }
        };
        let mut pause = FIRST;
        loop {
            let attempt = race(caught(receiver.receive(&event)), self.keep(message));
            let error = match attempt.await {
                Either::First(Ok(Ok(()))) => return self.answer(message, AckKind::Ack).await,
                Either::First(Ok(Err(error))) => with_causes(&*error),
                Either::First(Err(panic)) => panic,
                Either::Second(never) => match never {},
            };
            tracing::warn!(
                consumer = self.name,
                event = event.key(),
                "not dealt with, and tried again: {error}"
            );
            race(tokio::time::sleep(pause), self.keep(message)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Tells the server now and then that somebody is at it.
    async fn keep(&self, message: &Message) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(ACK_WAIT / 3).await;
            self.answer(message, AckKind::Progress).await;
        }
    }

    /// An answer that does not arrive is no harm: the message comes again.
    async fn answer(&self, message: &Message, answer: AckKind) {
        if let Err(error) = message.ack_with(answer).await {
            tracing::warn!(consumer = self.name, "NATS was not told: {error}");
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("name", &self.name).finish_non_exhaustive()
    }
}
