//! The `const` description of the view.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use super::super::{
    fingerprint,
    model::{Model, RecordedUse},
};
use crate::attributes::docs_text;

pub(super) fn expand(model: &Model) -> TokenStream {
    let Model { ident, krate, of, .. } = model;
    let (name, docs) = (ident.unraw().to_string(), docs_text(&model.docs));
    let sources = of.iter().map(|aggregate| {
        let aggregate = quote!(<#aggregate as #krate::Aggregate>);
        quote!(#krate::view::SourceModel { aggregate: #aggregate::MODEL.name, category: #aggregate::CATEGORY })
    });
    let fingerprint = Literal::u128_unsuffixed(fingerprint::of(model));
    let by_hand = model.by_hand.is_some();
    let reads_rows = by_hand || model.reads_rows();
    let recorded = match model.recorded() {
        _ if by_hand => "Computed",
        RecordedUse::None => "None",
        RecordedUse::AsIs => "AsIs",
        RecordedUse::Computed => "Computed",
    };
    let recorded = format_ident!("{recorded}");
    quote! {
        #krate::view::ViewModel {
            name: #name,
            docs: #docs,
            sources: &[#(#sources),*],
            fingerprint: #fingerprint,
            reads_rows: #reads_rows,
            recorded: #krate::view::RecordedUse::#recorded,
        }
    }
}
