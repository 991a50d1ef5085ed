//! Between numbers and a store: requests of a history are asked, and what comes back becomes responses.

use factum::{
    Position, Store, Version,
    store::{
        Append, AppendError, Commit, CommitId, Expected, Filter, Name, NewEvent, Payload, RecordedEvent,
        StoreError, StreamId,
    },
};
use uuid::Uuid;

use crate::history::{Asked, CommitNumber, FOREIGN, Placed, Request, Response, Seen};

/// Of commits of the same number in other histories each has its own id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag(pub(crate) u64);

/// The low bits of a commit's id count its events, those above are its number, and the rest is the tag.
const NUMBER: u32 = 16;
const TAG: u32 = NUMBER + CommitNumber::BITS;

impl Tag {
    fn id(self, commit: CommitNumber) -> CommitId {
        CommitId::from_uuid(Uuid::from_u128((u128::from(self.0) << TAG) | (u128::from(commit) << NUMBER)))
    }

    /// Asks the store. A read that fails is an error; an append that fails has failed, and is a response.
    pub(crate) async fn ask(self, store: &dyn Store, request: &Request) -> Result<Response, StoreError> {
        match request {
            Request::Append { commit, appends } => Ok(self.append(store, *commit, appends).await),
            Request::ReadStream { stream, from, limit } => {
                let page = store.read_stream(&stream_id(*stream), Version::new(*from), *limit).await?;
                let events = page.events.iter().map(|event| self.seen(event)).collect();
                Ok(Response::Stream { events, next: page.next.map(Version::get) })
            }
            Request::ReadAll { after, limit } => {
                let page = store.read_all(&Filter::All, Position::new(*after), *limit).await?;
                let events = page.events.iter().map(|event| self.seen(event)).collect();
                Ok(Response::All { events, last: page.last.get(), end: page.end })
            }
            Request::Head => Ok(Response::Head(store.head().await?.get())),
        }
    }

    async fn append(self, store: &dyn Store, commit: CommitNumber, appends: &[Asked]) -> Response {
        let mut index = 0;
        let mut asked = Vec::new();
        for append in appends {
            let events = (index..index + append.events).map(|index| event(commit, index)).collect();
            index += append.events;
            let expected = append.expected.map_or(Expected::Any, |version| Expected::Exact(version.into()));
            asked.push(Append { stream: stream_id(append.stream), expected, tail: None, events });
        }
        match store.append(Commit::with_id(self.id(commit), asked)).await {
            Ok(committed) => Response::Committed(
                committed
                    .appends
                    .iter()
                    .map(|append| Placed {
                        first: append.first.get(),
                        positions: append.positions.iter().map(|position| position.get()).collect(),
                    })
                    .collect(),
            ),
            Err(AppendError::Conflict { stream, expected, actual }) => Response::Conflict {
                stream: stream_number(&stream),
                expected: expected.version().map(Version::get),
                actual: actual.get(),
            },
            Err(AppendError::Failed(error)) => Response::Failed(error.to_string()),
            Err(AppendError::Unknown { cause, .. }) => Response::Unknown(cause.to_string()),
            Err(other) => panic!("an outcome that this does not know: {other}"),
        }
    }

    /// What it is, if its id and its content agree on that.
    fn seen(self, recorded: &RecordedEvent) -> Seen {
        let id = recorded.id.0.as_u128();
        let index = (id & 0xFFFF) as usize;
        let mut commit = (id >> NUMBER) as CommitNumber;
        let given = event(commit, index);
        if (id >> TAG) as u64 != self.0
            || (&recorded.payload, &recorded.name) != (&given.payload, &given.name)
        {
            commit = FOREIGN;
        }
        Seen {
            commit,
            index,
            stream: stream_number(&recorded.stream),
            version: recorded.version.get(),
            position: recorded.position.get(),
            at: recorded.at.timestamp_micros(),
        }
    }
}

fn event(commit: CommitNumber, index: usize) -> NewEvent {
    NewEvent {
        name: Name::from_static("Happened"),
        schema: 1,
        payload: Payload::json(format!("{{\"commit\":{commit},\"index\":{index}}}")),
        metadata: None,
    }
}

/// Streams of two categories.
fn stream_id(number: usize) -> StreamId {
    StreamId::new(["even", "odd"][number % 2], format!("s{number}"))
}

fn stream_number(stream: &StreamId) -> usize {
    let number = stream.id().strip_prefix('s').and_then(|number| number.parse().ok());
    number.filter(|number| stream_id(*number) == *stream).unwrap_or(usize::MAX)
}
