//! An aggregate, as far as its lock is concerned.

use std::{
    any::Any,
    collections::BTreeSet,
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
};

use factum_lock::{Member, Past, Payloads};
use serde::{Deserialize, Deserializer, de};

use super::payload;
use crate::{
    Aggregate, Decoded, Event as _, Fold,
    codec::compare,
    model::{Change, EventModel, PayloadModel, SchemaChange},
    testing::sample::{Found, Sampler, TAME, sample},
};

/// Of how many made-up values those are kept that show something new, and how many at most.
const TRIED: u64 = 200;
const KEPT: usize = 16;

/// A made-up payload.
pub(super) struct MadeUp {
    pub(super) payload: String,
    /// The variants of enums that are named in it.
    variants: Vec<&'static str>,
    /// The maps in it that take any key, by their paths.
    maps: BTreeSet<String>,
}

impl MadeUp {
    /// The members, by their paths, that none of these payloads has.
    pub(super) fn new_members(&self, known: &[&str]) -> Vec<String> {
        payload::new_members(&self.payload, known, &self.maps)
    }

    /// The variants that are named in none of these payloads.
    pub(super) fn new_variants(&self, known: &[&str]) -> Vec<&'static str> {
        let unknown = |variant: &&&str| !known.iter().any(|payload| payload::names(payload, variant));
        self.variants.iter().filter(unknown).copied().collect()
    }
}

/// The events of an aggregate.
pub struct Category(Box<dyn Events>);

impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Category").field(&self.name()).finish()
    }
}

impl Category {
    /// Those of this aggregate.
    #[must_use]
    pub fn of<A: Aggregate>() -> Self {
        Self(Box::new(Of::<A>(PhantomData)))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name()
    }

    /// The events as the lock would have them.
    pub(super) fn declared(&self) -> Vec<factum_lock::Event> {
        self.0.declared()
    }

    /// Payloads of this event as it is declared: the first reads well, the others show what it does not.
    pub(super) fn made_up(&self, event: &str) -> Result<Vec<MadeUp>, String> {
        self.0.made_up(event)
    }

    /// Whether the payload can be read.
    pub(super) fn reads(&self, event: &str, schema: u32, payload: &str) -> Result<(), String> {
        self.0.reads(event, schema, payload)
    }

    /// Whether the payload can be read and is written as it was.
    pub(super) fn reads_back(&self, event: &str, schema: u32, payload: &str) -> Result<(), String> {
        let again = self.0.write_again(event, schema, payload)?;
        let once_more = |payload: &str| self.0.write_again(event, schema, payload).ok();
        if compare::differing(&once_more, payload, &again).is_empty() {
            return Ok(());
        }
        Err(format!(
            "it is read, and written as another, so the event has changed without a new schema version\n  published: {payload}\n  now:       {again}"
        ))
    }

    /// Folds each of the payloads, after one that creates where it does not itself. Gives what goes wrong.
    pub(super) fn folds(&self, golden: &Payloads) -> Vec<String> {
        self.0.folds(golden)
    }
}

trait Events {
    fn name(&self) -> &'static str;
    fn declared(&self) -> Vec<factum_lock::Event>;
    fn made_up(&self, event: &str) -> Result<Vec<MadeUp>, String>;
    fn reads(&self, event: &str, schema: u32, payload: &str) -> Result<(), String>;
    fn write_again(&self, event: &str, schema: u32, payload: &str) -> Result<String, String>;
    fn folds(&self, golden: &Payloads) -> Vec<String>;
}

struct Of<A>(PhantomData<A>);

