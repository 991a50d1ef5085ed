//! One path in the tree.

use chrono::{DateTime, Utc};
use factum::Aggregate;

use super::{Entry, TreePath};

/// A path in the tree, from the first commit that added it on.
///
/// `at` is when the commit was made: the time of what happened. When it was recorded here is the store's affair.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = FileError)]
#[events {
    #[creates]
    Added { entry: Entry, revision, at },
    Modified { entry: Entry, revision, at },
    /// It is gone, and may come back: this is no last event.
    Deleted { revision, at },
    AddedAgain { entry: Entry, revision, at },
}]
#[commands {
    #[decide(Self::add(state, entry, revision, at))]
    Add { entry: Entry, revision: u64, at: DateTime<Utc> } => Added | AddedAgain,

    #[require(self.revision < revision, FileError::Seen)]
    #[require(self.entry.is_some(), FileError::Absent)]
    Modify => Modified,

    #[require(self.revision < revision, FileError::Seen)]
    #[require(self.entry.is_some(), FileError::Absent)]
    Delete => Deleted,
}]
pub struct File {
    #[id]
    pub path: TreePath,
    /// What is at the path; `None` after it was deleted.
    #[on(Added | Modified | AddedAgain = Some(entry), Deleted = None)]
    pub entry: Option<Entry>,
    /// The number of the last commit that changed it.
    pub revision: u64,
    pub at: DateTime<Utc>,
}

/// Why a change cannot have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("this change is recorded already")]
    Seen,
    #[error("there is no such file that could change")]
    Absent,
    #[error("there is such a file already")]
    Present,
}

impl File {
    fn add(
        state: Option<&Self>,
        entry: Entry,
        revision: u64,
        at: DateTime<Utc>,
    ) -> Result<FileEvent, FileError> {
        match state {
            None => Ok(FileEvent::Added { entry, revision, at }),
            Some(file) if file.revision >= revision => Err(FileError::Seen),
            Some(File { entry: Some(_), .. }) => Err(FileError::Present),
            Some(_) => Ok(FileEvent::AddedAgain { entry, revision, at }),
        }
    }
}

#[cfg(test)]
mod tests {
    use factum::Rejection;

    use super::*;

    factum::laws!(File, id = "src/lib.rs".parse().unwrap());

    fn entry(object: &str) -> Entry {
        Entry { mode: "100644".parse().unwrap(), object: object.to_owned() }
    }

    fn at(revision: u64) -> DateTime<Utc> {
        DateTime::from_timestamp(i64::try_from(revision).unwrap() * 60, 0).unwrap()
    }

    fn add(object: &str, revision: u64) -> FileCommand {
        FileCommand::Add { entry: entry(object), revision, at: at(revision) }
    }

    fn added(object: &str, revision: u64) -> FileEvent {
        FileEvent::Added { entry: entry(object), revision, at: at(revision) }
    }

    fn deleted(revision: u64) -> FileEvent {
        FileEvent::Deleted { revision, at: at(revision) }
    }

    fn given<const N: usize>(events: [FileEvent; N]) -> factum::testing::Given<File> {
        File::given_as("src/lib.rs".parse().unwrap(), events)
    }

    #[test]
    fn a_file_that_was_deleted_comes_again() {
        given([]).when(add("a", 1)).then([added("a", 1)]);
        given([added("a", 1), deleted(2)]).when(add("b", 3)).then([FileEvent::AddedAgain {
            entry: entry("b"),
            revision: 3,
            at: at(3),
        }]);
        given([added("a", 1)]).when(add("b", 3)).then_rejected(FileError::Present);
    }

    #[test]
    fn only_what_is_there_changes() {
        let modify = |revision| FileCommand::Modify { entry: entry("b"), revision, at: at(revision) };
        let delete = |revision| FileCommand::Delete { revision, at: at(revision) };
        given([added("a", 1)]).when(delete(2)).then([deleted(2)]);
        given([added("a", 1), deleted(2)]).when(modify(3)).then_rejected(FileError::Absent);
        given([added("a", 1), deleted(2)]).when(delete(3)).then_rejected(FileError::Absent);
        given([]).when(modify(1)).then_rejected(Rejection::NotFound);
    }

    #[test]
    fn no_commit_changes_a_file_twice() {
        given([added("a", 1)]).when(add("a", 1)).then_rejected(FileError::Seen);
        given([added("a", 1), deleted(2)])
            .when(FileCommand::Delete { revision: 2, at: at(2) })
            .then_rejected(FileError::Seen);
    }
}
