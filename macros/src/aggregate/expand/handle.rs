//! `handle`, and for each command a function of its own with its guards and its decision.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, Ident, ext::IdentExt, spanned::Spanned};

use super::super::model::{Before, Body, Command, Given, Model};
use crate::code;

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let arms = model.commands.iter().map(|command| arm(model, command));
    let [state, id, command, ctx] = ["state", "id", "command", "ctx"].map(local);
    let body = if model.commands.is_empty() {
        quote!(match #command {})
    } else {
        quote!(match #command { #(#arms),* })
    };
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

/// `command_model`: where in the description a command is.
pub(in super::super) fn command_model(model: &Model) -> TokenStream {
    let Model { krate, command: commands, .. } = model;
    let command = local("command");
    let arms = model.commands.iter().enumerate().map(|(index, command)| {
        let name = &command.ident;
        quote!(#commands::#name { .. } => &Self::MODEL.commands[#index])
    });
    let body = if model.commands.is_empty() {
        quote!(match *#command {})
    } else {
        quote!(match #command { #(#arms),* })
    };
    quote! {
        fn command_model(#command: &Self::Command) -> &'static #krate::model::CommandModel {
            #body
        }
    }
}

/// `on_conflict`, if a command has something to record then.
pub(super) fn on_conflict(model: &Model) -> TokenStream {
    let Model { krate, command: commands, .. } = model;
    let [this, id, command, ctx] = ["this", "id", "command", "ctx"].map(local);
    let arms = model.commands.iter().filter(|command| command.on_conflict.is_some()).map(|command| {
        let (name, function) = (&command.ident, conflict_name(&command.ident));
        let fields: Vec<&Ident> = command.fields.iter().map(|field| &field.ident).collect();
        let pattern = if fields.is_empty() { quote!() } else { quote!({ #(#fields),* }) };
        quote!(#commands::#name #pattern => ::core::option::Option::Some(Self::#function(#this, #id, #ctx #(, #fields)*)),)
    });
    let arms: Vec<_> = arms.collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn on_conflict(
            #this: &Self,
            #id: &Self::Id,
            #command: Self::Command,
            #ctx: &#krate::Context,
        ) -> ::core::option::Option<Self::Event> {
            match #command {
                #(#arms)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

/// What a command records when it meets a conflict: `fn __Rename_on_conflict(&self, id, ctx, name) -> Event`.
fn conflict_function(model: &Model, command: &Command) -> Option<TokenStream> {
    let Model { krate, event: events, id: id_type, .. } = model;
    let (event, given) = model.conflict_event(command)?;
    let (function, name) = (conflict_name(&command.ident), &event.ident);
    let (id, ctx) = (users("id"), users("ctx"));
    let fields = command.fields.iter().map(|field| {
        let (name, ty) = (&field.ident, &field.ty);
        quote!(#name: #ty)
    });
    let payload = given.into_iter().filter_map(|(name, given)| {
        Some(match given? {
            Given::Expr(expr) | Given::Fill(expr) => quote!(#name: #expr),
            Given::Field(field) => quote!(#name: #field),
        })
    });
    let payload = if event.payload.is_empty() { quote!() } else { quote!({ #(#payload),* }) };
    Some(quote! {
        fn #function(&self, #id: &#id_type, #ctx: &#krate::Context, #(#fields),*) -> #events {
            #events::#name #payload
        }
    })
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

/// A function for each command: `fn __Close(&self, id, ctx, solution) -> Result<Decision, Rejection>`.
pub(super) fn decisions(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let functions = model
        .commands
        .iter()
        .flat_map(|command| [Some(function(model, command)), conflict_function(model, command)])
        .flatten();
    quote! {
        #[automatically_derived]
        impl #ident {
            #(#functions)*
        }
    }
}

fn function(model: &Model, command: &Command) -> TokenStream {
    let Model { krate, event, id: id_type, .. } = model;
    let (name, error) = (function_name(&command.ident), model.error_type());
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
        let (condition, reason) = (&require.condition, &require.error);
        let [holds, refused] = ["holds", "refused"].map(local);
        quote! {
            let #holds: bool = #condition;
            if !#holds {
                let #refused: #error = #reason;
                return ::core::result::Result::Err(#krate::Rejection::Domain(#refused));
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
            #id: &#id_type,
            #ctx: &#krate::Context,
            #(#fields),*
        ) -> ::core::result::Result<#krate::Decision<#event>, #krate::Rejection<#error>> {
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
fn decide(model: &Model, command: &Command, expr: &Expr, reads: Option<&[Ident]>) -> TokenStream {
    let (krate, events) = (&model.krate, &model.event);
    let name = command.ident.unraw().to_string();
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
    // With `#[reads]` there is no `self` in the code, as has been checked, and these fields take its place.
    let fields = reads.into_iter().flatten().filter_map(|name| {
        let (_, field) = model.field(&name.to_string())?;
        let ty = code::grouped(&field.ty);
        Some(quote!(let #name: &#ty = &self.#name;))
    });
    let error = model.error_type();
    let [decision, event, refused] = ["decision", "event", "refused"].map(local);
    let into_events =
        quote_spanned!(expr.span()=> <_ as #krate::IntoEvents<#events>>::into_events(#decision));
    // A closure, so that `?` and `return` in the user's code end the decision and nothing more. Parentheses, because an
    // expression that begins like a statement would end like one.
    quote! {
        #(#fields)*
        match (|| -> ::core::result::Result<_, #error> { (#expr) })() {
            ::core::result::Result::Ok(#decision) => #krate::__private::check_declared(
                #name,
                #exists,
                #into_events,
                |#event: &#events| ::core::matches!(#event, #(#declared)|*),
            ),
            ::core::result::Result::Err(#refused) => {
                ::core::result::Result::Err(#krate::Rejection::Domain(#refused))
            }
        }
    }
}

/// The function of a command: `__Close` for `Close`, in the spelling of the command so that no two meet.
fn function_name(command: &Ident) -> Ident {
    format_ident!("__{}", command.unraw(), span = command.span())
}

fn conflict_name(command: &Ident) -> Ident {
    format_ident!("__{}_on_conflict", command.unraw(), span = command.span())
}

/// A name that the user's expressions see.
fn users(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// A name that they do not see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
