//! The rules that span fields, events and commands, one function each.

mod evolution;

use syn::{Expr, Ident, Type};

use super::{
    model::{Before, Body, Command, Event, Given, Model, Payload, Role},
    parse::serde_values,
};
use crate::{
    code::{self, SelfUse, Use},
    errors::Errors,
    fold::{self, span_of},
    suggest::instead,
};

pub(super) fn check(model: &Model, errors: &mut Errors) {
    some_event_creates(model, errors);
    snapshots_have_the_whole_state(model, errors);
    for field in 0..model.fields.len() {
        field_is_set(model, field, errors);
    }
    let slots = model.slots();
    for (index, event) in model.events.iter().enumerate() {
        event_is_recorded(model, index, event, errors);
        for payload in &event.payload {
            payload_is_folded(model, event, payload, errors);
            fill_is_used(model, index, event, payload, errors);
        }
        for change in &event.changes {
            fold::stays_inside(&slots, &event.ident, event.creates, change, errors);
        }
        evolution::check(model, event, errors);
        fold::order_exists(&slots, &event.ident, &event.changes, errors);
    }
    for command in &model.commands {
        if !command.broken {
            command_has_what_its_event_needs(model, command, errors);
            command_fields_are_used(model, command, errors);
        }
        retired_events_are_not_recorded(model, command, errors);
        code_sees_what_there_is(model, command, errors);
        reads_name_fields(model, command, errors);
        conflict_can_be_recorded(model, command, errors);
    }
}

fn some_event_creates(model: &Model, errors: &mut Errors) {
    let any_broken = model.broken.events || model.events.iter().any(|event| event.broken);
    if !any_broken && !model.events.iter().any(|event| event.creates) {
        errors.at(
            &model.ident,
            "no event creates the aggregate: mark the first event of its life with `#[creates]`",
        );
    }
}

/// What serde leaves out of a snapshot would come back as something else.
fn snapshots_have_the_whole_state(model: &Model, errors: &mut Errors) {
    if model.snapshot.is_none() {
        return;
    }
    for field in &model.fields {
        let words: Vec<_> = field.serde.iter().flat_map(serde_values).collect();
        let default = words.iter().any(|(word, value)| word == "default" && value.is_some());
        for (word, value) in &words {
            let name = &field.ident;
            match word.to_string().as_str() {
                "skip" | "skip_serializing" | "skip_deserializing" => errors.at(
                    word,
                    format!("a snapshot would come back without `{name}`; remove this, or `snapshot` from `#[aggregate(…)]`"),
                ),
                // Nothing and emptiness are what serde takes for a field that is not there.
                "skip_serializing_if" if default || !value.as_deref().is_some_and(is_nothing_or_empty) => errors.at(
                    word,
                    format!(
                        "a snapshot would come back with another `{name}` where this leaves one out; remove it, or leave out only \
                         what is `Option::is_none`, or `is_empty` with a bare `default`"
                    ),
                ),
                _ => {}
            }
        }
    }
}

/// Whether a predicate, in quotes, is one of the standard library's by its name.
fn is_nothing_or_empty(predicate: &str) -> bool {
    let name = predicate.trim_matches('"').rsplit("::").next().unwrap_or_default().trim();
    ["is_none", "is_empty"].contains(&name)
}

fn field_is_set(model: &Model, index: usize, errors: &mut Errors) {
    let Some(field) = model.fields.get(index) else { return };
    // Where no field is marked as the id, the one that no event sets probably is.
    let unknown = field.broken
        || model.broken.id
        || model.broken.events
        || model.events.iter().any(|event| event.broken);
    let set = model.events.iter().flat_map(|event| &event.changes).any(|change| change.field == index);
    if field.role == Role::State && !set && !unknown {
        let name = &field.ident;
        errors.at(
            name,
            format!("no event sets `{name}`: add `#[on(Event = value)]`, or name it in an event: `Event {{ {name} }}`"),
        );
    }
}

