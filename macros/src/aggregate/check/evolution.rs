//! The past of an event: each of its schema versions leads to the next, up to today's.

use std::collections::BTreeSet;

use syn::LitStr;

use super::super::{
    ast::{Number, Renamed},
    member,
    model::{Event, Model, Payload},
};
use crate::{code, errors::Errors};

/// So many gaps are named; after a slip of the pen there may be millions.
const GAPS: usize = 4;

pub(super) fn check(model: &Model, event: &Event, errors: &mut Errors) {
    let before = errors.len();
    versions_are_there(event, errors);
    upcasts_are_whole(event, errors);
    for payload in &event.payload {
        field_has_one_past(event, payload, errors);
    }
    names_are_free(model, event, errors);
    members_are_distinct(event, errors);
    // What has no place above may have been meant for what is missing here.
    if errors.len() == before && !event.evolution.broken {
        chain_is_whole(event, errors);
    }
}

/// The numbers on an event and on its fields that name the version in which something was new.
fn numbers(event: &Event) -> impl Iterator<Item = Number> {
    event.evolution.renamed.iter().map(|renamed| renamed.version).chain(event.member_changes())
}

fn versions_are_there(event: &Event, errors: &mut Errors) {
    let (name, today) = (&event.ident, event.evolution.today());
    if event.evolution.broken {
        return;
    }
    for number in numbers(event) {
        if number.value == 1 {
            errors.span(
                number.span,
                "the first schema is 1, and nothing changed before it; the first version that differs is 2",
            );
        } else if number.value > today {
            errors.span(number.span, beyond(event, number.value));
        }
    }
    for Number { value: from, span } in event.evolution.upcasts.iter().map(|upcast| upcast.from) {
        if from >= today {
            let next = from.saturating_add(1);
            errors.span(
                span,
                format!("`from = {from}` leads to schema {next}, and `{name}` is at {today}: write `#[schema({next})]` on it, or the version that the payload comes from here"),
            );
        }
    }
}

fn beyond(event: &Event, version: u32) -> String {
    let (name, today) = (&event.ident, event.evolution.today());
    format!(
        "`{name}` is at schema {today}: write `#[schema({version})]` on it, or the version of the change here"
    )
}

/// A function makes the whole payload of the next version, so nothing else changes in it.
fn upcasts_are_whole(event: &Event, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for upcast in &event.evolution.upcasts {
        let Number { value: from, span } = upcast.from;
        if !seen.insert(from) {
            errors.span(
                span,
                format!("a second `#[upcast(from = {from})]`: one payload has one future; remove one"),
            );
        }
    }
    // The name of the event is not in the payload.
    for Number { value: version, span } in event.member_changes() {
        let from = version.saturating_sub(1);
        if seen.contains(&from) {
            errors.span(
                span,
                format!("`#[upcast(from = {from})]` makes all of schema {version}; say this in its function, or remove one of the two"),
            );
        }
    }
}

fn field_has_one_past(event: &Event, payload: &Payload, errors: &mut Errors) {
    let name = &payload.ident;
    let mut seen = BTreeSet::new();
    for Renamed { version, from } in &payload.renamed {
        if payload.is_flattened() {
            errors.at(
                from,
                format!("`{name}` is flattened, so no member has its name; write `#[upcast(from = …, with = path)]` on the event"),
            );
            continue;
        }
        let value = version.value;
        if !seen.insert(value) {
            errors.span(version.span, format!("`{name}` is renamed in schema {value} twice; remove one"));
        }
        match &payload.since {
            Some(since) if since.version.value >= value => errors.span(
                version.span,
                format!(
                    "`{name}` is there since schema {}, so it has no name before schema {value}; remove one of the two",
                    since.version.value
                ),
            ),
            _ => {}
        }
        if from.value() == member::at(&event.foreign, payload, value) {
            errors.at(
                from,
                format!("this is the name that it has in schema {value} as well; write the one before"),
            );
        }
    }
    if let Some(default) = payload.since.as_ref().and_then(|since| since.default.as_ref()) {
        for (span, word) in code::jumps(default) {
            errors.span(span, format!("`{word}` makes no sense in a default, which is a value"));
        }
        for found in code::self_uses(default) {
            errors.span(
                super::span_of(&found),
                "a payload of the past has no `self`; where the value follows from others, use `#[upcast(from = …, with = path)]`",
            );
        }
    }
}

