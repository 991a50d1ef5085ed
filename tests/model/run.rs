//! One sequence of operations, done to a store and to the reference.

use std::{collections::HashMap, sync::Arc};

use factum::{
    Position, Store, Version,
    store::{
        Append, AppendError, Commit, Committed, Expected, Fact, Filter, RecordedEvent, StoreErrorKind,
        StreamId, Tail,
    },
    testing::contract::Harness,
};
use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};

use crate::{
    operation::{Action, Expectation, Operation, Writing, commit_id},
    reference::{Fate, Reference},
};

type Step = Result<(), TestCaseError>;

pub(crate) struct Run<H> {
    harness: Arc<H>,
    handles: Vec<Arc<dyn Store>>,
    reference: Reference,
    given: Vec<Commit>,
    tails: HashMap<StreamId, Tail>,
}

impl<H: Harness> Run<H> {
    pub(crate) async fn start(harness: Arc<H>, handles: usize) -> Self {
        let mut run = Self {
            harness,
            handles: Vec::new(),
            reference: Reference::default(),
            given: Vec::new(),
            tails: HashMap::new(),
        };
        for _ in 0..handles {
            run.handles.push(run.harness.open().await.unwrap());
        }
        run
    }

    pub(crate) async fn step(&mut self, operation: Operation) -> Step {
        let handle = operation.handle.index(self.handles.len());
        let store = Arc::clone(&self.handles[handle]);
        match operation.action {
            Action::Append(writings) => {
                let id = commit_id(self.given.len());
                let appends = writings.into_iter().map(|writing| self.append(writing)).collect();
                let commit = Commit { id, ..Commit::new(appends) };
                self.given.push(commit.clone());
                self.give(&*store, commit).await?;
            }
            Action::AppendAgain(which) if !self.given.is_empty() => {
                let commit = which.get(&self.given).clone();
                self.give(&*store, commit).await?;
            }
            Action::ReadStream { stream, from, limit } => {
                self.read_stream(&*store, &stream, Version::new(from), limit).await?;
            }
            Action::ReadAll { filter, after, limit } => {
                self.read_all(&*store, &filter, self.position(after), limit).await?;
            }
            // Only one handle can be all that there is.
            Action::Reopen if self.handles.len() > 1 => {
                drop(store);
                self.handles.remove(handle);
                self.handles.push(self.harness.open().await.unwrap());
            }
            Action::AppendAgain(_) | Action::Reopen => {}
        }
        self.agree().await
    }

    fn append(&self, writing: Writing) -> Append {
        let Writing { stream, expectation, with_tail, events } = writing;
        let version = self.reference.version(&stream);
        let expected = match expectation {
            Expectation::NoStream => Expected::NoStream,
            Expectation::Right => Expected::Exact(version),
            Expectation::Wrong(by) => Expected::Exact(version.get().saturating_add_signed(by).into()),
            Expectation::Any => Expected::Any,
        };
        let tail = self.tails.get(&stream).filter(|_| with_tail).cloned();
        Append { stream, expected, tail, events }
    }

    async fn give(&mut self, store: &dyn Store, commit: Commit) -> Step {
        let outcome = store.append(commit.clone()).await;
        match (self.reference.fate(&commit), outcome) {
            (Fate::Refused, Err(AppendError::Failed(error))) => {
                prop_assert_eq!(error.kind(), StoreErrorKind::Invalid);
            }
            (Fate::Conflicts(streams), Err(AppendError::Conflict { stream, expected, actual })) => {
                prop_assert!(streams.contains(&(stream.clone(), actual)), "{} is not at {}", stream, actual);
                let append = commit.appends.iter().find(|append| append.stream == stream).unwrap();
                prop_assert_eq!(append.expected, expected);
            }
            (Fate::TakesEffect, Ok(answer)) => {
                self.keep_tails(&commit, &answer);
                self.reference.record(&commit, answer)?;
            }
            (Fate::HasTakenEffect(first), Ok(answer)) => {
                let told = |answer: &Committed| -> Vec<_> {
                    answer.appends.iter().map(|a| (a.first, a.positions.clone(), a.at)).collect()
                };
                prop_assert_eq!(told(&first), told(&answer));
                self.keep_tails(&commit, &answer);
            }
            (Fate::Refused, other) => prop_assert!(false, "expected a refusal, got {:?}", other),
            (Fate::Conflicts(_), other) => prop_assert!(false, "expected a conflict, got {:?}", other),
            (_, other) => prop_assert!(false, "expected that it takes effect, got {:?}", other),
        }
        Ok(())
    }

