//! What is asked of the server, and how long it is asked again.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Client, HeaderMap, Message, Request,
    client::RequestErrorKind,
    connection::State,
    jetstream::{
        Context,
        stream::{RawMessageErrorKind, Stream},
    },
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::setup::Forbidden;
use crate::store::{StoreError, StoreErrorKind};

/// How often one who waits for an answer sees whether the connection is still the one that is to bring it.
const LOOK: Duration = Duration::from_millis(100);

/// How long one answer may take before it is taken for lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before asking again.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// No answer has more bytes of messages, but for the last of them.
const MOST_BYTES: usize = 8 << 20;

/// The connection to the server, and the stream there.
pub(super) struct Server {
    pub(super) client: Client,
    forbidden: Forbidden,
    name: String,
    pub(super) stream: Stream<()>,
    /// One server alone knows everything that it has acknowledged; of several, the leader does.
    alone: bool,
    timeout: Duration,
    replies: Replies,
}

/// A message of the stream, as it was stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) sequence: u64,
    pub(super) payload: bytes::Bytes,
}

/// Messages that follow one another.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Stored>,
    /// Whether more messages follow.
    pub(super) more: bool,
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

/// Which messages are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// Those of this subject. The server looks through everything that lies between them.
    All(&'a str),
    /// The last of each subject that matches. The server knows where they are; there must not be more than 1,024.
    LastOfEach(&'a str),
}

#[derive(Serialize)]
struct Get<'a> {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_last: Option<[&'a str; 1]>,
    batch: usize,
    max_bytes: usize,
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

    /// The last message of this subject, as whoever leads the servers knows it.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<Stored>, StoreError> {
        self.ask("looking for the end of a stream", || self.get(subject, None)).await
    }

    /// The first message of this subject from this sequence number on, as whoever leads the servers knows it.
    pub(super) async fn next(&self, subject: &str, sequence: u64) -> Result<Option<Stored>, StoreError> {
        self.ask("looking for a message", || self.get(subject, Some(sequence))).await
    }

    async fn get(&self, subject: &str, from: Option<u64>) -> Result<Option<Stored>, Trouble> {
        if self.alone {
            let question = match from {
                Some(sequence) => serde_json::json!({ "seq": sequence, "next_by_subj": subject }),
                None => serde_json::json!({ "last_by_subj": subject }),
            };
            let asked = format!("$JS.API.DIRECT.GET.{}", self.name);
            let answer = self.request(&asked, None, question.to_string().into()).await?;
            return match answer.status {
                None => stored(answer).map(Some),
                Some(status) if status.as_u16() == 404 => Ok(None),
                Some(status) => Err(Trouble::Busy(said(format!("the server answers {status}")))),
            };
        }
        let question = match from {
            Some(sequence) => self.stream.raw_message_builder().sequence(sequence).next_by_subject(subject),
            None => self.stream.raw_message_builder().last_by_subject(subject),
        };
        match self.within(question.send()).await?.1 {
            Ok(message) => Ok(Some(Stored { sequence: message.sequence, payload: message.payload })),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Trouble::Busy(said("the server does not give a message").because(error))),
        }
    }

    /// At most `limit` of the messages from this sequence number on. Of several servers, one may answer that
    /// has not heard yet of what was stored last.
    pub(super) async fn batch(
        &self,
        wanted: Wanted<'_>,
        sequence: u64,
        limit: usize,
    ) -> Result<Batch, StoreError> {
        self.ask("reading messages", || self.try_batch(wanted, sequence, limit)).await
    }

    async fn try_batch(&self, wanted: Wanted<'_>, sequence: u64, limit: usize) -> Result<Batch, Trouble> {
        let (next_by_subj, multi_last) = match wanted {
            Wanted::All(subject) => (Some(subject), None),
            Wanted::LastOfEach(subject) => (None, Some([subject])),
        };
        let question =
            Get { seq: sequence.max(1), next_by_subj, multi_last, batch: limit, max_bytes: MOST_BYTES };
        let question = serde_json::to_vec(&question)
            .map_err(|cause| Trouble::Refused(said("a question").because(cause)))?;
        let asked = format!("$JS.API.DIRECT.GET.{}", self.name);
        let mut reply = self.replies.expect();
        let connects = self.connected().await?;
        self.client
            .publish_with_reply(asked, reply.subject.clone(), question.into())
            .await
            .map_err(|cause| Trouble::Lost(said("asking the server").because(cause)))?;
        let mut batch = Batch::default();
        let mut left = None;
        loop {
            let message = self.unless_lost(connects, reply.next()).await?;
            let message = message.ok_or_else(|| Trouble::Lost(said("the connection is closed")))?;
            match message.status.map(|status| status.as_u16()) {
                None => {}
                // The end of the batch; or there is nothing.
                Some(204 | 404) => break,
                Some(503) => return Err(Trouble::Busy(said("no server keeps the stream just now"))),
                Some(status) => return Err(Trouble::Busy(said(format!("the server answers {status}")))),
            }
            let behind: u64 = header(&message, "Nats-Num-Pending")?;
            // Whoever does not read fast enough loses messages; whose connection is lost and back before it is noticed
            // loses the first ones, and gets the rest.
            let before: u64 = header(&message, "Nats-Last-Sequence")?;
            let is_next = match batch.messages.last() {
                Some(last) => last.sequence == before,
                None => before < sequence.max(1),
            };
            if !is_next || left.is_some_and(|left: u64| left != behind + 1) {
                return Err(Trouble::Lost(said("a message of an answer was lost")));
            }
            left = Some(behind);
            batch.messages.push(stored(message)?);
            if behind == 0 || batch.messages.len() == limit {
                break;
            }
        }
        batch.more = left.is_some_and(|left| left > 0);
        Ok(batch)
    }

    /// Gives a message to be stored, after others that belong to it.
    pub(super) async fn publish(
        &self,
        messages: Vec<(String, HeaderMap, bytes::Bytes)>,
    ) -> Result<Ack, Trouble> {
        let mut messages = messages.into_iter();
        let Some((subject, headers, payload)) = messages.next_back() else {
            return Err(Trouble::Refused(said("nothing was given to be stored")));
        };
        for (subject, headers, payload) in messages {
            self.client
                .publish_with_headers(subject, headers, payload)
                .await
                .map_err(|cause| Trouble::Lost(said("giving events to the server").because(cause)))?;
        }
        let answer = self.request(&subject, Some(headers), payload).await?;
        serde_json::from_slice(&answer.payload)
            .map_err(|cause| Trouble::Lost(said("the server's answer is not understood").because(cause)))
    }

    async fn request(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: bytes::Bytes,
    ) -> Result<Message, Trouble> {
        let mut request = Request::new().payload(payload).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        match self.within(self.client.send_request(subject.to_owned(), request)).await?.1 {
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

    /// Waits for an answer to something that is asked now. On which connection it came.
    pub(super) async fn within<T>(&self, answer: impl Future<Output = T>) -> Result<(u64, T), Trouble> {
        let connects = self.connected().await?;
        Ok((connects, self.unless_lost(connects, answer).await?))
    }

    /// Waits for an answer as long as the connection on which it was asked is there.
    pub(super) async fn unless_lost<T>(
        &self,
        connects: u64,
        answer: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        let mut answer = pin!(answer);
        let latest = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = timeout(LOOK, &mut answer).await {
                return Ok(answer);
            }
            if let Some(error) = self.forbidden.take() {
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
    async fn connected(&self) -> Result<u64, Trouble> {
        let latest = Instant::now() + PATIENCE;
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

fn header<T: std::str::FromStr>(message: &Message, name: &'static str) -> Result<T, Trouble> {
    let value = message.headers.as_ref().and_then(|headers| headers.get(name));
    value.and_then(|value| value.as_str().parse().ok()).ok_or_else(|| {
        Trouble::Refused(StoreError::new(
            StoreErrorKind::Foreign,
            format!("the server's answer has no header `{name}`: it is no JetStream that factum knows"),
        ))
    })
}

fn stored(message: Message) -> Result<Stored, Trouble> {
    let sequence = header(&message, "Nats-Sequence")?;
    Ok(Stored { sequence, payload: message.payload })
}

/// Answers of several messages. All of them come to one subscription, because to begin one for each question would be a
/// question of its own.
struct Replies {
    prefix: String,
    next: AtomicU64,
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

type Waiting = Mutex<HashMap<u64, mpsc::UnboundedSender<Message>>>;

impl Replies {
    async fn start(client: &Client) -> Result<Self, StoreError> {
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
    fn expect(&self) -> Reply<'_> {
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
struct Reply<'a> {
    replies: &'a Replies,
    number: u64,
    subject: String,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl Reply<'_> {
    async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.number);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("stream", &self.name).finish_non_exhaustive()
    }
}