/// The names that the event was stored under belong to it alone.
fn names_are_free(model: &Model, event: &Event, errors: &mut Errors) {
    let own = &event.ident;
    let mut seen: Vec<String> = Vec::new();
    for Renamed { from, .. } in &event.evolution.renamed {
        let name = from.value();
        let of_other = model.events.iter().find(|other| {
            let before =
                |other: &Event| other.evolution.renamed.iter().any(|renamed| renamed.from.value() == name);
            other.ident != *own && (other.stored == name || before(other))
        });
        if name.trim().is_empty() {
            errors.at(from, "a stored name cannot be empty");
        } else if name == event.stored {
            errors.at(
                from,
                format!("`{own}` is stored under this name today; write the one before, or remove this"),
            );
        } else if let Some(other) = of_other {
            errors.at(
                from,
                format!(
                    "the stored name `{name}` belongs to `{}` as well, so nobody could tell the two apart",
                    other.ident
                ),
            );
        } else if seen.contains(&name) {
            errors.at(from, format!("`{name}` stands here twice; remove one"));
        }
        seen.push(name);
    }
}

/// No two fields of one version have one name.
fn members_are_distinct(event: &Event, errors: &mut Errors) {
    let there = |payload: &&Payload, version: u32| {
        payload.since.as_ref().is_none_or(|since| since.version.value <= version)
    };
    let names: Vec<(&Payload, u32, &LitStr)> = event
        .payload
        .iter()
        .flat_map(|payload| payload.renamed.iter().map(move |renamed| (payload, renamed)))
        .map(|(payload, renamed)| (payload, renamed.version.value.saturating_sub(1), &renamed.from))
        .collect();
    for (payload, version, from) in names {
        let other = event.payload.iter().filter(|other| there(other, version)).find(|other| {
            other.ident != payload.ident && member::at(&event.foreign, other, version) == from.value()
        });
        let removed = event.evolution.removed.iter().any(|removed| {
            removed.version.value == version.saturating_add(1) && removed.member.value() == from.value()
        });
        if let Some(other) = other {
            let next = version.saturating_add(1);
            errors.at(
                from,
                format!(
                    "in schema {version} this is the name of `{other}`, too; if that was new in schema {next}, mark it `#[since({next}, default = …)]`",
                    other = other.ident
                ),
            );
        } else if removed {
            errors.at(from, "it is removed and renamed in one version; remove one of the two");
        }
    }
    for removed in &event.evolution.removed {
        let (version, name) = (removed.version.value, removed.member.value());
        let field = event.payload.iter().filter(|payload| there(payload, version)).find(|payload| {
            let before = payload.since.as_ref().is_none_or(|since| since.version.value < version);
            before
                && member::at(&event.foreign, payload, version) == name
                && member::at(&event.foreign, payload, version.saturating_sub(1)) == name
        });
        if let Some(field) = field {
            errors.at(
                &removed.member,
                format!("`{}` has this name, and is still there; remove one of the two", field.ident),
            );
        }
    }
}

fn chain_is_whole(event: &Event, errors: &mut Errors) {
    let Some(schema) = event.evolution.schema else { return };
    let upcasts = event.evolution.upcasts.iter().map(|upcast| upcast.from.value.saturating_add(1));
    let explained: BTreeSet<u32> = numbers(event).map(|number| number.value).chain(upcasts).collect();
    let gaps: Vec<u32> =
        (2..=schema.value).filter(|version| !explained.contains(version)).take(GAPS).collect();
    let Some(first) = gaps.first() else { return };
    let list: Vec<_> = gaps.iter().map(u32::to_string).collect();
    let more = if gaps.len() == GAPS { " and so on" } else { "" };
    let from = first.saturating_sub(1);
    errors.span(
        schema.span,
        format!(
            "nothing says what changed in schema {}{more}: mark a field `#[since({first}, default = …)]` or `#[renamed({first}, from = \"…\")]`, or the event `#[removed({first}, \"…\")]` or `#[upcast(from = {from}, with = path)]`; `#[upcast(from = {from})]` reads the payload as it is",
            list.join(", "),
        ),
    );
}
