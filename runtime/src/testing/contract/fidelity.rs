//! What goes in comes out.

use std::sync::Arc;

use serde_json::json;

use super::support::{Subject, event, read, read_all, stream};
use crate::{
    Metadata,
    store::{Append, Commit, Expected, Name, NewEvent, Payload},
};

/// Records the events in a stream of their own and holds them against what both reads give.
async fn comes_back(store: &Subject, events: Vec<NewEvent>) {
    let stream = stream("a");
    let append = Append { stream: stream.clone(), expected: Expected::NoStream, tail: None, events };
    store.append(Commit::new(vec![append.clone()])).await.unwrap();
    for read in [read(store, &stream).await, read_all(store).await] {
        assert_eq!(read.len(), append.events.len());
        for (read, given) in read.iter().zip(&append.events) {
            assert!(read.payload == given.payload, "the payload of {} is another", read.version);
            assert_eq!(read.payload.format(), given.payload.format());
            assert_eq!(read.name, given.name);
            assert_eq!(read.schema, given.schema);
            assert_eq!(read.metadata, given.metadata);
        }
    }
}

fn with_payload(payload: Payload) -> NewEvent {
    NewEvent { payload, ..event(0) }
}

/// As text: the order of its members, its spaces, escapes and numbers are the caller's.
pub(super) async fn json_comes_back_byte_for_byte(store: Subject) {
    let texts = [
        r#"{}"#,
        r#"{ }"#,
        r#"{"b":1,"a":2,"b":3}"#,
        "{\n\t\"a\" : [ 1 , 2 ]\r\n}",
        r#"{"number":1.0,"same":1.00,"large":123456789012345678901234567890,"exponent":1E+2,"zero":-0.0}"#,
        r#"{"escaped":"\u00e4\u0000\ud83d\ude00\/","plain":"ä😀/"}"#,
        r#"{"text":"日本語 עברית \\ ' \" ; -- % _ ? $1 :a"}"#,
        "{\"composed\":\"\u{e9}\",\"decomposed\":\"e\u{301}\",\"bom\":\"\u{feff}\"}",
        r#"{"null":null,"nested":{"a":[[],{}]}}"#,
    ];
    comes_back(&store, texts.iter().map(|text| with_payload(Payload::json(*text))).collect()).await;
}

/// Or as much of it as the store takes.
pub(super) async fn a_megabyte_comes_back(store: Subject) {
    const UNIT: &str = "aß語 ";
    const FRAME: usize = "{\"text\":\"\"}".len();
    let most = store.capabilities().largest_payload.map_or(1 << 20, |largest| largest.min(1 << 20));
    let text = format!("{{\"text\":\"{}\"}}", UNIT.repeat((most - FRAME) / UNIT.len()));
    assert!(text.len() > 100_000, "a store for events takes larger ones");
    comes_back(&store, vec![event(1), with_payload(Payload::json(text)), event(2)]).await;
}

fn other(format: &str, bytes: impl Into<Arc<[u8]>>) -> NewEvent {
    with_payload(Payload::Other { format: Name::from(format), bytes: bytes.into() })
}

pub(super) async fn other_formats_come_back(store: Subject) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let events = vec![
        other("sealed", every_byte),
        other("sealed", Vec::new()),
        other("sealed", vec![0]),
        other("cbor", b"{}".to_vec()),
        other("Größe/2", vec![0xff; 100_000]),
    ];
    comes_back(&store, events).await;
}

pub(super) async fn formats_mix(store: Subject) {
    let events = vec![
        event(1),
        other("sealed", b"{\"number\":2}".to_vec()),
        event(3),
        other("another", b"{\"number\":2}".to_vec()),
    ];
    comes_back(&store, events).await;
}

fn with_metadata(metadata: impl Into<Option<Metadata>>) -> NewEvent {
    NewEvent { metadata: metadata.into().map(Arc::new), ..event(0) }
}

pub(super) async fn metadata_comes_back(store: Subject) {
    let notes = Metadata::new()
        .note("nothing", json!(null))
        .note("yes", true)
        .note("whole", u64::MAX)
        .note("negative", i64::MIN)
        .note("real", 0.1 + 0.2)
        .note("tiny", 5e-324)
        .note("nested", json!({"b": [1, "zwei", {"c": []}], "a": {}}))
        .note("", "a note without a name")
        .note("größe 😀 \"'\\\n\u{0}", "größe 😀 \"'\\\n\u{0}");
    let everything = Metadata { actor: Some("ann".into()), ..notes.clone() }
        .correlation("request 17")
        .causation("the mail of “Ann”");
    let events = vec![
        with_metadata(None),
        with_metadata(Metadata::by("ann")),
        with_metadata(Metadata::by("")),
        with_metadata(Metadata::new().correlation("c")),
        with_metadata(Metadata::new().causation("c")),
        with_metadata(notes),
        with_metadata(everything),
    ];
    comes_back(&store, events).await;
}

pub(super) async fn each_event_has_its_own_metadata(store: Subject) {
    let shared = Some(Arc::new(Metadata::by("shared")));
    let events = (0..6)
        .map(|number| NewEvent {
            metadata: match number % 3 {
                0 => None,
                1 => shared.clone(),
                _ => Some(Arc::new(Metadata::by(number.to_string()))),
            },
            ..event(number)
        })
        .collect();
    comes_back(&store, events).await;
}

pub(super) async fn names_and_schemas_come_back(store: Subject) {
    let long = "n".repeat(500);
    let names =
        ["Closed", "closed", "with space", "a.b/c:d", "'; DROP TABLE events; --", "Geschlossen 語", &long];
    let schemas = [1, 2, 7, 65_536, i32::MAX as u32, u32::MAX, 1];
    let events = names.iter().zip(schemas);
    let events = events.map(|(name, schema)| NewEvent { name: Name::from(*name), schema, ..event(0) });
    comes_back(&store, events.collect()).await;
}
