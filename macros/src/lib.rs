//! The derive macros of factum. Depend on `factum`, which re-exports them, not on this crate.

mod aggregate;
mod code;
mod debug;
mod errors;
mod id;
mod suggest;

use proc_macro::TokenStream;

/// Turns a struct into an event-sourced aggregate.
///
/// See the documentation of `factum::Aggregate` (the derive) for the language.
#[proc_macro_derive(Aggregate, attributes(aggregate, events, commands, id, version, on, unique))]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    debug::guarded(input, aggregate::derive)
}

/// Turns a newtype into the id of an aggregate.
///
/// See the documentation of `factum::Id` (the derive).
#[proc_macro_derive(Id, attributes(id))]
pub fn derive_id(input: TokenStream) -> TokenStream {
    debug::guarded(input, id::derive)
}
