//! The stored form of an event's fields.

use std::sync::Arc;

use super::Name;

/// The payload of an event and its format. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// JSON text.
    Json(Arc<str>),
    /// Bytes in another format, for encryption and for codecs to come.
    Other {
        /// The name of the format.
        format: Name,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
}

impl Payload {
    /// The name of the JSON format.
    pub const JSON: &'static str = "json";

    /// A payload of JSON text. That it is JSON is the caller's word.
    #[must_use]
    pub fn json(text: impl Into<Arc<str>>) -> Self {
        Self::Json(text.into())
    }

    /// The name of the format.
    #[must_use]
    pub fn format(&self) -> &str {
        match self {
            Self::Json(_) => Self::JSON,
            Self::Other { format, .. } => format,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Json(text) => text.as_bytes(),
            Self::Other { bytes, .. } => bytes,
        }
    }
}
