//! `impl Row`: the columns, and the constants with which one asks for them.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, ext::IdentExt, spanned::Spanned};

use super::{
    super::model::{Field, Model},
    local,
};
use crate::{attributes::docs_text, code, written::type_text};

pub(in super::super) fn expand(model: &Model) -> TokenStream {
    let Model { ident, krate, table, .. } = model;
    let key = key_type(model);
    let columns = model.fields.iter().map(|field| {
        let (name, ty, docs) = (&field.column, type_text(&field.ty), docs_text(&field.docs));
        let (codec, indexed) = (codec(field), field.index.is_some());
        quote!(#krate::view::ColumnModel {
            name: #name, ty: #ty, docs: #docs, kind: || (#codec().kind)(), indexed: #indexed,
        })
    });
    let codecs = model.fields.iter().map(|field| codec_fn(model, field));
    let indices = model.key().map(|(index, _)| Literal::usize_unsuffixed(index));
    let write = |field: &Field, value: TokenStream| {
        let (codec, name) = (codec(field), &field.column);
        quote!(#codec().write(#name, #value)?)
    };
    let parts: Vec<Ident> = model.key().map(|(_, field)| part(field)).collect();
    let key_values = model.key().zip(&parts).map(|((_, field), part)| write(field, part.to_token_stream()));
    let parts = if let [only] = parts.as_slice() { quote!(#only) } else { quote!((#(#parts),*)) };
    let given = local("key");
    let values = model.fields.iter().map(|field| {
        let name = &field.ident;
        write(field, quote!(&self.#name))
    });
    let names: Vec<Ident> = model.fields.iter().map(part).collect();
    let fields = model.fields.iter().map(|field| {
        let (ident, name, codec, value) = (&field.ident, &field.column, codec(field), part(field));
        quote!(#ident: #codec().read(#name, #value)?)
    });
    let (values_type, error) = (quote!(#krate::read::Values), quote!(#krate::view::ColumnError));
    let given_values = local("values");
    let constants = constants(model, |field| codec(field).to_token_stream());
    quote! {
        #(#codecs)*

        #[automatically_derived]
        impl #krate::view::Row for #ident {
            type Key = #key;
            const TABLE: &'static str = #table;
            const COLUMNS: &'static [#krate::view::ColumnModel] = &[#(#columns),*];
            const KEY: &'static [usize] = &[#(#indices),*];

            fn key_values(#given: &Self::Key) -> ::core::result::Result<#values_type, #error> {
                let #parts = #given;
                ::core::result::Result::Ok(::std::vec![#(#key_values),*])
            }

            fn to_values(&self) -> ::core::result::Result<#values_type, #error> {
                ::core::result::Result::Ok(::std::vec![#(#values),*])
            }

            fn from_values(#given_values: #values_type) -> ::core::result::Result<Self, #error> {
                let [#(#names),*] = #krate::__private::columns(#given_values)?;
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }

        #constants
    }
}

/// What identifies a row: one type, or a tuple of several.
pub(in super::super) fn key_type(model: &Model) -> TokenStream {
    let types: Vec<_> = model.key().map(|(_, field)| &field.ty).collect();
    if let [only] = types.as_slice() { only.to_token_stream() } else { quote!((#(#types),*)) }
}

/// A constant for each column by which rows can be found, with this way to keep it.
pub(in super::super) fn constants(model: &Model, codec: impl Fn(&Field) -> TokenStream) -> TokenStream {
    let Model { ident, generics, krate, .. } = model;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let found = |field: &&(usize, &Field)| field.1.key.is_some() || field.1.index.is_some();
    let fields: Vec<_> = model.fields.iter().enumerate().collect();
    let constants = fields.iter().filter(found).map(|(index, field)| {
        let name = format_ident!("{}", field.ident.unraw().to_string().to_uppercase(), span = field.ident.span());
        let (vis, ty, column, codec) = (&field.vis, &field.ty, &field.column, codec(field));
        let docs = format!("The column `{column}`, to find rows by it.");
        quote! {
            #[doc = #docs]
            #vis const #name: #krate::view::Indexed<Self, #ty> = #krate::view::Indexed::new(#index, #column, #codec);
        }
    });
    quote! {
        #[automatically_derived]
        impl #parameters #ident #arguments #bounds {
            #(#constants)*
        }
    }
}

/// The function that knows how a field is kept.
fn codec_fn(model: &Model, field: &Field) -> TokenStream {
    let (krate, ty, name) = (&model.krate, &field.ty, codec(field));
    // Spanned on the type, so that one that cannot stand in a column is pointed at.
    let codec = quote_spanned!(ty.span()=> (&&#krate::view::Field::<#ty>::new()).codec());
    quote! {
        fn #name() -> #krate::view::Codec<#ty> {
            #[allow(unused_imports, reason = "one of them is used")]
            use #krate::view::{NoColumn as _, OwnColumn as _, SerdeColumn as _};
            #codec
        }
    }
}

pub(super) fn codec(field: &Field) -> Ident {
    format_ident!("__column_{}", field.ident.unraw())
}

/// The variable that holds what stands in the column.
fn part(field: &Field) -> Ident {
    format_ident!("{}", code::local(&format!("__{}", field.ident.unraw()), field.ident.span()))
}
