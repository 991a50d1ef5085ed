//! A process manager as the task of a reader.

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use super::{Actions, Process, actions::Failure};
use crate::{
    app::Repositories,
    handler::{Cause, HandlerError, Source, with_causes},
    observe,
    read::{Deadline, ProcessChange, ProcessState, ReadStore},
    reader::{Failed, Next, Taken, Task, Tries, panic_message},
    store::{BoxFuture, Filter, RecordedEvent, StoreError},
};

/// How many processes are dealt with at once whose time has come.
const MANY: usize = 64;

/// After how long it is tried again what could not be done when its time had come.
const LATER: TimeDelta = TimeDelta::minutes(1);

/// A process manager at work.
pub(crate) struct Managing<P> {
    process: P,
    filter: Filter,
    repositories: Arc<Repositories>,
    books: Arc<dyn ReadStore>,
    next: Mutex<NextDue>,
}

/// When the next deadline is due.
#[derive(Clone, Copy, Debug, PartialEq)]
enum NextDue {
    /// It has to be looked up.
    Unknown,
    At(DateTime<Utc>),
    Never,
}

/// The processes that are being dealt with, by their keys.
type States = HashMap<String, Option<ProcessState>>;

enum Trouble {
    Store(StoreError),
    Event(String),
}

impl<P: Process> Managing<P> {
    pub(crate) fn new(process: P, repositories: Arc<Repositories>, books: Arc<dyn ReadStore>) -> Self {
        let filter = process.filter();
        Self { process, filter, repositories, books, next: Mutex::new(NextDue::Unknown) }
    }

    fn next(&self) -> MutexGuard<'_, NextDue> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an event means for its process, commands included. Nothing has changed in `states` if it fails.
    async fn react(&self, event: &RecordedEvent, states: &mut States) -> Result<Vec<String>, Trouble> {
        let mut before = Vec::new();
        let outcome = self.react_in(event, states, &mut before).await;
        let Err(trouble) = outcome else { return Ok(before.into_iter().map(|(key, _)| key).collect()) };
        // A split event changes all of its processes or none.
        states.extend(before.into_iter().rev());
        Err(trouble)
    }

    async fn react_in(
        &self,
        event: &RecordedEvent,
        states: &mut States,
        changed: &mut Vec<(String, Option<ProcessState>)>,
    ) -> Result<(), Trouble> {
        let failed = |error: &HandlerError| Trouble::Event(with_causes(&**error));
        let events = P::Source::decode(event).map_err(|error| Trouble::Event(error.to_string()))?;
        for (index, event_now) in events.iter().enumerate() {
            let Some(key) = self.process.key(event_now) else { continue };
            let before = self.state(&key, states).await.map_err(Trouble::Store)?;
            if before.is_none() && !self.process.begins(event_now) {
                continue;
            }
            let mut cause = Cause::event(P::NAME, event);
            if index > 0 {
                cause.key = format!("{}.{index}", cause.key);
            }
            let deadlines = before.as_ref().map_or_else(Vec::new, |state| state.deadlines.clone());
            let mut actions = Actions::new(event.at, cause, deadlines);
            let mut state = read::<P>(before.as_ref()).map_err(|error| failed(&error))?;
            guarded(|| self.process.react(&mut state, event_now, &mut actions))
                .map_err(|error| failed(&error))?;
            self.give(&mut actions).await?;
            let after = write::<P>(&key, &state, &actions).map_err(|error| failed(&error))?;
            states.insert(key.clone(), after);
            changed.push((key, before));
        }
        Ok(())
    }

    async fn give(&self, actions: &mut Actions) -> Result<(), Trouble> {
        match actions.give_all(&self.repositories).await {
            Ok(()) | Err(Failure::Refused(_)) => Ok(()),
            Err(Failure::Store(error)) => Err(Trouble::Store(error)),
            Err(Failure::Other(error)) => Err(Trouble::Event(error)),
        }
    }

    async fn state(&self, key: &str, states: &mut States) -> Result<Option<ProcessState>, StoreError> {
        if let Some(state) = states.get(key) {
            return Ok(state.clone());
        }
        let found = self.books.processes(P::NAME, &[key.to_owned()]).await?.into_iter().next().flatten();
        states.insert(key.to_owned(), found.clone());
        Ok(found)
    }

    /// Loads the processes of these events at once.
    async fn load(&self, events: &[RecordedEvent]) -> Result<States, StoreError> {
        let decoded = events.iter().filter_map(|event| P::Source::decode(event).ok()).flatten();
        let mut keys: Vec<String> = decoded.filter_map(|event| self.process.key(&event)).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = self.books.processes(P::NAME, &keys).await?;
        Ok(keys.into_iter().zip(found).collect())
    }

    /// Deals with the deadlines of a process that are due; the state that comes of it.
    async fn elapse(
        &self,
        before: ProcessState,
        now: DateTime<Utc>,
    ) -> Result<Option<ProcessState>, StoreError> {
        let key = before.key.clone();
        let mut current = Some(before);
        while let Some(state) = current.take() {
            let due = state
                .deadlines
                .iter()
                .filter(|deadline| deadline.due <= now)
                .min_by_key(|deadline| deadline.due);
            let Some(due) = due.cloned() else { return Ok(Some(state)) };
            match self.meet(&key, &state, &due).await {
                Ok(after) => current = after,
                Err(Trouble::Store(error)) => return Err(error),
                Err(Trouble::Event(error)) => {
                    tracing::error!(
                        manager = P::NAME,
                        process = key,
                        deadline = due.name,
                        "cannot do what is due: {error}"
                    );
                    let mut state = state;
                    for deadline in state.deadlines.iter_mut().filter(|deadline| deadline.name == due.name) {
                        deadline.due = now + LATER;
                    }
                    current = Some(state);
                }
            }
        }
        Ok(None)
    }

