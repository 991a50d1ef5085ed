//! Commits of all shapes.

use factum::{
    Metadata, Store, Version,
    store::{Append, Commit, CommitId, Committed, Expected, NewEvent, Payload, StoreError, StreamId, Tail},
};
use fastrand::Rng;
use uuid::Builder;

/// What one writer writes: to a stream that it has for itself and knows the version of, to streams that all writers
/// share, and to new ones.
///
/// Every payload names its commit, so that no event can be mistaken for another.
#[derive(Debug)]
pub struct Workload {
    rng: Rng,
    own: StreamId,
    version: Version,
    tail: Option<Tail>,
}

impl Workload {
    /// The writer of this name, whose stream has this version. Writers of the same seed make different commits.
    #[must_use]
    pub fn new(writer: &str, version: Version, seed: u64) -> Self {
        let seed = writer.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Self { rng: Rng::with_seed(seed), own: Self::own(writer), version, tail: None }
    }

    /// The stream that the writer of this name has for itself.
    #[must_use]
    pub fn own(writer: &str) -> StreamId {
        StreamId::new("own", writer)
    }

    /// The writer of this name, whose stream is as the store says.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub async fn resume(store: &dyn Store, writer: &str, seed: u64) -> Result<Self, StoreError> {
        let (stream, mut version) = (Self::own(writer), Version::NONE);
        loop {
            let page = store.read_stream(&stream, version.next(), 1000).await?;
            version = page.events.last().map_or(version, |last| last.version);
            if page.next.is_none() {
                return Ok(Self::new(writer, version, seed));
            }
        }
    }

    /// The next commit. The same each time for the same seed and the same version.
    pub fn commit(&mut self) -> Commit {
        let id = CommitId::from_uuid(Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid());
        let shared = StreamId::new("shared", self.rng.u8(..3).to_string());
        let new = StreamId::new("new", id.to_string());
        let mut appends = Vec::new();
        match self.rng.u8(..20) {
            0..10 => appends.push(self.append(id, 0, 1)),
            10..14 => {
                let events = self.rng.usize(2..6);
                appends.push(self.append(id, 0, events));
            }
            14..17 => {
                appends.push(self.append(id, 0, 2));
                appends.push(self.append_to(shared, Expected::Any, id, 2, 1));
            }
            17..19 => appends.push(self.append_to(shared, Expected::Any, id, 0, 2)),
            _ => {
                appends.push(self.append_to(new, Expected::NoStream, id, 0, 1));
                appends.push(self.append(id, 1, 2));
            }
        }
        Commit { id, ..Commit::new(appends) }
    }

    /// Takes note that the commit was recorded; with what the store answered, if that is at hand.
    pub fn recorded(&mut self, commit: &Commit, committed: Option<&Committed>) {
        for (index, append) in
            commit.appends.iter().enumerate().filter(|(_, append)| append.stream == self.own)
        {
            self.version = self.version.plus(append.events.len() as u64);
            self.tail = committed.and_then(|committed| committed.appends[index].tail.clone());
        }
    }

    fn append(&mut self, id: CommitId, first: usize, events: usize) -> Append {
        let with_tail = self.rng.bool();
        let tail = self.tail.clone().filter(|_| with_tail);
        let append = self.append_to(self.own.clone(), Expected::Exact(self.version), id, first, events);
        Append { tail, ..append }
    }

    fn append_to(
        &mut self,
        stream: StreamId,
        expected: Expected,
        id: CommitId,
        first: usize,
        events: usize,
    ) -> Append {
        let events = (first..first + events).map(|index| self.event(id, index)).collect();
        Append { stream, expected, tail: None, events }
    }

    /// Most events are small. A few do not fit into a page.
    fn event(&mut self, id: CommitId, index: usize) -> NewEvent {
        let padding = if self.rng.u8(..25) == 0 { self.rng.usize(4000..9000) } else { self.rng.usize(..60) };
        let padding: String = std::iter::repeat_with(|| self.rng.alphanumeric()).take(padding).collect();
        let metadata = self.rng.bool().then(|| Metadata::by("somebody").into());
        let payload = Payload::json(format!(r#"{{"commit":"{id}","index":{index},"padding":"{padding}"}}"#));
        NewEvent { name: "Noted".into(), schema: 1, payload, metadata }
    }
}
