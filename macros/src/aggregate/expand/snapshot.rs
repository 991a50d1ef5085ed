//! `SNAPSHOT`: when snapshots of the state are kept, and of which code they are.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use super::super::model::Model;

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let Some(snapshot) = &model.snapshot else { return TokenStream::new() };
    let (every, fingerprint) = (snapshot.every, Literal::u128_suffixed(snapshot.fingerprint));
    let rule = quote!(#krate::SnapshotRule);
    // A state that serde cannot write or read is reported where snapshots are asked for.
    quote_spanned! {snapshot.span=>
        const SNAPSHOT: ::core::option::Option<#rule<Self>> =
            ::core::option::Option::Some(<#rule<Self>>::new(#every, #fingerprint));
    }
}
