//! Payloads of every earlier version become today's events.

use std::sync::Arc;

use factum::{
    Aggregate, DecodeFailure, Decoded, Event, Fold, FoldErrorKind, LoadError, Repository, Store,
    model::{Change, SchemaChange},
    store::{Append, Commit, Expected, MemoryStore, Name, NewEvent, Payload, StreamId},
};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Lang {
    #[default]
    En,
    De,
}

/// A page of an encyclopedia that has been through much.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[events {
    #[creates]
    #[schema(2)]
    Written { title, #[since(2)] lang },
    /// Each version and what it brought:
    /// 2 `language`; 3 `text` in place of `txt`, and no `note`; 4 `size`; 5 a larger type of it.
    #[schema(5)]
    #[removed(3, "note")]
    #[upcast(from = 3, with = measure)]
    #[upcast(from = 4)]
    TextChanged {
        #[renamed(3, from = "txt")]
        text,
        #[since(2, default = Lang::De)]
        #[serde(rename = "language")]
        #[audit]
        in_lang: Lang,
        #[audit]
        size: u64,
    },
    #[schema(4)]
    #[renamed(2, from = "Marked")]
    #[renamed(4, from = "page.marked")]
    Tagged {
        #[renamed(3, from = "label")]
        #[renamed(2, from = "mark")]
        tag: String,
    },
    /// Two members change places, and one has another name than when it was new.
    #[schema(4)]
    Moved {
        #[renamed(3, from = "to")]
        from: String,
        #[renamed(3, from = "from")]
        to: String,
        #[since(2, default = "why not".to_owned())]
        #[renamed(4, from = "reason")]
        #[audit]
        why: String,
    },
    #[schema(2)]
    #[serde(rename_all = "camelCase")]
    Rated {
        #[since(2, default = 7)]
        #[serde(with = "doubled")]
        star_count: u32,
        #[renamed(2, from = "rater")]
        rated_by: String,
    },
    #[schema(2)]
    #[upcast(from = 1, with = capitalised)]
    LangChanged { lang },
    /// Untouched by the evolution around it.
    #[schema(2)]
    Numbered { #[audit] number: u128, #[audit] share: f64, #[since(2)] #[audit] note: Option<String> },
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = split)]
    Edited,
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = imported)]
    Imported,
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = starred)]
    Starred,
    #[retired]
    #[schema(3)]
    #[upcast(from = 1, with = liked)]
    #[upcast(from = 2, with = liked_by)]
    Liked,
    #[ends]
    Burnt,
}]
#[commands {
    Write => Written,
    ChangeText => TextChanged,
    Tag => Tagged,
    Move => Moved,
    Rate => Rated,
    ChangeLang => LangChanged,
    Number => Numbered,
    Burn => Burnt,
}]
pub struct Page {
    #[id]
    number: u64,
    #[version]
    version: u64,
    title: String,
    lang: Lang,
    text: String,
    #[on(Tagged => self.tags.push(tag))]
    tags: Vec<String>,
    #[on(Moved = (from, to))]
    place: (String, String),
    #[on(Rated => self.stars.push((star_count, rated_by)))]
    stars: Vec<(u32, String)>,
    #[on(TextChanged | LangChanged = self.version)]
    before: u64,
}

mod doubled {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(value * 2)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        u32::deserialize(deserializer).map(|double| double / 2)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unmeasured {
    text: String,
    language: Lang,
}

#[derive(Serialize)]
struct Measured {
    text: String,
    language: Lang,
    size: u16,
}

/// Typed, and may fail.
fn measure(Unmeasured { text, language }: Unmeasured) -> Result<Measured, String> {
    let size = u16::try_from(text.len()).map_err(|_| "too long".to_owned())?;
    if text == "illegible" {
        Err("nobody can read this".to_owned())
    } else {
        Ok(Measured { text, language, size })
    }
}

/// JSON, and cannot fail.
fn capitalised(mut payload: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(lang)) = payload.get_mut("lang") {
        *lang = lang.replace("de", "De").replace("en", "En");
    }
    payload
}

