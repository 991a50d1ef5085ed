//! `#[on(…)]`: how events change the fields of a struct. Aggregates and views share it.

mod check;
mod order;
mod rule;
mod write;

use syn::{BinOp, Expr, Ident, Type};

pub(crate) use check::{does_not_jump, order_exists, span_of, stays_inside};
pub(crate) use order::{in_order, statements};
pub(crate) use rule::{change, ends, events};
pub(crate) use write::{Moves, Target, apply, value};

use crate::code;

/// A field of the struct.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
}

/// What an event does to one field.
pub(crate) struct Change {
    /// The index of the field among the fields of the struct.
    pub(crate) field: usize,
    pub(crate) how: How,
}

#[derive(Clone)]
pub(crate) enum How {
    /// The field takes the payload field of its name.
    Bare(Ident),
    /// `Event = expr`
    Assign(Expr),
    /// `Event += expr`
    Compound(BinOp, Expr),
    /// `Event => statement`
    Statement(Expr),
}

impl How {
    /// The user's code, if there is any.
    pub(crate) fn body(&self) -> Option<&Expr> {
        match self {
            Self::Bare(_) => None,
            Self::Assign(body) | Self::Compound(_, body) | Self::Statement(body) => Some(body),
        }
    }

    /// How it uses a payload field.
    pub(crate) fn uses(&self, payload: &Ident) -> code::Use {
        match self {
            Self::Bare(name) if name == payload => code::Use::Moved,
            Self::Bare(_) => code::Use::Not,
            Self::Assign(body) | Self::Compound(_, body) | Self::Statement(body) => {
                code::local_use(body, payload)
            }
        }
    }
}
