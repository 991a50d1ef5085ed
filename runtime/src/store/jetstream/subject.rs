//! What streams are called on the server: any text as a legal subject.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use crate::{
    Version,
    store::{ClaimValue, CommitId, IdempotencyKey, StreamId},
};

/// What stands in a subject as it is. Everything else is written as the hexadecimal digits of its bytes.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A longer token is replaced by a UUID, because a server takes subjects of about 4,000 bytes.
const LONGEST: usize = 200;

/// The subjects of one store.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    name: String,
}

impl Subjects {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// All that the store has.
    pub(super) fn all(&self) -> Vec<String> {
        let Self { name } = self;
        [self.events(), self.marks()]
            .into_iter()
            .chain(["k", "u", "r"].map(|kind| format!("{name}.{kind}.*")))
            .collect()
    }

    /// All events.
    pub(super) fn events(&self) -> String {
        format!("{}.e.>", self.name)
    }

    /// The events of this category.
    pub(super) fn category(&self, category: &str) -> String {
        format!("{}.e.{}.>", self.name, token(category))
    }

    /// What the subjects of this stream begin with.
    pub(super) fn stream(&self, stream: &StreamId) -> StreamSubjects {
        StreamSubjects(format!("{}.e.{}.{}", self.name, token(stream.category()), token(stream.id())))
    }

    /// The marks of commits that expected nothing.
    pub(super) fn marks(&self) -> String {
        format!("{}.c.*", self.name)
    }

    /// The mark of this commit.
    pub(super) fn mark(&self, commit: CommitId) -> String {
        format!("{}.c.{}", self.name, commit.as_uuid().simple())
    }

    /// What was recorded under this key.
    pub(super) fn key(&self, key: &IdempotencyKey) -> String {
        format!("{}.k.{}", self.name, key.hash().simple())
    }

    /// Who holds this value.
    pub(super) fn value(&self, value: ClaimValue) -> String {
        format!("{}.u.{}", self.name, value.as_uuid().simple())
    }

    /// Which constraints are on record for this category.
    pub(super) fn record(&self, category: &str) -> String {
        format!("{}.r.{}", self.name, token(category))
    }

    /// All snapshots.
    pub(super) fn snapshots(&self) -> String {
        format!("{}.s.*.*", self.name)
    }

    /// The snapshot of this stream.
    pub(super) fn snapshot(&self, stream: &StreamId) -> String {
        format!("{}.s.{}.{}", self.name, token(stream.category()), token(stream.id()))
    }

    /// Where the server tells of what it has stored.
    pub(super) fn told(&self) -> String {
        format!("{}.t.>", self.name)
    }
}

/// How many versions share a page.
///
/// Each message has a subject of its own, in which its first version stands: so a version is taken if and only if there is
/// a message of that subject, and the server finds the messages of a page without looking at others. (It looks through
/// everything between two messages of one subject.) An answer is of at most 1,024 subjects.
const PAGE: u64 = 512;

/// The subjects of one stream.
#[derive(Clone, Debug)]
pub(super) struct StreamSubjects(String);

impl StreamSubjects {
    /// All of its messages.
    pub(super) fn all(&self) -> String {
        format!("{}.>", self.0)
    }

    /// The messages of the page in which this version is.
    pub(super) fn page(&self, version: Version) -> String {
        format!("{}.{}.*", self.0, page(version))
    }

    /// The message of which the first event has this version.
    pub(super) fn message(&self, version: Version) -> String {
        format!("{}.{}.{version}", self.0, page(version))
    }
}

fn page(version: Version) -> u64 {
    version.get().saturating_sub(1) / PAGE
}

/// How many versions of the page are left from this one on. No message goes on in the next page.
pub(super) fn left_in_page(version: Version) -> usize {
    usize::try_from(PAGE - version.get().saturating_sub(1) % PAGE).unwrap_or(1)
}

/// One token of a subject. Two texts never have the same one; a token is not meant to be read back.
fn token(text: &str) -> String {
    if text.is_empty() {
        // Not what anything else is written as, because a `%` is followed by digits there.
        return "%".to_owned();
    }
    let token = utf8_percent_encode(text, PLAIN).to_string();
    if token.len() > LONGEST {
        return format!("~{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple());
    }
    token
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_text_is_a_legal_token_of_its_own() {
        let long = ["a", "b"].map(|end| "x".repeat(999) + end);
        let unicode = "ü".repeat(1_000);
        let texts = [
            "", " ", ".", "..", "*", ">", "a.b", "a*", "a>", "a%b", "%", "%2E", "~", "$JS", "a\0", "\r\n",
            "größe",
        ];
        let mut tokens = HashSet::new();
        for text in texts.into_iter().chain(long.iter().map(String::as_str)).chain([unicode.as_str()]) {
            let token = token(text);
            assert!(!token.is_empty() && token.len() <= LONGEST, "{text:?}");
            assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && !b".*>$".contains(&byte)), "{token}");
            assert!(tokens.insert(token), "{text:?}");
        }
    }
}