#[derive(Deserialize)]
struct OldEdit {
    text: String,
    lang: Option<Lang>,
}

/// One event that is two today, or one.
fn split(OldEdit { text, lang }: OldEdit) -> (PageEvent, Option<PageEvent>) {
    let size = text.len() as u64;
    let text = PageEvent::TextChanged { text, in_lang: Lang::De, size };
    (text, lang.map(|lang| PageEvent::LangChanged { lang }))
}

#[derive(Deserialize)]
struct OldImport {
    events: Vec<PageEvent>,
}

/// One event that held a whole history.
fn imported(OldImport { events }: OldImport) -> Result<Vec<PageEvent>, String> {
    Ok(events)
}

/// Two kinds that are one today.
fn starred(old: Map<String, Value>) -> Result<PageEvent, Box<dyn std::error::Error + Send + Sync>> {
    let rated_by = old.get("by").and_then(Value::as_str).ok_or("nobody starred it")?.to_owned();
    Ok(PageEvent::Rated { star_count: 5, rated_by })
}

fn liked(mut old: Map<String, Value>) -> Map<String, Value> {
    old.insert("by".to_owned(), "somebody".into());
    old
}

fn liked_by(old: Map<String, Value>) -> Option<PageEvent> {
    let rated_by = old.get("by")?.as_str()?.to_owned();
    Some(PageEvent::Rated { star_count: 3, rated_by })
}

fn text(text: &str, in_lang: Lang, size: u64) -> PageEvent {
    PageEvent::TextChanged { text: text.into(), in_lang, size }
}

fn moved(why: &str) -> PageEvent {
    PageEvent::Moved { from: "a".into(), to: "b".into(), why: why.into() }
}

fn tagged() -> PageEvent {
    PageEvent::Tagged { tag: "x".into() }
}

fn rated(star_count: u32, by: &str) -> PageEvent {
    PageEvent::Rated { star_count, rated_by: by.into() }
}

fn numbered(note: Option<&str>) -> PageEvent {
    PageEvent::Numbered { number: u128::MAX - 1, share: 0.1 + 0.2, note: note.map(str::to_owned) }
}

