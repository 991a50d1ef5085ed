//! The deserializer that has whatever it is asked for.

use serde::{
    Deserializer,
    de::{Error as _, Visitor},
};

use super::{
    choices::{Choices, Chosen, Segment},
    failure::Failure,
    parts::{Elements, Entries, Variant},
    text,
};

/// What is deeper than this has no end.
const BOTTOMLESS: usize = 60;

/// The numbers that are tried after the first was refused.
const NUMBERS: [i128; 12] = [1, 0, 2, 5, 10, 42, 100, 365, 1_000, 10_000, 1_000_000, -1];

const FRACTIONS: [f64; 10] = [0.0, 1.0, 0.5, -1.5, 0.1, 12.75, 100.0, 1e9, -0.001, 1e-9];

const LETTERS: [char; 6] = ['a', 'Z', '7', 'ß', '字', '🦀'];

/// A place in a value.
pub(super) struct Source<'a> {
    choices: &'a mut Choices,
    /// The variant that is wanted, if this is the whole value.
    variant: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// The place of the whole value.
    pub(super) fn new(choices: &'a mut Choices, variant: Option<&'a str>) -> Self {
        choices.start();
        Self { choices, variant }
    }

    pub(super) fn part(choices: &'a mut Choices) -> Self {
        Self { choices, variant: None }
    }

    /// A number from small ones, mostly, and the ends of what the type can hold.
    fn integer(self, min: i128, max: i128) -> i128 {
        let Chosen { index, attempt, entropy } = self.choices.choose_leaf(NUMBERS.len() + 1, false);
        let (kind, amount) = (entropy % 32, i128::from(entropy >> 8));
        let number = match attempt.checked_sub(1).and_then(|retry| NUMBERS.get(retry)) {
            Some(number) => *number,
            None if self.choices.tame => index as i128,
            None => match kind {
                0 => max,
                1 => min,
                2..4 => -(amount % 100),
                4..8 => amount % 1_000,
                8..10 => amount % 1_000_000,
                _ => amount % 10,
            },
        };
        number.clamp(min, max)
    }

    fn fraction(self) -> f64 {
        let Chosen { attempt, entropy, .. } = self.choices.choose_leaf(FRACTIONS.len(), false);
        FRACTIONS
            .get(((entropy >> 8) as usize).wrapping_add(attempt) % FRACTIONS.len())
            .copied()
            .unwrap_or_default()
    }

    fn bool(self) -> bool {
        let Chosen { attempt, entropy, .. } = self.choices.choose(2);
        (entropy >> 8) as usize % 2 == attempt % 2
    }

    fn char(self) -> char {
        let Chosen { attempt, entropy, .. } = self.choices.choose_leaf(LETTERS.len(), false);
        let from = if self.choices.tame { 0 } else { (entropy >> 8) as usize };
        LETTERS.get(from.wrapping_add(attempt) % LETTERS.len()).copied().unwrap_or('a')
    }

    fn text(self) -> String {
        let Chosen { index, attempt, entropy } = self.choices.choose_leaf(text::ATTEMPTS, true);
        let words = self.choices.words(index);
        let from = if self.choices.tame { 0 } else { (entropy >> 8) as usize };
        if let Some(word) = from.wrapping_add(attempt).checked_rem(words.len()).and_then(|at| words.get(at)) {
            return (*word).to_owned();
        }
        let known = self.choices.known_form();
        match text::form(known, attempt) {
            Some(form) => {
                self.choices.note_form(index, form);
                text::formed(form, known, attempt, entropy)
            }
            None => text::any([self.choices.name(), self.choices.type_name()], self.choices.tame, entropy),
        }
    }

    /// How many elements a list gets, and which choice that was.
    fn length(&mut self) -> (usize, usize) {
        let Chosen { index, attempt, entropy } = self.choices.choose(3);
        let first = match () {
            () if self.choices.deep() => 0,
            () if self.choices.tame => 1,
            () => (entropy >> 8) as usize % 4,
        };
        let length = match attempt {
            0 => first,
            1 => usize::from(first == 0),
            _ => 2,
        };
        (index, length)
    }

    /// Goes a step deeper.
    fn nested<T>(self, make: impl FnOnce(&mut Choices) -> Result<T, Failure>) -> Result<T, Failure> {
        let depth = self.choices.depth;
        if depth > BOTTOMLESS {
            return Err(Failure::custom("the type holds itself without end"));
        }
        self.choices.depth = depth + 1;
        let made = make(self.choices)?;
        self.choices.depth = depth;
        Ok(made)
    }

    /// A map with these keys, and with those that are learnt.
    pub(super) fn structure<'de, V: Visitor<'de>>(
        self,
        fields: &[&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        // Nothing to choose, but a place to learn something about.
        let map = self.choices.choose(1).index;
        self.entries(map, fields, 0, visitor)
    }

    /// A map with these keys and those that were learnt from what it was refused for; without any, with made-up ones.
    fn entries<'de, V: Visitor<'de>>(
        self,
        map: usize,
        fields: &[&'static str],
        made_up: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let keys = self.choices.keys(map, fields);
        let made_up = if keys.is_empty() { made_up } else { 0 };
        self.nested(|choices| {
            visitor.visit_map(Entries { choices, map, keys: keys.into_iter(), key: None, made_up })
        })
    }

    pub(super) fn list<'de, V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.nested(|choices| visitor.visit_seq(Elements { choices, next: 0, length }))
    }
}