impl<A: Aggregate> Events for Of<A> {
    fn name(&self) -> &'static str {
        A::CATEGORY
    }

    fn declared(&self) -> Vec<factum_lock::Event> {
        let event = |event: &EventModel| factum_lock::Event {
            name: event.name.to_owned(),
            schema: event.schema,
            fields: event
                .payload
                .iter()
                .map(|field| (field.member.to_owned(), field.ty.to_owned()))
                .collect(),
            past: past(event),
        };
        A::MODEL.events.iter().map(event).collect()
    }

    fn made_up(&self, event: &str) -> Result<Vec<MadeUp>, String> {
        let mut kept: Vec<MadeUp> = Vec::new();
        let (mut shown, mut members) = (BTreeSet::new(), BTreeSet::new());
        for seed in TAME..TRIED {
            let sampler = if seed == TAME { Sampler::new(seed) } else { Sampler::new(seed).tame() };
            let Found { value, variants: inner, maps } =
                sampler.variant_found::<A::Event>(event).map_err(|error| error.to_string())?;
            let payload = value.encode().map_err(|error| error.to_string())?;
            let maps = maps.iter().filter_map(|place| place.strip_prefix(event));
            let maps = maps.map(|path| path.strip_prefix('.').unwrap_or(path).to_owned()).collect();
            let found = payload::members(&payload, &maps);
            // Something that is there in one payload and absent or empty in another.
            let presence = |(path, empty): &(String, bool)| {
                members.contains(&(path.clone(), !empty)) && !members.contains(&(path.clone(), *empty))
            };
            if kept.is_empty()
                || !inner.iter().all(|inner| shown.contains(inner))
                || found.iter().any(presence)
            {
                let variants = inner.iter().map(|(_, variant)| *variant);
                let variants = variants.filter(|variant| payload::names(&payload, variant)).collect();
                shown.extend(inner);
                members.extend(found);
                kept.push(MadeUp { payload, variants, maps });
            }
            if kept.len() == KEPT {
                break;
            }
        }
        Ok(kept)
    }

    fn reads(&self, event: &str, schema: u32, payload: &str) -> Result<(), String> {
        A::Event::decode_all(event, schema, payload).map(drop).map_err(|error| error.to_string())
    }

    fn write_again(&self, event: &str, schema: u32, payload: &str) -> Result<String, String> {
        let decoded = A::Event::decode_all(event, schema, payload).map_err(|error| error.to_string())?;
        let event = decoded.one().ok_or("several events are made of it")?;
        event.encode().map_err(|error| format!("it is read and cannot be written: {error}"))
    }

    fn folds(&self, golden: &Payloads) -> Vec<String> {
        let id = match sample::<Parsed<A::Id>>(TAME) {
            Ok(Parsed(id)) => id,
            Err(error) => return vec![format!("nothing can be folded without an id: {error}")],
        };
        let read =
            |(name, schema, payload): (&str, u32, &str)| A::Event::decode_all(name, schema, payload).ok();
        let creates =
            |decoded: &Decoded<A::Event>| decoded.as_slice().first().is_some_and(|first| first.creates());
        let goes_on =
            |decoded: Decoded<A::Event>| creates(&decoded) && !decoded.into_iter().any(|event| event.ends());
        let creating: Vec<_> = golden.iter().filter(|stored| read(*stored).is_some_and(goes_on)).collect();
        let mut wrong = Vec::new();
        for stored in golden.iter() {
            // What cannot be read is told elsewhere.
            let Some(decoded) = read(stored) else { continue };
            let befores =
                if creates(&decoded) { vec![None] } else { creating.iter().copied().map(Some).collect() };
            for before in befores {
                let fold = || {
                    let mut fold = Fold::<A>::new(id.clone());
                    for decoded in before.into_iter().chain([stored]).filter_map(read) {
                        fold.apply_decoded(decoded).map_err(|error| error.to_string())?;
                    }
                    Ok(())
                };
                let result =
                    catch_unwind(AssertUnwindSafe(fold)).unwrap_or_else(|cause| Err(panicked(&*cause)));
                let (name, schema, payload) = stored;
                if let Err(message) = result {
                    let after = before.map(|(name, _, payload)| format!(" after `{name}` {payload}"));
                    wrong.push(format!(
                        "folding the payload of `{name}` (schema {schema}) {payload}{}: {message}",
                        after.unwrap_or_default()
                    ));
                    break;
                }
            }
        }
        wrong
    }
}

/// What is declared of the event's earlier schema versions.
fn past(event: &EventModel) -> Past {
    let changes = || event.evolution.iter().map(|SchemaChange { schema, change }| (*schema, change));
    let member = |payload: &PayloadModel| Member {
        name: payload.member.to_owned(),
        since: changes()
            .find_map(|(schema, change)| {
                matches!(change, Change::Added { field } if *field == payload.name).then_some(schema)
            })
            .unwrap_or(1),
        names: changes()
            .filter_map(|(schema, change)| match change {
                Change::Renamed { field, from } if *field == payload.name => {
                    Some(((*from).to_owned(), schema))
                }
                _ => None,
            })
            .collect(),
        flattened: payload.flattened,
    };
    let mut past = Past { members: event.payload.iter().map(member).collect(), ..Past::default() };
    for (schema, change) in changes() {
        match change {
            Change::EventRenamed { from } => past.names.push(((*from).to_owned(), schema)),
            Change::Removed { member } => past.removed.push(((*member).to_owned(), schema)),
            Change::Upcast { with: Some(_) } => past.upcast = past.upcast.max(schema.checked_sub(1)),
            Change::Upcast { with: None } | Change::Added { .. } | Change::Renamed { .. } => {}
        }
    }
    past
}

fn panicked(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    format!(
        "the fold panicked ({}); a fold takes whatever was recorded, so let it not index, unwrap or overflow",
        text.unwrap_or("without a reason")
    )
}

/// An id, of which all that is known is that it can be parsed.
struct Parsed<T>(T);

impl<'de, T: FromStr> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("the text is no id"))
    }
}
