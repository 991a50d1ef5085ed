//! A JSON object, member by member, with each value left as the text that it is.
//!
//! So what evolution does not touch reaches the event as it was stored: no number loses digits on the way, no text is
//! written another way.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Error, value::RawValue};

/// The members of an object, in their order.
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// # Errors
    /// The text is not a JSON object, or has a member twice.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let index = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(index).1)
    }

    /// Puts a member there, in place of what has its name.
    pub(crate) fn put(&mut self, name: String, value: Box<RawValue>) {
        self.take(&name);
        self.0.push((name, value));
    }
}

impl IntoIterator for Members {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
        let mut members: Vec<(String, Box<RawValue>)> = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            // Which of the two was meant cannot be told.
            if members.iter().any(|(member, _)| *member == name) {
                return Err(M::Error::custom(format_args!("duplicate field `{name}`")));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
