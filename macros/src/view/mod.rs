//! `#[derive(View)]`: parse, ask the aggregates, resolve, check, and either expand or, after a mistake, fall back to the impls alone.
//!
//! A derive sees its own item only. So it writes a call of the macro beside the first aggregate (see `carrier.rs` there), with
//! the struct for it to hand on; what comes back from that one goes to the next, and from the last one to the end.

mod ast;
mod check;
mod expand;
mod fallback;
mod fingerprint;
mod keys;
mod model;
mod parse;
mod resolve;
mod source;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    DeriveInput, Ident, Path, Token, braced, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{debug::Outcome, errors::Errors};
use source::{Source, Sources};

/// The derive, which asks the first aggregate.
pub(crate) fn derive(input: DeriveInput) -> Outcome {
    let mut errors = Errors::default();
    let item = parse::parse(input.clone(), &mut errors);
    let by_hand = item.options.by_hand.is_some();
    match item.options.of.split_first() {
        Some((first, rest)) if !by_hand && !item.broken.options => {
            Outcome::Question(ask(first, rest, &item.options.krate, &TokenStream::new(), &input))
        }
        _ => Outcome::Code(finish(item, None, errors)),
    }
}

/// What the macro of an aggregate has handed back: what was given to it, and then what it tells.
pub(crate) struct Answer {
    /// The aggregates that are still to be asked.
    rest: Vec<Path>,
    /// What those before have told.
    told: TokenStream,
    input: DeriveInput,
    tells: TokenStream,
}

impl Parse for Answer {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (given, rest, told);
        braced!(given in input);
        parenthesized!(rest in given);
        let rest = rest.call(|input| {
            Punctuated::<Path, Token![,]>::parse_terminated_with(input, Path::parse_mod_style)
        })?;
        parenthesized!(told in given);
        let (told, item) = (told.parse()?, given.parse()?);
        Ok(Self { rest: rest.into_iter().collect(), told, input: item, tells: input.parse()? })
    }
}

impl Answer {
    /// The name of the view.
    pub(crate) fn name(&self) -> &Ident {
        &self.input.ident
    }
}

/// Asks the next aggregate, or writes the view when all have answered.
pub(crate) fn go_on(answer: Answer) -> Outcome {
    let Answer { rest, mut told, input, tells } = answer;
    told.extend(tells);
    let mut errors = Errors::default();
    let item = parse::parse(input.clone(), &mut errors);
    match rest.split_first() {
        Some((next, rest)) => Outcome::Question(ask(next, rest, &item.options.krate, &told, &input)),
        None => {
            let sources = errors.ok(syn::parse2(told)).map(|Sources(sources)| sources);
            Outcome::Code(finish(item, sources, errors))
        }
    }
}

fn ask(next: &Path, rest: &[Path], krate: &Path, told: &TokenStream, input: &DeriveInput) -> TokenStream {
    let input = input.to_token_stream();
    quote!(#next! { (#krate::__private::view) { (#(#rest),*) (#told) #input } })
}

/// The code of a view whose aggregates are these; `None` where they were not asked.
fn finish(item: ast::Item, sources: Option<Vec<Source>>, mut errors: Errors) -> TokenStream {
    let model = resolve::resolve(item, sources, &mut errors);
    check::check(&model, &mut errors);
    if errors.is_empty() && !model.is_incomplete() {
        expand::expand(&model)
    } else {
        let mut tokens = errors.into_tokens();
        tokens.extend(fallback::expand(&model));
        tokens
    }
}

/// The derive with what the aggregates tell, without a compiler that would ask them.
#[cfg(test)]
pub(crate) fn derive_with(input: DeriveInput, told: TokenStream) -> TokenStream {
    match derive(input.clone()) {
        Outcome::Code(code) => code,
        Outcome::Question(_) => {
            let answer = Answer { rest: Vec::new(), told: TokenStream::new(), input, tells: told };
            match go_on(answer) {
                Outcome::Code(code) | Outcome::Question(code) => code,
            }
        }
    }
}
