//! What can be wrong with a history.

use std::fmt;

use crate::history::History;

/// Something that a right store does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) kind: Kind,
    /// What exactly.
    pub(crate) what: String,
    /// The operations that show it, by their index in the history.
    pub(crate) operations: Vec<usize>,
}

/// The names follow the table of anomalies in the literature on logs (Jepsen's checker of Kafka has most of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It was acknowledged, and is not there.
    Lost,
    /// It failed for certain, and is there or was seen.
    Aborted,
    /// Two events in one place, a place without an event, or different answers on where an event is.
    Inconsistent,
    /// It is there twice.
    Doubled,
    /// A read jumped over something that was there.
    Skipped,
    /// A read came upon less than one that was over before it began.
    WentBack,
    /// A commit that began after another one was acknowledged stands before it.
    Reordered,
    /// The version that was expected was not the stream's.
    StaleAccepted,
    /// Something came up before a position that a reader had passed.
    FilledLate,
    /// The head, or the end of a page, is where no event is.
    HeadOfNothing,
    /// A part of a commit is there, or was seen as if it were all.
    Partial,
    /// Other events are between those of a commit.
    Interleaved,
    /// It was seen and is not there any more.
    Vanished,
    /// Nobody has given it.
    Foreign,
    /// A read did not show what was acknowledged before it began.
    StaleRead,
    /// It was seen before it was given.
    TooEarly,
    /// A conflict for which there was no reason.
    Unexplained,
    /// A page that contradicts itself or what was asked for.
    Malformed,
}

impl Kind {
    /// The number in the table of anomalies that an event store must be tested against, where it is there.
    const fn number(self) -> &'static str {
        match self {
            Self::Lost => "A1",
            Self::Aborted => "A2",
            Self::Inconsistent => "A3",
            Self::Doubled => "A4",
            Self::Skipped | Self::WentBack => "A5",
            Self::Reordered => "A6",
            Self::StaleAccepted => "A7",
            Self::FilledLate => "A8",
            Self::HeadOfNothing => "A9",
            Self::Partial | Self::Interleaved => "A10",
            Self::Vanished => "A11",
            Self::Foreign | Self::StaleRead | Self::TooEarly | Self::Unexplained | Self::Malformed => "-",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.number())
    }
}

impl Anomaly {
    pub(crate) fn new(
        kind: Kind,
        what: impl Into<String>,
        operations: impl IntoIterator<Item = usize>,
    ) -> Self {
        Self { kind, what: what.into(), operations: operations.into_iter().collect() }
    }

    /// For people: with the operations that show it.
    pub(crate) fn explain(&self, history: &History) -> String {
        let mut text = format!("{}: {}", self.kind, self.what);
        for operation in &self.operations {
            text.push_str(&format!("\n    {}", history.operations[*operation]));
        }
        text
    }
}
