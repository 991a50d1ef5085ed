//! The line of commits.

use chrono::{DateTime, Utc};
use factum::Aggregate;
use serde::{Deserialize, Serialize};

/// The hash of a commit, in full.
#[derive(factum::Id, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommitHash(String);

impl CommitHash {
    /// So many digits that people can tell commits apart.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The line from a repository's first commit to its latest, along the first parents. Each commit is one event, so the
/// version of the line is the number of its latest commit.
///
/// What a commit changes is recorded together with its event here, before it in the order of the store. So this event
/// ends the commit, and everything up to it is the tree as of the commit.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = MainlineError)]
#[events {
    #[creates]
    Begun { head, at, #[audit] subject: String },
    Advanced { head, at, #[audit] subject: String, #[audit] parent: CommitHash },
}]
#[commands {
    Begin => Begun,

    /// A commit that does not follow the latest one is of another history.
    #[require(self.head == parent, MainlineError::NotNext)]
    Advance => Advanced,
}]
pub struct Mainline {
    /// The first commit is what tells one history from another.
    #[id]
    pub root: CommitHash,
    pub head: CommitHash,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MainlineError {
    #[error(
        "the commit does not follow the latest one that is recorded: the history was rewritten, or is another"
    )]
    NotNext,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_follows_the_one_before() {
        let hash = |name: &str| CommitHash::new(name);
        let at = DateTime::UNIX_EPOCH;
        let begun = || MainlineEvent::Begun { head: hash("a"), at, subject: "first".into() };
        let advance = |head, parent| MainlineCommand::Advance {
            head: hash(head),
            at,
            subject: "next".into(),
            parent: hash(parent),
        };
        Mainline::given([begun()]).when(advance("b", "a")).then([MainlineEvent::Advanced {
            head: hash("b"),
            at,
            subject: "next".into(),
            parent: hash("a"),
        }]);
        Mainline::given([begun()]).when(advance("c", "b")).then_rejected(MainlineError::NotNext);
    }
}
