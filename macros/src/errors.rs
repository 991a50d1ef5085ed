//! All mistakes of one item, collected on the way and reported together.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// A mistake in these tokens.
    pub(crate) fn at(&mut self, tokens: &impl ToTokens, message: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    /// A mistake at this span.
    pub(crate) fn span(&mut self, span: Span, message: impl Display) {
        self.0.push(syn::Error::new(span, message));
    }

    /// A mistake that syn found, or several.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// The value, or nothing and the mistake is kept.
    pub(crate) fn ok<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Stands in for a type that is not known because of a mistake that has been noted.
    ///
    /// It is an array whose length fails with the message of that mistake, which the compiler shows once however often
    /// it comes. To the compiler such a type is wrong beyond discussion, so it complains of nothing that is done with
    /// its values.
    pub(crate) fn stand_in(&self) -> Type {
        let last = self.0.last().and_then(|error| error.clone().into_iter().next());
        let length = last.map_or_else(|| quote!(0), |error| error.to_compile_error());
        Type::Verbatim(quote!([(); #length]))
    }

    /// A mistake because of which a type is not known, and what stands in for the type.
    pub(crate) fn unknown_type(&mut self, error: syn::Error) -> Type {
        self.push(error);
        self.stand_in()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A `compile_error!` for each, in the order of the source.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut errors: Vec<_> = self.0.into_iter().flatten().collect();
        errors.sort_by_key(|error| place(error.span()));
        // A rule for several events is checked for each of them; its mistake is one all the same.
        errors.dedup_by_key(|error| (place(error.span()), error.to_string()));
        errors.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// Line and column, where there is a compiler to ask.
pub(crate) fn place(span: Span) -> (usize, usize) {
    if proc_macro::is_available() {
        let start = span.unwrap().start();
        (start.line(), start.column())
    } else {
        (0, 0)
    }
}
