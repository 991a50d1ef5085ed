//! `unique`: the values that no two live aggregates have.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, ext::IdentExt, spanned::Spanned};

use super::super::model::{Field, Model, Unique};
use crate::code;

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let values: Vec<_> = model.unique().map(|(field, unique)| value(model, field, unique)).collect();
    if values.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn unique(&self) -> ::std::vec::Vec<::core::option::Option<#krate::model::UniqueParts>> {
            ::std::vec![#(#values),*]
        }
    }
}

/// The value of the field and of those that belong to it.
fn value(model: &Model, field: &Field, unique: &Unique) -> TokenStream {
    let krate = &model.krate;
    let name = &field.ident;
    let own = match &unique.by {
        None => plain(model, field),
        // What makes the value sees it, and not whether there is one.
        Some(by) if is_option(&field.ty) => quote_spanned! {by.span()=>
            ::core::option::Option::and_then(
                ::core::option::Option::as_ref(&self.#name),
                |value| #krate::UniqueValue::unique_value(&#by(value)),
            )
        },
        Some(by) => quote_spanned!(by.span()=> #krate::UniqueValue::unique_value(&#by(&self.#name))),
    };
    let others =
        unique.with.iter().filter_map(|index| model.fields.get(*index)).map(|field| plain(model, field));
    quote!(#krate::__private::unique_parts([#own, #(#others),*]))
}

fn plain(model: &Model, field: &Field) -> TokenStream {
    let (krate, name, ty) = (&model.krate, &field.ident, code::grouped(&field.ty));
    quote_spanned!(field.ty.span()=> <#ty as #krate::UniqueValue>::unique_value(&self.#name))
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// The name under which a store has the constraint on record: how the value is made belongs to it.
pub(super) fn constraint(model: &Model, field: &Field, unique: &Unique) -> String {
    let mut name = format!("{}.{}", model.category, field.ident.unraw());
    if let Some(by) = &unique.by {
        name.push_str(&format!(" by {}", by.to_token_stream().to_string().replace(' ', "")));
    }
    for (index, other) in unique.with.iter().filter_map(|index| model.fields.get(*index)).enumerate() {
        let word = if index == 0 { " with" } else { "," };
        name.push_str(&format!("{word} {}", other.ident.unraw()));
    }
    name
}
