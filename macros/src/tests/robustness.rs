//! Whatever is written, the derive neither panics nor writes code that cannot be read.
//!
//! Code that cannot be read would be worse than it sounds: the compiler would complain of that alone, and the user
//! would see none of the messages in it. `FACTUM_MUTATIONS=100000` tries harder than usual, `FACTUM_SEED` otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use syn::DeriveInput;

use super::{EVERYTHING, EVOLVING, INCIDENT, INCOMPLETE, OPEN_INCIDENT, UNFINISHED, WORKLOAD, messages};

#[derive(Debug, Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    /// No item at all: the compiler does not get as far as the derive.
    unreadable: usize,
}

#[test]
fn no_aggregate_is_too_wrong() {
    let samples = [INCIDENT.tokens(), EVERYTHING.tokens(), EVOLVING.tokens(), INCOMPLETE.tokens()];
    let seen = mutate(&samples, 2000, crate::aggregate::derive);
    assert!(seen.accepted >= 100, "{seen:?}");
    assert!(seen.refused >= 500, "{seen:?}");
}

#[test]
fn no_id_is_too_wrong() {
    let samples = [
        "#[id(crate = ::events)] pub struct Number(Uuid);",
        "struct Number(u64);",
        "struct Name<T> { first: String, second: T }",
        "enum Kind { One(String), Two }",
    ]
    .map(|text| text.parse().unwrap());
    let seen = mutate(&samples, 8000, crate::id::derive);
    assert!(seen.accepted >= 100, "{seen:?}");
    assert!(seen.refused >= 100, "{seen:?}");
}

#[test]
fn no_view_is_too_wrong() {
    let view = |told: TokenStream| move |input| crate::view::derive_with(input, told.clone());
    let seen = mutate(&[OPEN_INCIDENT.tokens()], 2000, view(INCIDENT.told()));
    assert!(seen.accepted >= 20, "{seen:?}");
    assert!(seen.refused >= 300, "{seen:?}");

    let told = [INCIDENT.told(), EVOLVING.told()].into_iter().collect();
    let seen = mutate(&[WORKLOAD.tokens(), UNFINISHED.tokens()], 3000, view(told));
    assert!(seen.accepted >= 20, "{seen:?}");
    assert!(seen.refused >= 500, "{seen:?}");
}

fn mutate(samples: &[TokenStream], times: usize, derive: impl Fn(DeriveInput) -> TokenStream) -> Seen {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let times = number("FACTUM_MUTATIONS").unwrap_or(times);
    let mut rng = Rng::with_seed(number("FACTUM_SEED").unwrap_or(1) as u64);
    let mut seen = Seen::default();
    for _ in 0..times {
        let Some(sample) = rng.choice(samples) else { break };
        let mut code = sample.clone();
        for _ in 0..rng.usize(1..4) {
            code = mutated(code, &mut rng);
        }
        let text = code.to_string();
        let Some(input) = item(code) else {
            seen.unreadable += 1;
            continue;
        };
        let Ok(written) = catch_unwind(AssertUnwindSafe(|| derive(input))) else {
            panic!("the derive panicked on\n{text}");
        };
        match syn::parse2::<syn::File>(written.clone()) {
            Ok(file) if messages(&file).is_empty() => seen.accepted += 1,
            Ok(_) => seen.refused += 1,
            Err(error) => {
                panic!("the derive wrote what cannot be read ({error}) for\n{text}\n\nnamely\n{written}")
            }
        }
    }
    seen
}

/// The item, if the compiler would take it for one. Other than syn, it takes no `_` for the name of a parameter.
fn item(code: TokenStream) -> Option<DeriveInput> {
    let input: DeriveInput = syn::parse2(code).ok()?;
    input.generics.type_params().all(|parameter| parameter.ident != "_").then_some(input)
}

/// The code with one token left out, doubled, swapped with the next, or replaced, at any depth.
fn mutated(code: TokenStream, rng: &mut Rng) -> TokenStream {
    let mut trees: Vec<_> = code.into_iter().collect();
    if trees.is_empty() {
        return TokenStream::from(random(rng));
    }
    let groups: Vec<_> =
        (0..trees.len()).filter(|index| matches!(trees[*index], TokenTree::Group(_))).collect();
    // Mostly inside, because that is where most of the code is.
    if let (Some(index), true) = (rng.choice(groups), rng.u8(..) < 230) {
        if let TokenTree::Group(group) = &trees[index] {
            trees[index] = Group::new(group.delimiter(), mutated(group.stream(), rng)).into();
        }
        return trees.into_iter().collect();
    }
    let index = rng.usize(..trees.len());
    match rng.u8(..5) {
        0 => drop(trees.remove(index)),
        1 => trees.insert(index, trees[index].clone()),
        2 if index + 1 < trees.len() => trees.swap(index, index + 1),
        3 => trees[index] = random(rng),
        _ => trees.insert(index, random(rng)),
    }
    trees.into_iter().collect()
}

fn random(rng: &mut Rng) -> TokenTree {
    const WORDS: &[&str] = &[
        "self", "Self", "crate", "_", "fn", "type", "state", "ctx", "id", "recorded", "text", "Closed",
        "Reported", "creates", "ends", "name", "audit", "require", "decide", "reads", "on", "error",
        "String", "r#type", "return", "await", "mut", "x", "snapshot", "serde", "skip", "cfg", "pub", "dyn",
        "impl",
    ];
    match rng.u8(..10) {
        0..4 => {
            let word = rng.choice(WORDS).copied().unwrap_or("x");
            match word.strip_prefix("r#") {
                Some(raw) => Ident::new_raw(raw, Span::call_site()).into(),
                None => Ident::new(word, Span::call_site()).into(),
            }
        }
        4..7 => {
            let sign = rng.choice(b"=,:;#!?&|+<>.-@$*/%^").map_or('=', |sign| char::from(*sign));
            Punct::new(sign, if rng.bool() { Spacing::Joint } else { Spacing::Alone }).into()
        }
        7 => {
            Literal::string(rng.choice(["", "text", "{self}", "{text:?}", "{{x}}", "{"]).unwrap_or("")).into()
        }
        8 => Literal::u32_unsuffixed(rng.u32(..3)).into(),
        _ => {
            let delimiter = [Delimiter::Brace, Delimiter::Bracket, Delimiter::Parenthesis, Delimiter::None];
            let inside = if rng.bool() { TokenStream::new() } else { TokenStream::from(random(rng)) };
            Group::new(rng.choice(delimiter).unwrap_or(Delimiter::None), inside).into()
        }
    }
}
