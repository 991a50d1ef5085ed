//! Between an event and its stored payload, without a detour.
//!
//! The stored form keeps the name of the event apart from its fields: the name `Closed`, the payload
//! `{"solution":"new mouse"}`. Serde's derive for an enum wants both at once. These two adapters answer its question
//! "which variant?" with the name and "what does it hold?" with the payload, so the enum's own derive reads and
//! writes a variant as fast as a struct of its own would be, with no tree of values and no tagged buffer in between.
//! Only payloads of older schema versions are taken apart first, into their members.

pub(crate) mod compare;
mod decode;
mod encode;
mod members;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use members::Members;