fn event_is_recorded(model: &Model, index: usize, event: &Event, errors: &mut Errors) {
    let unknown = model.broken.commands || model.commands.iter().any(|command| command.broken);
    if !event.retired && !unknown && model.recorders(index).next().is_none() {
        let name = &event.ident;
        errors.at(
            name,
            format!("no command records `{name}`: add one (`… => {name}`), or mark the event `#[retired]` if it is only in old streams"),
        );
    }
}

fn payload_is_folded(model: &Model, event: &Event, payload: &Payload, errors: &mut Errors) {
    // One whose type is not known has been reported already.
    if matches!(payload.ty, Type::Verbatim(_)) {
        return;
    }
    let name = &payload.ident;
    let folded = event.changes.iter().find(|change| change.how.uses(name) != Use::Not);
    let unknown = model.broken.fields || model.fields.iter().any(|field| field.broken);
    match (folded, payload.audit) {
        (None, None) if !unknown => {
            let mut bodies = event.changes.iter().filter_map(|change| change.how.body());
            if let Some((wrong, span)) = bodies.find_map(|body| code::misspelt(body, name)) {
                let event = &event.ident;
                errors.span(span, format!("`{event}` has no field `{wrong}`; did you mean `{name}`?"));
                return;
            }
            let field = model.field_index(name).and_then(|index| model.fields.get(index));
            let fix = match field {
                Some(field) if field.role == Role::State => format!(
                    "leave its type out (`{} {{ {name} }}`) to set the field of that name, or mark it `#[audit]` if it is only for the record",
                    event.ident
                ),
                _ => format!(
                    "use it in an `#[on({} = …)]`, or mark it `#[audit]` if it is only for the record",
                    event.ident
                ),
            };
            errors.at(name, format!("`{name}` is never folded into the state: {fix}"));
        }
        (Some(change), Some(audit)) => {
            let field =
                model.fields.get(change.field).map(|field| field.ident.to_string()).unwrap_or_default();
            errors.span(
                audit,
                format!(
                    "`{name}` is folded into `{field}`, so it is not only for the record; remove `#[audit]`"
                ),
            );
        }
        _ => {}
    }
}

fn fill_is_used(model: &Model, index: usize, event: &Event, payload: &Payload, errors: &mut Errors) {
    let Some(fill) = &payload.fill else { return };
    // One that could not be read.
    if matches!(fill, Expr::Verbatim(_)) {
        return;
    }
    if event.creates {
        for found in code::self_uses(fill) {
            errors.span(
                span_of(&found),
                format!(
                    "there is no state before `{}` creates it; use `id`, `ctx` and the fields of the command",
                    event.ident
                ),
            );
        }
    }
    let unknown = model.broken.commands || model.commands.iter().any(|command| command.broken);
    let used = model.recorders(index).any(|command| {
        let in_conflict = model.conflict_event(command).filter(|(other, _)| other.ident == event.ident);
        let filled = |(name, given): &(&Ident, Option<Given<'_>>)| {
            **name == payload.ident && matches!(given, Some(Given::Fill(_)))
        };
        model.events_of(command).any(|other| other.ident == event.ident)
            && model.fills(command).any(|(other, _)| other.ident == payload.ident)
            || in_conflict.is_some_and(|(_, given)| given.iter().any(filled))
    });
    if !used && !unknown {
        errors.at(
            fill,
            format!(
                "nothing uses this value: every command that records `{}` gives `{}` itself; remove `= …`",
                event.ident, payload.ident
            ),
        );
    }
}

