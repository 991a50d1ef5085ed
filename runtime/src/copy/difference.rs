//! What differs between an event and its copy.

use std::fmt;

use crate::store::{Payload, RecordedEvent};

/// The first event that is not the same in both stores.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Which event of the store it is, in the order of positions, from 1 on.
    pub number: u64,
    /// What differs first.
    pub part: Part,
    /// The event in the source.
    pub source: RecordedEvent,
    /// The event in the target.
    pub target: RecordedEvent,
}

/// A part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Its stream and its version.
    Place,
    /// Its id.
    Id,
    /// Its stored name.
    Name,
    /// Its schema version.
    Schema,
    /// Its payload.
    Payload,
    /// Its time.
    Time,
    /// Its metadata.
    Metadata,
}

impl Part {
    /// The first part in which the events differ, if they do. Positions are their stores' own.
    pub(super) fn that_differs(source: &RecordedEvent, target: &RecordedEvent) -> Option<Self> {
        let same = [
            (Self::Place, source.stream == target.stream && source.version == target.version),
            (Self::Id, source.id == target.id),
            (Self::Name, source.name == target.name),
            (Self::Schema, source.schema == target.schema),
            (Self::Payload, source.payload == target.payload),
            (Self::Time, source.at == target.at),
            (Self::Metadata, source.metadata == target.metadata),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(part, _)| part)
    }

    /// What the event has there, as far as it fits a line.
    fn of(self, event: &RecordedEvent) -> String {
        match self {
            Self::Place => format!("version {} of `{}`", event.version, event.stream),
            Self::Id => format!("id {}", event.id),
            Self::Name => format!("name `{}`", event.name),
            Self::Schema => format!("schema version {}", event.schema),
            Self::Payload => payload(&event.payload),
            Self::Time => format!("time {}", event.at),
            Self::Metadata => match &event.metadata {
                Some(metadata) => serde_json::to_string(&**metadata)
                    .map_or_else(|_| "metadata".to_owned(), |json| format!("metadata {}", short(&json))),
                None => "no metadata".to_owned(),
            },
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, part, source, target } = self;
        let place = match part {
            Part::Place => String::new(),
            _ => format!(" ({})", Part::Place.of(source)),
        };
        write!(f, "event {number}{place} is {} there and {} in the source", part.of(target), part.of(source))
    }
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Json(text) => format!("payload {}", short(text)),
        Payload::Other { format, bytes } => format!("payload of {} bytes of `{format}`", bytes.len()),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
