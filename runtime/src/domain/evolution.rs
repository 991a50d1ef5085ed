//! From the payload of an older schema version to the event of today.
//!
//! Generated code says what changed, step by step, as calls of [`Older`]; a step that the payload is past does nothing.
//! All of it is off the path of events that were stored in today's version.

use std::error::Error;

use serde::{Serialize, de::DeserializeOwned};

use super::{DecodeFailure, Decoded, Event, IntoEvents, model::EventModel};
use crate::codec::{self, Members};

/// What went wrong in a step.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// A stored event of an older schema version, on its way.
#[must_use]
pub struct Older<E> {
    event: &'static EventModel,
    /// The version in which it was stored.
    schema: u32,
    form: Result<Form<E>, DecodeFailure>,
}

/// What it is on its way.
pub struct Form<E>(Content<E>);

enum Content<E> {
    /// A payload of some version.
    Payload(Members),
    /// Events of today: no step changes them any more.
    Events(Decoded<E>),
}

impl<E> Form<E> {
    const fn payload(payload: Members) -> Self {
        Self(Content::Payload(payload))
    }

    const fn events(events: Decoded<E>) -> Self {
        Self(Content::Events(events))
    }
}

impl<E: Event> Older<E> {
    /// The payload as it is stored, which is kept as text.
    pub(super) fn new(event: &'static EventModel, schema: u32, payload: &str) -> Self {
        let payload = Members::parse(payload).map_err(|cause| DecodeFailure::Payload { cause });
        Self { event, schema, form: payload.map(Form::payload) }
    }

    /// The name under which the event is stored today.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        self.event.name
    }

    /// Version `to` has not got these members any more.
    pub fn removed(self, to: u32, members: &[&str]) -> Self {
        self.step(to, |mut payload| {
            for name in members {
                payload.take(name);
            }
            Ok(Form::payload(payload))
        })
    }

    /// In version `to` these members got another name: old, new. They may change places.
    pub fn renamed(self, to: u32, members: &[(&str, &str)]) -> Self {
        self.step(to, |mut payload| {
            let taken: Vec<_> = members.iter().map(|(old, new)| (payload.take(old), new)).collect();
            for (value, new) in taken {
                if let Some(value) = value {
                    payload.put((*new).to_owned(), value);
                }
            }
            Ok(Form::payload(payload))
        })
    }

    /// Version `to` has members that there were not before. `values` gives an object of them, under the names that they have
    /// today; each pair is such a name and the one that it had in version `to`.
    pub fn added<V: Serialize>(self, to: u32, members: &[(&str, &str)], values: impl FnOnce() -> V) -> Self {
        self.step(to, |mut payload| {
            for (_, name) in members {
                payload.take(name);
            }
            for (name, value) in Members::parse(&serde_json::to_string(&values())?)? {
                let then =
                    members.iter().find(|(today, _)| *today == name).map(|(_, then)| (*then).to_owned());
                payload.put(then.unwrap_or(name), value);
            }
            Ok(Form::payload(payload))
        })
    }

    /// Version `from` becomes the next one, or events, by this function.
    pub fn upcast(self, from: u32, function: impl FnOnce(&str) -> Result<Form<E>, Cause>) -> Self {
        self.step(from.saturating_add(1), |payload| function(&payload.text()?))
    }

    fn step(self, to: u32, change: impl FnOnce(Members) -> Result<Form<E>, Cause>) -> Self {
        let Self { event, schema, form } = self;
        let form = match form {
            Ok(Form(Content::Payload(payload))) if schema < to => change(payload)
                .map_err(|cause| DecodeFailure::Upcast { from: to.saturating_sub(1), to, cause }),
            past => past,
        };
        Self { event, schema, form }
    }

    /// The event of today, or the events.
    pub(super) fn finish(self) -> Result<Decoded<E>, DecodeFailure> {
        let payload = match self.form? {
            Form(Content::Events(events)) => return Ok(events),
            Form(Content::Payload(payload)) => payload,
        };
        let event = payload.text().and_then(|text| codec::decode(self.event.name, &text));
        event.map(Decoded::One).map_err(|cause| DecodeFailure::Upcast {
            from: self.schema,
            to: self.event.schema,
            cause: cause.into(),
        })
    }
}

