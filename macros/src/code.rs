//! The user's expressions, read and rewritten as tokens.
//!
//! Tokens and not syntax trees, because what stands inside a macro call (`format!("{}", self.text)`) is tokens to
//! everybody but the macro, and it reads and moves like anything else.

use proc_macro2::{Delimiter, Group, Ident, Literal, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Type, spanned::Spanned};

use crate::suggest::similar;

/// One occurrence of `self`.
pub(crate) enum SelfUse {
    /// `self.field`
    Field(Ident),
    /// `self.method(…)`
    Method(Ident),
    /// `self` by itself, also inside a format string.
    Bare(Span),
}

/// Every `self` in the code, in order.
pub(crate) fn self_uses(code: &impl ToTokens) -> Vec<SelfUse> {
    let mut uses = Vec::new();
    visit(code.to_token_stream(), &mut |before, tree, after| match tree {
        TokenTree::Ident(ident) if ident == "self" && !is_member(before) && !is_path(after) => {
            uses.push(match member(after) {
                Some((name, true)) => SelfUse::Method(name.clone()),
                Some((name, false)) => SelfUse::Field(name.clone()),
                None => SelfUse::Bare(ident.span()),
            });
        }
        TokenTree::Literal(literal) if captures(literal, "self") => uses.push(SelfUse::Bare(literal.span())),
        _ => {}
    });
    uses
}

/// Whether a path goes on with these tokens: `self::name`.
fn is_path(after: &[TokenTree]) -> bool {
    matches!(after, [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' && b.as_char() == ':')
}

/// `.name` at the start of these tokens, and whether it is called.
fn member(after: &[TokenTree]) -> Option<(&Ident, bool)> {
    match after {
        [TokenTree::Punct(dot), TokenTree::Ident(name), rest @ ..] if dot.as_char() == '.' => {
            let called = match rest {
                [TokenTree::Group(group), ..] => group.delimiter() == Delimiter::Parenthesis,
                [TokenTree::Punct(a), TokenTree::Punct(b), ..] => a.as_char() == ':' && b.as_char() == ':',
                _ => false,
            };
            Some((name, called))
        }
        _ => None,
    }
}

/// How a local variable is used in the code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It does not occur.
    Not,
    /// It occurs behind `&` only, or in a format string.
    Borrowed,
    /// It may be moved.
    Moved,
}

/// How the code uses the local variable of this name.
pub(crate) fn local_use(code: &impl ToTokens, name: &Ident) -> Use {
    let mut found = Use::Not;
    let text = name.to_string();
    visit(code.to_token_stream(), &mut |before, tree, after| {
        let this = match tree {
            TokenTree::Ident(ident) if ident == name && is_local(before, after) => match before {
                [.., TokenTree::Punct(and)] if and.as_char() == '&' => Use::Borrowed,
                _ => Use::Moved,
            },
            TokenTree::Literal(literal) if captures(literal, &text) => Use::Borrowed,
            _ => return,
        };
        if found != Use::Moved {
            found = this;
        }
    });
    found
}

/// Whether the code mentions the name as a variable of its own (`ctx`, `state`).
pub(crate) fn mentions(code: &impl ToTokens, name: &str) -> Option<Span> {
    let mut found = None;
    visit(code.to_token_stream(), &mut |before, tree, after| match tree {
        TokenTree::Ident(ident) if ident == name && is_local(before, after) => {
            found = found.or(Some(ident.span()));
        }
        TokenTree::Literal(literal) if captures(literal, name) => found = found.or(Some(literal.span())),
        _ => {}
    });
    found
}

/// Whether the code mentions the name as a variable in a way other than `name.member`, and the members that it does
/// mention.
pub(crate) fn members_of(code: &impl ToTokens, name: &str) -> (bool, Vec<Ident>) {
    let (mut bare, mut members) = (false, Vec::new());
    visit(code.to_token_stream(), &mut |before, tree, after| match tree {
        TokenTree::Ident(ident) if ident == name && is_local(before, after) => match member(after) {
            Some((member, _)) => members.push(member.clone()),
            None => bare = true,
        },
        TokenTree::Literal(literal) if captures(literal, name) => bare = true,
        _ => {}
    });
    (bare, members)
}

/// A variable in the code that is not this one but is spelt much like it, and is not bound in the code itself.
pub(crate) fn misspelt(code: &impl ToTokens, name: &Ident) -> Option<(String, Span)> {
    let mut bound = Vec::new();
    let mut found = Vec::new();
    visit(code.to_token_stream(), &mut |before, tree, after| match tree {
        TokenTree::Ident(ident) if is_bound(before) => bound.push(ident.to_string()),
        TokenTree::Ident(ident) if is_local(before, after) && !is_called(after) => {
            found.push((ident.to_string(), ident.span()));
        }
        TokenTree::Literal(literal) => {
            found.extend(captured(literal).into_iter().map(|name| (name, literal.span())));
        }
        _ => {}
    });
    found.retain(|(variable, _)| variable.starts_with(char::is_lowercase) && !bound.contains(variable));
    let name = name.to_string();
    found.into_iter().find(|(variable, _)| *variable != name && similar(variable, [name.as_str()]).is_some())
}

/// The first reference in a type.
pub(crate) fn reference(ty: &Type) -> Option<Span> {
    let mut found = None;
    visit(ty.to_token_stream(), &mut |_, tree, _| match tree {
        TokenTree::Punct(and) if and.as_char() == '&' => found = found.or(Some(and.span())),
        _ => {}
    });
    found
}

/// Every identifier in the tokens.
pub(crate) fn names(code: &impl ToTokens) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    visit(code.to_token_stream(), &mut |_, tree, _| {
        if let TokenTree::Ident(ident) = tree {
            names.push(ident.to_string());
        }
    });
    names.into_iter()
}

