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
    let krate = &model.krate;
    let misplaced = quote!(#krate::Misplaced);
    let (creating, changing): (Vec<&Event>, Vec<&Event>) =
        model.events.iter().partition(|event| event.creates);
    let creates = creating.iter().map(|event| create_arm(model, event));
    let applies = changing.iter().map(|event| apply_arm(model, event));
    let (id, e, other) = (local("id"), local("event"), local("other"));
    let refused = |event: &Ident| {
        let model = quote!(<Self::Event as #krate::Event>::model(&#event));
        quote!(::core::result::Result::Err(#misplaced { event: #model }))
    };
    let refused_other = refused(&other);
    let not_creating = (!changing.is_empty()).then(|| quote!(#other => #refused_other));
    let apply = if changing.is_empty() {
        refused(&e)
    } else {
        let advance = model.version().map(|version| {
            let (name, ty) = (&version.ident, code::grouped(&version.ty));
            quote_spanned!(version.ty.span()=> <#ty as #krate::__private::VersionField>::advance(&mut self.#name);)
        });
        quote! {
            match #e {
                #(#applies,)*
                #other => return #refused_other,
            }
            #advance
            ::core::result::Result::Ok(())
        }
    };
    quote! {
        fn create(#id: &Self::Id, #e: Self::Event) -> ::core::result::Result<Self, #misplaced> {
            match #e {
                #(#creates,)*
                #not_creating
            }
        }

        #[inline]
        fn apply(&mut self, #e: Self::Event) -> ::core::result::Result<(), #misplaced> {
            #apply
        }
    }
}

/// `Event::Reported { reporter, text } => Ok(Incident { … })`
fn create_arm(model: &Model, event: &Event) -> TokenStream {
    let pattern = pattern(model, event);
    let mut moves = Moves::new(model, event);
    let mut lets = TokenStream::new();
    for change in model.in_order(event) {
        let Some(field) = model.fields.get(change.field) else { continue };
        let (value, ty) = (value(field), &field.ty);
        let (keep, kept) = moves.around(change);
        let made = match &change.how {
            How::Bare(payload) => quote!(let #value: #ty = #payload;),
            How::Assign(body) => quote!(let #value: #ty = #body;),
            How::Compound(operator, body) => {
                let (body, default) = (own_as_local(field, body), default(model, field));
                quote!(let mut #value: #ty = #default; #value #operator #body;)
            }
            How::Statement(body) => {
                let (body, default) = (own_as_local(field, body), default(model, field));
                quote!(let mut #value: #ty = #default; #body;)
            }
        };
        lets.extend(quote!(#keep #made #kept));
    }
    let fields = model.fields.iter().enumerate().map(|(index, field)| {
        let name = &field.ident;
        let set = event.changes.iter().any(|change| change.field == index);
        let init = match field.role {
            Role::Id => {
                let (id, krate) = (local("id"), &model.krate);
                quote!(#krate::__private::clone_id::<Self>(#id))
            }
            Role::Version => {
                let krate = &model.krate;
                let ty = code::grouped(&field.ty);
                quote_spanned!(field.ty.span()=> <#ty as #krate::__private::VersionField>::first())
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
    let code = apply(model, &mut Moves::new(model, event), &model.in_order(event), TokenStream::new());
    let reads = |change: &Change| match &change.how {
        How::Assign(body) | How::Compound(_, body) => !code::self_uses(body).is_empty(),
        How::Bare(_) | How::Statement(_) => false,
    };
    let before = event.changes.iter().any(reads).then(|| {
        let before = local(BEFORE);
        quote!(let #before: &Self = self;)
    });
    quote!(#pattern => { #before #code })
}

/// The code of these changes, and after it what takes place at the end.
fn apply(
    model: &Model,
    moves: &mut Moves<'_>,
    changes: &[&Change],
    mut takes_place: TokenStream,
) -> TokenStream {
    let [change, rest @ ..] = changes else { return takes_place };
    let Some(field) = model.fields.get(change.field) else { return takes_place };
    let (value, name, ty) = (value(field), &field.ident, &field.ty);
    let (keep, kept) = moves.around(change);
    match &change.how {
        How::Bare(payload) => {
            takes_place.extend(quote!(self.#name = #value;));
            let rest = apply(model, moves, rest, takes_place);
            quote!(#keep let #value: #ty = #payload; #kept #rest)
        }
        How::Assign(body) => {
            takes_place.extend(quote!(self.#name = #value;));
            let (body, rest) = (before(body), apply(model, moves, rest, takes_place));
            quote!(#keep let #value: #ty = #body; #kept #rest)
        }
        How::Compound(operator, body @ Expr::Lit(_)) => {
            takes_place.extend(quote_spanned!(body.span()=> self.#name #operator #body;));
            apply(model, moves, rest, takes_place)
        }
        // A match and not a `let`, so that what the operand borrows lives until it is used: `Noted += note.trim()`.
        How::Compound(operator, body) => {
            takes_place.extend(quote_spanned!(body.span()=> self.#name #operator #value;));
            let (body, rest) = (before(body), apply(model, moves, rest, takes_place));
            quote!(#keep match (#body) { #value => { #kept #rest } })
        }
        How::Statement(body) => {
            let (others, body) = others_by_reference(model, field, body);
            let rest = apply(model, moves, rest, takes_place);
            quote!(#keep { #others #body; } #kept #rest)
        }
    }
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
        Some(quote_spanned!(name.span()=> (*#reference)))
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
    if event.payload.is_empty() {
        quote!(#events::#name)
    } else {
        quote!(#events::#name { #(#used,)* #rest })
    }
}

/// What an event that creates leaves unset.
fn default(model: &Model, field: &Field) -> TokenStream {
    let (krate, ty) = (&model.krate, code::grouped(&field.ty));
    quote_spanned!(field.ty.span()=> <#ty as #krate::__private::Unset>::unset())
}

/// Decides who may take a field of the payload and who leaves a clone behind: the last user takes it.
struct Moves<'a> {
    event: &'a Event,
    /// The changes that are still to come, in the order in which their code runs.
    ahead: Vec<&'a Change>,
}

impl<'a> Moves<'a> {
    fn new(model: &Model, event: &'a Event) -> Self {
        Self { event, ahead: model.in_order(event) }
    }

    /// What stands before and after the code of the next change, so that what later changes need outlives it.
    ///
    /// It is a clone that is put by, not the field itself: what the code borrows has to stay where it is, because a
    /// compound assignment holds the borrow until it takes place.
    fn around(&mut self, change: &Change) -> (TokenStream, TokenStream) {
        self.ahead.retain(|other| other.field != change.field);
        let (mut keep, mut kept) = (TokenStream::new(), TokenStream::new());
        for payload in &self.event.payload {
            let name = &payload.ident;
            let mut ahead = self.ahead.iter().map(|change| change.how.uses(name));
            let needed = match change.how.uses(name) {
                Use::Moved => ahead.any(|used| used != Use::Not),
                Use::Borrowed if matches!(change.how, How::Compound(..)) => {
                    ahead.any(|used| used == Use::Moved)
                }
                Use::Borrowed | Use::Not => false,
            };
            if needed {
                let later = local_at(&format!("__later_{}", name.unraw()), name.span());
                keep.extend(quote_spanned!(name.span()=> let #later = ::core::clone::Clone::clone(&#name);));
                kept.extend(quote!(let #name = #later;));
            }
        }
        (keep, kept)
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
