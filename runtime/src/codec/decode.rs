//! The stored name and payload as a serde enum.

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IgnoredAny, IntoDeserializer,
        VariantAccess, Visitor,
    },
};
use serde_json::{Error, de::StrRead};

/// The variant of `E` with this name, with the fields of this JSON object.
#[inline]
pub(crate) fn decode<E: DeserializeOwned>(name: &str, payload: &str) -> Result<E, Error> {
    E::deserialize(Stored { name, payload: Payload(payload) })
}

struct Stored<'a> {
    name: &'a str,
    payload: Payload<'a>,
}

struct Payload<'a>(&'a str);

impl<'a> Payload<'a> {
    /// Runs `read` on the payload and sees that nothing follows it.
    #[inline(always)]
    fn whole<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<StrRead<'a>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for Stored<'de> {
    type Error = Error;

    #[inline(always)]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("an event is an enum, with serde's own derive and no `tag` or `untagged`"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Stored<'de> {
    type Error = Error;
    type Variant = Payload<'de>;

    #[inline(always)]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Payload<'de>), Error> {
        let variant = seed.deserialize(self.name.into_deserializer())?;
        Ok((variant, self.payload))
    }
}

impl<'de> VariantAccess<'de> for Payload<'de> {
    type Error = Error;

    /// An event without fields: an object all the same, which may hold what the event once had.
    fn unit_variant(self) -> Result<(), Error> {
        self.whole(|json| IgnoredAny::deserialize(json).map(drop))
    }

    #[inline(always)]
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // As a map and not as a struct: an array in place of the object would be taken by position.
        self.whole(|json| json.deserialize_map(visitor))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.whole(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.whole(|json| json.deserialize_seq(visitor))
    }
}
