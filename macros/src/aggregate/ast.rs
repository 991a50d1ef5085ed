//! What the user wrote, parsed and not yet understood: names are names, and the tokens are kept to point at.

use proc_macro2::Span;
use syn::{Attribute, Expr, Generics, Ident, LitStr, Path, Type, Visibility};

use crate::{fingerprint::Fingerprint, fold::How};

/// The annotated struct.
pub(super) struct Item {
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// Without parameters; with some, that has been reported.
    pub(super) generics: Generics,
    pub(super) docs: Vec<Attribute>,
    pub(super) options: Options,
    pub(super) fields: Vec<Field>,
    pub(super) events: Vec<Event>,
    pub(super) commands: Vec<Command>,
    pub(super) broken: Broken,
    /// A number that differs between the aggregates of a crate, and is the same each time.
    pub(super) distinction: u64,
    pub(super) fingerprint: Fingerprint,
}

/// Which parts of the item could not be read, so that what follows from it is not reported as well.
#[derive(Default)]
pub(super) struct Broken {
    pub(super) options: bool,
    pub(super) id: bool,
    pub(super) fields: bool,
    pub(super) events: bool,
    pub(super) commands: bool,
}

/// `#[aggregate(…)]`
pub(super) struct Options {
    pub(super) error: Option<Type>,
    pub(super) category: Option<LitStr>,
    pub(super) event: Option<Ident>,
    pub(super) command: Option<Ident>,
    pub(super) event_derive: Vec<Derive>,
    pub(super) command_derive: Vec<Derive>,
    /// Where `locked` stands.
    pub(super) locked: Option<Span>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) krate: Path,
}

/// `snapshot(every = n, epoch = n)`
pub(super) struct Snapshot {
    pub(super) span: Span,
    pub(super) every: u64,
    pub(super) epoch: u64,
}

/// One entry of `event_derive(…)`: a derive to add, or with `!` one of the usual ones to leave out.
pub(super) struct Derive {
    pub(super) without: bool,
    pub(super) path: Path,
}

impl Derive {
    /// The name of the derive, without the path before it.
    pub(super) fn name(&self) -> String {
        self.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
    }
}

/// A field of the struct.
pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) docs: Vec<Attribute>,
    pub(super) serde: Vec<Attribute>,
    pub(super) id: Option<Span>,
    pub(super) version: Option<Span>,
    pub(super) unique: Option<Unique>,
    pub(super) rules: Vec<Rule>,
    /// An `#[on]` of the field could not be read.
    pub(super) broken: bool,
}

/// `#[unique(…)]`
pub(super) struct Unique {
    pub(super) span: Span,
    /// The other fields that belong to the value.
    pub(super) with: Vec<Ident>,
    /// What makes the value of the field.
    pub(super) by: Option<Path>,
    pub(super) show_holder: bool,
    /// Where it is enforced, if that is said.
    pub(super) enforce: Option<Enforce>,
}

/// Where a unique value is enforced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Enforce {
    /// With the commit.
    #[default]
    Append,
    /// On a read model, before the commit.
    View,
    /// By whoever is told of duplicates.
    After,
}

/// One entry of `#[on(…)]`.
pub(super) struct Rule {
    pub(super) events: Vec<Ident>,
    pub(super) how: How,
}

/// A variant in `#[events { … }]`.
pub(super) struct Event {
    pub(super) ident: Ident,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) name: Option<LitStr>,
    pub(super) creates: Option<Span>,
    pub(super) ends: Option<Span>,
    pub(super) retired: Option<Span>,
    pub(super) audit: Option<Span>,
    pub(super) evolution: Evolution,
    pub(super) payload: Vec<Payload>,
    /// The types of a payload without names, which is a mistake.
    pub(super) unnamed: Vec<Type>,
    /// Its payload could not be read whole.
    pub(super) broken: bool,
}

/// A field of an event.
pub(super) struct Payload {
    pub(super) ident: Ident,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    /// `None`: a bare field, which takes the type of the aggregate's field of that name.
    pub(super) ty: Option<Type>,
    /// What fills it in for a bare command.
    pub(super) fill: Option<Expr>,
    pub(super) audit: Option<Span>,
    pub(super) since: Option<Since>,
    pub(super) renamed: Vec<Renamed>,
}

/// How the stored form of an event came to be what it is: what stands on the event.
#[derive(Default)]
pub(super) struct Evolution {
    /// `#[schema(n)]`
    pub(super) schema: Option<Number>,
    pub(super) renamed: Vec<Renamed>,
    pub(super) removed: Vec<Removed>,
    pub(super) upcasts: Vec<Upcast>,
    /// Something of it, or of the past of a field, could not be read.
    pub(super) broken: bool,
}

impl Evolution {
    /// The schema version of today.
    pub(super) fn today(&self) -> u32 {
        self.schema.as_ref().map_or(1, |schema| schema.value)
    }
}

/// A schema version, from 1 on, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) value: u32,
    pub(super) span: Span,
}

/// `#[since(n, default = expr)]`
pub(super) struct Since {
    pub(super) version: Number,
    /// Without one, the `Default` of the type.
    pub(super) default: Option<Expr>,
}

/// `#[renamed(n, from = "…")]`
pub(super) struct Renamed {
    pub(super) version: Number,
    pub(super) from: LitStr,
}

/// `#[removed(n, "…")]`
pub(super) struct Removed {
    pub(super) version: Number,
    pub(super) member: LitStr,
}

/// `#[upcast(from = n, with = path)]`
pub(super) struct Upcast {
    pub(super) from: Number,
    /// Without one, the payload is read as it is.
    pub(super) with: Option<Path>,
}

/// An entry of `#[commands { … }]`.
pub(super) struct Command {
    pub(super) ident: Ident,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    pub(super) requires: Vec<Require>,
    pub(super) decide: Option<Expr>,
    pub(super) reads: Option<Vec<Ident>>,
    pub(super) on_conflict: Option<OnConflict>,
    /// `None`: without braces, it takes the payload of its one event.
    pub(super) fields: Option<Vec<CommandField>>,
    /// The types of fields without names, which is a mistake.
    pub(super) unnamed: Vec<Type>,
    pub(super) events: Vec<Ident>,
    /// It could not be read whole.
    pub(super) broken: bool,
}

/// `#[on_conflict(Event { field: expr, … })]`
pub(super) struct OnConflict {
    pub(super) event: Ident,
    /// A field without an expression is the command's field of that name.
    pub(super) fields: Vec<(Ident, Option<Expr>)>,
}

/// `#[require(condition, error)]`
pub(super) struct Require {
    pub(super) condition: Expr,
    pub(super) error: Expr,
}

/// A field of a command.
pub(super) struct CommandField {
    pub(super) ident: Ident,
    pub(super) docs: Vec<Attribute>,
    pub(super) foreign: Vec<Attribute>,
    /// `None`: the type of the event's or the aggregate's field of that name.
    pub(super) ty: Option<Type>,
}
