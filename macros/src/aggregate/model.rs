//! What the user meant: names resolved, types filled in. What cannot be resolved has been reported and is left out, so
//! a model can always be expanded; it is expanded in full when nothing was reported.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Generics, Ident, Path, Type, Visibility};

use super::{
    ast::{Broken, Derive, Enforce, Evolution, Number, Renamed, Require, Since},
    parse::serde_words,
};
use crate::{
    code::{self, SelfUse},
    fold::{self, Change, Slot},
};

pub(super) struct Model {
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) docs: Vec<Attribute>,
    pub(super) event: Ident,
    pub(super) command: Ident,
    pub(super) error: Option<Type>,
    pub(super) category: String,
    pub(super) event_derive: Vec<Derive>,
    pub(super) command_derive: Vec<Derive>,
    /// Where `locked` stands.
    pub(super) locked: Option<Span>,
    pub(super) krate: Path,
    /// The type of the id.
    pub(super) id: Type,
    pub(super) fields: Vec<Field>,
    pub(super) events: Vec<Event>,
    pub(super) commands: Vec<Command>,
    pub(super) broken: Broken,
    pub(super) distinction: u64,
    pub(super) snapshot: Option<Snapshot>,
}

/// When snapshots of the state are kept.
pub(super) struct Snapshot {
    /// Where that is asked for.
    pub(super) span: Span,
    pub(super) every: u64,
    pub(super) fingerprint: u128,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Id,
    Version,
    State,
}

pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) docs: Vec<Attribute>,
    pub(super) serde: Vec<Attribute>,
    pub(super) role: Role,
    pub(super) unique: Option<Unique>,
    /// An `#[on]` could not be read or resolved, so what is missing may be in it.
    pub(super) broken: bool,
}

/// That no two live aggregates have the same value in this field.
pub(super) struct Unique {
    /// Indices of the other fields that belong to the value.
    pub(super) with: Vec<usize>,
    pub(super) by: Option<Path>,
    pub(super) show_holder: bool,
    pub(super) enforce: Enforce,
}

pub(super) struct Event {
    pub(super) ident: Ident,
    /// The stored name.
    pub(super) stored: String,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) creates: bool,
    pub(super) ends: bool,
    pub(super) retired: bool,
    pub(super) evolution: Evolution,
    pub(super) payload: Vec<Payload>,
    pub(super) unnamed: Vec<Type>,
    /// In the order of the fields; a field occurs once.
    pub(super) changes: Vec<Change>,
    pub(super) broken: bool,
}

pub(super) struct Payload {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) fill: Option<Expr>,
    /// Where `#[audit]` stands, on the field or on its event.
    pub(super) audit: Option<Span>,
    pub(super) since: Option<Since>,
    /// The names that its member had before, the oldest first.
    pub(super) renamed: Vec<Renamed>,
}

impl Event {
    /// The versions in which a member of the payload came, went or changed its name, and where they stand.
    pub(super) fn member_changes(&self) -> impl Iterator<Item = Number> {
        let removed = self.evolution.removed.iter().map(|removed| removed.version);
        let of_fields = self.payload.iter().flat_map(|payload| {
            let since = payload.since.iter().map(|since| since.version);
            since.chain(payload.renamed.iter().map(|renamed| renamed.version))
        });
        removed.chain(of_fields)
    }
}

impl Payload {
    /// Whether what it holds stands among the members of the payload, so that none has its name.
    pub(super) fn is_flattened(&self) -> bool {
        self.foreign.iter().flat_map(serde_words).any(|word| word == "flatten")
    }
}

pub(super) struct Command {
    pub(super) ident: Ident,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) fields: Vec<Payload>,
    /// Whether the fields are its own, and not those of its event.
    pub(super) braces: bool,
    pub(super) unnamed: Vec<Type>,
    /// The indices of the events that it may record, and where it names them.
    pub(super) events: Vec<(usize, Span)>,
    pub(super) requires: Vec<Require>,
    pub(super) body: Body,
    pub(super) on_conflict: Option<OnConflict>,
    pub(super) broken: bool,
}

/// What is recorded when the command meets a conflict.
pub(super) struct OnConflict {
    /// The index of the event.
    pub(super) event: usize,
    pub(super) span: Span,
    pub(super) fields: Vec<(Ident, Option<Expr>)>,
}

pub(super) enum Body {
    /// The one event is recorded.
    Record,
    /// `#[decide(expr)]`, with the fields of `#[reads]` if it has that.
    Decide { expr: Expr, reads: Option<Vec<Ident>> },
}

/// Whether there is state before a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Never: all of its events create.
    Nothing,
    /// Always: none of them creates.
    State,
    /// Perhaps.
    Either,
}

/// A field of an event, and what it is given.
pub(super) type Part<'a> = (&'a Ident, Option<Given<'a>>);

