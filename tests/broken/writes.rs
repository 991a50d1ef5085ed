//! Mistakes in appending.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use factum::{
    Metadata, Position, Version,
    store::{
        Append, AppendError, Appended, Commit, CommitId, Committed, Expected, NewEvent, Original, Payload,
        Store, StoreError, StoreErrorKind, Tail,
    },
};

use crate::{bugs::Bug, store::Broken};

impl Broken {
    pub(crate) async fn append_wrongly(&self, mut commit: Commit) -> Result<Committed, AppendError> {
        self.wrong().appends += 1;
        let id = commit.id;
        self.change_what_is_asked(&mut commit);
        self.change_what_belongs_to_it(&mut commit).await?;
        for append in &mut commit.appends {
            append.stream = self.name(&append.stream);
            append.expected = self.expectation(append).await?;
            append.events.iter_mut().for_each(|event| self.change_what_is_written(event));
        }
        self.change_identity(&mut commit).await?;
        let given = commit.clone();
        let outcome = self.write(commit).await;
        let again = !self.wrong().seen.insert(id);
        match outcome {
            Ok(mut committed) => {
                self.signal.add_permits(1);
                self.change_answer(&given, &mut committed, again);
                Ok(committed)
            }
            Err(AppendError::Conflict { stream, expected, actual }) => {
                self.wrong().conflicts += 1;
                self.wrong().keys.extend(given.key.as_ref().map(|key| key.key.clone()));
                self.wrong().conflicted.insert(id, (stream.clone(), expected, actual));
                Err(self.conflict(given, AppendError::Conflict { stream, expected, actual }).await)
            }
            Err(error) => Err(error),
        }
    }

