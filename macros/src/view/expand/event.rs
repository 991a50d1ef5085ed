//! What the arms for one event have in common, whether they change rows or say what would change.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt, spanned::Spanned};

use super::{
    super::{
        model::{Event, Model},
        resolve::ID,
    },
    enum_of, local,
};
use crate::{
    code,
    fold::{self, Change, How, Moves, Slot},
};

/// The code for each aggregate, in a function that has the recorded event as `recorded` and gives a `Result` of a `Vec`. An arm is
/// the code for one event, behind the `=>`.
pub(super) fn by_source(model: &Model, arm: impl Fn(&Event) -> TokenStream) -> TokenStream {
    let krate = &model.krate;
    let (recorded, event) = (local("recorded"), local("event"));
    let sources = model.of.iter().enumerate().map(|(index, aggregate)| {
        let used = || model.events.iter().filter(move |event| event.source == index);
        let names = used().map(|event| event.ident.unraw().to_string());
        let arms = used().map(|event| {
            let (pattern, arm) = (pattern(event), arm(event));
            quote!(#pattern => #arm)
        });
        let aggregate = quote!(#aggregate);
        quote! {
            if *#recorded.stream.category() == *<#aggregate as #krate::Aggregate>::CATEGORY {
                return #krate::__private::each::<#aggregate, _>(#recorded, &[#(#names),*], |#event| {
                    ::core::result::Result::Ok(::core::option::Option::Some(match #event {
                        #(#arms,)*
                        _ => return ::core::result::Result::Ok(::core::option::Option::None),
                    }))
                });
            }
        }
    });
    quote!(#(#sources)* ::core::result::Result::Ok(::std::vec::Vec::new()))
}

/// `Events::Reported { reporter, .. }`
fn pattern(event: &Event) -> TokenStream {
    let (events, name, used) = (enum_of(event.source), &event.ident, &event.payload);
    quote!(#events::#name { #(#used,)* .. })
}

/// The variables of an event's code and of its key: after this code, `__values` holds the values of the key, and the fields of
/// the key have their variables if `keep` says so. And who takes what the code after it uses.
pub(super) fn begin<'a>(
    model: &'a Model,
    event: &'a Event,
    keep: bool,
) -> (TokenStream, Vec<&'a Change>, Moves<'a>) {
    let krate = &model.krate;
    let recorded = local("recorded");
    let (keys, changes) = model.in_order(event);
    let variables = event.payload.iter().chain(&event.id).collect();
    let mut moves = Moves::new(variables, keys.iter().chain(&changes).copied().collect());
    let envelope =
        event.recorded.as_ref().map(|name| quote!(let #name: &#krate::store::RecordedEvent = #recorded;));
    let (mut key, parts) = match stream_is_key(model, event) {
        Some((slot, aggregate)) => (by_stream(krate, slot, aggregate), fold::value(slot).into_token_stream()),
        None => by_rules(model, event, &keys, &mut moves),
    };
    if keep {
        let whole = local("__key");
        key.extend(quote!(let #parts = #whole;));
    }
    (quote!(#envelope #key), changes, moves)
}

/// The one field of the key and the aggregate of the event, if that field is the id of the stream, and nothing else asks for it.
fn stream_is_key<'a>(model: &'a Model, event: &Event) -> Option<(Slot<'a>, &'a Path)> {
    let [Change { field, how: How::Bare(_) }] = event.keys.as_slice() else { return None };
    let alone = event.bodies().all(|body| code::mentions(body, ID).is_none());
    let field = model.fields.get(*field).filter(|_| alone)?;
    Some((Slot { ident: &field.ident, ty: &field.ty }, model.of.get(event.source)?))
}

fn by_stream(krate: &Path, slot: Slot<'_>, aggregate: &Path) -> TokenStream {
    let (recorded, key, values) = (local("recorded"), local("__key"), local("__values"));
    // At the place of the type of the key, which has to be that of the id.
    let place = slot.ty.span();
    let mut aggregate = aggregate.clone();
    for segment in &mut aggregate.segments {
        segment.ident.set_span(segment.ident.span().located_at(place));
    }
    let by_stream = quote_spanned!(place=> #krate::__private::by_stream::<#aggregate, Self>);
    quote!(let (#key, #values) = #by_stream(#recorded)?;)
}

/// The key from what is said for the event, and the variables of its parts.
fn by_rules(
    model: &Model,
    event: &Event,
    keys: &[&Change],
    moves: &mut Moves<'_>,
) -> (TokenStream, TokenStream) {
    let krate = &model.krate;
    let (recorded, key, values) = (local("recorded"), local("__key"), local("__values"));
    let id = event.id.as_ref().zip(model.of.get(event.source));
    let id = id.map(|(name, aggregate)| quote!(let #name = #recorded.stream.parse_id::<#aggregate>()?;));
    let slots = model.slots();
    let mut lets = TokenStream::new();
    let mut parts: Vec<Ident> = Vec::new();
    for change in keys {
        let Some(&slot) = slots.get(change.field) else { continue };
        lets.extend(assign(slot, change, moves));
        parts.push(fold::value(slot));
    }
    let parts = if let [only] = parts.as_slice() { quote!(#only) } else { quote!((#(#parts),*)) };
    let code = quote! {
        #id
        #lets
        let #key = #parts;
        let #values = <Self as #krate::view::Row>::key_values(&#key)?;
    };
    (code, parts)
}

/// `let __text: String = text;` for what is set without a look at the row.
pub(super) fn assign(slot: Slot<'_>, change: &Change, moves: &mut Moves<'_>) -> TokenStream {
    let (value, ty) = (fold::value(slot), slot.ty);
    let (keep, kept) = moves.around(change);
    let made = match &change.how {
        How::Bare(payload) => quote_spanned!(payload.span()=> let #value: #ty = #payload;),
        How::Assign(body) => quote!(let #value: #ty = #body;),
        // Only what is set comes here.
        How::Compound(..) | How::Statement(_) => TokenStream::new(),
    };
    quote!(#keep #made #kept)
}

/// The row that an event puts: all of its fields have their variables.
pub(super) fn whole_row(model: &Model) -> TokenStream {
    let fields = model.slots().into_iter().map(|slot| {
        let (name, value) = (slot.ident, fold::value(slot));
        quote!(#name: #value)
    });
    quote!(Self { #(#fields),* })
}

/// The row with which `create_on` begins: the key, and what stands in fields that nothing has set.
pub(super) fn first_row(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let fields = model.fields.iter().map(|field| {
        let name = &field.ident;
        if field.key.is_some() {
            let value = fold::value(Slot { ident: &field.ident, ty: &field.ty });
            return quote!(#name: #value);
        }
        let ty = code::grouped(&field.ty);
        let left_out = quote_spanned!(field.ty.span()=> <#ty as #krate::__private::LeftOut>::left_out());
        quote!(#name: #left_out)
    });
    quote!(Self { #(#fields),* })
}
