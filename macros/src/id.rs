//! `#[derive(Id)]`: newtypes as ids.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Path, Type, spanned::Spanned};

use crate::errors::Errors;

pub(crate) fn derive(input: DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let krate = krate(&input, &mut errors);
    let inner = inner(&input, &mut errors);
    match inner.filter(|_| errors.is_empty()) {
        Some(inner) => expand(&input, inner, &krate),
        None => errors.into_tokens(),
    }
}

/// `#[id(crate = path)]`
fn krate(input: &DeriveInput, errors: &mut Errors) -> Path {
    let mut krate = syn::parse_quote!(::factum);
    for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("id")) {
        let parsed = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                krate = meta.value()?.call(Path::parse_mod_style)?;
                Ok(())
            } else {
                Err(meta.error("`#[id(…)]` takes `crate = path` only"))
            }
        });
        errors.ok(parsed);
    }
    krate
}

fn inner<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a Type> {
    if !input.generics.params.is_empty() {
        errors.at(&input.generics, "an id cannot have generic parameters: ids of one type are of one kind");
        return None;
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed.first().map(|field| &field.ty),
            _ => {
                let name = &input.ident;
                errors.at(
                    name,
                    format!("`#[derive(Id)]` works on a newtype such as `struct {name}(Uuid);`, over `Uuid`, an integer or `String`"),
                );
                None
            }
        },
        _ => {
            errors.at(&input.ident, "`#[derive(Id)]` works on a newtype such as `struct OrderNumber(Uuid);`");
            None
        }
    }
}

fn expand(input: &DeriveInput, inner: &Type, krate: &Path) -> TokenStream {
    let (name, vis) = (&input.ident, &input.vis);
    let private = quote!(#krate::__private);
    let new = if is_uuid(inner) {
        quote! {
            /// A new id. Ids of one process ascend with the time at which they were made.
            #[must_use]
            // An id that a fold left out would be a new one each time, so there is no `Default`.
            #[allow(clippy::new_without_default, reason = "a default id would differ each time")]
            #vis fn new() -> Self {
                Self(#private::new_uuid())
            }
        }
    } else {
        quote! {
            /// The id with this value.
            #[must_use]
            #vis fn new(value: impl ::core::convert::Into<#inner>) -> Self {
                Self(::core::convert::Into::into(value))
            }
        }
    };
    // Spanned on the inner type, so that a type that cannot be an id is pointed at.
    let span = inner.span();
    let conversions = quote_spanned! {span=>
        #[automatically_derived]
        impl ::core::fmt::Display for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                <#inner as ::core::fmt::Display>::fmt(&self.0, f)
            }
        }

        #[automatically_derived]
        impl ::core::str::FromStr for #name {
            type Err = <#inner as ::core::str::FromStr>::Err;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                ::core::result::Result::map(<#inner as ::core::str::FromStr>::from_str(text), Self)
            }
        }

        #[automatically_derived]
        impl #krate::SampleId for #name {
            fn sample() -> Self {
                Self(<#inner as #krate::SampleId>::sample())
            }
        }
    };
    quote! {
        #[automatically_derived]
        impl #name {
            #new
        }

        #conversions

        #[automatically_derived]
        impl ::core::convert::From<#inner> for #name {
            fn from(value: #inner) -> Self {
                Self(value)
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#name> for #inner {
            fn from(id: #name) -> Self {
                id.0
            }
        }
    }
}

fn is_uuid(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Uuid"))
}
