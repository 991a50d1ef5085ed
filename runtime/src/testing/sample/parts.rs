//! What values are made of: elements, entries, variants.

use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{
    choices::{Choices, Segment},
    failure::Failure,
    source::Source,
};

/// A list, or a tuple.
pub(super) struct Elements<'a> {
    pub(super) choices: &'a mut Choices,
    pub(super) next: usize,
    pub(super) length: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        if self.next == self.length {
            return Ok(None);
        }
        self.choices.enter(Segment::Index(self.next));
        let element = seed.deserialize(Source::part(self.choices))?;
        self.choices.leave();
        self.next += 1;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length - self.next)
    }
}

/// A pub(super) struct or a map: known keys, then made-up ones.
pub(super) struct Entries<'a> {
    pub(super) choices: &'a mut Choices,
    pub(super) map: usize,
    pub(super) keys: std::vec::IntoIter<&'static str>,
    pub(super) key: Option<&'static str>,
    pub(super) made_up: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.key = self.keys.next();
        if let Some(key) = self.key {
            self.choices.key_given(self.map, key);
            return seed.deserialize(key.into_deserializer()).map(Some);
        }
        let Some(left) = self.made_up.checked_sub(1) else {
            self.choices.map_ended(self.map);
            return Ok(None);
        };
        self.made_up = left;
        seed.deserialize(Source::part(self.choices)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        self.choices.enter(self.key.map_or(Segment::Index(self.made_up), Segment::Name));
        let value = seed.deserialize(Source::part(self.choices))?;
        self.choices.leave();
        Ok(value)
    }
}

/// A variant, and what it holds.
pub(super) struct Variant<'a> {
    pub(super) choices: &'a mut Choices,
    pub(super) variant: &'static str,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Failure;
    type Variant = Source<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Source<'a>), Failure> {
        let variant = seed.deserialize(self.variant.into_deserializer())?;
        Ok((variant, Source::part(self.choices)))
    }
}

impl<'de> VariantAccess<'de> for Source<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.list(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.structure(fields, visitor)
    }
}
