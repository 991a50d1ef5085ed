//! Made-up values: an example of any type that serde can read.
//!
//! The type is asked through its own `Deserialize` what it is made of, and is given numbers, text, lists and so on, a
//! little of each. Types that read text of a certain form (ids, times, addresses, what checks itself) refuse most
//! text; then another is tried at that place until one is taken. The same seed gives the same value.
//!
//! What a type does not ask for it does not get: in a struct with a `flatten`, and in a variant of an enum with a `tag`,
//! fields that may be left out always are.

mod choices;
mod failure;
mod parts;
mod source;
mod text;

use std::{any::type_name, collections::BTreeSet};

use serde::de::DeserializeOwned;

pub(crate) use self::choices::Memory;
use self::{choices::Choices, source::Source};

/// The seed of a value that reads well: text says what it is for, numbers count up, nothing is empty.
pub const TAME: u64 = 0;

/// How often another value is looked for from the start, with other choices everywhere.
const ROUNDS: u64 = 6;

/// How many values are tried in a round, each differing from the one before in one choice.
const ATTEMPTS: usize = 400;

/// Makes up a value of this type. The same seed gives the same value; [`TAME`] gives one that reads well.
///
/// ```
/// use factum::testing::sample::{TAME, sample};
///
/// #[derive(Debug, PartialEq, serde::Deserialize)]
/// struct Booking {
///     guest: String,
///     nights: u8,
///     room: std::num::NonZeroU16,
/// }
///
/// let booking: Booking = sample(TAME)?;
/// assert_eq!(booking.guest, "guest");
/// assert_eq!(sample::<Booking>(7)?, sample(7)?);
/// # Ok::<(), factum::testing::sample::SampleError>(())
/// ```
///
/// # Errors
/// The type refuses everything that was tried: it has a rule that made-up values do not meet.
pub fn sample<T: DeserializeOwned>(seed: u64) -> Result<T, SampleError> {
    Sampler::new(seed).sample(&mut Memory::default())
}

/// Makes up a value of this enum that is this variant, by the name that serde knows it by (for events, the stored
/// one).
///
/// # Errors
/// There is no such variant, or what it holds cannot be made up.
pub fn sample_variant<T: DeserializeOwned>(variant: &str, seed: u64) -> Result<T, SampleError> {
    Sampler::new(seed).variant(variant, &mut Memory::default())
}

/// Where made-up values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    seed: u64,
    pool: Option<u64>,
    /// The seed is for variants and absent values alone.
    tame: bool,
}

/// A made-up value.
pub(crate) struct Found<T> {
    pub(crate) value: T,
    /// The enums in it, and which of their variants they are.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "the lock looks at it"))]
    pub(crate) variants: Vec<(&'static str, &'static str)>,
    /// The maps in it that take any key, by their places in its JSON: names joined by dots, `[]` for any element of a list or
    /// entry of a map. The first name is the variant, if one was wanted.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "the lock looks at it"))]
    pub(crate) maps: BTreeSet<String>,
}

impl Sampler {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, pool: None, tame: false }
    }

    /// Values of one kind come from a small pool, so that several values have ids, names and the like in common. What
    /// is in the pool follows from its seed.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) const fn pool(self, seed: u64) -> Self {
        Self { pool: Some(seed), ..self }
    }

    pub(crate) fn sample<T: DeserializeOwned>(self, memory: &mut Memory) -> Result<T, SampleError> {
        Ok(self.find(None, memory)?.value)
    }

    pub(crate) fn variant<T: DeserializeOwned>(
        self,
        variant: &str,
        memory: &mut Memory,
    ) -> Result<T, SampleError> {
        Ok(self.find(Some(variant), memory)?.value)
    }

    /// Tame values all the same, but with other variants, and without some of what may be absent.
    #[cfg(feature = "testing")]
    pub(crate) const fn tame(self) -> Self {
        Self { tame: true, ..self }
    }

    /// Also gives the enums in the value.
    #[cfg(feature = "testing")]
    pub(crate) fn variant_found<T: DeserializeOwned>(self, variant: &str) -> Result<Found<T>, SampleError> {
        self.find(Some(variant), &mut Memory::default())
    }

    fn find<T: DeserializeOwned>(
        self,
        variant: Option<&str>,
        memory: &mut Memory,
    ) -> Result<Found<T>, SampleError> {
        let mut refused = None;
        for round in 0..ROUNDS {
            let seed = self.seed.wrapping_add(round.rotate_left(48));
            let known = std::mem::take(memory);
            let mut choices = match round {
                0 if self.tame => Choices::tame_but_for(seed, known, self.pool),
                _ => Choices::new(known, seed, self.pool, self.seed == TAME && round == 0),
            };
            for _ in 0..ATTEMPTS {
                let failure = match T::deserialize(Source::new(&mut choices, variant)) {
                    Ok(value) => {
                        choices.remember();
                        let variants = choices.variants().collect();
                        let maps = choices.take_maps();
                        *memory = choices.memory;
                        return Ok(Found { value, variants, maps });
                    }
                    Err(failure) => failure,
                };
                let more = choices.vary(&failure);
                // What is refused first is the cause; later refusals are those of desperate choices elsewhere.
                if choices.gave_up() || !more {
                    refused.get_or_insert_with(|| (choices.path(), failure.to_string()));
                }
                if !more {
                    break;
                }
            }
            *memory = choices.memory;
        }
        let (path, cause) = refused.unwrap_or_else(|| (String::new(), "too many combinations".to_owned()));
        Err(SampleError { type_name: type_name::<T>(), path, cause })
    }
}

/// A type of which no value could be made up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot make up a value of `{type_name}`{}: it refuses whatever is tried, at last with: {cause}. Give this value by hand",
    at(path)
)]
#[non_exhaustive]
pub struct SampleError {
    /// The type.
    pub type_name: &'static str,
    /// The place in it that refuses, as fields, variants and indices joined by dots; empty for the whole.
    pub path: String,
    /// What it says.
    pub cause: String,
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" because of `{path}`") }
}

#[cfg(test)]
mod tests;
