//! `#[derive(Id)]`: newtypes as ids.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DataStruct, DeriveInput, Fields, Path, Type, spanned::Spanned};

use crate::{code, errors::Errors};

pub(crate) fn derive(input: DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let krate = krate(&input, &mut errors);
    let inner = inner(&input, &mut errors);
    match inner.filter(|_| errors.is_empty()) {
        Some(inner) => expand(&input, inner, &krate),
        None => {
            let errors = errors.into_tokens();
            let stubs = fallback(&input, &krate);
            quote!(#errors #stubs)
        }
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

/// The one type in the newtype.
fn inner<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a Type> {
    if !input.generics.params.is_empty() {
        errors
            .at(&input.generics, "an id cannot have generic parameters: write a newtype for each kind of id");
        return None;
    }
    if let Data::Struct(DataStruct { fields: Fields::Unnamed(fields), .. }) = &input.data
        && let (Some(field), 1) = (fields.unnamed.first(), fields.unnamed.len())
    {
        return Some(&field.ty);
    }
    let name = &input.ident;
    errors.at(
        name,
        format!("an id is a newtype over `Uuid`, an integer, `String` or another id: `struct {name}(Uuid);`"),
    );
    None
}

fn expand(input: &DeriveInput, inner: &Type, krate: &Path) -> TokenStream {
    let name = &input.ident;
    let new = constructor(input, inner, krate);
    let whole = code::grouped(inner);
    // Spanned on the inner type, so that a type that cannot be an id is pointed at.
    let span = inner.span();
    let conversions = quote_spanned! {span=>
        #[automatically_derived]
        impl ::core::fmt::Display for #name {
            #[inline]
            #[allow(clippy::min_ident_chars, reason = "the name that the trait has")]
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                <#whole as ::core::fmt::Display>::fmt(&self.0, f)
            }
        }

        #[automatically_derived]
        impl ::core::str::FromStr for #name {
            type Err = <#whole as ::core::str::FromStr>::Err;

            #[inline]
            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                ::core::result::Result::map(<#whole as ::core::str::FromStr>::from_str(text), Self)
            }
        }

        #[automatically_derived]
        impl #krate::UniqueValue for #name {
            #[inline]
            fn unique_value(&self) -> ::core::option::Option<::std::string::String> {
                ::core::option::Option::Some(::std::string::ToString::to_string(self))
            }
        }

        #[automatically_derived]
        impl #krate::view::Column for #name {
            const TYPE: #krate::read::ColumnType = {
                #[allow(unused_imports, reason = "where the type inside is no column")]
                use #krate::__private::TextId as _;
                #krate::__private::InnerId::<#whole>::TYPE
            };

            #[inline]
            fn to_value(&self) -> ::core::result::Result<#krate::read::Value, #krate::view::ColumnError> {
                #[allow(unused_imports, reason = "where the type inside is no column")]
                use #krate::__private::TextId as _;
                #krate::__private::InnerId::<#whole>::to_value(self, &self.0)
            }

            #[inline]
            fn from_value(
                value: #krate::read::Value,
            ) -> ::core::result::Result<Self, #krate::view::ColumnError> {
                #[allow(unused_imports, reason = "where the type inside is no column")]
                use #krate::__private::TextId as _;
                #krate::__private::InnerId::<#whole>::from_value(value, Self)
            }
        }

        #[automatically_derived]
        impl #krate::SampleId for #name {
            #[inline]
            fn sample() -> Self {
                Self(<#whole as #krate::SampleId>::sample())
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
            #[inline]
            fn from(value: #inner) -> Self {
                Self(value)
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#name> for #whole {
            #[inline]
            fn from(id: #name) -> Self {
                id.0
            }
        }
    }
}

fn constructor(input: &DeriveInput, inner: &Type, krate: &Path) -> TokenStream {
    let vis = &input.vis;
    match Kind::of(inner) {
        Kind::Uuid => quote! {
            /// A new id. Ids of one process ascend with the time at which they were made.
            #[inline]
            #[must_use]
            // An id that a fold left out would be a new one each time, so there is no `Default`.
            #[allow(clippy::new_without_default, reason = "a default id would differ each time")]
            #vis fn new() -> Self {
                Self(#krate::__private::new_uuid())
            }
        },
        Kind::Text => quote! {
            /// The id with this value.
            #[inline]
            #[must_use]
            #vis fn new(value: impl ::core::convert::Into<#inner>) -> Self {
                Self(::core::convert::Into::into(value))
            }
        },
        // Not `impl Into`, which would take the number in `new(7)` for an `i32`.
        Kind::Other => quote! {
            /// The id with this value.
            #[inline]
            #[must_use]
            #vis const fn new(value: #inner) -> Self {
                Self(value)
            }
        },
    }
}

/// What the newtype is over, as far as its constructor is concerned.
enum Kind {
    Uuid,
    Text,
    Other,
}

impl Kind {
    fn of(ty: &Type) -> Self {
        let Type::Path(path) = ty else { return Self::Other };
        match path.path.segments.last() {
            Some(last) if last.ident == "Uuid" => Self::Uuid,
            Some(last) if last.ident == "String" => Self::Text,
            _ => Self::Other,
        }
    }
}

/// After a mistake: what the rest of the program uses, so that one mistake is one message.
fn fallback(input: &DeriveInput, krate: &Path) -> TokenStream {
    let (name, vis) = (&input.ident, &input.vis);
    let (parameters, arguments, bounds) = input.generics.split_for_impl();
    // Never run: the mistake keeps the program from being built.
    let never = quote!(::core::unreachable!());
    let first = match &input.data {
        Data::Struct(data) => data.fields.iter().next().map(|field| &field.ty),
        _ => None,
    };
    let given = first
        .filter(|ty| !matches!(Kind::of(ty), Kind::Uuid))
        .map(|ty| quote!(_: impl ::core::convert::Into<#ty>));
    quote! {
        #[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated by factum")]
        const _: () = {
            impl #parameters #name #arguments #bounds {
                #vis fn new(#given) -> Self {
                    #never
                }
            }

            impl #parameters ::core::fmt::Display for #name #arguments #bounds {
                fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #never
                }
            }

            impl #parameters ::core::str::FromStr for #name #arguments #bounds {
                type Err = ::core::convert::Infallible;

                fn from_str(_: &str) -> ::core::result::Result<Self, Self::Err> {
                    #never
                }
            }

            impl #parameters #krate::UniqueValue for #name #arguments #bounds {
                fn unique_value(&self) -> ::core::option::Option<::std::string::String> {
                    #never
                }
            }

            impl #parameters #krate::view::Column for #name #arguments #bounds {
                const TYPE: #krate::read::ColumnType = #krate::read::ColumnType::Text;

                fn to_value(&self) -> ::core::result::Result<#krate::read::Value, #krate::view::ColumnError> {
                    #never
                }

                fn from_value(
                    _: #krate::read::Value,
                ) -> ::core::result::Result<Self, #krate::view::ColumnError> {
                    #never
                }
            }

            impl #parameters #krate::SampleId for #name #arguments #bounds {
                fn sample() -> Self {
                    #never
                }
            }
        };
    }
}
