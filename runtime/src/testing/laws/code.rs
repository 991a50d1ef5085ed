//! A history as code, as near to Rust as `Debug` comes.

use std::{
    any::type_name,
    fmt::{Debug, Write as _},
    iter::Peekable,
    str::Chars,
};

use chrono::SecondsFormat;

use super::history::{START, Step};
use crate::Aggregate;

/// A test in the words of the domain.
pub(super) fn test<A>(
    id: Option<&A::Id>,
    given: &[A::Event],
    step: &Step<A::Command>,
    then: &[A::Event],
) -> String
where
    A: Aggregate,
    A::Event: Debug,
    A::Command: Debug,
{
    let mut code = match id {
        Some(id) => {
            format!("{}::given_as({:?}.parse().unwrap(), {})\n", A::MODEL.name, id.to_string(), list(given))
        }
        None => format!("{}::given({})\n", A::MODEL.name, list(given)),
    };
    // Writing into a string cannot fail.
    if step.now != START {
        let now = step.now.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let _ = writeln!(code, ".at({now:?}.parse().unwrap())");
    }
    if let Some(actor) = step.actor {
        let _ = writeln!(code, ".by({actor:?})");
    }
    if step.late {
        let _ = writeln!(code, "// It meets a conflict, and its `#[on_conflict]` is recorded.");
    }
    let _ = writeln!(code, ".when({})", variant(&step.command));
    let _ = write!(code, ".then({});", list(then));
    code
}

fn list<E: Debug>(events: &[E]) -> String {
    match events {
        [] => "[]".to_owned(),
        [event] => format!("[{}]", variant(event)),
        events => {
            let lines: String = events.iter().map(|event| format!("    {},\n", variant(event))).collect();
            format!("[\n{lines}]")
        }
    }
}

/// A variant of an enum, with the enum's name.
fn variant<E: Debug>(value: &E) -> String {
    let name = type_name::<E>();
    let name = name.rsplit("::").next().unwrap_or(name);
    format!("{name}::{}", rust(&format!("{value:?}")))
}

/// What `Debug` prints, with what it leaves out: lists are `vec!`, text becomes what it is for, and what looks like an id
/// or a time is parsed.
fn rust(debug: &str) -> String {
    let mut code = String::new();
    let mut rest = debug.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '"' => {
                code.push('"');
                text(&mut rest, &mut code);
                code.push_str(".into()");
            }
            '[' => code.push_str("vec!["),
            letter if letter.is_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || "_-.+:".contains(*next))
                {
                    word.push(next);
                }
                match word.strip_suffix(':') {
                    Some(field) if !field.contains(':') => code.push_str(&word),
                    _ if is_plain(&word) => code.push_str(&word),
                    _ => {
                        let _ = write!(code, "{word:?}.parse().unwrap()");
                    }
                }
            }
            other => code.push(other),
        }
    }
    code
}

/// The rest of a text, up to the quote that ends it.
fn text(rest: &mut Peekable<Chars<'_>>, code: &mut String) {
    while let Some(letter) = rest.next() {
        code.push(letter);
        match letter {
            '"' => return,
            '\\' => code.extend(rest.next()),
            _ => {}
        }
    }
}

/// A name or a number, and not an id or a time.
fn is_plain(word: &str) -> bool {
    word.parse::<f64>().is_ok() || word.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_becomes_code() {
        let cases = [
            (
                "Closed { why: \"a \\\"b\\\" [1]\", n: -1.5e-7 }",
                "Closed { why: \"a \\\"b\\\" [1]\".into(), n: -1.5e-7 }",
            ),
            (
                "Made { of: [UserNumber(1), UserNumber(2)] }",
                "Made { of: vec![UserNumber(1), UserNumber(2)] }",
            ),
            (
                "Set { id: Id(01900000-0000-7000-8000-000000000001), at: Some(2000-01-01T00:00:00Z), r#to: None }",
                "Set { id: Id(\"01900000-0000-7000-8000-000000000001\".parse().unwrap()), \
                 at: Some(\"2000-01-01T00:00:00Z\".parse().unwrap()), r#to: None }",
            ),
            ("Removed", "Removed"),
        ];
        for (debug, code) in cases {
            assert_eq!(rust(debug), code);
        }
    }
}