fn command_has_what_its_event_needs(model: &Model, command: &Command, errors: &mut Errors) {
    let Body::Record = command.body else { return };
    let name = &command.ident;
    let events: Vec<_> = model.events_of(command).collect();
    let [event] = events.as_slice() else {
        if !events.is_empty() {
            errors.at(
                name,
                format!("`{name}` names several events, so it must say which: add `#[decide(expr)]`"),
            );
        }
        return;
    };
    let missing: Vec<_> = event
        .payload
        .iter()
        .filter(|payload| {
            payload.fill.is_none() && command.fields.iter().all(|field| field.ident != payload.ident)
        })
        .map(|payload| format!("`{}`", payload.ident))
        .collect();
    if !missing.is_empty() {
        errors.at(
            name,
            format!(
                "`{}` needs {}, which nothing supplies: add it to the fields of `{name}`, or fill it in where the event declares it",
                event.ident,
                missing.join(" and ")
            ),
        );
    }
}

/// What a command carries goes into its event or is looked at on the way; anything else would be lost without a word.
fn command_fields_are_used(model: &Model, command: &Command, errors: &mut Errors) {
    let guards = command.requires.iter().flat_map(|require| [&require.condition, &require.error]);
    let decide = match &command.body {
        Body::Decide { expr, .. } => Some(expr),
        Body::Record => None,
    };
    let code: Vec<_> = guards.chain(decide).chain(model.fills(command).map(|(_, fill)| fill)).collect();
    let in_conflict = model.conflict_event(command).map(|(_, given)| given).unwrap_or_default();
    let told_in_conflict = |name: &Ident| {
        in_conflict.iter().any(|(_, given)| match given {
            Some(Given::Field(field)) => *field == name,
            Some(Given::Expr(code)) => code::local_use(code, name) != Use::Not,
            Some(Given::Fill(_)) | None => false,
        })
    };
    for field in &command.fields {
        let name = &field.ident;
        let recorded = || {
            model.events_of(command).flat_map(|event| &event.payload).any(|payload| payload.ident == *name)
        };
        let looked_at = code.iter().any(|code| code::local_use(code, name) != Use::Not);
        if looked_at || decide.is_none() && recorded() || told_in_conflict(name) {
            continue;
        }
        let ident = &command.ident;
        if let Some((wrong, span)) = code.iter().find_map(|code| code::misspelt(code, name)) {
            errors.span(span, format!("`{ident}` has no field `{wrong}`; did you mean `{name}`?"));
            continue;
        }
        let at = if command.braces { name } else { ident };
        let fix = if decide.is_some() { "use it in `#[decide]`" } else { "add it to the event" };
        let out = if command.braces { String::new() } else { format!(": `{ident} {{}} => …`") };
        errors.at(at, format!("nothing uses the field `{name}` of `{ident}`: {fix}, or leave it out{out}"));
    }
}

fn retired_events_are_not_recorded(model: &Model, command: &Command, errors: &mut Errors) {
    for (index, span) in &command.events {
        let Some(event) = model.events.get(*index) else { continue };
        if event.retired {
            errors.span(
                *span,
                format!(
                    "`{}` is retired, so no command records it; remove it here, or `#[retired]` there",
                    event.ident
                ),
            );
        }
    }
}

/// Guards and decisions use `self` only where there is state for certain.
fn code_sees_what_there_is(model: &Model, command: &Command, errors: &mut Errors) {
    let guards = command.requires.iter().flat_map(|require| [&require.condition, &require.error]);
    let decide = match &command.body {
        Body::Decide { expr, .. } => Some(expr),
        Body::Record => None,
    };
    let name = &command.ident;
    let message = match model.before(command) {
        _ if command.broken => return,
        Before::State => return,
        Before::Nothing => {
            format!(
                "there is no state before `{name}` creates it; use `id`, `ctx` and the fields of the command"
            )
        }
        Before::Either => {
            format!(
                "`{name}` may be the first command, so there may be no `self`; use `state`, an `Option<&Self>`"
            )
        }
    };
    for found in guards.chain(decide).flat_map(code::self_uses) {
        errors.span(span_of(&found), &message);
    }
}

