//! A short text that is the same for many events.

use std::{borrow::Borrow, cmp::Ordering, fmt, hash, ops::Deref, sync::Arc};

/// The name of an event or of a category: text that is cheap to clone.
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name that is known when the program is compiled.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Text::Static(name))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(name) => name,
            Text::Shared(name) => name,
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(Text::Shared(name.into()))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Text::Shared(name.into()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl hash::Hash for Name {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// How many names are remembered. When there are more, memory begins anew.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
const NAMES: usize = 64;

/// Names that were read before, so that the next event of this name costs no allocation.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Name>);

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "jetstream"))]
impl Names {
    /// The name with this text.
    #[cfg(any(feature = "postgres", feature = "jetstream"))]
    pub(super) fn get(&mut self, text: &str) -> Name {
        match self.find(text.as_bytes()) {
            Some(name) => name,
            None => self.add(text),
        }
    }

    /// The name with these bytes; `None` if they are not text.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn get_bytes(&mut self, bytes: &[u8]) -> Option<Name> {
        match self.find(bytes) {
            Some(name) => Some(name),
            None => std::str::from_utf8(bytes).ok().map(|text| self.add(text)),
        }
    }

    fn find(&self, bytes: &[u8]) -> Option<Name> {
        self.0.iter().find(|name| name.as_bytes() == bytes).cloned()
    }

    fn add(&mut self, text: &str) -> Name {
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        let name = Name::from(text);
        self.0.push(name.clone());
        name
    }
}
