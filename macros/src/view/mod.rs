//! `#[derive(View)]`: parse, ask the aggregates, resolve, check, and either expand or, after a mistake, fall back to the impls alone.
//!
//! A derive sees its own item only. So it writes the impls at once, and in the place of what depends on events a call of the
//! macro beside the first aggregate (see `carrier.rs` there), with the struct for it to hand on; what comes back from that one
//! goes to the next, and what comes back from the last one is the code in this place. So the impls are there even if an
//! aggregate is not.

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
use model::Model;
use source::Sources;

/// The derive, which asks the first aggregate.
pub(crate) fn derive(input: DeriveInput) -> Outcome {
    let (item, mut errors) = read(&input);
    let question = match item.options.of.split_first() {
        Some((first, rest)) if item.can_ask() => {
            Some(ask(first, rest, &item.options.krate, &TokenStream::new(), &input))
        }
        _ => None,
    };
    let model = resolve::resolve(item, None, &mut errors);
    check::check(&model, &mut errors);
    match question {
        // Mistakes are told when the aggregates have answered, all together.
        Some(question) => Outcome::Open(items(&model, errors.is_empty(), &question)),
        None => {
            let whole = errors.is_empty();
            let (mut code, events) = (errors.into_tokens(), fallback::events(&model));
            code.extend(items(&model, whole, &events));
            Outcome::Code(code)
        }
    }
}

fn read(input: &DeriveInput) -> (ast::Item, Errors) {
    let mut errors = Errors::default();
    let item = parse::parse(input.clone(), &mut errors);
    (item, errors)
}

/// The impls, with this in the place of what depends on events. `whole`: there is no mistake in the columns.
fn items(model: &Model, whole: bool, events: &TokenStream) -> TokenStream {
    let row = if whole { expand::row(model) } else { fallback::row(model) };
    expand::items(model, &row, events)
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

/// Asks the next aggregate, or writes the rest of the view when all have answered.
pub(crate) fn go_on(answer: Answer) -> Outcome {
    let Answer { rest, mut told, input, tells } = answer;
    told.extend(tells);
    let (item, mut errors) = read(&input);
    if let Some((next, rest)) = rest.split_first() {
        let code = ask(next, rest, &item.options.krate, &told, &input);
        return Outcome::Part { code, whole: None };
    }
    let sources = errors.ok(syn::parse2(told)).map(|Sources(sources)| sources);
    let model = resolve::resolve(item, sources, &mut errors);
    check::check(&model, &mut errors);
    if errors.is_empty() && !model.is_incomplete() {
        let code = expand::events(&model);
        let whole = Some(items(&model, true, &code));
        Outcome::Part { code, whole }
    } else {
        let (errors, events) = (errors.into_tokens(), fallback::events(&model));
        Outcome::Part { code: quote!({ #errors #events }), whole: None }
    }
}

fn ask(next: &Path, rest: &[Path], krate: &Path, told: &TokenStream, input: &DeriveInput) -> TokenStream {
    let input = input.to_token_stream();
    quote!(#next! { (#krate::__private::view) { (#(#rest),*) (#told) #input } })
}

/// The derive with what the aggregates tell, without a compiler that would ask them: all of the code, or that with the mistakes.
#[cfg(test)]
pub(crate) fn derive_with(input: DeriveInput, told: TokenStream) -> TokenStream {
    match derive(input.clone()) {
        Outcome::Open(_) => {
            let answer = Answer { rest: Vec::new(), told: TokenStream::new(), input, tells: told };
            match go_on(answer) {
                Outcome::Part { code, whole } => whole.unwrap_or_else(|| quote!(const _: () = #code;)),
                Outcome::Code(code) | Outcome::Open(code) => code,
            }
        }
        Outcome::Code(code) | Outcome::Part { code, .. } => code,
    }
}