/// Every event in every version, and what it is today.
fn golden() -> Vec<(&'static str, u32, &'static str, Vec<PageEvent>)> {
    let written = |lang| PageEvent::Written { title: "t".into(), lang };
    let changed = |lang| PageEvent::LangChanged { lang };
    vec![
        ("Written", 1, r#"{"title":"t"}"#, vec![written(Lang::En)]),
        // There was no such field yet: what is there is something else.
        ("Written", 1, r#"{"title":"t","lang":3}"#, vec![written(Lang::En)]),
        ("Written", 2, r#"{"title":"t","lang":"De"}"#, vec![written(Lang::De)]),
        ("TextChanged", 1, r#"{"txt":"abc","note":"n"}"#, vec![text("abc", Lang::De, 3)]),
        ("TextChanged", 1, r#"{ "txt" : "abc" }"#, vec![text("abc", Lang::De, 3)]),
        ("TextChanged", 2, r#"{"txt":"abc","language":"En","note":"n"}"#, vec![text("abc", Lang::En, 3)]),
        ("TextChanged", 3, r#"{"text":"abc","language":"En"}"#, vec![text("abc", Lang::En, 3)]),
        ("TextChanged", 4, r#"{"text":"abc","language":"En","size":8}"#, vec![text("abc", Lang::En, 8)]),
        ("TextChanged", 5, r#"{"text":"abc","language":"En","size":9}"#, vec![text("abc", Lang::En, 9)]),
        ("Marked", 1, r#"{"mark":"x"}"#, vec![tagged()]),
        ("page.marked", 1, r#"{"mark":"x"}"#, vec![tagged()]),
        ("page.marked", 2, r#"{"label":"x"}"#, vec![tagged()]),
        ("page.marked", 3, r#"{"tag":"x"}"#, vec![tagged()]),
        ("Tagged", 3, r#"{"tag":"x"}"#, vec![tagged()]),
        ("Tagged", 4, r#"{"tag":"x"}"#, vec![tagged()]),
        ("Moved", 1, r#"{"from":"b","to":"a"}"#, vec![moved("why not")]),
        ("Moved", 2, r#"{"from":"b","to":"a","reason":"r"}"#, vec![moved("r")]),
        ("Moved", 3, r#"{"from":"a","to":"b","reason":"r"}"#, vec![moved("r")]),
        ("Moved", 4, r#"{"from":"a","to":"b","why":"w"}"#, vec![moved("w")]),
        ("Rated", 1, r#"{"rater":"ann"}"#, vec![rated(7, "ann")]),
        ("Rated", 2, r#"{"starCount":6,"ratedBy":"ann"}"#, vec![rated(3, "ann")]),
        ("LangChanged", 1, r#"{"lang":"de"}"#, vec![changed(Lang::De)]),
        ("LangChanged", 2, r#"{"lang":"De"}"#, vec![changed(Lang::De)]),
        (
            "Numbered",
            1,
            r#"{"number":340282366920938463463374607431768211454,"share":0.30000000000000004}"#,
            vec![numbered(None)],
        ),
        (
            "Numbered",
            2,
            r#"{"number":340282366920938463463374607431768211454,"share":0.30000000000000004,"note":"n"}"#,
            vec![numbered(Some("n"))],
        ),
        ("Edited", 1, r#"{"text":"abc"}"#, vec![text("abc", Lang::De, 3)]),
        ("Edited", 1, r#"{"text":"abc","lang":"De"}"#, vec![text("abc", Lang::De, 3), changed(Lang::De)]),
        (
            "Imported",
            1,
            r#"{"events":[{"Written":{"title":"t","lang":"En"}},{"LangChanged":{"lang":"De"}}]}"#,
            vec![written(Lang::En), changed(Lang::De)],
        ),
        ("Starred", 1, r#"{"by":"ann"}"#, vec![rated(5, "ann")]),
        ("Liked", 1, "{}", vec![rated(3, "somebody")]),
        ("Liked", 2, r#"{"by":"ann"}"#, vec![rated(3, "ann")]),
        ("Burnt", 1, "{}", vec![PageEvent::Burnt]),
    ]
}

#[test]
fn every_version_leads_to_todays_event() {
    for (name, schema, payload, events) in golden() {
        let decoded =
            PageEvent::decode(name, schema, payload).unwrap_or_else(|error| panic!("{payload}: {error}"));
        assert_eq!(decoded.into_iter().collect::<Vec<_>>(), events, "{name} {schema} {payload}");
    }
}

/// The same, with whatever the fields may hold.
#[test]
fn whatever_a_field_holds_comes_through() {
    let mut rng = Rng::with_seed(0x00fa_c7e0);
    let any_text = |rng: &mut Rng| -> String { (0..rng.usize(0..9)).map(|_| rng.char(..)).collect() };
    for _ in 0..2_000 {
        let (a, b, c) = (any_text(&mut rng), any_text(&mut rng), any_text(&mut rng));
        let lang = [Lang::En, Lang::De][rng.usize(0..2)];
        let (size, number) = (a.len() as u64, rng.u128(..));
        let share = f64::from(rng.u32(..)) / 7.0;
        let event = text(&a, lang, size);
        let moved = PageEvent::Moved { from: a.clone(), to: b.clone(), why: c.clone() };
        let numbered = PageEvent::Numbered { number, share, note: None };
        let no_reason = PageEvent::Moved { from: a.clone(), to: b.clone(), why: "why not".into() };
        let old = [
            ("TextChanged", 2, json!({"txt": a, "language": lang, "note": b}).to_string(), &event),
            ("TextChanged", 3, json!({"language": lang, "text": a}).to_string(), &event),
            ("Moved", 1, json!({"from": b, "to": a}).to_string(), &no_reason),
            ("Moved", 2, json!({"from": b, "to": a, "reason": c}).to_string(), &moved),
            ("Moved", 3, json!({"from": a, "to": b, "reason": c}).to_string(), &moved),
            ("Numbered", 1, format!("{{\"number\":{number},\"share\":{share:?}}}"), &numbered),
        ];
        for (name, schema, payload, today) in &old {
            let decoded = PageEvent::decode(name, *schema, payload).unwrap();
            assert_eq!(decoded.as_slice(), std::slice::from_ref(*today), "{name} {schema} {payload}");
            let again = PageEvent::decode(today.name(), today.schema(), &today.encode().unwrap()).unwrap();
            assert_eq!(again, decoded);
        }
    }
}

/// Payloads of the past with a letter too few, too many or another, in a version that may be the wrong one.
#[test]
fn what_is_damaged_gives_an_event_or_an_error() {
    let mut rng = Rng::with_seed(0x00fa_c7e1);
    let golden = golden();
    let (mut events, mut errors) = (0, 0);
    for _ in 0..20_000 {
        let (name, schema, payload, _) = &golden[rng.usize(0..golden.len())];
        let mut letters: Vec<char> = payload.chars().collect();
        let place = rng.usize(0..letters.len());
        match rng.u8(0..4) {
            0 => letters.truncate(place),
            1 => letters.insert(place, rng.char(' '..='~')),
            2 => letters[place] = rng.char(' '..='~'),
            _ => {}
        }
        let schema = if rng.u8(0..3) == 0 { rng.u32(0..7) } else { *schema };
        match PageEvent::decode(name, schema, &letters.into_iter().collect::<String>()) {
            Ok(decoded) => events += usize::from(!decoded.as_slice().is_empty()),
            Err(error) => errors += usize::from(!error.to_string().is_empty()),
        }
    }
    assert!(events >= 4_000 && errors >= 4_000, "too few to tell: {events}, {errors}");
    assert_eq!(events + errors, 20_000);
}

#[test]
fn the_samples_have_every_version_of_every_event() {
    for event in PageEvent::EVENTS.iter() {
        // What no command records any more is never stored in the version that only leads away from it.
        let latest = if event.retired { event.schema - 1 } else { event.schema };
        for version in 1..=latest {
            let found = golden().iter().any(|(name, schema, ..)| *name == event.name && *schema == version)
                || event.name == "Tagged" && version < 3;
            assert!(found, "{} {version}", event.name);
        }
    }
}

#[test]
fn what_is_recorded_is_of_todays_version() {
    let event = text("abc", Lang::En, 9);
    assert_eq!((event.name(), event.schema()), ("TextChanged", 5));
    assert_eq!(event.encode().unwrap(), r#"{"text":"abc","language":"En","size":9}"#);
    assert_eq!((tagged().name(), tagged().schema()), ("Tagged", 4));
}

fn failure(name: &str, schema: u32, payload: &str) -> DecodeFailure {
    let error = PageEvent::decode(name, schema, payload).unwrap_err();
    assert_eq!((error.event.as_str(), error.schema), (name, schema));
    error.failure
}

#[test]
fn a_step_that_fails_says_which_and_why() {
    for (schema, payload) in [
        (1, r#"{"txt":"illegible"}"#),
        (2, r#"{"txt":"illegible","language":"En"}"#),
        (3, r#"{"text":"illegible","language":"En"}"#),
    ] {
        let failure = failure("TextChanged", schema, payload);
        assert!(matches!(failure, DecodeFailure::Upcast { from: 3, to: 4, .. }), "{failure}");
        assert_eq!(failure.to_string(), "it cannot be brought from schema 3 to 4: nobody can read this");
    }
    let starred = failure("Starred", 1, "{}");
    assert_eq!(starred.to_string(), "it cannot be brought from schema 1 to 2: nobody starred it");
}

#[test]
fn what_does_not_fit_says_where() {
    // Not what the function takes.
    let typed = failure("TextChanged", 3, r#"{"text":"a","language":"En","odd":1}"#);
    assert!(matches!(typed, DecodeFailure::Upcast { from: 3, to: 4, .. }), "{typed}");
    assert!(typed.to_string().contains("unknown field `odd`"), "{typed}");
    // Not what the event is made of in the end.
    let lacking = failure("Moved", 1, r#"{"from":"b"}"#);
    assert!(matches!(lacking, DecodeFailure::Upcast { from: 1, to: 4, .. }), "{lacking}");
    assert!(lacking.to_string().contains("missing field `from`"), "{lacking}");
    for payload in ["", "{", "null", "[]", "7", r#"{"txt":"a","txt":"b"}"#, r#"{"txt":"a"} {}"#] {
        let failure = failure("TextChanged", 1, payload);
        assert!(matches!(failure, DecodeFailure::Payload { .. }), "{payload}: {failure}");
    }
}

#[test]
fn a_function_gives_one_event_at_least() {
    let failure = failure("Liked", 2, "{}");
    assert!(matches!(failure, DecodeFailure::Upcast { from: 2, to: 3, .. }), "{failure}");
    assert!(failure.to_string().contains("gave no event"), "{failure}");
}

#[test]
fn a_version_from_the_future_is_not_guessed_at() {
    for (name, known) in [("Written", 2), ("TextChanged", 5), ("Burnt", 1)] {
        for schema in [known + 1, u32::MAX] {
            let failure = failure(name, schema, r#"{"title":"t","lang":"De"}"#);
            assert!(
                matches!(failure, DecodeFailure::NewerSchema { known: found } if found == known),
                "{failure}"
            );
        }
    }
    let failure = failure("Written", 0, r#"{"title":"t"}"#);
    assert!(matches!(failure, DecodeFailure::UnknownSchema { known: 2 }), "{failure}");
}

#[test]
fn an_old_name_is_that_of_old_versions_only() {
    for (name, schema) in [("Marked", 2), ("Marked", 4), ("page.marked", 4)] {
        let failure = failure(name, schema, r#"{"tag":"x"}"#);
        assert!(matches!(failure, DecodeFailure::UnknownEvent { .. }), "{failure}");
    }
}

fn written() -> PageEvent {
    PageEvent::Written { title: "t".into(), lang: Lang::En }
}

#[test]
fn several_events_of_one_are_one_version() {
    let mut fold = Fold::<Page>::new(1);
    let change = || PageEvent::LangChanged { lang: Lang::De };
    fold.apply_decoded(Decoded::Several(vec![written(), change(), change()])).unwrap();
    assert_eq!((fold.version().get(), fold.state().unwrap().version), (1, 1));
    fold.apply(change()).unwrap();
    assert_eq!((fold.state().unwrap().version, fold.state().unwrap().before), (2, 1));
    fold.apply_decoded(Decoded::Several(vec![change(), text("a", Lang::En, 1)])).unwrap();
    let state = fold.state().unwrap();
    assert_eq!((fold.version().get(), state.version), (3, 3));
    // Each sees the version before the stored event.
    assert_eq!((state.before, state.lang, state.text.as_str()), (2, Lang::De, "a"));
    fold.apply_decoded(Decoded::Several(vec![tagged(), PageEvent::Burnt])).unwrap();
    assert!(fold.ended());
    assert_eq!(fold.version(), 4);
}

#[test]
fn several_events_are_taken_together_or_not_at_all() {
    let change = || PageEvent::LangChanged { lang: Lang::De };
    let mut fold = Fold::<Page>::new(1);
    let error = fold.apply_decoded(Decoded::Several(vec![change(), written()])).unwrap_err();
    assert_eq!((error.kind, error.version.get(), error.event), (FoldErrorKind::NotCreated, 1, "LangChanged"));
    assert!(fold.state().is_none());
    fold.apply(written()).unwrap();
    let before = fold.state().unwrap().clone();
    for (events, kind) in [
        (vec![change(), written()], FoldErrorKind::CreatesAgain),
        (vec![change(), PageEvent::Burnt, change()], FoldErrorKind::AfterEnd),
    ] {
        let error = fold.apply_decoded(Decoded::Several(events)).unwrap_err();
        assert_eq!((error.kind, error.version.get()), (kind, 2));
        assert_eq!(fold.state(), Some(&before));
        assert!(!fold.ended());
        assert_eq!(fold.version(), 1);
    }
}

async fn stored(events: &[(&str, u32, &str)]) -> Repository<Page> {
    let store = Arc::new(MemoryStore::new());
    let new_event = |(name, schema, payload): &(&str, u32, &str)| NewEvent {
        name: Name::from(*name),
        schema: *schema,
        payload: Payload::json((*payload).to_owned()),
        metadata: None,
    };
    let append = Append {
        stream: StreamId::of::<Page>(&1),
        expected: Expected::NoStream,
        tail: None,
        events: events.iter().map(new_event).collect(),
    };
    store.append(Commit::new(vec![append])).await.unwrap();
    Repository::new(store)
}

const OLD: &[(&str, u32, &str)] = &[
    ("Written", 1, r#"{"title":"t"}"#),
    ("Edited", 1, r#"{"text":"abc","lang":"De"}"#),
    ("Marked", 1, r#"{"mark":"x"}"#),
    ("Starred", 1, r#"{"by":"ann"}"#),
];

#[tokio::test]
async fn an_old_stream_goes_on_in_todays_version() {
    let pages = stored(OLD).await;
    let page = pages.load(&1).await.unwrap().unwrap();
    assert_eq!((page.version.get(), page.state.version), (4, 4));
    assert_eq!(
        (page.text.as_str(), page.lang, page.tags.as_slice()),
        ("abc", Lang::De, &["x".to_owned()][..])
    );
    assert_eq!(page.stars, [(5, "ann".to_owned())]);
    for version in 1..=4_u64 {
        let then = pages.load_at_version(&1, version).await.unwrap().unwrap();
        assert_eq!((then.version.get(), then.state.version), (version, version));
    }
    let receipt =
        pages.execute(&1, PageCommand::Tag { tag: "y".into() }).expecting(page.version).await.unwrap();
    assert_eq!(receipt.version, 5);
    // What is stored is as it was.
    let raw = pages.store().read_stream(&StreamId::of::<Page>(&1), 1.into(), 10).await.unwrap();
    for ((name, schema, payload), event) in OLD.iter().zip(&raw.events) {
        assert_eq!(
            (event.name.as_str(), event.schema, event.payload.bytes()),
            (*name, *schema, payload.as_bytes())
        );
    }
    assert_eq!((raw.events[4].name.as_str(), raw.events[4].schema), ("Tagged", 4));
}

#[tokio::test]
async fn the_first_event_of_a_stream_may_be_several_too() {
    let import = r#"{"events":[{"Written":{"title":"t","lang":"En"}},{"LangChanged":{"lang":"De"}}]}"#;
    let pages = stored(&[("Imported", 1, import), OLD[2]]).await;
    let first = pages.load_at_version(&1, 1).await.unwrap().unwrap();
    assert_eq!((first.version.get(), first.state.version, first.lang), (1, 1, Lang::De));
    let page = pages.load(&1).await.unwrap().unwrap();
    assert_eq!((page.version.get(), page.state.version, page.tags.len()), (2, 2, 1));
    let again = PageCommand::Write { title: "again".into(), lang: Lang::En };
    let error = pages.execute(&1, again).await.unwrap_err();
    assert!(matches!(error.rejection(), Some(factum::Rejection::AlreadyExists)), "{error:?}");
}

#[tokio::test]
async fn the_history_tells_each_event_under_the_version_that_is_stored() {
    let pages = stored(OLD).await;
    let history = pages.history(&1).await.unwrap();
    let told: Vec<_> =
        history.iter().map(|recorded| (recorded.version.get(), recorded.event.name())).collect();
    assert_eq!(told, [(1, "Written"), (2, "TextChanged"), (2, "LangChanged"), (3, "Tagged"), (4, "Rated")]);
    assert_eq!((history[1].id, history[1].position), (history[2].id, history[2].position));
}

#[tokio::test]
async fn a_command_meets_what_the_events_are_today() {
    let pages = stored(OLD).await;
    // Since version 1 the text and the language were changed, tags and stars added: a move has nothing to do with it.
    let command = PageCommand::Move { from: "a".into(), to: "b".into(), why: "w".into() };
    pages.execute(&1, command).rebase_from(1).await.unwrap();
    let command = PageCommand::ChangeLang { lang: Lang::En };
    let error = pages.execute(&1, command).rebase_from(1).await.unwrap_err();
    let conflict = error.conflict().unwrap();
    assert!(conflict.fields.contains(&"lang"), "{conflict:?}");
    assert_eq!((conflict.actual.get(), conflict.since.len()), (5, 5));
}

#[tokio::test]
async fn one_event_that_fails_leaves_the_rest_readable() {
    let events = [
        OLD[0],
        ("TextChanged", 2, r#"{"txt":"illegible","language":"En"}"#),
        ("Written", 3, r#"{"title":"t","lang":"En"}"#),
        OLD[2],
    ];
    let pages = stored(&events).await;
    let error = pages.load(&1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`page/1` at version 2: cannot decode the stored event `TextChanged` (schema 2): it cannot be brought from schema 3 to 4: nobody can read this"
    );
    assert_eq!(pages.load_at_version(&1, 1).await.unwrap().unwrap().title, "t");
    let mut history = pages.history_stream(&1);
    let mut told = Vec::new();
    while let Some(event) = history.next().await {
        told.push(match event {
            Ok(recorded) => (recorded.version.get(), recorded.event.name().to_owned()),
            Err(LoadError::Decode { version, cause, .. }) => (version.get(), cause.failure.to_string()),
            Err(other) => panic!("{other}"),
        });
    }
    let future = "a newer program wrote the event: this one knows its schema up to 2, and cannot tell what changed since. Read it with the newer program";
    let expected = [
        (1, "Written"),
        (2, "it cannot be brought from schema 3 to 4: nobody can read this"),
        (3, future),
        (4, "Tagged"),
    ];
    assert_eq!(told, expected.map(|(version, text)| (version, text.to_owned())));
}

#[test]
fn the_model_says_what_changed_when() {
    let evolution = |name: &str| {
        PageEvent::EVENTS.iter().find(|event| event.name == name).map(|event| event.evolution).unwrap()
    };
    let change = |schema, change| SchemaChange { schema, change };
    assert_eq!(
        evolution("TextChanged"),
        [
            change(2, Change::Added { field: "in_lang" }),
            change(3, Change::Removed { member: "note" }),
            change(3, Change::Renamed { field: "text", from: "txt" }),
            change(4, Change::Upcast { with: Some("measure") }),
            change(5, Change::Upcast { with: None }),
        ]
    );
    assert_eq!(
        evolution("Tagged"),
        [
            change(2, Change::EventRenamed { from: "Marked" }),
            change(2, Change::Renamed { field: "tag", from: "mark" }),
            change(3, Change::Renamed { field: "tag", from: "label" }),
            change(4, Change::EventRenamed { from: "page.marked" }),
        ]
    );
    assert_eq!(evolution("Burnt"), []);
    let rated = PageEvent::EVENTS.iter().find(|event| event.name == "Rated").unwrap();
    let members: Vec<_> = rated.payload.iter().map(|field| (field.name, field.member)).collect();
    assert_eq!(members, [("star_count", "starCount"), ("rated_by", "ratedBy")]);
}
