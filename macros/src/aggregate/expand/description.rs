//! The `const` description of the model.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, ext::IdentExt};

use super::{
    super::{
        ast::Enforce,
        member,
        model::{Before, Event, Model, Payload, Reads, Role},
    },
    evolution, unique,
};
use crate::{attributes::docs_text, fold::How, written::type_text};

pub(in super::super) fn aggregate(model: &Model) -> TokenStream {
    let Model { ident, event, krate, category, .. } = model;
    let description = quote!(#krate::model);
    let name = ident.unraw().to_string();
    let docs = docs_text(&model.docs);
    let fields = model.fields.iter().map(|field| {
        let (name, ty, docs) = (field.ident.unraw().to_string(), type_text(&field.ty), docs_text(&field.docs));
        let role = match field.role {
            Role::Id => quote!(Id),
            Role::Version => quote!(Version),
            Role::State => quote!(State),
        };
        quote!(#description::FieldModel { name: #name, ty: #ty, docs: #docs, role: #description::FieldRole::#role })
    });
    let commands = model.commands.iter().map(|command| {
        let (name, docs) = (command.ident.unraw().to_string(), docs_text(&command.docs));
        let fields = command.fields.iter().map(|field| payload(model, &command.foreign, field));
        let events = model.events_of(command).map(|event| event.ident.unraw().to_string());
        let reads = reads(model, &model.command_reads(command));
        let creates = model.before(command) == Before::Nothing;
        let on_conflict = match model.conflict_event(command) {
            Some((event, _)) => {
                let name = event.ident.unraw().to_string();
                quote!(::core::option::Option::Some(#name))
            }
            None => quote!(::core::option::Option::None),
        };
        quote! {
            #description::CommandModel {
                name: #name,
                docs: #docs,
                fields: &[#(#fields),*],
                events: &[#(#events),*],
                creates: #creates,
                reads: #reads,
                on_conflict: #on_conflict,
            }
        }
    });
    let unique = model.unique().map(|(field, unique)| {
        let (constraint, show_holder) = (unique::constraint(model, field, unique), unique.show_holder);
        let field = field.ident.unraw().to_string();
        let enforce = match unique.enforce {
            Enforce::Append => quote!(Append),
            Enforce::View => quote!(View),
            Enforce::After => quote!(After),
        };
        quote! {
            #description::UniqueModel {
                field: #field,
                constraint: #constraint,
                show_holder: #show_holder,
                enforce: #description::Enforce::#enforce,
            }
        }
    });
    quote! {
        #description::Model {
            name: #name,
            category: #category,
            docs: #docs,
            fields: &[#(#fields),*],
            events: <#event as #krate::Event>::EVENTS,
            commands: &[#(#commands),*],
            unique: &[#(#unique),*],
        }
    }
}

pub(in super::super) fn event(model: &Model, event: &Event) -> TokenStream {
    let krate = &model.krate;
    let description = quote!(#krate::model);
    let Event { stored, creates, ends, retired, .. } = event;
    let (variant, docs) = (event.ident.unraw().to_string(), docs_text(&event.docs));
    let payload = event.payload.iter().map(|field| payload(model, &event.foreign, field));
    let writes = event.changes.iter().filter_map(|change| {
        let field = model.fields.get(change.field)?.ident.unraw().to_string();
        let operator = match &change.how {
            How::Bare(_) | How::Assign(_) => "=".to_owned(),
            How::Compound(operator, _) => operator.to_token_stream().to_string(),
            How::Statement(_) => "=>".to_owned(),
        };
        Some(quote!(#description::Write { field: #field, operator: #operator }))
    });
    let reads = reads(model, &model.event_reads(event));
    let (schema, changes) =
        (Literal::u32_unsuffixed(event.evolution.today()), evolution::changes(model, event));
    quote! {
        #description::EventModel {
            name: #stored,
            variant: #variant,
            schema: #schema,
            evolution: &[#(#changes),*],
            docs: #docs,
            creates: #creates,
            ends: #ends,
            retired: #retired,
            payload: &[#(#payload),*],
            writes: &[#(#writes),*],
            reads: #reads,
        }
    }
}

fn payload(model: &Model, owner: &[Attribute], field: &Payload) -> TokenStream {
    let krate = &model.krate;
    let (name, ty, docs) = (field.ident.unraw().to_string(), type_text(&field.ty), docs_text(&field.docs));
    let (member, audit) = (member::today(owner, field), field.audit.is_some());
    let flattened = field.is_flattened();
    quote! {
        #krate::model::PayloadModel {
            name: #name,
            member: #member,
            ty: #ty,
            docs: #docs,
            audit: #audit,
            flattened: #flattened,
        }
    }
}

fn reads(model: &Model, reads: &Reads) -> TokenStream {
    let krate = &model.krate;
    match reads {
        Reads::Everything => quote!(#krate::model::Reads::Everything),
        Reads::Fields(fields) => {
            let names = fields
                .iter()
                .filter_map(|index| model.fields.get(*index))
                .map(|field| field.ident.unraw().to_string());
            quote!(#krate::model::Reads::Fields(&[#(#names),*]))
        }
    }
}
