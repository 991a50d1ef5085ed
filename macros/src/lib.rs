//! The derive macros of factum. Depend on `factum`, which re-exports them, not on this crate.

mod aggregate;
mod attributes;
mod code;
mod debug;
mod errors;
mod fingerprint;
mod fold;
mod id;
mod names;
mod options;
mod suggest;
#[cfg(test)]
mod tests;
mod view;
mod written;

use proc_macro::TokenStream;

use debug::Outcome;

#[doc = include_str!("../docs/aggregate.md")]
// From `creates` on they stand inside the blocks only, and are here so that one that stands outside is told where it
// belongs. Words that other derives may use as well (`name`, `schema`, …) are left to those.
#[proc_macro_derive(
    Aggregate,
    attributes(
        aggregate,
        events,
        commands,
        id,
        version,
        on,
        unique,
        creates,
        ends,
        retired,
        audit,
        require,
        decide,
        reads,
        on_conflict
    )
)]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    debug::guarded(input, |input| Outcome::Code(aggregate::derive(input)))
}

#[doc = include_str!("../docs/id.md")]
#[proc_macro_derive(Id, attributes(id))]
pub fn derive_id(input: TokenStream) -> TokenStream {
    debug::guarded(input, |input| Outcome::Code(id::derive(input)))
}

#[doc = include_str!("../docs/view.md")]
#[proc_macro_derive(View, attributes(view, key, on, index, column))]
pub fn derive_view(input: TokenStream) -> TokenStream {
    debug::guarded(input, view::derive)
}

/// Where the aggregates of a view answer what `#[derive(View)]` has asked.
#[doc(hidden)]
#[proc_macro]
pub fn __view(input: TokenStream) -> TokenStream {
    debug::parsed(input, |answer: &view::Answer| answer.name().clone(), view::go_on)
}
