//! `effects`: the same as data, where no event looks at what is in a row.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{
    super::model::{Deed, Event, Model, Stamp, stamp},
    event::{assign, begin, by_source, first_row, whole_row},
    local,
    row::codec,
};
use crate::fold::{self, Change, Moves};

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    if model.reads_rows() {
        return quote!(|_, _| ::core::result::Result::Ok(::core::option::Option::None));
    }
    let (recorded, index, values) = (local("recorded"), local("index"), local("__values"));
    let sources = by_source(model, |event| {
        let (begin, changes) = effect(model, event);
        quote!({ #begin #krate::view::RowEffect { key: #values, changes: ::std::vec![#(#changes),*] } })
    });
    quote! {
        |#recorded: &#krate::store::RecordedEvent, #index: usize| {
            let effects = || -> ::core::result::Result<
                ::std::vec::Vec<#krate::view::RowEffect>,
                #krate::view::ProjectError,
            > {
                #sources
            };
            ::core::result::Result::map(effects(), ::core::option::Option::Some)
        }
    }
}

/// The code before it, and what happens to the row, one after the other.
fn effect(model: &Model, event: &Event) -> (TokenStream, Vec<TokenStream>) {
    let krate = &model.krate;
    let change = quote!(#krate::read::RowChange);
    let row = local("__row");
    let deed = model.deed(event);
    let (mut begin, changes, mut moves) = begin(model, event, matches!(deed, Deed::Put | Deed::Ensure));
    let mut effects = Vec::new();
    match deed {
        Deed::Remove => return (begin, vec![quote!(#change::Remove)]),
        Deed::Put => {
            let slots = model.slots();
            let mut stamps = TokenStream::new();
            for change in changes {
                let slot = slots.get(change.field).copied();
                begin.extend(slot.map(|slot| assign(slot, change, &mut moves)));
                if let Some(stamp) = stamped(model, change) {
                    let column = change.field;
                    stamps.extend(quote!(#krate::__private::stand_in(&mut #row, #column, #stamp);));
                }
            }
            let whole = whole_row(model);
            begin.extend(quote! {
                let mut #row = #krate::view::Row::to_values(&#whole)?;
                #stamps
            });
            return (begin, vec![quote!(#change::Put(#row))]);
        }
        Deed::Ensure => {
            let first = first_row(model);
            begin.extend(quote!(let #row = #krate::view::Row::to_values(&#first)?;));
            effects.push(quote!(#change::Ensure(#row)));
        }
        Deed::Update => {}
    }
    let (mut set, mut add) = (Vec::new(), Vec::new());
    for change in changes {
        let (code, value) = value(model, change, &mut moves);
        begin.extend(code);
        let column = change.field;
        let list = if model.adds(change).is_some() { &mut add } else { &mut set };
        list.push(quote!((#column, #value)));
    }
    effects.extend((!set.is_empty()).then(|| quote!(#change::Set(::std::vec![#(#set),*]))));
    effects.extend((!add.is_empty()).then(|| quote!(#change::Add(::std::vec![#(#add),*]))));
    (begin, effects)
}

/// The code before it, and the value that is set or added.
fn value(model: &Model, change: &Change, moves: &mut Moves<'_>) -> (TokenStream, TokenStream) {
    let slots = model.slots();
    let (Some(field), Some(&slot)) = (model.fields.get(change.field), slots.get(change.field)) else {
        return (TokenStream::new(), TokenStream::new());
    };
    if let Some(stamp) = stamped(model, change) {
        return (TokenStream::new(), stamp);
    }
    let (variable, ty, codec, name) = (fold::value(slot), slot.ty, codec(field), &field.column);
    let code = match model.adds(change) {
        Some((operator, body)) => {
            let (keep, kept) = moves.around(change);
            // What the operator makes of nothing is what it adds.
            let add = quote_spanned!(body.span()=> #variable #operator #body;);
            quote!(#keep let mut #variable: #ty = ::core::default::Default::default(); #add #kept)
        }
        None => assign(slot, change, moves),
    };
    (code, quote!(#codec().write(#name, &#variable)?))
}

/// What the store puts in the place of the time or the position of the event.
fn stamped(model: &Model, change: &Change) -> Option<TokenStream> {
    let (krate, index) = (&model.krate, local("index"));
    Some(match stamp(&change.how)? {
        Stamp::At => quote!(#krate::read::Value::RecordedAt(#index)),
        Stamp::Position => quote!(#krate::read::Value::RecordedPosition(#index)),
    })
}
