//! Which stream: the category and the id of an aggregate.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::Name;
use crate::Aggregate;

/// The name of a stream: the category of the aggregate and its id, printed. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    category: Name,
    id: String,
}

/// That of the id is enough: there are few categories, and each load and each append looks streams up by it.
impl Hash for Parts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl StreamId {
    /// The stream of this category and id. Any text is an id, the empty one too.
    #[must_use]
    pub fn new(category: impl Into<Name>, id: impl AsRef<str>) -> Self {
        Self(Arc::new(Parts { category: category.into(), id: id.as_ref().to_owned() }))
    }

    /// The stream of this aggregate.
    #[must_use]
    pub fn of<A: Aggregate>(id: &A::Id) -> Self {
        Self(Arc::new(Parts { category: Name::from_static(A::CATEGORY), id: id.to_string() }))
    }

    /// The category.
    #[must_use]
    pub fn category(&self) -> &Name {
        &self.0.category
    }

    /// The id, as printed.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The id of the aggregate, parsed from what was printed.
    ///
    /// # Errors
    /// The text is not an id of this aggregate.
    pub fn parse_id<A: Aggregate>(&self) -> Result<A::Id, InvalidStreamId> {
        self.id()
            .parse()
            .map_err(|_| InvalidStreamId { stream: self.clone(), expected: std::any::type_name::<A::Id>() })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.category(), self.id())
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.category(), self.id())
    }
}

/// A stream whose id is not one of the aggregate's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of the stream `{stream}` does not parse as `{expected}`")]
#[non_exhaustive]
pub struct InvalidStreamId {
    /// The stream.
    pub stream: StreamId,
    /// The type that was expected.
    pub expected: &'static str,
}
