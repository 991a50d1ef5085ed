//! The derive macros of factum.
use proc_macro::TokenStream;

/// TODO
#[proc_macro_derive(Aggregate, attributes(aggregate, events, commands, id, version, on, unique))]
pub fn aggregate(_: TokenStream) -> TokenStream { TokenStream::new() }

/// TODO
#[proc_macro_derive(Id)]
pub fn id(_: TokenStream) -> TokenStream { TokenStream::new() }
