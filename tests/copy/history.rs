//! Histories to be copied.

use std::{collections::HashMap, sync::Arc};

use factum::{
    Metadata, Version,
    store::{Append, Commit, Expected, Name, NewEvent, Original, Payload, StreamId},
};
use fastrand::Rng;

use crate::Subject;

/// Commits that make sense one after the other.
pub(crate) struct History {
    rng: Rng,
    versions: HashMap<StreamId, u64>,
    streams: Vec<StreamId>,
    number: u64,
}

impl History {
    /// Of these streams, which take turns as this seed says.
    pub(crate) fn new(seed: u64, streams: Vec<StreamId>) -> Self {
        Self { rng: Rng::with_seed(seed), versions: HashMap::new(), streams, number: 0 }
    }

    /// Of as many streams with ordinary names.
    pub(crate) fn of(seed: u64, streams: usize) -> Self {
        Self::new(seed, (0..streams).map(|number| stream(&format!("{number}"))).collect())
    }

    /// The next commit: mostly over one stream and of one event.
    pub(crate) fn commit(&mut self) -> Commit {
        let several = [1, 1, 1, 2, 3][self.rng.usize(..5)];
        let streams = self.rng.choose_multiple(self.streams.iter().cloned(), several);
        let appends = streams.into_iter().map(|stream| {
            let events: Vec<_> = (0..[1, 1, 1, 2, 7][self.rng.usize(..5)]).map(|_| self.event()).collect();
            let version = self.versions.entry(stream.clone()).or_default();
            let expected = Expected::Exact(Version::new(*version));
            *version += events.len() as u64;
            Append { stream, expected, tail: None, events }
        });
        Commit::new(appends.collect())
    }

    fn event(&mut self) -> NewEvent {
        self.number += 1;
        let number = self.number;
        let names = ["Made", "made", "Größer geworden", "a.b>c*%", "'; DROP TABLE events; --"];
        let payload = match self.rng.u8(..8) {
            0 => {
                Payload::Other { format: Name::from("sealed"), bytes: number.to_be_bytes().as_slice().into() }
            }
            1 => Payload::Other { format: Name::from("größe/2"), bytes: Arc::from([]) },
            2 => Payload::json(format!("{{ \"number\" : {number}.0, \"text\":\"ä\\u0000\\ud83d\\ude00\" }}")),
            _ => Payload::json(format!("{{\"number\":{number}}}")),
        };
        let metadata = match self.rng.u8(..4) {
            0 => Some(Metadata::by("ann").correlation(format!("request {number}")).note("real", 0.1 + 0.2)),
            1 => Some(Metadata::new().causation("the mail of “Ann”").note("größe \"\\\n\u{0}", u64::MAX)),
            2 => Some(Metadata::new()),
            _ => None,
        };
        NewEvent {
            name: Name::from(names[self.rng.usize(..names.len())]),
            schema: [1, 2, u32::MAX][self.rng.usize(..3)],
            payload,
            metadata: metadata.map(Arc::new),
        }
    }

    /// Appends so many events, or a few more.
    pub(crate) async fn write(&mut self, store: &Subject, events: usize) {
        let enough = self.number + events as u64;
        while self.number < enough {
            store.append(self.commit()).await.unwrap();
        }
    }

    /// The same, in the past: each event some time after the one before.
    pub(crate) async fn write_long_ago(&mut self, store: &Subject, events: usize) {
        let enough = self.number + events as u64;
        while self.number < enough {
            let commit = self.commit();
            let count: usize = commit.appends.iter().map(|append| append.events.len()).sum();
            let originals = (0..count).map(|index| {
                let micros = 1_000_000_000_000_000 + self.number as i64 * 1_000_003 + index as i64;
                let at = chrono::DateTime::from_timestamp_micros(micros).unwrap();
                Original { id: commit.id.event(index), at }
            });
            let originals = originals.collect();
            store.append(commit.with_originals(originals)).await.unwrap();
        }
    }
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new("moved", id)
}

/// Streams and categories with names that are easily taken for something else.
pub(crate) fn odd_streams() -> Vec<StreamId> {
    let long = "x".repeat(999);
    let names = [
        "",
        " ",
        "a",
        "A",
        "a.b",
        "a b",
        "a*",
        "a>",
        "*",
        ">",
        "a%b",
        "%",
        "_",
        "a\\b",
        "a/b",
        "'",
        "\"",
        "$1",
        "NULL",
        "\u{0}",
        "a\u{0}b",
        "ä",
        "a\u{308}",
        "語",
        "עברית",
        "😀",
        "\u{feff}",
        "..",
        "x\t\n",
    ];
    let mut streams: Vec<_> = names.iter().map(|name| stream(name)).collect();
    streams.extend(["a", "b"].map(|end| stream(&format!("{long}{end}"))));
    streams.extend(names.map(|category| StreamId::new(category, "1")));
    streams
}
