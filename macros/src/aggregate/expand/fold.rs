//! `create` and `apply`: the fold.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident, spanned::Spanned};

use super::super::model::{Event, Field, Model, Role};
use crate::{
    code::{self, Use},
    fold::{self, Change, How, Moves, Slot, Target},
};

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
    let order = model.in_order(event);
    let mut moves = moves(event, &order);
    let mut lets = TokenStream::new();
    for change in order {
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
    let (slots, order) = (model.slots(), model.in_order(event));
    let code = fold::apply(&slots, Target::This, &mut moves(event, &order), &order);
    quote!(#pattern => { #code })
}

/// Who takes the fields of the payload.
fn moves<'a>(event: &'a Event, order: &[&'a Change]) -> Moves<'a> {
    Moves::new(event.payload.iter().map(|payload| &payload.ident).collect(), order.to_vec())
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

/// The variable that holds the new value of a field.
fn value(field: &Field) -> Ident {
    fold::value(Slot { ident: &field.ident, ty: &field.ty })
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
