//! What the user meant: events found, keys known. What cannot be resolved has been reported and is left out, so a model can
//! always be expanded; it is expanded in full when nothing was reported.

use proc_macro2::Span;
use syn::{Attribute, BinOp, Expr, Generics, Ident, Member, Path, Type, Visibility};

use super::{
    ast::Broken,
    source::{Source, SourceEvent},
};
use crate::{
    code::{self, SelfUse},
    fold::{self, Change, How, Slot},
};

pub(super) struct Model {
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) docs: Vec<Attribute>,
    pub(super) table: String,
    pub(super) epoch: u64,
    pub(super) by_hand: Option<Span>,
    pub(super) krate: Path,
    /// The aggregates.
    pub(super) of: Vec<Path>,
    /// What they have told, in the same order; nothing where they were not asked.
    pub(super) sources: Vec<Source>,
    pub(super) fields: Vec<Field>,
    /// The events that do something, in the order in which the aggregates have them.
    pub(super) events: Vec<Event>,
    pub(super) broken: Broken,
}

pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) vis: Visibility,
    pub(super) docs: Vec<Attribute>,
    /// The name of the column, and where it stands.
    pub(super) column: String,
    pub(super) column_span: Span,
    pub(super) key: Option<Span>,
    pub(super) index: Option<Span>,
    /// What it would be set by could not be read or found.
    pub(super) broken: bool,
}

/// An event that does something to a row.
pub(super) struct Event {
    /// The index of its aggregate.
    pub(super) source: usize,
    /// Its index there.
    pub(super) index: usize,
    pub(super) ident: Ident,
    /// Which row: for each field of the key its value, in the order of the fields.
    pub(super) keys: Vec<Change>,
    /// In the order of the fields; a field occurs once.
    pub(super) changes: Vec<Change>,
    /// Where `create_on` and `remove_on` name it.
    pub(super) creates: Option<Span>,
    pub(super) removes: Option<Span>,
    /// The variables that its code uses: fields of the payload, `id`, `recorded`.
    pub(super) payload: Vec<Ident>,
    pub(super) id: Option<Ident>,
    pub(super) recorded: Option<Ident>,
}

/// What an event does to its row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// The row is another one, whatever it was.
    Put,
    /// It changes; where there is none, one with defaults does.
    Ensure,
    /// It changes.
    Update,
    /// It goes.
    Remove,
}

/// What of the envelope stands in a column as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    At,
    Position,
}

/// How rules use what only the store gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RecordedUse {
    None,
    AsIs,
    Computed,
}

impl Model {
    /// Whether an aggregate has a mistake of its own, because of which not all of it is known here.
    pub(super) fn is_incomplete(&self) -> bool {
        self.sources.iter().any(|source| source.incomplete)
    }