/// What makes no sense in a fold: `return`, `?` and `.await`, with their spans. In a closure they leave the closure only.
pub(crate) fn jumps(code: &impl ToTokens) -> Vec<(Span, &'static str)> {
    let mut found = Vec::new();
    jumps_outside_closures(code.to_token_stream(), &mut found);
    found
}

fn jumps_outside_closures(code: TokenStream, found: &mut Vec<(Span, &'static str)>) {
    let trees: Vec<_> = code.into_iter().collect();
    let mut place = Closure::Outside;
    for (index, tree) in trees.iter().enumerate() {
        let (before, _) = trees.split_at(index);
        let punct = match tree {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match (&place, tree) {
            (Closure::Outside, _) if punct == '|' && begins_an_expression(before) => {
                place = Closure::Parameters
            }
            (Closure::Parameters, _) if punct == '|' => place = Closure::Body,
            (Closure::Body, _) if punct == ',' || punct == ';' => place = Closure::Outside,
            (Closure::Parameters | Closure::Body, _) => {}
            (_, TokenTree::Group(group)) => jumps_outside_closures(group.stream(), found),
            (_, TokenTree::Ident(ident)) if ident == "return" => found.push((ident.span(), "return")),
            (_, TokenTree::Ident(ident)) if ident == "await" && is_member(before) => {
                found.push((ident.span(), "await"));
            }
            _ if punct == '?' => found.push((tree.span(), "?")),
            _ => {}
        }
    }
}

/// Where tokens stand with regard to a closure beside them.
enum Closure {
    Outside,
    /// Between the bars.
    Parameters,
    /// Up to the next comma or semicolon.
    Body,
}

/// Whether an expression can begin after these tokens, so that a `|` here opens a closure.
fn begins_an_expression(before: &[TokenTree]) -> bool {
    match before.last() {
        None => true,
        // After a `|` that opened nothing, this is the second of `a || b`.
        Some(TokenTree::Punct(punct)) => punct.as_char() != '?' && punct.as_char() != '|',
        Some(TokenTree::Ident(word)) => ["move", "return", "else", "in"].iter().any(|other| word == other),
        Some(_) => false,
    }
}

/// Places in the code where a field of `self` is assigned to or borrowed for writing: `self.x = …`, `self.x += …`,
/// `&mut self.x`.
pub(crate) fn writes(code: &impl ToTokens) -> Vec<Ident> {
    let mut found = Vec::new();
    visit(code.to_token_stream(), &mut |before, tree, after| {
        let TokenTree::Ident(this) = tree else { return };
        let Some((name, false)) = member(after) else { return };
        if this != "self" || is_member(before) {
            return;
        }
        let borrowed = matches!(before, [.., TokenTree::Punct(and), TokenTree::Ident(word)]
            if and.as_char() == '&' && word == "mut");
        if borrowed || assigns(after.get(2..).unwrap_or_default()) {
            found.push(name.clone());
        }
    });
    found
}

/// Whether these tokens begin with `=`, `+=` or another operator that assigns.
fn assigns(tokens: &[TokenTree]) -> bool {
    let mut operator = String::new();
    for tree in tokens {
        let TokenTree::Punct(punct) = tree else { break };
        operator.push(punct.as_char());
        if punct.spacing() == Spacing::Alone {
            break;
        }
    }
    // What follows may be an operator that stands close by: `x =-1`.
    let plain = operator.starts_with('=') && !operator.starts_with("==") && !operator.starts_with("=>");
    let compound = ["+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<=", ">>="];
    plain || compound.iter().any(|compound| operator.starts_with(compound))
}

/// The code with every `self` replaced by a variable of this name.
pub(crate) fn rename_self(code: &impl ToTokens, to: &str) -> TokenStream {
    replace(code.to_token_stream(), &mut |ident, _, after| {
        (ident == "self" && !is_path(after)).then(|| (local(to, ident.span()).into_token_stream(), 0))
    })
}

/// The code with every `self.field` for which there is a replacement replaced by it.
pub(crate) fn replace_fields(
    code: &impl ToTokens,
    replacement: impl Fn(&Ident) -> Option<TokenStream>,
) -> TokenStream {
    replace(code.to_token_stream(), &mut |ident, before, after| {
        if ident != "self" || is_member(before) {
            return None;
        }
        let (name, _) = member(after)?;
        Some((replacement(name)?, 2))
    })
}

/// A type in an invisible group, so that it cannot run into what follows: `A + ` and then `as Trait`.
pub(crate) fn grouped(ty: &Type) -> TokenStream {
    let mut group = Group::new(Delimiter::None, ty.to_token_stream());
    group.set_span(ty.span());
    TokenTree::Group(group).into()
}

/// A variable of ours, which no name of the user's can meet, pointing at a token of theirs.
pub(crate) fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// Calls `f` for each token with what stands before and after it in its group, the insides of groups included.
fn visit(code: TokenStream, f: &mut impl FnMut(&[TokenTree], &TokenTree, &[TokenTree])) {
    let trees: Vec<_> = code.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        let (before, rest) = trees.split_at(index);
        f(before, tree, rest.get(1..).unwrap_or_default());
        if let TokenTree::Group(group) = tree {
            visit(group.stream(), f);
        }
    }
}

/// Replaces identifiers for which `f` gives something, and skips as many tokens after them as it says.
fn replace(
    code: TokenStream,
    f: &mut impl FnMut(&Ident, &[TokenTree], &[TokenTree]) -> Option<(TokenStream, usize)>,
) -> TokenStream {
    let trees: Vec<_> = code.into_iter().collect();
    let mut out = TokenStream::new();
    let mut skip = 0;
    for (index, tree) in trees.iter().enumerate() {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        match tree {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), f));
                inner.set_span(group.span());
                inner.to_tokens(&mut out);
            }
            TokenTree::Ident(ident) => {
                let (before, rest) = trees.split_at(index);
                match f(ident, before, rest.get(1..).unwrap_or_default()) {
                    Some((replacement, length)) => {
                        out.extend(replacement);
                        skip = length;
                    }
                    None => ident.to_tokens(&mut out),
                }
            }
            other => other.to_tokens(&mut out),
        }
    }
    out
}

