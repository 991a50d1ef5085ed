//! What clients asked of a store and what they were answered: the record that is checked.
//!
//! Commits and streams are numbers here, so that a history can be written by hand and read by people. [`ask`](crate::ask)
//! translates.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a commit. An event tells it: it is part of its id.
pub(crate) type CommitNumber = u32;

/// What an event is said to belong to that no client gave.
pub(crate) const FOREIGN: CommitNumber = CommitNumber::MAX;

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// In no order: each has its times.
    pub(crate) operations: Vec<Operation>,
    /// All events, as they were read when everything was over. What is in it took effect, all else did not.
    pub(crate) log: Vec<Seen>,
}

/// A client's call, from before it was made until after it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) client: usize,
    /// The handle through which it went.
    pub(crate) handle: usize,
    /// A clock of its own that counts starts and ends: of two operations, one came first if it was answered before the
    /// other one began.
    pub(crate) start: u64,
    pub(crate) finish: u64,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Request {
    Append { commit: CommitNumber, appends: Vec<Asked> },
    ReadStream { stream: usize, from: u64, limit: usize },
    ReadAll { after: u128, limit: usize },
    Head,
}

/// An append that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) stream: usize,
    /// The version that was expected; `None`: any.
    pub(crate) expected: Option<u64>,
    pub(crate) events: usize,
}

/// The first three are answers to appends, of which `Failed` says that this attempt recorded nothing. Reads that failed
/// are no part of a history: they tell nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Response {
    Committed(Vec<Placed>),
    Conflict {
        stream: usize,
        expected: Option<u64>,
        actual: u64,
    },
    Failed(String),
    /// It may take effect at any time from its start on, or never.
    Unknown(String),
    Stream {
        events: Vec<Seen>,
        next: Option<u64>,
    },
    All {
        events: Vec<Seen>,
        last: u128,
        end: bool,
    },
    Head(u128),
}

/// Where an append was said to have put its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) first: u64,
    pub(crate) positions: Vec<u128>,
}

/// An event as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) commit: CommitNumber,
    /// Its number in the commit.
    pub(crate) index: usize,
    pub(crate) stream: usize,
    pub(crate) version: u64,
    pub(crate) position: u128,
    /// Microseconds.
    pub(crate) at: i64,
}

impl Operation {
    /// The number of the commit, if this is an append.
    pub(crate) const fn commit(&self) -> Option<CommitNumber> {
        match self.request {
            Request::Append { commit, .. } => Some(commit),
            _ => None,
        }
    }

    /// The appends that were asked for.
    pub(crate) fn appends(&self) -> &[Asked] {
        match &self.request {
            Request::Append { appends, .. } => appends,
            _ => &[],
        }
    }

    /// The events that were read.
    pub(crate) fn events(&self) -> &[Seen] {
        match &self.response {
            Response::Stream { events, .. } | Response::All { events, .. } => events,
            _ => &[],
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, handle, start, finish, request, response } = self;
        write!(f, "{start:>7}..{finish:<7} client {client:<2} handle {handle}: {request} -> {response}")
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { commit, appends } => {
                write!(f, "append c{commit}:")?;
                appends.iter().try_for_each(|append| match append.expected {
                    Some(expected) => write!(f, " s{}@{expected}+{}", append.stream, append.events),
                    None => write!(f, " s{}@any+{}", append.stream, append.events),
                })
            }
            Self::ReadStream { stream, from, limit } => write!(f, "read s{stream} from {from}, {limit}"),
            Self::ReadAll { after, limit } => write!(f, "read all after {after}, {limit}"),
            Self::Head => f.write_str("head"),
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Committed(placed) => {
                f.write_str("ok:")?;
                placed.iter().try_for_each(|append| write!(f, " v{} at {:?}", append.first, append.positions))
            }
            Self::Conflict { stream, expected, actual } => {
                write!(f, "conflict: s{stream} is at {actual}, expected was {expected:?}")
            }
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
            Self::Stream { events, next } => {
                list(f, events)?;
                write!(f, " next {next:?}")
            }
            Self::All { events, last, end } => {
                list(f, events)?;
                write!(f, " last {last}{}", if *end { ", the end" } else { "" })
            }
            Self::Head(head) => write!(f, "{head}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, events: &[Seen]) -> fmt::Result {
    f.write_str("[")?;
    for (number, event) in events.iter().enumerate() {
        write!(f, "{}{event}", if number == 0 { "" } else { " " })?;
    }
    f.write_str("]")
}

/// `position:commit.index=stream@version`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, index, stream, version, position, .. } = self;
        write!(f, "{position}:c{commit}.{index}=s{stream}v{version}")
    }
}

/// One operation a line in the order in which they began, then the log.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations: Vec<_> = self.operations.iter().collect();
        operations.sort_by_key(|operation| operation.start);
        operations.iter().try_for_each(|operation| writeln!(f, "{operation}"))?;
        writeln!(f, "\nThe log when all was over:")?;
        self.log.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}