    /// Those of a commit given again are stale; they must do no harm.
    fn keep_tails(&mut self, commit: &Commit, answer: &Committed) {
        for (append, appended) in commit.appends.iter().zip(&answer.appends) {
            if let Some(tail) = &appended.tail {
                self.tails.insert(append.stream.clone(), tail.clone());
            }
        }
    }

    async fn read_stream(
        &mut self,
        store: &dyn Store,
        stream: &StreamId,
        from: Version,
        limit: usize,
    ) -> Step {
        let page = store.read_stream(stream, from, limit).await.unwrap();
        let rest: Vec<_> =
            self.reference.stream(stream).into_iter().filter(|event| event.version >= from).collect();
        is_page(&page.events, &rest, limit)?;
        let next = rest.get(page.events.len()).map(|event| event.version);
        prop_assert_eq!(page.next, next);
        let facts = store.read_facts(stream, from, limit).await.unwrap();
        prop_assert_eq!(facts.next, next);
        let same = |(fact, event): (Fact<'_>, &RecordedEvent)| {
            fact.payload.map(str::as_bytes) == Ok(event.payload.bytes())
                && (fact.version, fact.name, fact.schema) == (event.version, &event.name, event.schema)
        };
        prop_assert_eq!(facts.len(), page.events.len());
        prop_assert!(facts.iter().zip(&page.events).all(same), "{:?} {:?}", facts, page.events);
        if let Some(tail) = page.tail {
            prop_assert!(next.is_none(), "only the end of a stream has a tail");
            self.tails.insert(stream.clone(), tail);
        }
        Ok(())
    }

    fn position(&self, which: Index) -> Position {
        match which.index(self.reference.log.len() + 1) {
            0 => Position::START,
            number => self.reference.log[number - 1].position,
        }
    }

    async fn read_all(&self, store: &dyn Store, filter: &Filter, after: Position, limit: usize) -> Step {
        let page = store.read_all(filter, after, limit).await.unwrap();
        let rest = self.reference.after(filter, after);
        is_page(&page.events, &rest, limit)?;
        // What the page says that it looked at, it has shown.
        let passed = rest.iter().filter(|event| event.position <= page.last).count();
        prop_assert_eq!(passed, page.events.len());
        prop_assert!(page.last >= after);
        if page.end {
            prop_assert_eq!(page.last, self.reference.head());
        } else {
            prop_assert!(page.last > after, "a page came no further");
            prop_assert!(page.last < self.reference.head(), "there is more where nothing can be");
        }
        Ok(())
    }

    /// Everything, through every handle.
    async fn agree(&self) -> Step {
        let mut streams: Vec<_> = self.reference.log.iter().map(|event| &event.stream).collect();
        streams.sort();
        streams.dedup();
        for store in &self.handles {
            prop_assert_eq!(store.head().await.unwrap(), self.reference.head());
            let all = store.read_all(&Filter::All, Position::START, usize::MAX).await.unwrap();
            prop_assert!(all.end, "one page was not enough for {} events", self.reference.log.len());
            prop_assert_eq!(&all.events, &self.reference.log);
            for stream in &streams {
                let page = store.read_stream(stream, Version::FIRST, usize::MAX).await.unwrap();
                prop_assert_eq!(page.next, None);
                prop_assert_eq!(&page.events, &self.reference.stream(stream));
            }
        }
        Ok(())
    }
}

/// Whether a page is a beginning of the rest, and no longer than it may be.
fn is_page(page: &[RecordedEvent], rest: &[RecordedEvent], limit: usize) -> Step {
    prop_assert!(page.len() <= limit.max(1), "a page of at most {} held {}", limit, page.len());
    prop_assert!(page.len() <= rest.len(), "more than there is");
    prop_assert_eq!(page, &rest[..page.len()]);
    Ok(())
}
