//! A consumer on the server, which sends messages one after the other.

use std::time::Duration;

use async_nats::{
    Subscriber,
    jetstream::consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use serde::Serialize;

use super::{
    get::Stored,
    server::{Server, Trouble, said},
};

/// How long the server keeps a consumer of which nobody asks anything.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// No answer has more bytes of messages.
const MOST_BYTES: usize = 8 << 20;

/// A consumer that the server forgets by itself.
pub(super) struct Consumer {
    /// What is asked for more.
    asks: String,
    inbox: String,
    messages: Subscriber,
    connection: u64,
    /// The number of the last question.
    question: u64,
    /// How many messages are on their way.
    asked: usize,
    /// How many have come.
    come: u64,
    /// How many had come when it was asked.
    come_before: u64,
    more: bool,
}

#[derive(Serialize)]
struct Ask {
    batch: usize,
    max_bytes: usize,
    no_wait: bool,
}

impl Consumer {
    /// A consumer of messages with these subjects, from this sequence number on.
    pub(super) async fn begin(server: &Server, subject: &str, start: u64) -> Result<Self, Trouble> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
            ack_policy: AckPolicy::None,
            filter_subject: subject.to_owned(),
            inactive_threshold: FORGOTTEN_AFTER,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let (connection, made) = server.within(&[], server.stream.create_consumer(config)).await?;
        let made =
            made.map_err(|cause| Trouble::Busy(said("the server makes no consumer").because(cause)))?;
        let inbox = server.client.new_inbox();
        let messages = server.within(&[], server.client.subscribe(format!("{inbox}.*"))).await?.1;
        let messages =
            messages.map_err(|cause| Trouble::Lost(said("subscribing to messages").because(cause)))?;
        let info = made.cached_info();
        let asks = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", info.stream_name, info.name);
        Ok(Self {
            asks,
            inbox,
            messages,
            connection,
            question: 0,
            asked: 0,
            come: 0,
            come_before: 0,
            more: true,
        })
    }

    /// Whether more messages follow, as far as the server has said.
    pub(super) const fn has_more(&self) -> bool {
        self.more
    }

    /// The next message; `None` at the end. Where nothing is on its way, `limit` messages are asked for.
    pub(super) async fn next(&mut self, server: &Server, limit: usize) -> Result<Option<Stored>, Trouble> {
        if !self.more {
            return Ok(None);
        }
        if self.asked == 0 {
            self.ask(server, limit).await?;
        }
        loop {
            let message = server.unless_lost(self.connection, &[], self.messages.next()).await?;
            let message = message.ok_or_else(|| Trouble::Lost(said("the connection is closed")))?;
            if let Some(status) = message.status {
                // Also the end of an answer is told, after its last message: then the next one is under way already.
                if message.subject.rsplit('.').next() != Some(self.question.to_string().as_str()) {
                    continue;
                }
                match status.as_u16() {
                    404 | 408 => {
                        (self.asked, self.more) = (0, false);
                        return Ok(None);
                    }
                    // It is complete, or would have more bytes than asked for: the rest is asked for again.
                    409 if self.come > self.come_before => {
                        self.ask(server, limit).await?;
                        continue;
                    }
                    _ => return Err(Trouble::Busy(said(format!("the server answers {status}")))),
                }
            }
            let place = message.reply.as_deref().and_then(place);
            let (sequence, number, behind) = place
                .ok_or_else(|| Trouble::Refused(said("the server does not say which message it sends")))?;
            // Whoever does not read fast enough loses messages.
            if number != self.come + 1 {
                return Err(Trouble::Lost(said("a message was lost")));
            }
            self.come = number;
            self.asked = self.asked.saturating_sub(1);
            self.more = behind > 0;
            return Ok(Some(Stored { sequence, payload: message.payload }));
        }
    }

    /// Has the next messages on their way, if there are any and none are.
    pub(super) async fn ask_ahead(&mut self, server: &Server, limit: usize) -> Result<(), Trouble> {
        if self.more && self.asked == 0 { self.ask(server, limit).await } else { Ok(()) }
    }

    async fn ask(&mut self, server: &Server, limit: usize) -> Result<(), Trouble> {
        let ask = serde_json::to_vec(&Ask { batch: limit, max_bytes: MOST_BYTES, no_wait: true })
            .map_err(|cause| Trouble::Refused(said("a question").because(cause)))?;
        (self.asked, self.come_before) = (limit, self.come);
        self.question += 1;
        let reply = format!("{}.{}", self.inbox, self.question);
        let asking = server.client.publish_with_reply(self.asks.clone(), reply, ask.into());
        let asked = server.unless_lost(self.connection, &[], asking).await?;
        asked.map_err(|cause| Trouble::Lost(said("asking the server").because(cause)))
    }
}

/// The sequence number of a message, which one of the consumer's it is, and how many follow, as the subject says to
/// which its receipt would go: `$JS.ACK.<stream>.<consumer>.<tries>.<sequence>.<number>.<time>.<pending>`, perhaps with a
/// domain and an account before the stream and something else at the end.
fn place(reply: &str) -> Option<(u64, u64, u64)> {
    let before = if reply.split('.').count() > 9 { 7 } else { 5 };
    let mut tokens = reply.split('.').skip(before);
    let sequence = tokens.next()?.parse().ok()?;
    let number = tokens.next()?.parse().ok()?;
    let behind = tokens.nth(1)?.parse().ok()?;
    Some((sequence, number, behind))
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("come", &self.come).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn old_and_new_forms_are_understood() {
        assert_eq!(place("$JS.ACK.desk.c1.1.17.5.1700000000.3"), Some((17, 5, 3)));
        assert_eq!(place("$JS.ACK.hub.AB.desk.c1.1.17.5.1700000000.3"), Some((17, 5, 3)));
        assert_eq!(place("$JS.ACK.hub.AB.desk.c1.1.17.5.1700000000.3.random"), Some((17, 5, 3)));
        assert_eq!(place("$JS.ACK.desk"), None);
    }
}
