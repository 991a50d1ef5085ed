//! `#[derive(Aggregate)]`: parse, resolve, check, compare with what was published, and either expand or, after a mistake, fall back to the types alone.

mod ast;
mod check;
mod expand;
mod fallback;
mod fingerprint;
mod keys;
mod lock;
mod member;
mod model;
mod parse;
mod resolve;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

pub(crate) use lock::Surroundings;

pub(crate) fn derive(input: DeriveInput) -> TokenStream {
    derive_in(&Surroundings::here(), input)
}

/// The derive, in a crate of which this is known.
pub(crate) fn derive_in(surroundings: &Surroundings, input: DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let item = parse::parse(input, &mut errors);
    let model = resolve::resolve(item, &mut errors);
    check::check(&model, &mut errors);
    let tracking = lock::check(&model, surroundings, &mut errors);
    if errors.is_empty() {
        let mut tokens = expand::expand(&model);
        tokens.extend(tracking);
        tokens
    } else {
        // The messages come first, in the order of the source, before what repeats them (`Errors::stand_in`).
        let mut tokens = errors.into_tokens();
        tokens.extend(fallback::expand(&model));
        tokens
    }
}
