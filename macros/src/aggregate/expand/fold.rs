//! `create` and `apply`: the fold.
//!
//! In one event, the right sides of all assignments are computed first, from the state before; then statements run,
//! one that reads a field before the one that writes it; then the assignments take place.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Ident, ext::IdentExt, spanned::Spanned};

use super::super::model::{Change, Event, Field, How, Model, Role};
use crate::code::{self, Use};

pub(super) fn expand(model: &Model) -> TokenStream {
    let Model { event, krate, .. } = model;
    let misplaced = quote!(#krate::Misplaced);
    let (creating, changing): (Vec<&Event>, Vec<&Event>) = model.events.iter().partition(|event| event.creates);
    let creates = creating.iter().map(|event| create_arm(model, event));
    let applies = changing.iter().map(|event| apply_arm(model, event));
    let event_model = quote!(<#event as #krate::Event>::model);
    let other = local("other");
    let not_creating = (!changing.is_empty()).then(
        || quote!(#other => ::core::result::Result::Err(#misplaced { event: #event_model(&#other) })),
    );
    let advance = model.version().filter(|_| !changing.is_empty()).map(|version| {
        let name = &version.ident;
        quote!(#krate::__private::VersionField::advance(&mut self.#name);)
    });
    let (id, e) = (local("id"), local("event"));
    quote! {
        fn create(#id: &Self::Id, #e: Self::Event) -> ::core::result::Result<Self, #misplaced> {
            match #e {
                #(#creates,)*
                #not_creating
            }
        }

        #[inline]
        fn apply(&mut self, #e: Self::Event) -> ::core::result::Result<(), #misplaced> {
            match #e {
                #(#applies,)*
                #other => return ::core::result::Result::Err(#misplaced { event: #event_model(&#other) }),
            }
            #advance
            ::core::result::Result::Ok(())
        }
    }
}

/// `Event::Reported { reporter, text } => Ok(Incident { … })`
fn create_arm(model: &Model, event: &Event) -> TokenStream {
    let pattern = pattern(model, event);
    let mut moves = Moves::new(model, event);
    let mut lets = TokenStream::new();
    for change in event.assignments() {
        let Some(field) = model.fields.get(change.field) else { continue };
        let (value, ty) = (value(field), &field.ty);
        match &change.how {
            How::Bare(name) => {
                let take = moves.bare(name);
                lets.extend(quote!(let #value: #ty = #take;));
            }
            How::Assign(body) => {
                let body = moves.body(change, body.to_token_stream());
                lets.extend(quote!(let #value: #ty = #body;));
            }
            How::Compound(operator, body) => {
                let own = own_as_local(field, body);
                let body = moves.body(change, own);
                let default = default(model, field);
                lets.extend(quote!(let mut #value: #ty = #default; #value #operator #body;));
            }
            How::Statement(_) => {}
        }
    }
    for change in model.statements(event).unwrap_or_default() {
        let (How::Statement(body), Some(field)) = (&change.how, model.fields.get(change.field)) else { continue };
        let (value, ty, default) = (value(field), &field.ty, default(model, field));
        let body = moves.body(change, own_as_local(field, body));
        lets.extend(quote!(let mut #value: #ty = #default; #body;));
    }
    let fields = model.fields.iter().enumerate().map(|(index, field)| {
        let name = &field.ident;
        let set = event.changes.iter().any(|change| change.field == index);
        let init = match field.role {
            Role::Id => {
                let id = local("id");
                quote!(::core::clone::Clone::clone(#id))
            }
            Role::Version => {
                let krate = &model.krate;
                let span = field.ty.span();
                quote_spanned!(span=> #krate::__private::VersionField::first())
            }
            Role::State if set => value(field).into_token_stream(),
            Role::State => default(model, field),
        };
        quote!(#name: #init)
    });
    quote!(#pattern => { #lets ::core::result::Result::Ok(Self { #(#fields),* }) })
}

/// `Event::Closed { solution } => { … }`
fn apply_arm(model: &Model, event: &Event) -> TokenStream {
    let pattern = pattern(model, event);
    let mut moves = Moves::new(model, event);
    let (mut values, mut takes_place) = (TokenStream::new(), TokenStream::new());
    for change in event.assignments() {
        let Some(field) = model.fields.get(change.field) else { continue };
        let (value, name, ty) = (value(field), &field.ident, &field.ty);
        match &change.how {
            How::Bare(payload) => {
                let take = moves.bare(payload);
                values.extend(quote!(let #value: #ty = #take;));
                takes_place.extend(quote!(self.#name = #value;));
            }
            How::Assign(body) => {
                let body = moves.body(change, before(body));
                values.extend(quote!(let #value: #ty = #body;));
                takes_place.extend(quote!(self.#name = #value;));
            }
            How::Compound(operator, body) => {
                let body = moves.body(change, before(body));
                values.extend(quote!(let #value = #body;));
                takes_place.extend(quote!(self.#name #operator #value;));
            }
            How::Statement(_) => {}
        }
    }
    let statements = model.statements(event).unwrap_or_default().into_iter().filter_map(|change| {
        let (How::Statement(body), Some(field)) = (&change.how, model.fields.get(change.field)) else { return None };
        let (others, body) = others_by_reference(model, field, body);
        let body = moves.body(change, body);
        Some(quote!({ #others #body; }))
    });
    let statements: TokenStream = statements.collect();
    let before = (!values.is_empty()).then(|| {
        let before = local(BEFORE);
        quote!(let #before: &Self = self;)
    });
    quote!(#pattern => { #before #values #statements #takes_place })
}

/// The name under which the state before the event appears in a compiler's message about a right side.
const BEFORE: &str = "before";

/// A right side, reading the state before through a shared reference, so that it cannot write.
fn before(body: &Expr) -> TokenStream {
    code::rename_self(body, BEFORE)
}

/// A statement with `self.other` read through a shared reference, and those references.
fn others_by_reference(model: &Model, own: &Field, body: &Expr) -> (TokenStream, TokenStream) {
    let mut others: Vec<&Ident> = Vec::new();
    let is_other = |name: &Ident| model.fields.iter().map(|field| &field.ident).find(|other| *other == name);
    for found in code::self_uses(body) {
        if let code::SelfUse::Field(name) = found
            && let Some(other) = is_other(&name)
            && name != own.ident
            && !others.contains(&other)
        {
            others.push(other);
        }
    }
    let reference = |name: &Ident, span: Span| local_at(&format!("{}", name.unraw()), span);
    let lets = others.iter().map(|name| {
        let reference = reference(name, Span::call_site());
        quote!(let #reference = &self.#name;)
    });
    let lets: TokenStream = lets.collect();
    let body = code::replace_fields(body, |name| {
        let other = others.iter().find(|other| **other == name)?;
        let reference = reference(other, name.span());
        Some(quote!((*#reference)))
    });
    (lets, body)
}

/// Code of a creating event, with `self.own` standing for the field that is being made.
fn own_as_local(field: &Field, body: &Expr) -> TokenStream {
    code::replace_fields(body, |name| (*name == field.ident).then(|| value(field).into_token_stream()))
}

/// Takes the fields of the payload that the fold uses, by the user's names.
fn pattern(model: &Model, event: &Event) -> TokenStream {
    let (events, name) = (&model.event, &event.ident);
    let used: Vec<&Ident> = event
        .payload
        .iter()
        .map(|payload| &payload.ident)
        .filter(|name| event.changes.iter().any(|change| change.how.uses(name) != Use::Not))
        .collect();
    let rest = (used.len() < event.payload.len()).then(|| quote!(..));
    if event.payload.is_empty() { quote!(#events::#name) } else { quote!(#events::#name { #(#used,)* #rest }) }
}

/// What an event that creates leaves unset.
fn default(model: &Model, field: &Field) -> TokenStream {
    let (krate, ty) = (&model.krate, &field.ty);
    quote_spanned!(ty.span()=> <#ty as #krate::__private::Unset>::unset())
}

/// Decides who may take a field of the payload and who gets a clone: the last user takes it.
struct Moves<'a> {
    event: &'a Event,
    /// The changes that are still to come, in the order in which their code runs.
    ahead: Vec<&'a Change>,
    /// Fields of the payload that an assignment to come still borrows, so that nobody may take them.
    held: Vec<&'a Ident>,
}

impl<'a> Moves<'a> {
    fn new(model: &Model, event: &'a Event) -> Self {
        let mut ahead: Vec<&Change> = event.assignments().collect();
        ahead.extend(model.statements(event).unwrap_or_default());
        Self { event, ahead, held: Vec::new() }
    }

    /// The code of a change, with clones in place of what later changes need too.
    fn body(&mut self, change: &Change, body: TokenStream) -> TokenStream {
        self.ahead.retain(|other| other.field != change.field);
        let mut clones = TokenStream::new();
        for payload in &self.event.payload {
            let name = &payload.ident;
            match change.how.uses(name) {
                Use::Moved if self.needed(name) => {
                    clones.extend(quote!(let #name = ::core::clone::Clone::clone(&#name);));
                }
                Use::Borrowed if matches!(change.how, How::Compound(..)) => self.held.push(name),
                _ => {}
            }
        }
        if clones.is_empty() { body } else { quote!({ #clones #body }) }
    }

    fn bare(&mut self, name: &Ident) -> TokenStream {
        self.ahead.retain(|other| !matches!(&other.how, How::Bare(bare) if bare == name));
        if self.needed(name) { quote!(::core::clone::Clone::clone(&#name)) } else { name.to_token_stream() }
    }

    fn needed(&self, name: &Ident) -> bool {
        self.held.contains(&name) || self.ahead.iter().any(|change| change.how.uses(name) != Use::Not)
    }
}

/// The variable that holds the new value of a field.
fn value(field: &Field) -> Ident {
    local_at(&format!("__{}", field.ident.unraw()), field.ident.span())
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn local_at(name: &str, span: Span) -> Ident {
    format_ident!("{}", code::local(name, span))
}
