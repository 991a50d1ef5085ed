//! Whatever stands in the store, decoding and folding it gives an error or a state; it never panics.
//!
//! The inputs follow from a seed: payloads that are right, then damaged in every way that comes to mind, under names and
//! schemas that are right more often than not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

use std::{collections::BTreeMap, sync::Arc};

use factum::{
    DecodeFailure, Event, Fold, LoadError, Repository, Store,
    store::{Append, Commit, Expected, MemoryStore, Name, NewEvent, Payload, StreamId},
};
use factum_tests::counter::{Counter, CounterEvent};
use fastrand::Rng;
use serde_json::{Value, json};

const SEED: u64 = 0x00fa_c7c0_de00;
const INPUTS: usize = 60_000;

/// What may stand where a value should.
fn any_value(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(0..12) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.u64(..)),
        3 => json!(rng.i64(..)),
        4 => json!(f64::from_bits(rng.u64(..))),
        5 => json!(rng.u64(0..100)),
        6 => json!(any_text(rng)),
        7 if depth > 0 => Value::Array((0..rng.usize(0..4)).map(|_| any_value(rng, depth - 1)).collect()),
        8 if depth > 0 => {
            let members = (0..rng.usize(0..4)).map(|_| (any_key(rng), any_value(rng, depth - 1)));
            Value::Object(members.collect())
        }
        _ => json!("sheep"),
    }
}

fn any_key(rng: &mut Rng) -> String {
    let keys = ["step", "label", "Added", "type", "", "Step", "steps"];
    if rng.u8(0..8) == 0 { any_text(rng) } else { keys[rng.usize(0..keys.len())].to_owned() }
}

fn any_text(rng: &mut Rng) -> String {
    (0..rng.usize(0..12)).map(|_| if rng.bool() { rng.char(..) } else { rng.char(' '..='~') }).collect()
}

/// A payload that fits some event, or nearly.
fn payload(rng: &mut Rng) -> String {
    let value = match rng.u8(0..7) {
        0 | 1 => json!({"label": any_text(rng)}),
        2..=4 => json!({"step": rng.u64(..)}),
        5 => json!({}),
        _ => any_value(rng, 4),
    };
    value.to_string()
}

/// Damages the text at some place, if at all.
fn damage(rng: &mut Rng, text: String) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let place = rng.usize(0..=letters.len());
    match rng.u8(0..14) {
        0 => letters.truncate(place),
        1 => letters.insert(place, rng.char(..)),
        2 if place < letters.len() => drop(letters.remove(place)),
        3 if place < letters.len() => letters[place] = rng.char(' '..='~'),
        4 => letters.reverse(),
        // A number that is too large, too exact, or none.
        5 => return text.replace(|c: char| c.is_ascii_digit(), ["9", "1e9", "0.5", "-"][rng.usize(0..4)]),
        // A member twice.
        6 if text.len() > 2 => return format!("{},{}", &text[..text.len() - 1], &text[1..]),
        // A member more, which is no damage.
        7 if text.len() > 2 => return format!("{{\"extra\":{},{}", any_value(rng, 2), &text[1..]),
        8 => return format!("[{text}]"),
        9 => return format!("{}{text}{}", "[".repeat(place * 100), "]".repeat(place * 100)),
        10 => return any_text(rng),
        _ => {}
    }
    letters.into_iter().collect()
}

fn name(rng: &mut Rng) -> String {
    let names = ["Opened", "Added", "Added", "Added", "Closed"];
    if rng.u8(0..12) == 0 { any_text(rng) } else { names[rng.usize(0..names.len())].to_owned() }
}

fn schema(rng: &mut Rng) -> u32 {
    if rng.u8(0..12) == 0 { rng.u32(..) } else { 1 }
}

fn stored(rng: &mut Rng) -> NewEvent {
    let text = payload(rng);
    let text = damage(rng, text);
    let payload = match rng.u8(0..40) {
        0 => Payload::Other { format: Name::from("sealed"), bytes: text.into_bytes().into() },
        _ => Payload::json(text),
    };
    NewEvent { name: Name::from(name(rng)), schema: schema(rng), payload, metadata: None }
}

