//! What the macro of an aggregate tells of it; see [`carrier`](crate::aggregate).

use proc_macro2::TokenStream;
use syn::{
    Ident, LitStr, Token, Type, braced, bracketed, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// An aggregate, as it was told.
pub(super) struct Source {
    pub(super) category: LitStr,
    /// The name of the enum of its events.
    pub(super) event: Ident,
    pub(super) id: Type,
    pub(super) events: Vec<SourceEvent>,
    /// A mistake in the aggregate keeps some of it from being known.
    pub(super) incomplete: bool,
}

/// An event of an aggregate.
pub(super) struct SourceEvent {
    pub(super) ident: Ident,
    pub(super) payload: Vec<SourceField>,
}

/// A field of an event.
pub(super) struct SourceField {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

mod words {
    syn::custom_keyword!(category);
    syn::custom_keyword!(event);
    syn::custom_keyword!(id);
    syn::custom_keyword!(events);
    syn::custom_keyword!(incomplete);
}

/// Several of them, one after the other.
pub(super) struct Sources(pub(super) Vec<Source>);

impl Parse for Sources {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut sources = Vec::new();
        while !input.is_empty() {
            sources.push(input.parse()?);
        }
        Ok(Self(sources))
    }
}

impl Parse for Source {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<Ident>()?;
        let content;
        braced!(content in input);
        content.parse::<words::category>()?;
        content.parse::<Token![:]>()?;
        let category = content.parse()?;
        content.parse::<Token![,]>()?;
        content.parse::<words::event>()?;
        content.parse::<Token![:]>()?;
        let event = content.parse()?;
        content.parse::<Token![,]>()?;
        content.parse::<words::id>()?;
        content.parse::<Token![:]>()?;
        let id = content.parse()?;
        content.parse::<Token![,]>()?;
        content.parse::<words::events>()?;
        content.parse::<Token![:]>()?;
        let list;
        bracketed!(list in content);
        let events = Punctuated::<SourceEvent, Token![,]>::parse_terminated(&list)?.into_iter().collect();
        let mut incomplete = false;
        if content.parse::<Option<Token![,]>>()?.is_some() {
            incomplete = content.parse::<Option<words::incomplete>>()?.is_some();
        }
        Ok(Self { category, event, id, events, incomplete })
    }
}

impl Parse for SourceEvent {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident = input.parse()?;
        let (marks, fields);
        parenthesized!(marks in input);
        marks.parse::<TokenStream>()?;
        braced!(fields in input);
        let payload = Punctuated::<SourceField, Token![,]>::parse_terminated(&fields)?;
        Ok(Self { ident, payload: payload.into_iter().collect() })
    }
}

impl Parse for SourceField {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { ident, ty: input.parse()? })
    }
}
