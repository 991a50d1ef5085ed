//! Messages of the stream: one by itself, or several that follow one another.

use async_nats::{Message, jetstream::stream::RawMessageErrorKind};
use serde::Serialize;

use super::server::{Server, Trouble, said};
use crate::store::{StoreError, StoreErrorKind};

/// No answer has more bytes of messages, but for the last of them.
const MOST_BYTES: usize = 8 << 20;

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
    /// The last message of this subject, as whoever leads the servers knows it.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<Stored>, StoreError> {
        self.ask("looking for the end of a stream", || self.get(subject, None)).await
    }

    /// The first message of this subject from this sequence number on, as whoever leads the servers knows it.
    pub(super) async fn next(&self, subject: &str, sequence: u64) -> Result<Option<Stored>, StoreError> {
        self.ask("looking for a message", || self.get(subject, Some(sequence))).await
    }

    async fn get(&self, subject: &str, from: Option<u64>) -> Result<Option<Stored>, Trouble> {
        if self.is_alone() {
            let question = match from {
                Some(sequence) => serde_json::json!({ "seq": sequence, "next_by_subj": subject }),
                None => serde_json::json!({ "last_by_subj": subject }),
            };
            let asked = format!("$JS.API.DIRECT.GET.{}", self.name);
            let answer = self.request(&asked, None, question.to_string().into()).await?;
            match answer.status.map(|status| status.as_u16()) {
                None => return self.stored(answer, true).map(Some),
                Some(404) => {}
                Some(status) => return Err(unexpected(status)),
            }
        }
        self.get_from_leader(subject, from).await
    }

    /// Who leads the servers answers, and nobody else: not a mirror of the stream, say, which answers direct questions too
    /// and may not have everything.
    async fn get_from_leader(&self, subject: &str, from: Option<u64>) -> Result<Option<Stored>, Trouble> {
        let question = match from {
            Some(sequence) => self.stream.raw_message_builder().sequence(sequence).next_by_subject(subject),
            None => self.stream.raw_message_builder().last_by_subject(subject),
        };
        let asked = format!("$JS.API.STREAM.MSG.GET.{}", self.name);
        match self.within(&[&asked], question.send()).await?.1 {
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
        let asking = self.client.publish_with_reply(asked.clone(), reply.subject.clone(), question.into());
        let given = self.unless_lost(connects, &[&asked], asking).await?;
        given.map_err(|cause| Trouble::Lost(said("asking the server").because(cause)))?;
        let mut batch = Batch::default();
        let mut left = None;
        loop {
            let message = self.unless_lost(connects, &[&asked], reply.next()).await?;
            let message = message.ok_or_else(|| Trouble::Lost(said("the connection is closed")))?;
            match message.status.map(|status| status.as_u16()) {
                None => {}
                // The end of the batch; or there is nothing.
                Some(204 | 404) => break,
                Some(status) => return Err(unexpected(status)),
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
            // All come from the same one.
            batch.messages.push(self.stored(message, batch.messages.is_empty())?);
            if behind == 0 || batch.messages.len() == limit {
                break;
            }
        }
        batch.more = left.is_some_and(|left| left > 0);
        if batch.messages.is_empty() && self.is_alone() {
            // Who has nothing does not say who it is.
            let (Wanted::All(subject) | Wanted::LastOfEach(subject)) = wanted;
            if self.get_from_leader(subject, Some(sequence.max(1))).await?.is_some() {
                return Err(Trouble::Busy(said(
                    "a mirror of the stream answers, and does not have everything",
                )));
            }
        }
        Ok(batch)
    }

    /// A message of the stream itself, which is looked at if asked to.
    fn stored(&self, message: Message, look: bool) -> Result<Stored, Trouble> {
        let sequence = header(&message, "Nats-Sequence")?;
        if look && header::<String>(&message, "Nats-Stream")? != self.name {
            return Err(Trouble::Busy(said("a mirror of the stream answers in its place")));
        }
        Ok(Stored { sequence, payload: message.payload })
    }
}

/// What is not an answer to a question that the server understands.
fn unexpected(status: u16) -> Trouble {
    match status {
        400..=499 if status != 408 => Trouble::Refused(StoreError::new(
            StoreErrorKind::Foreign,
            format!("the server answers {status} to a question that factum's oldest server understands"),
        )),
        503 => Trouble::Busy(said("no server keeps the stream just now")),
        status => Trouble::Busy(said(format!("the server answers {status}"))),
    }
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
