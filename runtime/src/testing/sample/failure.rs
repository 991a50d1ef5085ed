//! What a type says when it does not take a value, and what can be learnt from it.

use std::fmt::{self, Display};

use serde::de;

/// A refusal on the way through a type.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    pub(super) hint: Option<Hint>,
}

/// What a refusal tells about values that would be taken. Types that look at a whole map first (`flatten`, `tag`) do
/// not say in advance which keys they want.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hint {
    /// The map that was given last lacks this key.
    Missing(&'static str),
    /// The key that was given last is one too many.
    Surplus,
    /// The text that was given last has to be one of these.
    Words(&'static [&'static str]),
}

impl Failure {
    fn hinting(message: String, hint: Hint) -> Self {
        Self { message, hint: Some(hint) }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Self { message: message.to_string(), hint: None }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::hinting(format!("missing field `{field}`"), Hint::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::hinting(format!("duplicate field `{field}`"), Hint::Surplus)
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::hinting(format!("unknown field `{field}`"), Hint::Surplus)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("unknown variant `{variant}`, there are `{}`", expected.join("`, `"));
        Self::hinting(message, Hint::Words(expected))
    }
}