macro_rules! integers {
    ($($deserialize:ident $visit:ident $integer:ty;)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let number = self.integer(<$integer>::MIN as i128, i128::try_from(<$integer>::MAX).unwrap_or(i128::MAX));
            visitor.$visit(number as $integer)
        })*
    };
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Failure;

    /// For types that take what comes: a plain value, then a map, whose keys they will tell, then a list, then text of all
    /// forms.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Failure> {
        const PLAIN: usize = 4;
        const KINDS: usize = PLAIN + 3;
        let Chosen { index, attempt, entropy } = self.choices.choose(KINDS + text::ATTEMPTS - 1);
        let from = if self.choices.tame { 0 } else { (entropy >> 8) as usize };
        let kind = if attempt < PLAIN { from.wrapping_add(attempt) % PLAIN } else { attempt };
        match kind {
            0 => self.deserialize_string(visitor),
            1 => visitor.visit_u64(if self.choices.tame { index as u64 } else { entropy >> 16 & 0xf }),
            2 => visitor.visit_bool(entropy >> 16 & 1 == 0),
            3 => visitor.visit_f64(1.5),
            4 => self.structure(&[], visitor),
            5 => {
                let (_, length) = self.length();
                self.list(length, visitor)
            }
            6 => visitor.visit_unit(),
            _ => {
                let form = text::form(None, attempt - KINDS + 1).unwrap_or_default();
                visitor.visit_string(text::formed(form, None, attempt - KINDS, entropy))
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bool(self.bool())
    }

    integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_f32(self.fraction() as f32)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_f64(self.fraction())
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_char(self.char())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.text())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_byte_buf(self.text().into_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_byte_buf(self.text().into_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let chosen = self.choices.choose(2);
        let form = self.choices.form(&chosen);
        let first = !self.choices.deep() && form.is_none_or(|entropy| (entropy >> 8) % 4 != 0);
        if first == (chosen.attempt == 0) {
            visitor.visit_some(Self::part(self.choices))
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.nested(|choices| {
            choices.enter(Segment::Type(name));
            let value = visitor.visit_newtype_struct(Source::part(choices))?;
            choices.leave();
            Ok(value)
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Failure> {
        let (_, length) = self.length();
        self.list(length, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.list(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.list(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Failure> {
        let (map, length) = self.length();
        // Others ask in the same way, and have told their keys by now.
        if self.choices.keys(map, &[]).is_empty() {
            self.choices.any_key();
        }
        self.entries(map, &[], length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.structure(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let wanted = self.variant;
        self.nested(|choices| {
            let variant = match wanted {
                Some(wanted) => variants.iter().find(|variant| **variant == wanted).copied(),
                None => choices.choose_variant(name, variants),
            };
            let unknown = || Failure::unknown_variant(wanted.unwrap_or_default(), variants);
            let variant = variant.ok_or_else(unknown)?;
            choices.open(name, variant);
            choices.enter(Segment::Name(variant));
            let value = visitor.visit_enum(Variant { choices, variant })?;
            choices.leave();
            choices.close();
            Ok(value)
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_string(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}
