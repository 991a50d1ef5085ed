//! `#[derive(Aggregate)]`: parse, resolve, check, and either expand or, after a mistake, fall back to the types alone.

mod ast;
mod check;
mod expand;
mod fallback;
mod keys;
mod model;
mod order;
mod parse;
mod resolve;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;

pub(crate) fn derive(input: DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let item = parse::parse(input, &mut errors);
    let model = resolve::resolve(item, &mut errors);
    check::check(&model, &mut errors);
    if errors.is_empty() {
        expand::expand(&model)
    } else {
        let mut tokens = fallback::expand(&model);
        tokens.extend(errors.into_tokens());
        tokens
    }
}
