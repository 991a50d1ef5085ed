//! What is asked of the server, and how long it is asked again.

use std::{fmt, future::Future, pin::pin, sync::atomic::Ordering, time::Duration};

use async_nats::{
    Client, HeaderMap, Message, Request,
    client::RequestErrorKind,
    connection::State,
    jetstream::{Context, stream::Stream},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{replies::Replies, setup::Forbidden};
use crate::store::{StoreError, StoreErrorKind};

/// How often one who waits for an answer sees whether the connection is still the one that is to bring it.
const LOOK: Duration = Duration::from_millis(100);

/// How long one answer may take before it is taken for lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before asking again.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// The connection to the server, and the stream there.
pub(super) struct Server {
    pub(super) client: Client,
    forbidden: Forbidden,
    pub(super) name: String,
    pub(super) stream: Stream<()>,
    /// One server alone knows everything that it has acknowledged; of several, the leader does.
    alone: bool,
    pub(super) timeout: Duration,
    pub(super) replies: Replies,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was asked and may have done it, or not: the connection was lost or the answer did not come in time.
    Lost(StoreError),
    /// It did nothing and may do it later: there is no leader just now.
    Busy(StoreError),
    /// It does not do it.
    Refused(StoreError),
}

impl Trouble {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Lost(error) | Self::Busy(error) | Self::Refused(error) => error,
        }
    }
}

/// The answer to something that was given to be stored.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    #[serde(default, rename = "seq")]
    pub(super) sequence: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
    pub(super) error: Option<ApiError>,
}

/// What the server says is wrong.
#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    pub(super) description: String,
}

impl Server {
    pub(super) async fn new(
        client: Client,
        forbidden: Forbidden,
        context: &Context,
        name: String,
        alone: bool,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let stream = context
            .get_stream_no_info(&name)
            .await
            .map_err(|cause| said("looking for the stream").because(cause))?;
        let replies = Replies::start(&client).await?;
        Ok(Self { client, forbidden, name, stream, alone, timeout, replies })
    }

    /// Whether one server keeps the stream, which then knows everything that it has acknowledged.
    pub(super) const fn is_alone(&self) -> bool {
        self.alone
    }

    /// How long the server may take to answer, all attempts together.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Asks for something that changes nothing, again and again until there is an answer or the time is over.
    pub(super) async fn ask<T, F>(&self, doing: &str, question: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let deadline = self.deadline();
        loop {
            match question().await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Refused(error)) => return Err(error),
                Err(trouble) if Instant::now() + PAUSE >= deadline => {
                    return Err(StoreError::new(
                        StoreErrorKind::Unavailable,
                        format!("{doing} was given up after {:?}", self.timeout),
                    )
                    .because(trouble.into_error()));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Gives a message to be stored, after others that belong to it; not later than this, though the connection may have to be
    /// waited for.
    pub(super) async fn publish(
        &self,
        messages: Vec<(String, HeaderMap, bytes::Bytes)>,
        until: Instant,
    ) -> Result<Ack, Trouble> {
        let mut messages = messages.into_iter();
        let Some((subject, headers, payload)) = messages.next_back() else {
            return Err(Trouble::Refused(said("nothing was given to be stored")));
        };
        let first: Vec<_> = messages.collect();
        let in_time = || match Instant::now() < until {
            true => Ok(()),
            false => Err(Trouble::Busy(said("there was no connection in time"))),
        };
        let connects = self.connected().await?;
        in_time()?;
        if !first.is_empty() {
            let subjects: Vec<_> = first.iter().map(|(subject, ..)| subject.clone()).collect();
            let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
            let giving = async {
                for (subject, headers, payload) in first {
                    self.client.publish_with_headers(subject, headers, payload).await?;
                }
                Ok::<_, async_nats::PublishError>(())
            };
            let given = self.unless_lost(connects, &subjects, giving).await?;
            given.map_err(|cause| Trouble::Lost(said("giving events to the server").because(cause)))?;
            in_time()?;
        }
        let answer = self.request_on(connects, &subject, Some(headers), payload).await?;
        serde_json::from_slice(&answer.payload)
            .map_err(|cause| Trouble::Lost(said("the server's answer is not understood").because(cause)))
    }

    pub(super) async fn request(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: bytes::Bytes,
    ) -> Result<Message, Trouble> {
        let connects = self.connected().await?;
        self.request_on(connects, subject, headers, payload).await
    }

    async fn request_on(
        &self,
        connects: u64,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: bytes::Bytes,
    ) -> Result<Message, Trouble> {
        let mut request = Request::new().payload(payload).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let answer = self.client.send_request(subject.to_owned(), request);
        match self.unless_lost(connects, &[subject], answer).await? {
            Ok(message) => Ok(message),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => {
                    Trouble::Busy(said("no server keeps the stream just now").because(error))
                }
                RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                    Trouble::Refused(StoreError::invalid("the server does not take this").because(error))
                }
                _ => Trouble::Lost(said("the server did not answer").because(error)),
            }),
        }
    }

    /// Waits for an answer to something that is asked now, by messages with these subjects. On which connection it came.
    pub(super) async fn within<T>(
        &self,
        subjects: &[&str],
        answer: impl Future<Output = T>,
    ) -> Result<(u64, T), Trouble> {
        let connects = self.connected().await?;
        Ok((connects, self.unless_lost(connects, subjects, answer).await?))
    }

    /// Waits for an answer as long as the connection on which it was asked is there, and nobody says that these subjects
    /// are forbidden.
    pub(super) async fn unless_lost<T>(
        &self,
        connects: u64,
        subjects: &[&str],
        answer: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        let mut answer = pin!(answer);
        let latest = Instant::now() + PATIENCE.min(self.timeout);
        loop {
            if let Ok(answer) = timeout(LOOK, &mut answer).await {
                return Ok(answer);
            }
            if let Some(error) = self.forbidden.take(subjects) {
                return Err(Trouble::Refused(error));
            }
            if self.connects() != connects || self.client.connection_state() != State::Connected {
                return Err(Trouble::Lost(said("the connection was lost")));
            }
            if Instant::now() >= latest {
                return Err(Trouble::Lost(said("the server did not answer in time")));
            }
        }
    }

    /// Waits for the connection, if it was lost. Which one it is.
    pub(super) async fn connected(&self) -> Result<u64, Trouble> {
        let latest = Instant::now() + PATIENCE.min(self.timeout);
        loop {
            if self.client.connection_state() == State::Connected {
                return Ok(self.connects());
            }
            if timeout_at(latest, sleep(PAUSE)).await.is_err() {
                return Err(Trouble::Busy(said("there is no connection to the server")));
            }
        }
    }

    fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }
}

pub(super) fn said(message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("stream", &self.name).finish_non_exhaustive()
    }
}