/// What a field of an event is given.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// What stands in `#[on_conflict]`.
    Expr(&'a Expr),
    /// A field of the command.
    Field(&'a Ident),
    /// What the event fills in.
    Fill(&'a Expr),
}

/// What code looks at in the state.
pub(super) enum Reads {
    Everything,
    /// Indices of fields, ascending.
    Fields(Vec<usize>),
}

impl Model {
    /// The type of the domain's errors; without one declared, a type without values.
    pub(super) fn error_type(&self) -> TokenStream {
        self.error.as_ref().map_or_else(|| quote!(::core::convert::Infallible), ToTokens::to_token_stream)
    }

    /// The field of this name, with its index.
    pub(super) fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.ident == name)
    }

    /// The fields as folds see them.
    pub(super) fn slots(&self) -> Vec<Slot<'_>> {
        self.fields.iter().map(|field| Slot { ident: &field.ident, ty: &field.ty }).collect()
    }

    /// The changes of an event in the order in which their code runs.
    pub(super) fn in_order<'a>(&self, event: &'a Event) -> Vec<&'a Change> {
        fold::in_order(&self.slots(), &event.changes)
    }

    pub(super) fn version(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.role == Role::Version)
    }

    pub(super) fn field_index(&self, name: &Ident) -> Option<usize> {
        self.fields.iter().position(|field| field.ident == *name)
    }

    pub(super) fn events_of<'a>(&'a self, command: &'a Command) -> impl Iterator<Item = &'a Event> + Clone {
        command.events.iter().filter_map(|(index, _)| self.events.get(*index))
    }

    /// The commands that may record the event with this index.
    pub(super) fn recorders(&self, event: usize) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |command| {
            let in_conflict = command.on_conflict.as_ref().map(|on_conflict| on_conflict.event);
            in_conflict == Some(event) || command.events.iter().any(|(index, _)| *index == event)
        })
    }

    pub(super) fn before(&self, command: &Command) -> Before {
        let mut events = self.events_of(command);
        match (events.clone().any(|event| event.creates), events.all(|event| event.creates)) {
            (false, _) => Before::State,
            (true, true) => Before::Nothing,
            (true, false) => Before::Either,
        }
    }

    /// The fills that recording the one event of a command without `#[decide]` evaluates.
    pub(super) fn fills<'a>(&'a self, command: &'a Command) -> impl Iterator<Item = (&'a Payload, &'a Expr)> {
        let records = matches!(command.body, Body::Record);
        self.events_of(command).filter(move |_| records).flat_map(|event| &event.payload).filter_map(
            |payload| {
                let given = command.fields.iter().any(|field| field.ident == payload.ident);
                payload.fill.as_ref().filter(|_| !given).map(|fill| (payload, fill))
            },
        )
    }

    /// The event that a command records when it meets a conflict, and its fields with what they are given: by the command
    /// itself, by its field of the same name, or as the event declares it; `None` where nothing supplies one.
    pub(super) fn conflict_event<'a>(&'a self, command: &'a Command) -> Option<(&'a Event, Vec<Part<'a>>)> {
        let on_conflict = command.on_conflict.as_ref()?;
        let event = self.events.get(on_conflict.event)?;
        let given =
            |payload: &'a Payload| match on_conflict.fields.iter().find(|(name, _)| *name == payload.ident) {
                Some((_, Some(expr))) => Some(Given::Expr(expr)),
                Some((name, None)) => Some(Given::Field(name)),
                None => match command.fields.iter().find(|field| field.ident == payload.ident) {
                    Some(field) => Some(Given::Field(&field.ident)),
                    None => payload.fill.as_ref().map(Given::Fill),
                },
            };
        Some((event, event.payload.iter().map(|payload| (&payload.ident, given(payload))).collect()))
    }

    /// The fields that are unique, in their order.
    pub(super) fn unique(&self) -> impl Iterator<Item = (&Field, &Unique)> {
        self.fields.iter().filter_map(|field| Some((field, field.unique.as_ref()?)))
    }

    /// What a command looks at before it records anything.
    pub(super) fn command_reads(&self, command: &Command) -> Reads {
        let mut reads = ReadSet::new(self);
        for require in &command.requires {
            reads.code(&require.condition);
            reads.code(&require.error);
        }
        for (_, fill) in self.fills(command) {
            reads.code(fill);
        }
        match &command.body {
            Body::Record => {}
            Body::Decide { expr, reads: Some(names) } => {
                names.iter().for_each(|name| reads.field(name));
                reads.context(expr);
            }
            Body::Decide { expr, reads: None } => reads.code(expr),
        }
        reads.finish()
    }

    /// What the fold of an event looks at in the state before it.
    pub(super) fn event_reads(&self, event: &Event) -> Reads {
        let mut reads = ReadSet::new(self);
        event.changes.iter().filter_map(|change| change.how.body()).for_each(|body| reads.code(body));
        reads.finish()
    }
}

/// Collects what code reads. Where it cannot be known, everything is.
struct ReadSet<'a> {
    model: &'a Model,
    everything: bool,
    fields: Vec<usize>,
}

impl<'a> ReadSet<'a> {
    fn new(model: &'a Model) -> Self {
        Self { model, everything: false, fields: Vec::new() }
    }

    fn code(&mut self, code: &Expr) {
        for found in code::self_uses(code) {
            match found {
                SelfUse::Field(name) => self.field(&name),
                SelfUse::Method(_) | SelfUse::Bare(_) => self.everything = true,
            }
        }
        self.everything |= code::mentions(code, "state").is_some();
        self.context(code);
    }

    /// `ctx.version` changes with every event, and a bare `ctx` may be asked for it.
    fn context(&mut self, code: &Expr) {
        let (bare, members) = code::members_of(code, "ctx");
        let harmless = |member: &Ident| ["now", "metadata", "actor"].iter().any(|name| member == name);
        self.everything |= bare || !members.iter().all(harmless);
    }

    fn field(&mut self, name: &Ident) {
        let Some(index) = self.model.field_index(name) else { return };
        match self.model.fields.get(index).map(|field| field.role) {
            // The id never changes, so reading it is not reading state.
            Some(Role::Id) | None => {}
            Some(Role::Version) => self.everything = true,
            Some(Role::State) => self.fields.push(index),
        }
    }

    fn finish(mut self) -> Reads {
        if self.everything {
            return Reads::Everything;
        }
        self.fields.sort_unstable();
        self.fields.dedup();
        Reads::Fields(self.fields)
    }
}
