//! The code of an `#[on(…)]`.
//!
//! In one event, the right sides of all assignments are computed first, from the state before; then statements run,
//! one that reads a field before the one that writes it; then the assignments take place.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Ident, ext::IdentExt, spanned::Spanned};

use super::{Change, How, Slot};
use crate::code::{self, Use};

/// What is changed.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// `self`
    This,
    /// A variable of ours of this name, which is a mutable reference.
    Variable(&'static str),
}

impl Target {
    fn at(self, span: Span) -> TokenStream {
        match self {
            Self::This => quote!(self),
            Self::Variable(name) => code::local(name, span).into_token_stream(),
        }
    }

    /// The user's code, where `self` is meant.
    fn in_place_of_self(self, code: TokenStream) -> TokenStream {
        match self {
            Self::This => code,
            Self::Variable(name) => code::rename_self(&code, name),
        }
    }
}

/// The code of these changes to what is there already.
pub(crate) fn apply(
    slots: &[Slot<'_>],
    target: Target,
    moves: &mut Moves<'_>,
    changes: &[&Change],
) -> TokenStream {
    let reads = |change: &&Change| match &change.how {
        How::Assign(body) | How::Compound(_, body) => !code::self_uses(body).is_empty(),
        How::Bare(_) | How::Statement(_) => false,
    };
    let code = apply_rest(slots, target, moves, changes, TokenStream::new());
    let before = changes.iter().any(reads).then(|| {
        let (before, target) = (code::local(BEFORE, Span::call_site()), target.at(Span::call_site()));
        quote!(let #before: &Self = #target;)
    });
    quote!(#before #code)
}

/// The code of these changes, and after it what takes place at the end.
fn apply_rest(
    slots: &[Slot<'_>],
    target: Target,
    moves: &mut Moves<'_>,
    changes: &[&Change],
    mut takes_place: TokenStream,
) -> TokenStream {
    let [change, rest @ ..] = changes else { return takes_place };
    let Some(&field) = slots.get(change.field) else { return takes_place };
    let (value, name, ty, this) = (value(field), field.ident, field.ty, target.at(Span::call_site()));
    let (keep, kept) = moves.around(change);
    match &change.how {
        How::Bare(payload) => {
            takes_place.extend(quote!(#this.#name = #value;));
            let rest = apply_rest(slots, target, moves, rest, takes_place);
            quote!(#keep let #value: #ty = #payload; #kept #rest)
        }
        How::Assign(body) => {
            takes_place.extend(quote!(#this.#name = #value;));
            let (body, rest) = (before(body), apply_rest(slots, target, moves, rest, takes_place));
            quote!(#keep let #value: #ty = #body; #kept #rest)
        }
        How::Compound(operator, body @ Expr::Lit(_)) => {
            takes_place.extend(quote_spanned!(body.span()=> #this.#name #operator #body;));
            apply_rest(slots, target, moves, rest, takes_place)
        }
        // A match and not a `let`, so that what the operand borrows lives until it is used: `Noted += note.trim()`.
        How::Compound(operator, body) => {
            takes_place.extend(quote_spanned!(body.span()=> #this.#name #operator #value;));
            let (body, rest) = (before(body), apply_rest(slots, target, moves, rest, takes_place));
            quote!(#keep match (#body) { #value => { #kept #rest } })
        }
        How::Statement(body) => {
            let (others, body) = others_by_reference(slots, target, field, body);
            let rest = apply_rest(slots, target, moves, rest, takes_place);
            quote!(#keep { #others #body; } #kept #rest)
        }
    }
}

/// The name under which the state before the event appears in a compiler's message about a right side.
const BEFORE: &str = "before";

/// A right side, reading the state before through a shared reference, so that it cannot write.
fn before(body: &Expr) -> TokenStream {
    code::rename_self(body, BEFORE)
}

/// A statement with `self.other` read through a shared reference, and those references.
fn others_by_reference(
    slots: &[Slot<'_>],
    target: Target,
    own: Slot<'_>,
    body: &Expr,
) -> (TokenStream, TokenStream) {
    let mut others: Vec<&Ident> = Vec::new();
    let is_other = |name: &Ident| slots.iter().map(|slot| slot.ident).find(|other| *other == name);
    for found in code::self_uses(body) {
        if let code::SelfUse::Field(name) = found
            && let Some(other) = is_other(&name)
            && name != *own.ident
            && !others.contains(&other)
        {
            others.push(other);
        }
    }
    let reference = |name: &Ident, span: Span| local_at(&format!("{}", name.unraw()), span);
    let lets = others.iter().map(|name| {
        let (reference, this) = (reference(name, Span::call_site()), target.at(Span::call_site()));
        quote!(let #reference = &#this.#name;)
    });
    let lets: TokenStream = lets.collect();
    let body = code::replace_fields(body, |name| {
        let other = others.iter().find(|other| **other == name)?;
        let reference = reference(other, name.span());
        Some(quote_spanned!(name.span()=> (*#reference)))
    });
    (lets, target.in_place_of_self(body))
}

/// Decides who may take a field of the payload and who leaves a clone behind: the last user takes it.
pub(crate) struct Moves<'a> {
    payload: Vec<&'a Ident>,
    /// The changes that are still to come, in the order in which their code runs.
    ahead: Vec<&'a Change>,
}

impl<'a> Moves<'a> {
    /// Of these fields of the payload, used by these changes, which are in their order.
    pub(crate) fn new(payload: Vec<&'a Ident>, ahead: Vec<&'a Change>) -> Self {
        Self { payload, ahead }
    }

    /// What stands before and after the code of the next change, so that what later changes need outlives it.
    ///
    /// It is a clone that is put by, not the field itself: what the code borrows has to stay where it is, because a
    /// compound assignment holds the borrow until it takes place.
    pub(crate) fn around(&mut self, change: &Change) -> (TokenStream, TokenStream) {
        self.ahead.retain(|other| other.field != change.field);
        let (mut keep, mut kept) = (TokenStream::new(), TokenStream::new());
        for name in &self.payload {
            let mut ahead = self.ahead.iter().map(|change| change.how.uses(name));
            let needed = match change.how.uses(name) {
                Use::Moved => ahead.any(|used| used != Use::Not),
                Use::Borrowed if matches!(change.how, How::Compound(..)) => {
                    ahead.any(|used| used == Use::Moved)
                }
                Use::Borrowed | Use::Not => false,
            };
            if needed {
                let later = local_at(&format!("__later_{}", name.unraw()), name.span());
                keep.extend(quote_spanned!(name.span()=> let #later = ::core::clone::Clone::clone(&#name);));
                kept.extend(quote!(let #name = #later;));
            }
        }
        (keep, kept)
    }
}

/// The variable that holds the new value of a field.
pub(crate) fn value(field: Slot<'_>) -> Ident {
    local_at(&format!("__{}", field.ident.unraw()), field.ident.span())
}

fn local_at(name: &str, span: Span) -> Ident {
    format_ident!("{}", code::local(name, span))
}