fn reads_name_fields(model: &Model, command: &Command, errors: &mut Errors) {
    let Body::Decide { expr, reads: Some(reads) } = &command.body else { return };
    if model.before(command) != Before::State {
        if let (Some(first), false) = (reads.first(), command.broken) {
            errors.at(
                first,
                format!(
                    "`{}` may be the first command, so there may be no fields to read; remove `#[reads]`",
                    command.ident
                ),
            );
        }
        return;
    }
    let mut seen: Vec<&Ident> = Vec::new();
    for name in reads {
        if seen.contains(&name) {
            errors.at(name, format!("`{name}` is named twice; remove one"));
        } else if command.fields.iter().any(|field| field.ident == *name) {
            errors.at(name, format!("`{name}` is a field of the command as well; rename that one"));
        } else if model.field_index(name).is_none() && !model.broken.fields {
            let names: Vec<_> = model.fields.iter().map(|field| field.ident.to_string()).collect();
            let hint = instead(&name.to_string(), "fields", names.iter().map(String::as_str));
            errors.at(name, format!("`{}` has no field `{name}`{hint}", model.ident));
        }
        seen.push(name);
    }
    for guard in &command.requires {
        for found in [&guard.condition, &guard.error].into_iter().flat_map(code::self_uses) {
            if let SelfUse::Field(name) = &found
                && let Some(field) = model.field(&name.to_string()).map(|(_, field)| field)
                && field.role != Role::Id
                && !reads.contains(name)
            {
                errors.at(
                    name,
                    format!(
                        "`#[reads]` of `{}` leaves out `{name}`, which is read here; add it",
                        command.ident
                    ),
                );
            }
        }
    }
    for found in code::self_uses(expr) {
        errors.span(
            span_of(&found),
            "with `#[reads]` there is no `self`; use the fields that it names, by reference",
        );
    }
}

/// Whoever meets a conflict finds an aggregate that is there.
fn conflict_can_be_recorded(model: &Model, command: &Command, errors: &mut Errors) {
    let (Some(on_conflict), Some((event, given))) = (&command.on_conflict, model.conflict_event(command))
    else {
        return;
    };
    let (name, event_name) = (&command.ident, &event.ident);
    if event.creates {
        errors.span(
            on_conflict.span,
            format!("`{event_name}` creates the aggregate, and `{name}` meets a conflict only where there is one already; name another event"),
        );
        return;
    }
    if event.retired {
        errors.span(
            on_conflict.span,
            format!("`{event_name}` is retired, so no command records it; name another event, or remove `#[retired]` there"),
        );
    }
    let mut seen: Vec<&Ident> = Vec::new();
    for (field, expr) in &on_conflict.fields {
        if seen.contains(&field) {
            errors.at(field, format!("`{field}` is given twice; remove one"));
        } else if event.payload.iter().all(|payload| payload.ident != *field) && !event.broken {
            let names: Vec<_> = event.payload.iter().map(|payload| payload.ident.to_string()).collect();
            let hint = instead(&field.to_string(), "fields", names.iter().map(String::as_str));
            errors.at(field, format!("`{event_name}` has no field `{field}`{hint}"));
        } else if expr.is_none() && command.fields.iter().all(|own| own.ident != *field) && !command.broken {
            errors.at(field, format!("`{name}` has no field `{field}`; write `{field}: value`"));
        }
        seen.push(field);
    }
    let missing: Vec<_> =
        given.iter().filter(|(_, given)| given.is_none()).map(|(field, _)| format!("`{field}`")).collect();
    if !missing.is_empty() && !command.broken && !event.broken {
        errors.span(
            on_conflict.span,
            format!(
                "`{event_name}` needs {}, which nothing supplies: `#[on_conflict({event_name} {{ {}: … }})]`",
                missing.join(" and "),
                missing.first().map(|field| field.trim_matches('`')).unwrap_or_default()
            ),
        );
    }
}
