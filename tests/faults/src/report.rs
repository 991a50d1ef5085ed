//! What a process that is to be killed tells, line by line.

use std::{fmt, str::FromStr};

use factum::{
    Position, Version,
    store::{Commit, CommitId, Committed},
};

use crate::places;

/// How many writers such a process has.
pub const WRITERS: usize = 4;

/// The name of a writer of this process.
#[must_use]
pub fn name(process: &str, writer: usize) -> String {
    format!("{process}-{writer}")
}

/// A line: which writer, which commit, and where it is recorded if that was acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of the writer.
    pub writer: usize,
    /// The id of the commit.
    pub commit: CommitId,
    /// `None`: it is about to be given to the store.
    pub places: Option<Vec<(Version, Vec<Position>)>>,
}

impl Report {
    /// The commit is about to be given to the store.
    #[must_use]
    pub fn given(writer: usize, commit: &Commit) -> Self {
        Self { writer, commit: commit.id, places: None }
    }

    /// The commit was acknowledged.
    #[must_use]
    pub fn acknowledged(writer: usize, commit: &Commit, committed: &Committed) -> Self {
        Self { writer, commit: commit.id, places: Some(places(committed)) }
    }
}

/// `3 4f0e… 12:40,41 7:42`; without places, the commit is about to be given.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.writer, self.commit)?;
        for (first, positions) in self.places.iter().flatten() {
            let positions: Vec<_> = positions.iter().map(ToString::to_string).collect();
            write!(f, " {first}:{}", positions.join(","))?;
        }
        Ok(())
    }
}

impl FromStr for Report {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or_else(|| format!("`{line}` has too few words"));
        let writer = word()?.parse()?;
        let commit = CommitId::from_uuid(word()?.parse()?);
        let mut places = Vec::new();
        for place in words {
            let (first, positions) = place.split_once(':').ok_or_else(|| format!("`{place}` is no place"))?;
            let positions = positions.split(',').map(str::parse).collect::<Result<_, _>>()?;
            places.push((Version::new(first.parse()?), positions));
        }
        Ok(Self { writer, commit, places: (!places.is_empty()).then_some(places) })
    }
}
