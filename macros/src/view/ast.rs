//! What the user wrote, parsed and not yet understood: names are names, and the tokens are kept to point at.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Expr, Generics, Ident, LitStr, Path, Type, Visibility};

use crate::fold::How;

/// The annotated struct.
pub(super) struct Item {
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// Without parameters; with some, that has been reported.
    pub(super) generics: Generics,
    pub(super) docs: Vec<Attribute>,
    pub(super) options: Options,
    pub(super) fields: Vec<Field>,
    pub(super) broken: Broken,
}

impl Item {
    /// Whether enough of it could be read to ask its aggregates.
    pub(super) fn can_ask(&self) -> bool {
        self.options.by_hand.is_none() && !self.options.of.is_empty() && !self.fields.is_empty()
    }
}

/// Which parts of the item could not be read, so that what follows from it is not reported as well.
#[derive(Clone, Copy, Default)]
pub(super) struct Broken {
    /// The list of the aggregates.
    pub(super) of: bool,
    pub(super) fields: bool,
    /// An event that could not be read or found may have been meant anywhere.
    pub(super) events: bool,
}

/// `#[view(…)]`
pub(super) struct Options {
    /// The aggregates.
    pub(super) of: Vec<Path>,
    pub(super) remove_on: Vec<EventRef>,
    pub(super) create_on: Vec<EventRef>,
    pub(super) table: Option<LitStr>,
    pub(super) epoch: u64,
    /// Where `by_hand` stands.
    pub(super) by_hand: Option<Span>,
    pub(super) krate: Path,
}

/// An event where it is referred to: `Removed`, `Incident::Removed`.
#[derive(Clone)]
pub(super) struct EventRef {
    /// The path of the aggregate, as far as it is written.
    pub(super) aggregate: Vec<Ident>,
    pub(super) name: Ident,
    /// All of it.
    pub(super) tokens: TokenStream,
}

impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.aggregate.iter().try_for_each(|segment| write!(f, "{segment}::"))?;
        self.name.fmt(f)
    }
}

impl ToTokens for EventRef {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.tokens.clone());
    }
}

/// A field of the struct.
pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) ty: Type,
    pub(super) vis: Visibility,
    pub(super) docs: Vec<Attribute>,
    pub(super) key: Option<Key>,
    pub(super) index: Option<Span>,
    /// `#[column(name = "…")]`
    pub(super) column: Option<LitStr>,
    pub(super) rules: Vec<Rule>,
    /// An attribute of the field could not be read.
    pub(super) broken: bool,
}

/// `#[key]` or `#[key(Event = expr, …)]`
pub(super) struct Key {
    pub(super) span: Span,
    /// `None`: the id of the event's stream.
    pub(super) rules: Option<Vec<KeyRule>>,
}

/// One entry of `#[key(…)]`.
pub(super) struct KeyRule {
    pub(super) events: Vec<EventRef>,
    pub(super) body: Expr,
}

/// One entry of `#[on(…)]`.
pub(super) struct Rule {
    pub(super) events: Vec<EventRef>,
    /// `None`: the field takes the payload field of its name.
    pub(super) how: Option<How>,
}
