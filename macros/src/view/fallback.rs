//! After a mistake: what the rest of the program names, so that one mistake is one message.

use proc_macro2::TokenStream;
use quote::quote;

use super::{expand, model::Model};

/// `impl Row`. Never run: the mistake keeps the program from being built.
pub(super) fn row(model: &Model) -> TokenStream {
    let Model { ident, generics, krate, table, .. } = model;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let (key, never) = (expand::key_type(model), never());
    let result = |ok: TokenStream| quote!(::core::result::Result<#ok, #krate::view::ColumnError>);
    let (values, this) = (result(quote!(#krate::read::Values)), result(quote!(Self)));
    let constants = if generics.params.is_empty() {
        expand::constants(model, |_| quote!(|| #never))
    } else {
        TokenStream::new()
    };
    quote! {
        impl #parameters #krate::view::Row for #ident #arguments #bounds {
            type Key = #key;
            const TABLE: &'static str = #table;
            const COLUMNS: &'static [#krate::view::ColumnModel] = &[];
            const KEY: &'static [usize] = &[];

            fn key_values(_: &Self::Key) -> #values {
                #never
            }

            fn to_values(&self) -> #values {
                #never
            }

            fn from_values(_: #krate::read::Values) -> #this {
                #never
            }
        }

        #constants
    }
}

/// What depends on events.
pub(super) fn events(model: &Model) -> TokenStream {
    let (krate, never) = (&model.krate, never());
    quote! {
        #krate::__private::OfEvents {
            model: #krate::view::ViewModel {
                name: "",
                docs: "",
                sources: &[],
                fingerprint: 0,
                reads_rows: false,
                recorded: #krate::view::RecordedUse::None,
            },
            changes: |_| #never,
            effects: |_, _| #never,
        }
    }
}

fn never() -> TokenStream {
    quote!(::core::unreachable!())
}
