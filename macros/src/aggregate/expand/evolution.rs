//! How payloads of older schema versions become events of today.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Expr, ext::IdentExt, spanned::Spanned};

use super::super::{
    ast::Since,
    member,
    model::{Event, Model, Payload},
    parse::serde_words,
};
use crate::written::type_text;

/// `Event::upcast`, if any event has an older version.
pub(super) fn upcast(model: &Model) -> Option<TokenStream> {
    let krate = &model.krate;
    let older = Ident::new("older", Span::mixed_site());
    let arms: Vec<_> = model
        .events
        .iter()
        .filter_map(|event| {
            let steps: Vec<_> = versions(event).flat_map(|version| steps(model, event, version)).collect();
            let name = &event.stored;
            (!steps.is_empty()).then(|| quote!(#name => #older #(#steps)*,))
        })
        .collect();
    let functions = model
        .events
        .iter()
        .any(has_functions)
        .then(|| quote!(use #krate::__private::{Infallible as _, NextVersion as _, call as __call};));
    (!arms.is_empty()).then(|| {
        quote! {
            fn upcast(#older: #krate::__private::Older<Self>) -> #krate::__private::Older<Self> {
                #functions
                match #older.event() {
                    #(#arms)*
                    _ => #older,
                }
            }
        }
    })
}

/// `Aggregate::set_version`, if there is a version to set.
pub(super) fn set_version(model: &Model) -> Option<TokenStream> {
    let field = model.version()?;
    let (krate, name, ty) = (&model.krate, &field.ident, crate::code::grouped(&field.ty));
    let version = Ident::new("version", Span::mixed_site());
    Some(quote! {
        fn set_version(&mut self, #version: #krate::Version) {
            <#ty as #krate::__private::VersionField>::set(&mut self.#name, #version);
        }
    })
}

/// The descriptions of what changed, oldest first.
pub(super) fn changes(model: &Model, event: &Event) -> Vec<TokenStream> {
    let description = {
        let krate = &model.krate;
        quote!(#krate::model)
    };
    let mut changes = Vec::new();
    let mut note = |schema: u32, change: TokenStream| {
        let number = Literal::u32_unsuffixed(schema);
        changes.push((
            schema,
            quote!(#description::SchemaChange { schema: #number, change: #description::Change::#change }),
        ));
    };
    for renamed in &event.evolution.renamed {
        let from = &renamed.from;
        note(renamed.version.value, quote!(EventRenamed { from: #from }));
    }
    for upcast in &event.evolution.upcasts {
        let with = match &upcast.with {
            Some(path) => {
                let path = type_text(&syn::parse_quote!(#path));
                quote!(::core::option::Option::Some(#path))
            }
            None => quote!(::core::option::Option::None),
        };
        note(upcast.from.value.saturating_add(1), quote!(Upcast { with: #with }));
    }
    for removed in &event.evolution.removed {
        let member = &removed.member;
        note(removed.version.value, quote!(Removed { member: #member }));
    }
    for payload in &event.payload {
        let field = payload.ident.unraw().to_string();
        for renamed in &payload.renamed {
            let from = &renamed.from;
            note(renamed.version.value, quote!(Renamed { field: #field, from: #from }));
        }
        if let Some(since) = &payload.since {
            note(since.version.value, quote!(Added { field: #field }));
        }
    }
    changes.sort_by_key(|(schema, _)| *schema);
    changes.into_iter().map(|(_, change)| change).collect()
}

fn has_functions(event: &Event) -> bool {
    event.evolution.upcasts.iter().any(|upcast| upcast.with.is_some())
}

/// The versions in which something changed, oldest first.
fn versions(event: &Event) -> impl Iterator<Item = u32> {
    let of_upcasts = event.evolution.upcasts.iter().map(|upcast| upcast.from.value.saturating_add(1));
    let of_members = event.member_changes().map(|version| version.value);
    of_members.chain(of_upcasts).collect::<BTreeSet<_>>().into_iter()
}

/// What brings a payload to this version.
fn steps(model: &Model, event: &Event, version: u32) -> Vec<TokenStream> {
    let number = Literal::u32_unsuffixed(version);
    let mut steps = Vec::new();
    for upcast in
        event.evolution.upcasts.iter().filter(|upcast| upcast.from.value.saturating_add(1) == version)
    {
        if let Some(path) = &upcast.with {
            let (from, payload) =
                (Literal::u32_unsuffixed(upcast.from.value), Ident::new("payload", Span::mixed_site()));
            // What is wrong with the function is said at its name.
            let form = quote_spanned!(path.span()=> __call(#path, #payload)?.outcome::<Self>()?.form());
            steps.push(quote!(.upcast(#from, |#payload| #form)));
        }
    }
    let removed: Vec<_> = event
        .evolution
        .removed
        .iter()
        .filter(|removed| removed.version.value == version)
        .map(|removed| &removed.member)
        .collect();
    if !removed.is_empty() {
        steps.push(quote!(.removed(#number, &[#(#removed),*])));
    }
    let renamed = event.payload.iter().flat_map(|payload| {
        let renamed = payload.renamed.iter().find(|renamed| renamed.version.value == version)?;
        let (from, to) = (&renamed.from, member::at(&event.foreign, payload, version));
        Some(quote!((#from, #to)))
    });
    let renamed: Vec<_> = renamed.collect();
    if !renamed.is_empty() {
        steps.push(quote!(.renamed(#number, &[#(#renamed),*])));
    }
    let added: Vec<_> = event
        .payload
        .iter()
        .filter_map(|payload| Some((payload, payload.since.as_ref()?)))
        .filter(|(_, since)| since.version.value == version)
        .collect();
    if !added.is_empty() {
        steps.push(added_step(model, event, version, &added));
    }
    steps
}

/// The values of new fields, written by serde as the event itself would write them.
fn added_step(model: &Model, event: &Event, version: u32, added: &[(&Payload, &Since)]) -> TokenStream {
    let krate = &model.krate;
    let serde = format!("{}::__private::serde", krate.to_token_stream()).replace(' ', "");
    let number = Literal::u32_unsuffixed(version);
    let name = Ident::new("__Added", Span::call_site());
    let members = added.iter().map(|(payload, _)| {
        let (today, then) =
            (member::today(&event.foreign, payload), member::at(&event.foreign, payload, version));
        quote!((#today, #then))
    });
    let renames_all = |attr: &&Attribute| serde_words(attr).iter().any(|word| word == "rename_all");
    let of_event = event.foreign.iter().filter(renames_all);
    let fields = added.iter().map(|(payload, _)| {
        let (ident, ty) = (&payload.ident, &payload.ty);
        let serde = payload.foreign.iter().filter(|attr| attr.path().is_ident("serde"));
        quote!(#(#serde)* #ident: #ty)
    });
    let values = added.iter().map(|(payload, since)| {
        let (ident, ty) = (&payload.ident, crate::code::grouped(&payload.ty));
        let value = since.default.as_ref().map_or_else(
            || quote_spanned!(since.version.span=> <#ty as #krate::__private::Missing>::missing()),
            Expr::to_token_stream,
        );
        quote!(#ident: #value)
    });
    quote! {
        .added(#number, &[#(#members),*], || {
            #[derive(#krate::__private::serde::Serialize)]
            #[serde(crate = #serde)]
            #(#of_event)*
            struct #name { #(#fields),* }
            #name { #(#values),* }
        })
    }
}
