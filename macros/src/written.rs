//! A type as people write it, and always in the same way: however the source was laid out, and whatever rustfmt or the
//! compiler made of its spaces.
//!
//! `factum.lock/` keeps types as this text. Another text for the same tokens would be a change of what was published.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

/// Words after which a type or a bound begins, so that what follows is no argument of theirs.
const LEADING: &[&str] = &["dyn", "impl", "mut", "const", "as"];

pub(crate) fn type_text(ty: &Type) -> String {
    let mut pieces = Vec::new();
    collect(ty.to_token_stream(), &mut pieces);
    let mut text = String::new();
    let mut previous = "";
    for piece in &pieces {
        if space_between(previous, piece) {
            text.push(' ');
        }
        text.push_str(piece);
        previous = piece;
    }
    text
}

/// The tokens one by one, signs of several characters whole, without commas behind which nothing comes.
fn collect(tokens: TokenStream, pieces: &mut Vec<String>) {
    let mut sign = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    // What a macro of the user's put in the place of a variable.
                    Delimiter::None => {
                        collect(group.stream(), pieces);
                        continue;
                    }
                };
                let arguments = pieces.last().is_some_and(|last| is_word(last));
                pieces.push(open.to_owned());
                let start = pieces.len();
                collect(group.stream(), pieces);
                let is_single = pieces.iter().skip(start).filter(|piece| *piece == ",").count() == 1;
                // `(A,)` is another type than `(A)`.
                if pieces.last().is_some_and(|last| last == ",") && (arguments || !is_single) {
                    pieces.pop();
                }
                pieces.push(close.to_owned());
            }
            TokenTree::Punct(punct) => {
                sign.push(punct.as_char());
                let goes_on = matches!(
                    (sign.as_str(), punct.spacing()),
                    (":" | "-" | "=" | "'", proc_macro2::Spacing::Joint)
                );
                if goes_on {
                    continue;
                }
                if sign == ">" && pieces.last().is_some_and(|last| last == ",") {
                    pieces.pop();
                }
                pieces.push(std::mem::take(&mut sign));
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                // A lifetime is a quote and a name.
                pieces.push(std::mem::take(&mut sign) + &token.to_string());
            }
        }
    }
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(|first: char| first.is_alphanumeric() || matches!(first, '_' | '\'' | '"'))
}

fn space_between(previous: &str, next: &str) -> bool {
    let spaced = |piece: &str| matches!(piece, "->" | "+" | "=" | "=>");
    match (previous, next) {
        ("", _) | (_, "," | ";" | ":") => false,
        (previous, next) if spaced(previous) || spaced(next) => true,
        ("," | ";" | ":", _) => !matches!(next, ")" | "]" | "}"),
        // A path that goes on.
        (previous, "::") if !LEADING.contains(&previous) => false,
        (previous, next) if is_word(previous) => {
            is_word(next)
                || matches!(next, "&" | "*")
                || (LEADING.contains(&previous) && matches!(next, "(" | "[" | "<" | "::"))
        }
        (">", next) => is_word(next),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> String {
        type_text(&syn::parse_str(source).unwrap())
    }

    #[test]
    fn types_are_written_as_people_write_them() {
        for ty in [
            "String",
            "Option<UserNumber>",
            "HashMap<String, Vec<(u8, [u8; 4])>>",
            "Box<dyn Fn(&str, u8) -> Option<u8> + Send>",
            "<Self as Aggregate>::Id",
            "::std::collections::BTreeMap<u8, ()>",
            "for<'a> fn(&'a mut str) -> &'a str",
            "HashMap<u8, ::std::string::String>",
            "Box<dyn ::core::any::Any>",
            "*const u8",
            "Iterator<Item = u8>",
            "(u8,)",
            "(Vec<u8>,)",
            "r#type::Kind<3>",
            "!",
            "money!(EUR, 2)",
        ] {
            assert_eq!(text(ty), ty);
        }
    }

    #[test]
    fn the_layout_of_the_source_does_not_matter() {
        assert_eq!(text("Option < \n UserNumber > "), "Option<UserNumber>");
        assert_eq!(text("HashMap<\n    String,\n    Vec<u8>,\n>"), "HashMap<String, Vec<u8>>");
        assert_eq!(text("(\n    u8,\n    (u8 , u16,),\n)"), "(u8, (u8, u16))");
        assert_eq!(text("fn(\n    u8,\n)->u8"), "fn(u8) -> u8");
        assert_eq!(text("Vec<Vec<u8> >"), "Vec<Vec<u8>>");
    }
}