/// What payloads of older versions have for a field that was not there yet, if nothing else is said: its `Default`.
#[diagnostic::on_unimplemented(
    message = "older payloads have no value for a field of type `{Self}`",
    label = "no value for older payloads",
    note = "write it, `#[since(n, default = value)]`, or implement `Default` for `{Self}`"
)]
pub trait Missing: Sized {
    /// The value.
    fn missing() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Missing for T {
    fn missing() -> Self {
        Self::default()
    }
}

/// Calls the function of an `#[upcast]` on this payload.
///
/// # Errors
/// The payload is not what the function takes.
pub fn call<Old: OldPayload, New>(
    function: impl FnOnce(Old) -> New,
    payload: &str,
) -> Result<Returned<New>, Cause> {
    Ok(Returned(function(serde_json::from_str(payload)?)))
}

/// What the function of an `#[upcast]` returned: a `Result`, or what needs none.
///
/// A method of a type goes before one of a trait, so `returned.outcome()` means that of `Result` where there is one. Thus one
/// attribute takes functions that can fail and others. [`Outcome`] tells events from payloads in the same way.
pub struct Returned<T>(T);

impl<T, C> Returned<Result<T, C>> {
    /// What the function gave.
    ///
    /// # Errors
    /// The function failed.
    pub fn outcome<E>(self) -> Result<Outcome<E, T>, Cause>
    where
        C: Failure,
    {
        self.0.map(Outcome::new).map_err(Into::into)
    }
}

/// A function that cannot fail.
pub trait Infallible<T> {
    /// What the function gave.
    ///
    /// # Errors
    /// None.
    fn outcome<E>(self) -> Result<Outcome<E, T>, Cause>;
}

impl<T> Infallible<T> for Returned<T> {
    fn outcome<E>(self) -> Result<Outcome<E, T>, Cause> {
        Ok(Outcome::new(self.0))
    }
}

/// What the function of an `#[upcast]` gave, for events of type `E`.
pub struct Outcome<E, T>(T, std::marker::PhantomData<E>);

impl<E, T> Outcome<E, T> {
    const fn new(given: T) -> Self {
        Self(given, std::marker::PhantomData)
    }
}

impl<E: Event, T: IntoEvents<E>> Outcome<E, T> {
    /// Events of today.
    ///
    /// # Errors
    /// There is none: what happened is never dropped.
    pub fn form(self) -> Result<Form<E>, Cause> {
        let mut events = self.0.into_events().into_vec();
        match (events.pop(), events.is_empty()) {
            (None, _) => Err("the function gave no event, and what happened is never dropped: give an event that changes nothing, with `#[audit]` and `#[retired]`".into()),
            (Some(event), true) => Ok(Form::events(Decoded::One(event))),
            (Some(last), false) => {
                events.push(last);
                Ok(Form::events(Decoded::Several(events)))
            }
        }
    }
}

/// A function that gives the payload of the next version.
pub trait NextVersion<E, T> {
    /// The payload.
    ///
    /// # Errors
    /// It is not a JSON object.
    fn form(self) -> Result<Form<E>, Cause>
    where
        T: NewPayload;
}

impl<E, T> NextVersion<E, T> for Outcome<E, T> {
    fn form(self) -> Result<Form<E>, Cause>
    where
        T: NewPayload,
    {
        let text = serde_json::to_string(&self.0)?;
        let payload = Members::parse(&text).map_err(|cause| {
            format!("what the function gave is not a payload, which is an object with a member for each field: {cause}")
        })?;
        Ok(Form::payload(payload))
    }
}

/// What the function of an `#[upcast]` may take.
#[diagnostic::on_unimplemented(
    message = "an `#[upcast]` cannot take a `{Self}`",
    label = "takes a `{Self}`",
    note = "the function takes the payload of the version that is named: as a type that derives `Deserialize`, or as `serde_json::Map<String, Value>`"
)]
pub trait OldPayload: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> OldPayload for T {}

/// What the function of an `#[upcast]` may give as the payload of the next version.
#[diagnostic::on_unimplemented(
    message = "an `#[upcast]` cannot give a `{Self}`",
    label = "gives a `{Self}`",
    note = "the function gives the payload of the next version, as a type that derives `Serialize` or as `serde_json::Map<String, Value>`, or else events of today; or a `Result` of these"
)]
pub trait NewPayload: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> NewPayload for T {}

/// What the function of an `#[upcast]` may fail with.
#[diagnostic::on_unimplemented(
    message = "an `#[upcast]` cannot fail with a `{Self}`",
    label = "fails with a `{Self}`",
    note = "the error of its function is told to whoever reads the event: it implements `std::error::Error` and is `Send + Sync + 'static`, or is a `String`"
)]
pub trait Failure: Into<Cause> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Cause>> Failure for T {}