    /// Claims, constraints and the key.
    async fn change_what_belongs_to_it(&self, commit: &mut Commit) -> Result<(), AppendError> {
        match self.bug {
            Bug::TakesNothing => commit.claims.clear(),
            Bug::RefusesItsOwn => {
                for change in &commit.claims {
                    let claim = change.claim().clone();
                    if !self.wrong().taken.insert((claim.value, claim.owner.clone())) {
                        let by = claim.owner.clone();
                        return Err(AppendError::Taken { claim, by });
                    }
                }
            }
            Bug::IgnoresConstraints => {
                for append in &commit.appends {
                    let on_record = self.store.constraints(append.stream.category()).await?;
                    commit.constraints.extend(on_record.into_iter().map(|(name, _)| name));
                }
            }
            Bug::ForgetsKeys => commit.key = None,
            Bug::RemembersKeysOfConflicts => {
                if let Some(key) = commit.key.clone().filter(|key| self.wrong().keys.contains(&key.key)) {
                    return Err(AppendError::KeyUsed { key });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn change_what_is_asked(&self, commit: &mut Commit) {
        match self.bug {
            Bug::IgnoresWhatItCannotDo => {
                (commit.claims, commit.key, commit.rows) = (Vec::new(), None, Vec::new());
                commit.originals.clear();
            }
            Bug::IgnoresOriginals => commit.originals.clear(),
            Bug::CountsOriginalsFromTheEnd => commit.originals.reverse(),
            Bug::KeepsTimesThatGoBack | Bug::ForgetsTimesOfOriginals => {
                self.wrong().times.extend(commit.originals.iter().map(|original| (original.id, original.at)));
            }
            Bug::KeepsTheTimesOfOthers if commit.originals.is_empty() => {
                let at = chrono::DateTime::UNIX_EPOCH;
                let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
                commit.originals =
                    (0..events).map(|index| Original { id: commit.id.event(index), at }).collect();
            }
            Bug::KnowsOriginalsByTheirCommit if self.wrong().seen.contains(&commit.id) => {
                for (index, original) in commit.originals.iter_mut().enumerate() {
                    original.id = commit.id.event(index);
                }
            }
            Bug::AcceptsAnyNumberOfOriginals => commit.originals.clear(),
            Bug::ExpectsTheSameOfAll => {
                let expected = commit.appends[0].expected;
                commit.appends.iter_mut().for_each(|append| append.expected = expected);
            }
            Bug::MergesAppends => {
                commit.appends.dedup_by(|a, b| a.stream == b.stream || a.stream.id() == "a")
            }
            Bug::CutsLongCommits => {
                commit.appends.iter_mut().for_each(|append| append.events.truncate(Commit::MOST_EVENTS));
            }
            Bug::HasOneMetadataForACommit => {
                let metadata = commit.appends[0].events[0].metadata.clone();
                let events = commit.appends.iter_mut().flat_map(|append| &mut append.events);
                events.for_each(|event| event.metadata = metadata.clone());
            }
            _ => {}
        }
    }

    async fn expectation(&self, append: &Append) -> Result<Expected, AppendError> {
        let expected = append.expected;
        let actual = self.version(&append.stream).await;
        let conflict = |actual| AppendError::Conflict { stream: append.stream.clone(), expected, actual };
        let tail = append.tail.as_ref().and_then(|tail| tail.get::<Version>()).copied();
        Ok(match (self.bug, expected) {
            (Bug::IgnoresExpectations, _) => Expected::Any,
            (Bug::AcceptsWhatIsBehind, Expected::Exact(version)) if version < actual => Expected::Any,
            (Bug::AcceptsWhatIsAhead, Expected::Exact(version)) if version > actual => Expected::Any,
            (Bug::TakesExact0ForAVersion, Expected::Exact(Version::NONE)) => return Err(conflict(actual)),
            (Bug::CountsFromTheNextVersion, Expected::Exact(version)) => Expected::Exact(version.next()),
            (Bug::NeedsAStreamForAny, Expected::Any) if actual == Version::NONE => {
                return Err(conflict(actual));
            }
            (Bug::ChecksThenWrites, _) if expected.version().is_none_or(|version| version == actual) => {
                tokio::task::yield_now().await;
                Expected::Any
            }
            (Bug::ReadsForAnyThenExpects, Expected::Any) => {
                tokio::task::yield_now().await;
                Expected::Exact(actual)
            }
            (Bug::RefusesTails, _) if tail.is_some() => return Err(StoreError::invalid("a tail").into()),
            (Bug::NeedsTails, _) if tail.is_none() => return Err(StoreError::invalid("no tail").into()),
            (Bug::TrustsTails, _) => match (tail, expected.version()) {
                (Some(tail), Some(version)) if tail != version => return Err(conflict(tail)),
                (Some(tail), None) => Expected::Exact(tail),
                (Some(_), Some(_)) => Expected::Any,
                (None, _) => expected,
            },
            (Bug::TrustsItsOwnWrites, _) => {
                let known = self.own.lock().unwrap().get(&append.stream).copied().unwrap_or_default();
                match expected.version() {
                    Some(version) if version == known => Expected::Any,
                    Some(_) => return Err(conflict(known)),
                    None => expected,
                }
            }
            _ => expected,
        })
    }

    fn change_what_is_written(&self, event: &mut NewEvent) {
        match (self.bug, &event.payload) {
            (Bug::NormalisesJson, Payload::Json(text)) => {
                let value: serde_json::Value = serde_json::from_str(text).unwrap();
                event.payload = Payload::json(value.to_string());
            }
            (Bug::CutsLongText, Payload::Json(text)) => {
                event.payload = Payload::json(text.chars().take(65_535).collect::<String>());
            }
            (Bug::TakesEverythingForJson, payload) => {
                event.payload = Payload::json(String::from_utf8_lossy(payload.bytes()));
            }
            (Bug::KeepsOnlyActors, _) => {
                let actor = event.metadata.as_ref().and_then(|metadata| metadata.actor.clone());
                event.metadata = actor.map(|actor| Arc::new(Metadata::by(actor)));
            }
            (Bug::KeepsSchemasIn16Bits, _) => event.schema &= 0xffff,
            _ => {}
        }
    }

    /// Mistakes in telling whether the commit was given before.
    async fn change_identity(&self, commit: &mut Commit) -> Result<(), AppendError> {
        let seen = self.wrong().seen.contains(&commit.id);
        match self.bug {
            Bug::ForgetsCommits if seen => commit.id = CommitId::new(),
            Bug::ForgetsCommitsOfOthers if !seen => commit.id = CommitId::new(),
            Bug::ChecksThenRemembers if !seen => {
                tokio::task::yield_now().await;
                commit.id = CommitId::new();
                commit.appends.iter_mut().for_each(|append| append.expected = Expected::Any);
            }
            Bug::RemembersConflicts => {
                if let Some((stream, expected, actual)) = self.wrong().conflicted.get(&commit.id).cloned() {
                    return Err(AppendError::Conflict { stream, expected, actual });
                }
            }
            Bug::KnowsCommitsByTheirEvents => {
                let (stream, events) = (commit.appends[0].stream.clone(), commit.appends[0].events.clone());
                let mut wrong = self.wrong();
                match wrong.contents.iter().find(|(s, e, _)| *s == stream && *e == events) {
                    Some((_, _, id)) => commit.id = *id,
                    None => wrong.contents.push((stream, events, commit.id)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn write(&self, commit: Commit) -> Result<Committed, AppendError> {
        let events: usize = commit.appends.iter().map(|append| append.events.len()).sum();
        match self.bug {
            Bug::AcceptsEmptyCommits if events == 0 => Ok(Committed { appends: Vec::new() }),
            Bug::AcceptsEmptyCommits => {
                let appends = commit.appends.into_iter().filter(|append| !append.events.is_empty()).collect();
                self.store.append(Commit { appends, ..commit }).await
            }
            Bug::RefusesLargeCommits if events > 1_500 => Err(StoreError::invalid("too many").into()),
            Bug::AnswersWithoutWriting if self.wrong().appends.is_multiple_of(7) => {
                let (now, head) = (chrono::Utc::now(), self.store.head().await?.get());
                let mut appends = Vec::new();
                for append in commit.appends {
                    let first = self.version(&append.stream).await.next();
                    let positions =
                        (1..=append.events.len() as u128).map(|n| Position::new(head + n)).collect();
                    appends.push(Appended { first, positions, at: now, tail: None });
                }
                Ok(Committed { appends })
            }
            Bug::WritesStreamByStream => self.write_stream_by_stream(commit).await,
            Bug::LocksStreamByStream => {
                let mut held = Vec::new();
                for append in &commit.appends {
                    let lock = Arc::clone(self.wrong().locks.entry(append.stream.clone()).or_default());
                    held.push(lock.lock_owned().await);
                    tokio::task::yield_now().await;
                }
                self.store.append(commit).await
            }
            Bug::WritesStreamsBackwards => {
                let appends = commit.appends.into_iter().rev().collect();
                let mut committed = self.store.append(Commit { appends, ..commit }).await?;
                committed.appends.reverse();
                Ok(committed)
            }
            Bug::FailsWhoeverComesAfterAConflict if self.wrong().conflicts > 0 => {
                self.wrong().conflicts = 0;
                Err(StoreError::new(StoreErrorKind::Io, "another failed").into())
            }
            _ => self.append_rows_wrongly(commit).await,
        }
    }

    async fn write_stream_by_stream(&self, commit: Commit) -> Result<Committed, AppendError> {
        let (mut appends, mut written) = (Vec::new(), 0);
        for append in commit.appends {
            if written > 0 {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            // Each has an id of its own, the same when the commit is given again; that is not the mistake meant here.
            let number = commit.id.as_uuid().as_u128() ^ ((written as u128) << 16);
            let id = CommitId::from_uuid(uuid::Uuid::from_u128(number));
            for index in 0..append.events.len() {
                self.wrong().ids.insert(id.event(index), commit.id.event(written + index));
            }
            written += append.events.len();
            let part = Commit { id, ..Commit::new(vec![append]) };
            appends.extend(self.store.append(part).await?.appends);
        }
        Ok(Committed { appends })
    }

    fn change_answer(&self, given: &Commit, committed: &mut Committed, again: bool) {
        for (append, answer) in given.appends.iter().zip(&mut committed.appends) {
            let last = answer.first.plus(append.events.len() as u64 - 1);
            self.own.lock().unwrap().insert(append.stream.clone(), last);
            answer.tail = Some(Tail::new(last));
            answer.at = self.time(answer.at, answer.first, 0);
            match self.bug {
                Bug::AnswersWithEarlierPositions => {
                    answer.positions.iter_mut().for_each(|p| *p = Position::new(p.get() - 1));
                }
                Bug::AnswersAgainWithAnotherTime if again => answer.at += TimeDelta::microseconds(1),
                Bug::CountsPositionsDown => {
                    answer.positions.iter_mut().for_each(|p| *p = Position::new(1_000_000 - p.get()));
                }
                Bug::CountsVersionsByTwo => answer.first = Version::new(answer.first.get() * 2),
                _ => {}
            }
        }
        if self.bug == Bug::SortsItsAnswers {
            committed.appends.sort_by_key(|append| append.first);
        }
    }

    async fn conflict(&self, given: Commit, conflict: AppendError) -> AppendError {
        let AppendError::Conflict { stream, expected, actual } = conflict else { return conflict };
        match self.bug {
            Bug::RecordsConflicts => {
                let mut late = Commit { id: given.id, ..Commit::new(given.appends) };
                late.appends.iter_mut().for_each(|append| append.expected = Expected::Any);
                self.store.append(late).await.unwrap();
                AppendError::Conflict { stream, expected, actual }
            }
            Bug::ReportsWhatWasExpected => {
                let actual = expected.version().unwrap_or_default();
                AppendError::Conflict { stream, expected, actual }
            }
            Bug::BlamesTheFirstStream => {
                AppendError::Conflict { stream: given.appends[0].stream.clone(), expected, actual }
            }
            _ => AppendError::Conflict { stream, expected, actual },
        }
    }
}
