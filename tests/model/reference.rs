//! What a store is, in the fewest words: a list of events.

use factum::{
    Position, Version,
    store::{Commit, CommitId, Committed, Filter, RecordedEvent, StreamId},
};
use proptest::{prelude::*, test_runner::TestCaseError};

#[derive(Debug, Default)]
pub(crate) struct Reference {
    /// All events, in the order of their positions.
    pub(crate) log: Vec<RecordedEvent>,
    /// Every commit that took effect, and what was answered.
    answers: Vec<(CommitId, Committed)>,
}

/// What must become of a commit.
pub(crate) enum Fate {
    Refused,
    /// One of these streams is reported, with the version that it has.
    Conflicts(Vec<(StreamId, Version)>),
    TakesEffect,
    /// It has taken effect: this is what was answered then.
    HasTakenEffect(Committed),
}

impl Reference {
    pub(crate) fn stream(&self, stream: &StreamId) -> Vec<RecordedEvent> {
        self.log.iter().filter(|event| event.stream == *stream).cloned().collect()
    }

    pub(crate) fn version(&self, stream: &StreamId) -> Version {
        Version::new(self.log.iter().filter(|event| event.stream == *stream).count() as u64)
    }

    pub(crate) fn head(&self) -> Position {
        self.log.last().map_or(Position::START, |last| last.position)
    }

    pub(crate) fn after(&self, filter: &Filter, after: Position) -> Vec<RecordedEvent> {
        let later = self.log.iter().filter(|event| event.position > after);
        later.filter(|event| filter.matches(event.stream.category())).cloned().collect()
    }

    pub(crate) fn fate(&self, commit: &Commit) -> Fate {
        let appends = &commit.appends;
        let twice = |index: usize| appends[..index].iter().any(|other| other.stream == appends[index].stream);
        if appends.is_empty() || (0..appends.len()).any(|i| appends[i].events.is_empty() || twice(i)) {
            return Fate::Refused;
        }
        if let Some((_, answer)) = self.answers.iter().find(|(id, _)| *id == commit.id) {
            return Fate::HasTakenEffect(answer.clone());
        }
        let unexpected = appends.iter().filter_map(|append| {
            let actual = self.version(&append.stream);
            (append.expected.version()? != actual).then(|| (append.stream.clone(), actual))
        });
        match unexpected.collect::<Vec<_>>() {
            none if none.is_empty() => Fate::TakesEffect,
            conflicts => Fate::Conflicts(conflicts),
        }
    }

    /// The commit took effect with this answer. What is the store's to choose, positions and times, is taken from the
    /// answer once it was found to be possible.
    pub(crate) fn record(&mut self, commit: &Commit, answer: Committed) -> Result<(), TestCaseError> {
        prop_assert_eq!(answer.appends.len(), commit.appends.len());
        let (mut index, mut recorded) = (0, Vec::new());
        for (append, appended) in commit.appends.iter().zip(&answer.appends) {
            let before = self.stream(&append.stream);
            prop_assert_eq!(appended.first.get(), before.len() as u64 + 1);
            prop_assert_eq!(appended.positions.len(), append.events.len());
            prop_assert!(before.last().is_none_or(|last| last.at <= appended.at), "the time went back");
            for (number, (event, position)) in append.events.iter().zip(&appended.positions).enumerate() {
                recorded.push(RecordedEvent {
                    id: commit.id.event(index),
                    stream: append.stream.clone(),
                    version: appended.first.plus(number as u64),
                    position: *position,
                    name: event.name.clone(),
                    schema: event.schema,
                    payload: event.payload.clone(),
                    at: appended.at,
                    metadata: event.metadata.clone(),
                });
                index += 1;
            }
            prop_assert!(appended.positions.is_sorted(), "positions of an append ascend");
        }
        recorded.sort_by_key(|event| event.position);
        prop_assert!(recorded[0].position > self.head(), "a position at or before one that was given");
        self.log.extend(recorded);
        prop_assert!(self.log.is_sorted_by(|a, b| a.position < b.position), "a position was given twice");
        self.answers.push((commit.id, answer));
        Ok(())
    }
}
