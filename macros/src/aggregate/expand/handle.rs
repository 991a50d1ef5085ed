//! `handle`, and for each command a function of its own with its guards and its decision.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, Path};

use super::super::{
    model::{Before, Body, Command, Model},
    resolve::function_name,
};

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let arms = model.commands.iter().map(|command| arm(model, command));
    let [state, id, command, ctx] = ["state", "id", "command", "ctx"].map(local);
    let body =
        if model.commands.is_empty() { quote!(match #command {}) } else { quote!(match #command { #(#arms),* }) };
    quote! {
        fn handle(
            #state: ::core::option::Option<&Self>,
            #id: &Self::Id,
            #command: Self::Command,
            #ctx: &#krate::Context,
        ) -> ::core::result::Result<#krate::Decision<Self::Event>, #krate::Rejection<Self::Error>> {
            #body
        }
    }
}

/// `IncidentCommand::Close { solution } => …`
fn arm(model: &Model, command: &Command) -> TokenStream {
    let (krate, commands, name) = (&model.krate, &model.command, &command.ident);
    let function = function_name(name);
    let [state, id, ctx, this] = ["state", "id", "ctx", "this"].map(local);
    let fields: Vec<&Ident> = command.fields.iter().map(|field| &field.ident).collect();
    let pattern = if fields.is_empty() { quote!() } else { quote!({ #(#fields),* }) };
    let rejected = |reason: &str| {
        let reason = local(reason);
        quote!(::core::result::Result::Err(#krate::Rejection::#reason))
    };
    let body = match model.before(command) {
        Before::Nothing => {
            let exists = rejected("AlreadyExists");
            quote!(match #state {
                ::core::option::Option::None => Self::#function(#id, #ctx #(, #fields)*),
                ::core::option::Option::Some(_) => #exists,
            })
        }
        Before::State => {
            let not_found = rejected("NotFound");
            quote!(match #state {
                ::core::option::Option::Some(#this) => Self::#function(#this, #id, #ctx #(, #fields)*),
                ::core::option::Option::None => #not_found,
            })
        }
        Before::Either => quote!(Self::#function(#state, #id, #ctx #(, #fields)*)),
    };
    quote!(#commands::#name #pattern => #body)
}

/// A function for each command: `fn __close(&self, id, ctx, solution) -> Result<Decision, Rejection>`.
pub(super) fn decisions(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let functions = model.commands.iter().map(|command| function(model, command));
    quote! {
        #[automatically_derived]
        impl #ident {
            #(#functions)*
        }
    }
}

fn function(model: &Model, command: &Command) -> TokenStream {
    let krate = &model.krate;
    let name = function_name(&command.ident);
    let this = match model.before(command) {
        Before::Nothing => quote!(),
        Before::State => quote!(&self,),
        Before::Either => {
            let state = users("state");
            quote!(#state: ::core::option::Option<&Self>,)
        }
    };
    let (id, ctx) = (users("id"), users("ctx"));
    let fields = command.fields.iter().map(|field| {
        let (name, ty) = (&field.ident, &field.ty);
        quote!(#name: #ty)
    });
    let guards = command.requires.iter().map(|require| {
        let (condition, error) = (&require.condition, &require.error);
        quote! {
            if !(#condition) {
                return ::core::result::Result::Err(#krate::Rejection::Domain(#error));
            }
        }
    });
    let decision = match &command.body {
        Body::Record => record(model, command),
        Body::Decide { expr, reads } => decide(model, command, expr, reads.as_deref()),
    };
    quote! {
        #[inline]
        fn #name(
            #this
            #id: &<Self as #krate::Aggregate>::Id,
            #ctx: &#krate::Context,
            #(#fields),*
        ) -> ::core::result::Result<
            #krate::Decision<<Self as #krate::Aggregate>::Event>,
            #krate::Rejection<<Self as #krate::Aggregate>::Error>,
        > {
            #(#guards)*
            #decision
        }
    }
}

/// The one event, with what it fills in.
fn record(model: &Model, command: &Command) -> TokenStream {
    let (krate, events) = (&model.krate, &model.event);
    let fills = model.fills(command).map(|(payload, fill)| {
        let (name, ty) = (&payload.ident, &payload.ty);
        quote!(let #name: #ty = #fill;)
    });
    let recorded = model.events_of(command).map(|event| {
        let name = &event.ident;
        let fields = event.payload.iter().map(|payload| &payload.ident);
        let payload = if event.payload.is_empty() { quote!() } else { quote!({ #(#fields),* }) };
        quote!(#events::#name #payload)
    });
    quote! {
        #(#fills)*
        ::core::result::Result::Ok(#(#krate::Decision::one(#recorded))*)
    }
}

/// The user's decision, held against what the command declares.
fn decide(model: &Model, command: &Command, expr: &syn::Expr, reads: Option<&[Ident]>) -> TokenStream {
    let (krate, events) = (&model.krate, &model.event);
    let name = command.ident.to_string();
    let exists = match model.before(command) {
        Before::Nothing => quote!(false),
        Before::State => quote!(true),
        Before::Either => {
            let state = users("state");
            quote!(::core::option::Option::is_some(&#state))
        }
    };
    let declared = model.events_of(command).map(|event| {
        let name = &event.ident;
        quote!(#events::#name { .. })
    });
    // A closure, so that `?` and `return` in the user's code end the decision and nothing more.
    let decided = match reads {
        None => quote!((|| -> ::core::result::Result<_, <Self as #krate::Aggregate>::Error> { #expr })()),
        Some(reads) => reading(model, command, expr, reads, krate),
    };
    let [exists_before, decision, event] = ["exists", "decision", "event"].map(local);
    quote! {
        let #exists_before = #exists;
        match #decided {
            ::core::result::Result::Ok(#decision) => #krate::__private::check_declared(
                #name,
                #exists_before,
                #krate::IntoEvents::into_events(#decision),
                |#event: &<Self as #krate::Aggregate>::Event| ::core::matches!(#event, #(#declared)|*),
            ),
            ::core::result::Result::Err(#decision) => {
                ::core::result::Result::Err(#krate::Rejection::Domain(#decision))
            }
        }
    }
}

/// A decision that sees some fields and no `self`: a function without it, given references to the fields.
fn reading(model: &Model, command: &Command, expr: &syn::Expr, reads: &[Ident], krate: &Path) -> TokenStream {
    let (ident, events) = (&model.ident, &model.event);
    let (id, ctx) = (users("id"), users("ctx"));
    let read = reads.iter().filter_map(|name| model.fields.iter().find(|field| field.ident == *name));
    let parameters = read.chain(std::iter::empty()).map(|field| {
        let (name, ty) = (reads.iter().find(|name| **name == field.ident), &field.ty);
        quote!(#name: &#ty)
    });
    let fields: Vec<_> = command.fields.iter().map(|field| (field.ident.clone(), field.ty.to_token_stream())).collect();
    let (names, types): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let function = local("decide");
    quote!({
        fn #function(
            #id: &<#ident as #krate::Aggregate>::Id,
            #ctx: &#krate::Context,
            #(#parameters,)*
            #(#names: #types),*
        ) -> ::core::result::Result<
            impl #krate::IntoEvents<#events>,
            <#ident as #krate::Aggregate>::Error,
        > {
            #expr
        }
        #function(#id, #ctx #(, &self.#reads)* #(, #names)*)
    })
}

/// A name that the user's expressions see.
fn users(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A name that they do not see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
