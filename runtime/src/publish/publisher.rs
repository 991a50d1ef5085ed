//! Events on their way out.

use std::{fmt, str::FromStr};

use async_nats::jetstream::{
    self, Context,
    stream::{Config, StorageType},
};
use bytes::Bytes;

use super::CloudEvent;
use crate::{
    handler::{Delivery, Everything, Handler, HandlerError, Unavailable},
    store::{Filter, RecordedEvent, StoreError, StoreErrorKind, jetstream::JetStreamOptions},
};

/// Sends events to subjects of NATS JetStream, as [`CloudEvent`]s. It is a handler: give it to an app.
///
/// # What is promised
///
/// Every event is sent at least once, in the order of its stream. The server acknowledges each; it recognises one that comes
/// again within its window for duplicates (two minutes, where the stream is made here) by source and position, and a receiver
/// that remembers [`CloudEvent::key`] does so for ever. A server that is away is tried again for ever.
///
/// The subject is `name.category.event`, with the name of the JetStream stream, as in `public.incident.Closed`. Letters, digits,
/// `-` and `_` stand for themselves, the bytes of everything else are written as `%` and two digits.
///
/// The stream is made if it is not there, with the settings of the URL. Its messages are for others and may be limited or
/// purged: what is kept for ever are the events in their store.
pub struct Publisher {
    context: Context,
    stream: String,
    source: String,
    filter: Filter,
    name: String,
}

impl Publisher {
    /// Publishes on the stream of this URL, such as `nats://localhost/public` (see [`JetStreamOptions`]), as this source: a URI
    /// that tells others where the events come from.
    ///
    /// # Errors
    /// The URL is no such URL, the server cannot be reached, or its stream takes other subjects.
    pub async fn connect(url: &str, source: &str) -> Result<Self, StoreError> {
        let options = JetStreamOptions::from_str(url)?;
        let context = jetstream::new(options.connect().await?);
        let stream = options.name().to_owned();
        let subjects = format!("{stream}.>");
        let config = Config {
            name: stream.clone(),
            subjects: vec![subjects.clone()],
            storage: if options.is_in_memory() { StorageType::Memory } else { StorageType::File },
            num_replicas: options.wanted_replicas().unwrap_or(1),
            ..Config::default()
        };
        let found = context.get_or_create_stream(config).await.map_err(|error| {
            StoreError::new(
                StoreErrorKind::Unavailable,
                format!("the stream `{stream}` can be neither found nor made"),
            )
            .because(error)
        })?;
        let taken = &found.cached_info().config.subjects;
        if !taken.iter().any(|taken| *taken == subjects || taken == ">") {
            return Err(StoreError::invalid(format!(
                "the stream `{stream}` takes the subjects {taken:?}, and what is published would be `{subjects}`: name another \
                 stream, or add these subjects to it"
            )));
        }
        let (filter, name) = (Filter::All, format!("publish to {stream}"));
        Ok(Self { context, stream, source: source.to_owned(), filter, name })
    }

    /// Publishes these events only.
    #[must_use]
    pub fn only(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// The name under which the books are kept, `publish to` and the stream unless said otherwise. With another one, everything is
    /// published again.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl Handler for Publisher {
    type Source = Everything;
    const NAME: &'static str = "publish";

    fn name(&self) -> &str {
        &self.name
    }

    fn filter(&self) -> Filter {
        self.filter.clone()
    }

    async fn handle(&self, event: &RecordedEvent, _: &Delivery<'_>) -> Result<(), HandlerError> {
        let published = CloudEvent::of(event, &self.source);
        let subject = format!("{}.{}.{}", self.stream, token(event.stream.category()), token(&event.name));
        let mut headers = published.headers();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, published.key());
        let away = |error: &dyn fmt::Display| Unavailable::new(format!("NATS did not take it: {error}"));
        let sent = self.context.publish_with_headers(subject, headers, Bytes::from(published.data));
        let acknowledged = sent.await.map_err(|error| away(&error))?;
        acknowledged.await.map_err(|error| away(&error))?;
        Ok(())
    }
}

/// Any text as a part of a subject.
fn token(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}

const PLAIN: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_');

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("stream", &self.stream)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
