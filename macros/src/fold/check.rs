//! What the code of an `#[on(…)]` may do.

use proc_macro2::Span;
use syn::{Expr, Ident};

use super::{Change, How, Slot, statements};
use crate::{
    code::{self, SelfUse},
    errors::Errors,
};

/// A fold is an expression over the state before and the payload: it changes one field and goes nowhere else.
/// `from_nothing`: there is no state before this event.
pub(crate) fn stays_inside(
    slots: &[Slot<'_>],
    event: &Ident,
    from_nothing: bool,
    change: &Change,
    errors: &mut Errors,
) {
    let (Some(body), Some(field)) = (change.how.body(), slots.get(change.field)) else { return };
    does_not_jump(body, errors);
    let own = field.ident;
    let statement = matches!(change.how, How::Statement(_));
    let starts_from_default = !matches!(change.how, How::Assign(_));
    for found in code::self_uses(body) {
        match &found {
            SelfUse::Field(name) if name == own && starts_from_default => {}
            _ if from_nothing => errors.span(
                span_of(&found),
                format!("there is no state before `{event}` creates it, so nothing can be read here"),
            ),
            SelfUse::Method(name) if statement => errors.at(
                name,
                "a statement calls no methods of `self`, because they could change other fields; read the fields themselves",
            ),
            SelfUse::Bare(span) if statement => {
                errors.span(*span, "a statement uses `self` only to name a field, such as `self.items`");
            }
            _ => {}
        }
    }
    for name in code::writes(body) {
        if name != *own && slots.iter().any(|slot| *slot.ident == name) {
            errors.at(
                &name,
                format!("this rule changes `{own}` only; put what happens to `{name}` on that field"),
            );
        } else if !statement {
            errors.at(
                &name,
                format!("this is a value and changes nothing; a statement is written `{event} => …`"),
            );
        }
    }
}

/// Code that is part of a fold ends where it stands.
pub(crate) fn does_not_jump(body: &Expr, errors: &mut Errors) {
    for (span, word) in code::jumps(body) {
        errors.span(
            span,
            format!("`{word}` makes no sense in a fold: what happened cannot fail and does not wait"),
        );
    }
}

/// Statements that read each other's fields cannot all see what was before.
pub(crate) fn order_exists(slots: &[Slot<'_>], event: &Ident, changes: &[Change], errors: &mut Errors) {
    let Err(cycle) = statements(slots, changes) else { return };
    let names: Vec<_> = cycle.iter().filter_map(|index| slots.get(*index)).map(|slot| slot.ident).collect();
    let Some(first) = names.first() else { return };
    let list: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    errors.at(
        first,
        format!(
            "the statements of {} on `{event}` read each other's fields, so neither can go first; write one of them as an assignment, `{event} = …`",
            list.join(" and "),
        ),
    );
}

/// Where a `self` stands, or what is behind its dot.
pub(crate) fn span_of(found: &SelfUse) -> Span {
    match found {
        SelfUse::Field(name) | SelfUse::Method(name) => name.span(),
        SelfUse::Bare(span) => *span,
    }
}