#[test]
fn decoding_gives_an_event_or_an_error() {
    let mut rng = Rng::with_seed(SEED);
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fold = Fold::<Counter>::new("sheep".to_owned());
    let (mut folded, mut refused) = (0, 0);
    for _ in 0..INPUTS {
        let NewEvent { name, schema, payload, .. } = stored(&mut rng);
        let text = String::from_utf8_lossy(payload.bytes());
        let outcome = CounterEvent::decode(&name, schema, &text).map(|decoded| decoded.one().unwrap());
        *met.entry(kind(&outcome)).or_default() += 1;
        match outcome {
            Ok(event) => {
                // What was understood means the same when it is written again.
                let again =
                    CounterEvent::decode(event.name(), event.schema(), &event.encode().unwrap()).unwrap();
                assert_eq!(again.as_slice(), std::slice::from_ref(&event));
                match fold.apply(event) {
                    Ok(()) => folded += 1,
                    Err(_) => refused += 1,
                }
                if fold.ended() || fold.version() > 40 {
                    fold = Fold::new("sheep".to_owned());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    println!("of {INPUTS} inputs: {met:?}; of the events {folded} were folded, {refused} refused");
    for (kind, least) in
        [("event", 10_000), ("payload", 10_000), ("unknown event", 2_000), ("newer schema", 2_000)]
    {
        assert!(met.get(kind).is_some_and(|times| *times >= least), "too few to tell: {met:?}");
    }
    assert!(folded >= 2_000 && refused >= 2_000, "too few to tell: {folded} folded, {refused} refused");
}

fn kind(outcome: &Result<CounterEvent, factum::DecodeError>) -> &'static str {
    match outcome.as_ref().map_err(|error| &error.failure) {
        Ok(_) => "event",
        Err(DecodeFailure::Payload { .. }) => "payload",
        Err(DecodeFailure::UnknownEvent { .. }) => "unknown event",
        Err(DecodeFailure::NewerSchema { .. }) => "newer schema",
        Err(_) => "other",
    }
}

/// The same by way of a store: streams of which the first events are mostly right.
#[tokio::test]
async fn loading_gives_a_state_or_an_error() {
    const STREAMS: usize = 3_000;
    let mut rng = Rng::with_seed(SEED + 1);
    let store = Arc::new(MemoryStore::new());
    let counters = Repository::<Counter>::new(Arc::clone(&store) as Arc<dyn Store>);
    let (mut loaded, mut decode, mut fold) = (0, 0, 0);
    for number in 0..STREAMS {
        let id = number.to_string();
        let mut events = vec![stored_as("Opened", json!({"label": any_text(&mut rng)}))];
        events.extend((0..rng.u64(0..6)).map(|step| stored_as("Added", json!({"step": step}))));
        events.extend((0..rng.usize(0..2)).map(|_| stored(&mut rng)));
        if rng.u8(0..6) == 0 {
            events.remove(0);
        }
        let append =
            Append { stream: StreamId::of::<Counter>(&id), expected: Expected::NoStream, tail: None, events };
        if append.events.is_empty() {
            continue;
        }
        let count = append.events.len() as u64;
        store.append(Commit::new(vec![append])).await.unwrap();
        match counters.load(&id).await {
            Ok(Some(counter)) => {
                assert_eq!(counter.version, count, "an event was skipped");
                loaded += 1;
            }
            Err(LoadError::Decode { version, .. }) => {
                assert!((1..=count).contains(&version.get()));
                decode += 1;
            }
            Err(LoadError::Fold { .. }) => fold += 1,
            other => panic!("{other:?}"),
        }
    }
    println!("of {STREAMS} streams {loaded} were loaded, {decode} did not decode, {fold} did not fold");
    assert!(loaded >= 500 && decode >= 500 && fold >= 300, "too few to tell: {loaded}, {decode}, {fold}");
}

fn stored_as(name: &'static str, payload: Value) -> NewEvent {
    NewEvent {
        name: Name::from_static(name),
        schema: 1,
        payload: Payload::json(payload.to_string()),
        metadata: None,
    }
}
