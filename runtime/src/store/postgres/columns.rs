//! Commits as columns of the tables.

use std::borrow::Cow;

use uuid::Uuid;

use super::{
    claims::{Changes, Crowds},
    keys::Keys,
    tail::from_version,
    text,
    write::Placed,
};
use crate::store::{NewEvent, Payload};

/// The batch as columns. Those that few events have a value in are empty where none has; the server fills them up.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) streams: Vec<Uuid>,
    pub(super) firsts: Vec<i64>,
    pub(super) commits: Vec<i32>,
    pub(super) unconditional_ids: Vec<Uuid>,
    pub(super) unconditional_commits: Vec<i32>,
    pub(super) event_commits: Vec<i32>,
    pub(super) event_streams: Vec<Uuid>,
    pub(super) versions: Vec<i64>,
    pub(super) times: Vec<Option<i64>>,
    /// That of the first event. Where others have it too, `categories` has nothing.
    pub(super) category: Cow<'a, str>,
    pub(super) categories: Vec<Option<Cow<'a, str>>>,
    pub(super) stream_ids: Vec<Cow<'a, str>>,
    pub(super) ids: Vec<Uuid>,
    pub(super) names: Vec<Cow<'a, str>>,
    pub(super) schemas: Vec<Option<i64>>,
    pub(super) payloads: Vec<Option<&'a str>>,
    pub(super) formats: Vec<Option<Cow<'a, str>>>,
    pub(super) contents: Vec<Option<&'a [u8]>>,
    pub(super) metadata: Vec<Option<String>>,
    pub(super) crowds: Crowds<'a>,
    pub(super) changes: Changes<'a>,
    pub(super) keys: Keys,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a [Placed]) -> Self {
        let mut columns = Self::default();
        for (placed, number) in batch.iter().zip(0..) {
            columns.add(number, placed);
        }
        columns
    }

    /// Whether a commit takes unique values, or is to be remembered under a key.
    pub(super) fn claims_something(&self) -> bool {
        !self.changes.takes.values.is_empty() || !self.keys.hashes.is_empty()
    }

    fn add(&mut self, number: i32, placed: &'a Placed) {
        if placed.is_unconditional() {
            self.unconditional_ids.push(placed.commit.id.as_uuid());
            self.unconditional_commits.push(number);
        }
        self.keys.add(number, &placed.commit, self.ids.len());
        let (mut index, others) = (0, self.streams.len());
        for (append, place) in placed.commit.appends.iter().zip(&placed.after) {
            let stream = place.stream;
            let category = text::encode(append.stream.category());
            if self.streams.is_empty() {
                self.category = category.clone();
            }
            let category = (category != self.category).then_some(category);
            let mut version = place.version.next();
            let mut at = place.at;
            self.streams.push(stream);
            self.firsts.push(from_version(version));
            self.commits.push(number);
            self.crowds.add(append, &placed.commit.constraints);
            for event in &append.events {
                let nth = self.event_commits.len();
                self.event_commits.push(number);
                self.event_streams.push(stream);
                self.versions.push(from_version(version));
                at = placed.commit.event_at(index).map_or(at, |original| original.max(at));
                put(&mut self.times, nth, (at > i64::MIN).then_some(at));
                put(&mut self.categories, nth, category.clone());
                self.stream_ids.push(text::encode(append.stream.id()));
                self.ids.push(placed.commit.event_id(index).0);
                let event = Cells::of(event);
                self.names.push(event.name);
                put(&mut self.schemas, nth, (event.schema != 1).then_some(event.schema));
                self.payloads.push(event.payload);
                put(&mut self.formats, nth, event.format);
                put(&mut self.contents, nth, event.bytes);
                put(&mut self.metadata, nth, event.metadata);
                version = version.next();
                index += 1;
            }
        }
        let streams = self.streams.get(others..).unwrap_or_default();
        self.changes.add(number, &placed.commit, streams);
    }
}

/// What an event brings along, as the tables have it.
pub(super) struct Cells<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) schema: i64,
    pub(super) payload: Option<&'a str>,
    pub(super) format: Option<Cow<'a, str>>,
    pub(super) bytes: Option<&'a [u8]>,
    pub(super) metadata: Option<String>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(event: &'a NewEvent) -> Self {
        let (payload, format, bytes) = match &event.payload {
            Payload::Json(json) if !json.contains('\0') => (Some(&**json), None, None),
            Payload::Json(json) => (None, None, Some(json.as_bytes())),
            Payload::Other { format, bytes } => (None, Some(text::encode(format)), Some(&**bytes)),
        };
        Self {
            name: text::encode(&event.name),
            schema: event.schema.into(),
            payload,
            format,
            bytes,
            // Metadata with nothing in it is metadata all the same. JSON escapes what PostgreSQL's text cannot hold.
            metadata: event.metadata.as_deref().and_then(|said| serde_json::to_string(said).ok()),
        }
    }
}

/// Puts the value in its place, and nothing in those before that have none yet.
fn put<T>(column: &mut Vec<Option<T>>, nth: usize, value: Option<T>) {
    if value.is_some() {
        column.resize_with(nth, || None);
        column.push(value);
    }
}
