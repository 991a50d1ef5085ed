//! Events as others see them.

use std::{collections::BTreeMap, str};

use async_nats::HeaderMap;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;

use crate::store::{Payload, RecordedEvent};

/// A [CloudEvent](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) 1.0: what happened, with an envelope that
/// every service understands. On NATS its attributes are headers that begin with `ce-`, and the data is the message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloudEvent {
    /// The position of the event in its store. Together with the source it is unique, and whoever remembers it notices what is
    /// sent again.
    pub id: String,
    /// Where it comes from: a URI.
    pub source: String,
    /// What happened: the category and the stored name, `incident.Closed`.
    pub kind: String,
    /// What it happened to: the stream, `incident/7`.
    pub subject: Option<String>,
    /// When it was recorded.
    pub time: Option<DateTime<Utc>>,
    /// What kind of data it is: `application/json`, unless the payload has another format.
    pub content_type: Option<String>,
    /// Other attributes by their names: `sequence` is the version in the stream, `schema` the schema version of the data,
    /// `eventid` the id of the event, `actor`, `correlationid` and `causationid` say who, and in answer to what.
    pub extensions: BTreeMap<String, String>,
    /// The data: what the event carries, as it is stored.
    pub data: Vec<u8>,
}

/// A message that is no CloudEvent 1.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is no CloudEvent: {why}")]
pub struct NoCloudEvent {
    why: String,
}

/// What the names of headers begin with that are attributes.
const PREFIX: &str = "ce-";

impl CloudEvent {
    pub(super) fn of(event: &RecordedEvent, source: &str) -> Self {
        let metadata = event.metadata();
        let mut extensions = BTreeMap::from([
            ("sequence".to_owned(), event.version.to_string()),
            ("schema".to_owned(), event.schema.to_string()),
            ("eventid".to_owned(), event.id.to_string()),
        ]);
        let more = [
            ("actor", &metadata.actor),
            ("correlationid", &metadata.correlation_id),
            ("causationid", &metadata.causation_id),
        ];
        let more = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        extensions.extend(more);
        let content_type = match &event.payload {
            Payload::Json(_) => "application/json".to_owned(),
            Payload::Other { format, .. } => format.to_string(),
        };
        Self {
            id: event.position.to_string(),
            source: source.to_owned(),
            kind: format!("{}.{}", event.stream.category(), event.name),
            subject: Some(event.stream.to_string()),
            time: Some(event.at),
            content_type: Some(content_type),
            extensions,
            data: event.payload.bytes().to_vec(),
        }
    }

    /// What makes it one and no other: for whoever remembers what was dealt with.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.source, self.id)
    }

    /// The data, read from JSON.
    ///
    /// # Errors
    /// It is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.data)
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: &str, value: &str| headers.insert(format!("{PREFIX}{name}"), &*escaped(value));
        set("specversion", "1.0");
        set("id", &self.id);
        set("source", &self.source);
        set("type", &self.kind);
        if let Some(subject) = &self.subject {
            set("subject", subject);
        }
        if let Some(time) = &self.time {
            set("time", &time.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        for (name, value) in &self.extensions {
            set(name, value);
        }
        if let Some(content_type) = &self.content_type {
            headers.insert("content-type", &**content_type);
        }
        headers
    }

    /// The CloudEvent in a message.
    ///
    /// # Errors
    /// There is none.
    pub fn of_message(headers: Option<&HeaderMap>, data: &[u8]) -> Result<Self, NoCloudEvent> {
        let missing = |name: &str| NoCloudEvent { why: format!("it has no header `{PREFIX}{name}`") };
        let mut attributes = BTreeMap::new();
        let mut content_type = None;
        for (name, values) in headers.into_iter().flat_map(HeaderMap::iter) {
            let Some(value) = values.first() else { continue };
            let name = name.to_string().to_ascii_lowercase();
            match name.strip_prefix(PREFIX) {
                Some(attribute) => {
                    attributes.insert(attribute.to_owned(), unescaped(value.as_str()));
                }
                None if name == "content-type" => content_type = Some(value.to_string()),
                None => {}
            }
        }
        let mut take = |name: &str| attributes.remove(name);
        match take("specversion") {
            Some(version) if version == "1.0" || version.starts_with("1.") => {}
            Some(version) => {
                return Err(NoCloudEvent { why: format!("its version is `{version}`, not 1.0") });
            }
            None => return Err(missing("specversion")),
        }
        let time = match take("time") {
            None => None,
            Some(time) => Some(
                DateTime::parse_from_rfc3339(&time)
                    .map_err(|error| NoCloudEvent { why: format!("`{time}` is no time: {error}") })?,
            ),
        };
        Ok(Self {
            id: take("id").ok_or_else(|| missing("id"))?,
            source: take("source").ok_or_else(|| missing("source"))?,
            kind: take("type").ok_or_else(|| missing("type"))?,
            subject: take("subject"),
            time: time.map(|time| time.to_utc()),
            content_type,
            extensions: attributes,
            data: data.to_vec(),
        })
    }
}

/// Headers are printable ASCII: everything else is percent-encoded, as CloudEvents have it in headers.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' && byte != b'"' => escaped.push(char::from(byte)),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn unescaped(value: &str) -> String {
    percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> CloudEvent {
        CloudEvent {
            id: "17".to_owned(),
            source: "https://example.org/a b".to_owned(),
            kind: "incident.Closed".to_owned(),
            subject: Some("incident/Büro 100 % \"neu\"\r\n".to_owned()),
            time: DateTime::from_timestamp_micros(1_700_000_000_123_456),
            content_type: Some("application/json".to_owned()),
            extensions: BTreeMap::from([("actor".to_owned(), "Zoë".to_owned())]),
            data: br#"{"solution":"x"}"#.to_vec(),
        }
    }

    #[test]
    fn it_comes_out_of_a_message_as_it_went_in() {
        let headers = event().headers();
        assert!(headers.iter().flat_map(|(_, values)| values).all(|value| value.as_str().is_ascii()));
        assert_eq!(CloudEvent::of_message(Some(&headers), &event().data), Ok(event()));
    }

    #[test]
    fn what_is_none_says_why() {
        let none = |headers: &HeaderMap| CloudEvent::of_message(Some(headers), b"").unwrap_err().to_string();
        assert!(CloudEvent::of_message(None, b"").unwrap_err().to_string().contains("`ce-specversion`"));
        let mut headers = event().headers();
        headers.insert("ce-specversion", "0.3");
        assert!(none(&headers).contains("`0.3`"));
        let mut headers = event().headers();
        headers.insert("ce-time", "yesterday");
        assert!(none(&headers).contains("`yesterday`"));
    }
}
