//! By hand on async-nats: a message for each event, appends that expect the last message of their subject.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_nats::{
    Client, HeaderMap,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{
        self, Context,
        consumer::{DeliverPolicy, pull},
        context::PublishErrorKind,
        stream::{self, Stream},
    },
};
use bytes::Bytes;
use futures_util::StreamExt;

use super::load::Inbox;
use crate::{
    Error, Fact,
    database::{Answer, Database, Program, Runner, Watch, Work},
    hand::{self, Command, Event, Incident, decide},
};

/// How many events of a stream are asked for at once: the server gives no more than 1,024.
const PAGE: u64 = 1_000;

/// What the server says of itself, and of a stream as these programs make it.
pub(super) async fn settings(url: &str) -> Result<String, Error> {
    let by_hand = ByHand::open(url, "settings_by_hand").await?;
    let version = by_hand.client.server_info().version;
    let stream::Config { storage, num_replicas, .. } = by_hand.stream.cached_info().config.clone();
    Ok(format!("nats-server {version}, storage={storage:?}, replicas={num_replicas}"))
}

/// A JetStream stream of its own, on one connection that all clients share. Each event has a subject of its own:
/// `name.stream.page.version`.
#[derive(Debug)]
pub(super) struct ByHand {
    client: Client,
    context: Context,
    stream: Stream,
    name: String,
    inbox: Inbox,
}

impl ByHand {
    /// Makes a stream of this name.
    pub(super) async fn open(url: &str, name: &str) -> Result<Arc<Self>, Error> {
        let client = async_nats::connect(url).await?;
        let context = jetstream::new(client.clone());
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{name}.>")],
            storage: stream::StorageType::File,
            num_replicas: 1,
            allow_direct: true,
            allow_atomic_publish: true,
            deny_delete: true,
            deny_purge: true,
            ..stream::Config::default()
        };
        let stream = context.create_stream(config).await?;
        let inbox = Inbox::open(client.clone()).await?;
        Ok(Arc::new(Self { client, context, stream, name: name.to_owned(), inbox }))
    }

    fn subject(&self, stream: u64, version: u64) -> String {
        format!("{}.{stream}.{}.{version}", self.name, (version - 1) / PAGE)
    }

    async fn state(&self, stream: u64) -> Result<(Option<Incident>, u64), Error> {
        let (mut state, mut version) = (None, 0);
        loop {
            let page = format!("{}.{stream}.{}.*", self.name, version / PAGE);
            let bodies = self.inbox.last_of_each(&self.name, &page, PAGE).await?;
            for body in &bodies {
                Incident::fold(&mut state, stream, decode(body)?)?;
            }
            version += bodies.len() as u64;
            if bodies.is_empty() || !version.is_multiple_of(PAGE) {
                return Ok((state, version));
            }
        }
    }
}

/// The name of the event, a space, and the payload.
fn encode(name: &str, payload: &str) -> Bytes {
    format!("{name} {payload}").into()
}

fn decode(body: &[u8]) -> Result<Event, Error> {
    let (name, payload) = std::str::from_utf8(body)?.split_once(' ').ok_or("no name")?;
    Ok(Event::decode(name, payload)?)
}

impl Database for Arc<ByHand> {
    /// One atomic batch, of at most 1,000 messages.
    fn append<'a>(&'a self, streams: Range<u64>, already: u64, events: &'a [Fact]) -> Answer<'a, ()> {
        static BATCHES: AtomicU64 = AtomicU64::new(0);
        Box::pin(async move {
            let batch = BATCHES.fetch_add(1, Ordering::Relaxed).to_string();
            let last = (streams.end - streams.start) * events.len() as u64;
            let mut number = 0;
            for stream in streams {
                for ((name, payload), version) in events.iter().zip(already + 1..) {
                    number += 1;
                    let mut headers = HeaderMap::new();
                    headers.insert("Nats-Batch-Id", batch.as_str());
                    headers.insert("Nats-Batch-Sequence", number.to_string());
                    let (subject, body) = (self.subject(stream, version), encode(name, payload));
                    if number < last {
                        self.client.publish_with_headers(subject, headers, body).await?;
                    } else {
                        headers.insert("Nats-Batch-Commit", "1");
                        self.context.publish_with_headers(subject, headers, body).await?.await?;
                    }
                }
            }
            Ok(())
        })
    }

    fn programs(&self, work: Work, _: u64) -> Answer<'_, Vec<Runner>> {
        let runners = match work {
            Work::Command | Work::Warm => {
                vec![Runner::new("load + publish", &Arc::new(Commands(Arc::clone(self))))]
            }
            Work::Append => vec![Runner::new("bare publish", &Arc::new(Appends(Arc::clone(self))))],
            Work::Viewed | Work::ViewedCold | Work::SignUp | Work::SignUpFreely => Vec::new(),
        };
        Box::pin(async { Ok(runners) })
    }

    fn load(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(async move { Ok(self.state(stream).await?.1) })
    }

    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let config =
                pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
            let consumer = self.stream.create_consumer(config).await?;
            let mut messages = consumer.messages().await?;
            let last = self.stream.get_info().await?.state.messages;
            let mut events = 0;
            while events < last {
                let message = messages.next().await.ok_or("the consumer ended")??;
                match decode(&message.payload)? {
                    Event::TextChanged(hand::TextChanged { text }) => watch(Some(&text)),
                    _ => watch(None),
                }
                events += 1;
            }
            Ok(events)
        })
    }
}

/// Loads, decides, and publishes to the subject of the next version, expecting that nobody has done so; from the top if
/// somebody has.
struct Commands(Arc<ByHand>);

impl Program for Commands {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        let Self(by_hand) = self;
        let command = Command::ChangeText { text };
        loop {
            let (state, version) = by_hand.state(stream).await?;
            let Some((name, payload)) = decide(state.as_ref(), command.clone())?.pop() else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
            let (subject, body) = (by_hand.subject(stream, version + 1), encode(name, &payload));
            match by_hand.context.publish_with_headers(subject, headers, body).await?.await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Publishes to a new subject and waits for the acknowledgement. It expects nothing and checks nothing.
struct Appends(Arc<ByHand>);

impl Program for Appends {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let subject = format!("{}.{}", self.0.name, text.replace(' ', "."));
        let payload = Event::TextChanged(hand::TextChanged { text }).encode()?;
        self.0.context.publish(subject, encode("TextChanged", &payload)).await?.await?;
        Ok(())
    }
}
