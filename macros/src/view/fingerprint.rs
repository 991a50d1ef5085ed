//! What the rows of a view depend on, as a number.

use quote::ToTokens;

use super::model::Model;
use crate::{
    fingerprint::Fingerprint,
    fold::{Change, How},
};

/// Changes when the generated code makes something else of the same declaration.
const VIEW: &str = "1";

/// A hash of the columns and of the rules: the table, the fields with their types, what each event does, and what the events that
/// do something carry. It is made of tokens, which cannot see into functions and nested types; for those there is `epoch`.
pub(super) fn of(model: &Model) -> u128 {
    let mut hash = Fingerprint::new();
    hash.text(b'v', VIEW);
    hash.text(b't', &model.table);
    hash.text(b'h', if model.by_hand.is_some() { "by hand" } else { "" });
    for path in model.of.iter().filter(|_| model.by_hand.is_some()) {
        hash.tokens(path.to_token_stream());
        hash.text(b',', "");
    }
    for field in &model.fields {
        hash.text(b'c', &field.column);
        hash.tokens(field.ident.to_token_stream());
        hash.tokens(field.ty.to_token_stream());
        hash.text(b'k', if field.key.is_some() { "key" } else { "" });
        hash.text(b'x', if field.index.is_some() { "index" } else { "" });
    }
    for event in &model.events {
        if let Some(source) = model.sources.get(event.source) {
            hash.text(b'a', &source.category.value());
            hash.tokens(source.id.to_token_stream());
        }
        hash.text(b'n', &event.ident.to_string());
        for field in model.told(event).map(|told| told.payload.as_slice()).unwrap_or_default() {
            hash.tokens(field.ident.to_token_stream());
            hash.tokens(field.ty.to_token_stream());
        }
        hash.text(b'd', if event.creates.is_some() { "create" } else { "" });
        hash.text(b'd', if event.removes.is_some() { "remove" } else { "" });
        event.keys.iter().chain(&event.changes).for_each(|change| changes(&mut hash, change));
    }
    hash.in_epoch(model.epoch).get()
}

fn changes(hash: &mut Fingerprint, change: &Change) {
    hash.text(b'f', &change.field.to_string());
    match &change.how {
        How::Bare(name) => hash.text(b'=', &name.to_string()),
        How::Assign(_) => hash.text(b'o', "="),
        How::Compound(operator, _) => hash.tokens(operator.to_token_stream()),
        How::Statement(_) => hash.text(b'o', "=>"),
    }
    if let Some(body) = change.how.body() {
        hash.tokens(body.to_token_stream());
    }
}