    /// The fields as folds see them.
    pub(super) fn slots(&self) -> Vec<Slot<'_>> {
        self.fields.iter().map(|field| Slot { ident: &field.ident, ty: &field.ty }).collect()
    }

    /// The fields of the key, with their indices.
    pub(super) fn key(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, field)| field.key.is_some())
    }

    /// The fields that are not of the key, with their indices.
    pub(super) fn values(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, field)| field.key.is_none())
    }

    /// What the aggregate has told of an event.
    pub(super) fn told(&self, event: &Event) -> Option<&SourceEvent> {
        self.sources.get(event.source)?.events.get(event.index)
    }

    /// An event as a message names it: with its aggregate, where there are several.
    pub(super) fn named(&self, source: usize, event: &Ident) -> String {
        match self.of.get(source).and_then(|path| path.segments.last()) {
            Some(aggregate) if self.of.len() > 1 => format!("{}::{event}", aggregate.ident),
            _ => event.to_string(),
        }
    }

    /// The changes of an event in the order in which their code runs, the key first.
    pub(super) fn in_order<'a>(&self, event: &'a Event) -> (Vec<&'a Change>, Vec<&'a Change>) {
        (event.keys.iter().collect(), fold::in_order(&self.slots(), &event.changes))
    }

    /// What an event does to its row.
    pub(super) fn deed(&self, event: &Event) -> Deed {
        if event.removes.is_some() {
            return Deed::Remove;
        }
        if !event.changes.is_empty() && self.missing(event).next().is_none() {
            return Deed::Put;
        }
        if event.creates.is_some() { Deed::Ensure } else { Deed::Update }
    }

    /// The fields that an event would have to set, without reading the row, to create it by that.
    pub(super) fn missing(&self, event: &Event) -> impl Iterator<Item = &Field> {
        self.values()
            .filter(|(index, _)| {
                !event.changes.iter().any(|change| change.field == *index && sets(&change.how))
            })
            .map(|(_, field)| field)
    }

    /// Whether some event does to a row what depends on what is in it.
    pub(super) fn reads_rows(&self) -> bool {
        let data = |change: &Change| sets(&change.how) || self.adds(change).is_some();
        self.events.iter().any(|event| !event.changes.iter().all(data))
    }

    /// What a change adds to a number, where that is all it does and every database does the same.
    pub(super) fn adds<'a>(&self, change: &'a Change) -> Option<(BinOp, &'a Expr)> {
        const WHOLE: &[&str] =
            &["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
        let How::Compound(operator, body) = &change.how else { return None };
        let ty = self.fields.get(change.field).and_then(|field| primitive(&field.ty))?;
        let fits = match operator {
            BinOp::AddAssign(_) => ty == "f64" || WHOLE.contains(&ty.as_str()),
            // Below zero a database goes on where the type does not.
            BinOp::SubAssign(_) => ty == "f64" || WHOLE.contains(&ty.as_str()) && ty.starts_with('i'),
            _ => false,
        };
        (fits && code::self_uses(body).is_empty()).then_some((*operator, body))
    }

    /// How the rules use the time and the position of events.
    pub(super) fn recorded(&self) -> RecordedUse {
        let keys = self.events.iter().flat_map(|event| &event.keys).map(|change| match stamps(&change.how) {
            true => RecordedUse::Computed,
            false => RecordedUse::None,
        });
        let rules = self.events.iter().flat_map(|event| &event.changes).map(|change| {
            match (stamp(&change.how), stamps(&change.how)) {
                (Some(_), _) => RecordedUse::AsIs,
                (None, true) => RecordedUse::Computed,
                (None, false) => RecordedUse::None,
            }
        });
        keys.chain(rules).max().unwrap_or(RecordedUse::None)
    }
}

impl Event {
    /// All code of the user's that belongs to it.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Expr> {
        self.keys.iter().chain(&self.changes).filter_map(|change| change.how.body())
    }
}

/// Whether it gives the field a value that does not depend on the row.
fn sets(how: &How) -> bool {
    match how {
        How::Bare(_) => true,
        How::Assign(body) => code::self_uses(body).is_empty(),
        How::Compound(..) | How::Statement(_) => false,
    }
}

/// The one word of a type, if that is all there is.
fn primitive(ty: &Type) -> Option<String> {
    match ty {
        // What a macro of the user's put in the place of a variable.
        Type::Group(group) => primitive(&group.elem),
        Type::Path(path) if path.qself.is_none() => path.path.get_ident().map(Ident::to_string),
        _ => None,
    }
}

/// The name of the envelope in the user's code.
pub(super) const RECORDED: &str = "recorded";

/// Whether the code looks at the time or the position of the event, or may do so.
fn stamps(how: &How) -> bool {
    how.body().is_some_and(|body| {
        let (bare, members) = code::members_of(body, RECORDED);
        // What is known before the event is recorded.
        let known = |member: &Ident| {
            ["id", "stream", "version", "name", "schema", "payload", "metadata", "actor", "fact"]
                .iter()
                .any(|name| member == name)
        };
        bare || !members.iter().all(known)
    })
}

/// What of the envelope this is, if it is that and nothing else: `recorded.at`, or `Some(recorded.at)`.
pub(super) fn stamp(how: &How) -> Option<Stamp> {
    let How::Assign(body) = how else { return None };
    let inner = match body {
        Expr::Group(group) => &group.expr,
        Expr::Call(call) if call.args.len() == 1 => match &*call.func {
            Expr::Path(path) if path.path.is_ident("Some") => call.args.first()?,
            _ => return None,
        },
        other => other,
    };
    let Expr::Field(field) = inner else { return None };
    let (Expr::Path(base), Member::Named(member)) = (&*field.base, &field.member) else { return None };
    match member.to_string().as_str() {
        "at" if base.path.is_ident(RECORDED) => Some(Stamp::At),
        "position" if base.path.is_ident(RECORDED) => Some(Stamp::Position),
        _ => None,
    }
}

/// Whether some code calls or names the row as a whole.
pub(super) fn uses_self(body: &Expr) -> Option<Span> {
    code::self_uses(body).first().map(|found: &SelfUse| fold::span_of(found))
}