    async fn meet(
        &self,
        key: &str,
        before: &ProcessState,
        due: &Deadline,
    ) -> Result<Option<ProcessState>, Trouble> {
        let failed = |error: &HandlerError| Trouble::Event(with_causes(&**error));
        let rest = before.deadlines.iter().filter(|deadline| deadline.name != due.name).cloned().collect();
        let cause = Cause::deadline(P::NAME, key, due);
        let mut actions = Actions::new(due.due, cause, rest);
        let mut state = read::<P>(Some(before)).map_err(|error| failed(&error))?;
        guarded(|| self.process.due(key, &mut state, &due.name, &mut actions))
            .map_err(|error| failed(&error))?;
        self.give(&mut actions).await?;
        write::<P>(key, &state, &actions).map_err(|error| failed(&error))
    }

    /// There are deadlines that may come before those that are known.
    fn remember(&self, states: &[ProcessChange]) {
        let deadlines =
            states.iter().filter_map(|change| change.state.as_ref()).flat_map(|state| &state.deadlines);
        let Some(first) = deadlines.map(|deadline| deadline.due).min() else { return };
        let mut next = self.next();
        *next = match *next {
            NextDue::Unknown => NextDue::Unknown,
            NextDue::At(known) => NextDue::At(known.min(first)),
            NextDue::Never => NextDue::At(first),
        };
    }
}

fn read<P: Process>(state: Option<&ProcessState>) -> Result<P::State, HandlerError> {
    match state {
        None => Ok(P::State::default()),
        Some(state) => serde_json::from_str(&state.state).map_err(|error| {
            format!("the state of the process `{}` cannot be read: {error}", state.key).into()
        }),
    }
}

fn write<P: Process>(
    key: &str,
    state: &P::State,
    actions: &Actions,
) -> Result<Option<ProcessState>, HandlerError> {
    if actions.ended {
        return Ok(None);
    }
    let state = serde_json::to_string(state)
        .map_err(|error| format!("the state of the process `{key}` cannot be written: {error}"))?;
    Ok(Some(ProcessState { key: key.to_owned(), state, deadlines: actions.deadlines.clone() }))
}

/// A panic of user code is an error. What it was changing is thrown away.
fn guarded(run: impl FnOnce() -> Result<(), HandlerError>) -> Result<(), HandlerError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}

impl<P: Process> Task for Managing<P> {
    fn reader(&self) -> &str {
        P::NAME
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn begin(&self) -> BoxFuture<'_, Result<Next, StoreError>> {
        // Another process may have done the work meanwhile.
        *self.next() = NextDue::Unknown;
        Box::pin(std::future::ready(Ok(Next::GoOn)))
    }

    fn take<'a>(&'a self, events: &'a [RecordedEvent]) -> BoxFuture<'a, Result<Taken, StoreError>> {
        Box::pin(async move {
            let mut states = self.load(events).await?;
            let (mut changed, mut failed): (Vec<String>, Vec<Failed>) = (Vec::new(), Vec::new());
            for (index, event) in events.iter().enumerate() {
                let waits = |failed: &Failed| {
                    events.get(failed.index).is_some_and(|first| first.stream == event.stream)
                };
                if failed.iter().any(waits) {
                    continue;
                }
                let mut tries = Tries::new();
                loop {
                    let span = observe::handle(P::NAME, event, tries.made());
                    match self.react(event, &mut states).instrument(span).await {
                        Ok(keys) => {
                            changed.extend(keys);
                            break;
                        }
                        Err(Trouble::Store(error)) => return Err(error),
                        Err(Trouble::Event(_)) if tries.allow_another().await => {}
                        Err(Trouble::Event(error)) => {
                            failed.push(Failed { index, error, attempts: tries.made() });
                            break;
                        }
                    }
                }
            }
            changed.sort_unstable();
            changed.dedup();
            let change = |key: String| ProcessChange { state: states.get(&key).cloned().flatten(), key };
            let processes: Vec<_> = changed.into_iter().map(change).collect();
            self.remember(&processes);
            Ok(Taken { processes, failed, ..Taken::default() })
        })
    }

    fn wakes_at(&self) -> Option<DateTime<Utc>> {
        match *self.next() {
            NextDue::Unknown => Some(DateTime::<Utc>::MIN_UTC),
            NextDue::At(at) => Some(at),
            NextDue::Never => None,
        }
    }

    fn elapsed(&self) -> BoxFuture<'_, Result<Taken, StoreError>> {
        Box::pin(async move {
            let now = Utc::now();
            let due = self.books.due(P::NAME, now, MANY).await?;
            let found = self.books.processes(P::NAME, &due.keys).await?;
            let mut processes = Vec::new();
            for state in found.into_iter().flatten() {
                let key = state.key.clone();
                processes.push(ProcessChange { key, state: self.elapse(state, now).await? });
            }
            *self.next() = match due.next {
                _ if !due.keys.is_empty() => NextDue::Unknown,
                Some(next) => NextDue::At(next),
                None => NextDue::Never,
            };
            Ok(Taken { processes, ..Taken::default() })
        })
    }
}

impl<P: Process> fmt::Debug for Managing<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Managing").field(&P::NAME).finish()
    }
}