/// Whether what follows these tokens is the name of a member: one dot stands before it, not the two of a range.
fn is_member(before: &[TokenTree]) -> bool {
    let dot = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '.');
    match before {
        [.., a, b] => dot(b) && !dot(a),
        [b] => dot(b),
        [] => false,
    }
}

/// Whether a name between these tokens can be a local variable: neither a member, nor part of a path, nor the name of
/// a field in a struct expression.
fn is_local(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let colon = |tree: Option<&TokenTree>| matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let named =
        colon(after.first()) && !matches!(before.last(), Some(TokenTree::Punct(p)) if p.as_char() == '|');
    !is_member(before) && !named && !colon(before.last().filter(|_| colon(before.iter().rev().nth(1))))
}

/// Whether a name after these tokens is one that the code binds: `let name`, `mut name`, `|name|`.
fn is_bound(before: &[TokenTree]) -> bool {
    match before.last() {
        Some(TokenTree::Ident(word)) => ["let", "mut", "ref", "for"].iter().any(|binds| word == binds),
        Some(TokenTree::Punct(bar)) => bar.as_char() == '|',
        _ => false,
    }
}

/// Whether a name before these tokens is that of a function, a macro or a path.
fn is_called(after: &[TokenTree]) -> bool {
    match after {
        [TokenTree::Group(group), ..] => group.delimiter() == Delimiter::Parenthesis,
        [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' => b.as_char() == ':',
        [TokenTree::Punct(bang), TokenTree::Group(_), ..] => bang.as_char() == '!',
        _ => false,
    }
}

/// The names that a format string captures.
fn captured(literal: &Literal) -> Vec<String> {
    let text = literal.to_string();
    let names = text.split('{').skip(1).map(|rest| {
        rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>()
    });
    names.filter(|name| !name.is_empty() && captures(literal, name)).collect()
}

/// Whether a format string captures the name: `"{name}"`, `"{name:?}"`, `"{:name$}"`.
fn captures(literal: &Literal, name: &str) -> bool {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let text = literal.to_string();
    text.contains('"')
        && text.match_indices(name).any(|(start, _)| {
            let before = text.get(..start).unwrap_or_default();
            let after = text.get(start + name.len()..).unwrap_or_default();
            // An even number of braces are braces to be printed.
            let braces = before.len() - before.trim_end_matches('{').len();
            let captured = braces % 2 == 1 && after.trim_start().starts_with(['}', ':']);
            let measure =
                after.starts_with('$') && before.ends_with([':', '.', '<', '^', '>', '+', '#', '0']);
            captured || measure
        })
}
