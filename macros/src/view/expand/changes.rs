//! `changes`: what an event does to rows, as code.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::{
    super::model::{Deed, Event, Model},
    event::{assign, begin, by_source, first_row, whole_row},
    local,
};
use crate::{
    code::Use,
    fold::{self, Target},
};

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let recorded = local("recorded");
    let sources = by_source(model, |event| {
        let (begin, action) = action(model, event);
        let values = local("__values");
        quote!({ #begin #krate::view::Change { key: #values, action: #action } })
    });
    quote! {
        |#recorded: &#krate::store::RecordedEvent| -> ::core::result::Result<
            ::std::vec::Vec<#krate::view::Change<Self>>,
            #krate::view::ProjectError,
        > {
            #sources
        }
    }
}

/// The code before it, and what happens to the row.
fn action(model: &Model, event: &Event) -> (TokenStream, TokenStream) {
    let krate = &model.krate;
    let deed = model.deed(event);
    let (mut begin, changes, mut moves) = begin(model, event, matches!(deed, Deed::Put | Deed::Ensure));
    let slots = model.slots();
    let otherwise = match deed {
        Deed::Remove => return (begin, quote!(#krate::view::Action::Remove)),
        Deed::Put => {
            for change in changes {
                let slot = slots.get(change.field).copied();
                begin.extend(slot.map(|slot| assign(slot, change, &mut moves)));
            }
            let row = whole_row(model);
            return (begin, quote!(#krate::view::Action::Put(#row)));
        }
        Deed::Ensure => {
            let row = first_row(model);
            quote!(::core::option::Option::Some(#row))
        }
        Deed::Update => quote!(::core::option::Option::None),
    };
    let code = fold::apply(&slots, Target::Variable("__row"), &mut moves, &changes);
    let asks = |name: &&Ident| changes.iter().any(|change| change.how.uses(name) != Use::Not);
    let envelope = event.recorded.as_ref().filter(asks).map(|name| {
        // The update outlives the event from which it comes.
        let (recorded, kept) = (local("recorded"), local("__recorded"));
        begin.extend(quote!(let #kept = ::core::clone::Clone::clone(#recorded);));
        quote!(let #name: &#krate::store::RecordedEvent = &#kept;)
    });
    let row = local("__row");
    let action = quote! {
        #krate::view::Action::Update {
            otherwise: #otherwise,
            update: ::std::boxed::Box::new(move |#row: &mut Self| { #envelope #code }),
        }
    };
    (begin, action)
}
