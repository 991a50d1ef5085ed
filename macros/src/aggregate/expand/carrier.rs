//! A `macro_rules` with the name of the aggregate, which carries its events to derives that cannot see it.
//!
//! `Incident!((path::to::callback) { input })` calls `path::to::callback!` with the input followed by the description:
//!
//! ```text
//! { input }
//! Incident { category: "incident", event: IncidentEvent, id: IncidentNumber,
//!     events: [Reported (creates) { reporter: UserNumber, text: String }, Closed () { solution: String }, …] }
//! ```
//!
//! After a mistake in the aggregate, `, incomplete` stands behind the events: what is missing there is no mistake elsewhere.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Visibility, ext::IdentExt};

use super::super::model::Model;

/// `after_a_mistake`: not all of the aggregate may be known.
pub(in super::super) fn expand(model: &Model, after_a_mistake: bool) -> TokenStream {
    let Model { ident, event, category, id, vis, .. } = model;
    let events = model.events.iter().map(|event| {
        let name = &event.ident;
        let creates = event.creates.then(|| quote!(creates));
        let ends = event.ends.then(|| quote!(ends));
        let fields = event.payload.iter().map(|payload| {
            let (name, ty) = (&payload.ident, &payload.ty);
            quote!(#name: #ty)
        });
        quote!(#name (#creates #ends) { #(#fields),* })
    });
    let incomplete = after_a_mistake.then(|| quote!(, incomplete));
    let carrier = format_ident!("__factum_{}_{:016x}", ident.unraw(), model.distinction);
    // A macro that other crates may name has to be exported under a name of its own; the `use` gives it the name and
    // the place of the aggregate.
    let export = matches!(vis, Visibility::Public(_)).then(|| {
        quote! {
            #[macro_export]
            #[allow(non_local_definitions, reason = "an aggregate may stand in a function")]
        }
    });
    let reach = match vis {
        Visibility::Public(_) => quote!(pub),
        Visibility::Inherited => quote!(),
        Visibility::Restricted(restricted) => restricted.to_token_stream(),
    };
    quote! {
        #[doc(hidden)]
        #export
        macro_rules! #carrier {
            (($($callback:tt)*) { $($input:tt)* }) => {
                $($callback)*! {
                    { $($input)* }
                    #ident { category: #category, event: #event, id: #id, events: [#(#events),*] #incomplete }
                }
            };
        }
        #[doc(hidden)]
        #[allow(clippy::pub_use, unused_imports, reason = "views use it")]
        #reach use #carrier as #ident;
    }
}
