//! Whether a store holds what it must, and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};

use factum::{
    Position, Store, Version,
    store::{CommitId, Expected, Filter, RecordedEvent, StoreError, StreamId},
};
use uuid::Uuid;

use crate::{Entry, Outcome};

/// How many events are read at once: few enough that there are several pages.
const PAGE: usize = 50;

/// What was found in a store.
#[derive(Debug, Default)]
pub struct Findings {
    /// The commits that are there.
    pub there: HashSet<CommitId>,
    /// How many events there are.
    pub events: usize,
    /// Acknowledged commits that are not there.
    pub lost: Vec<CommitId>,
    /// Everything else that must not be.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Whether everything is as it must be.
    #[must_use]
    pub fn are_good(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }
}

/// Compares what the store holds with what was given to it and answered.
///
/// - What was acknowledged is there, once, where the acknowledgement said; what was refused is not.
/// - A commit is there wholly or not at all, with the events that were given.
/// - Versions have no gaps, positions ascend, times of a stream do not go back.
/// - All ways to read tell the same.
///
/// # Errors
/// The store cannot be read.
pub async fn check(store: &dyn Store, entries: &[Entry]) -> Result<Findings, StoreError> {
    let events = read_all(store).await?;
    let mut findings = Findings { events: events.len(), ..Findings::default() };
    let wrong = &mut findings.wrong;
    let head = store.head().await?;
    if head != events.last().map_or(Position::START, |last| last.position) {
        wrong.push(format!("the head is {head}, which is not the last event"));
    }
    check_order(&events, wrong);
    check_streams(store, &events, wrong).await?;

    let mut commits: HashMap<CommitId, Vec<&RecordedEvent>> = HashMap::new();
    for event in &events {
        commits.entry(CommitId::from_uuid(event.id.0)).or_default().push(event);
    }
    for Entry { commit, outcome, .. } in entries {
        let id = commit.id;
        match (commits.remove(&id), outcome) {
            (None, Outcome::Acknowledged { .. }) => findings.lost.push(id),
            (None, _) => {}
            (Some(_), Outcome::Refused) => {
                findings.wrong.push(format!("commit {id} was refused, and is there"))
            }
            (Some(events), outcome) => {
                findings.there.insert(id);
                if let Err(what) = check_commit(&events, commit, outcome) {
                    findings.wrong.push(format!("commit {id} {what}"));
                }
            }
        }
    }
    findings.wrong.extend(commits.keys().map(|id| format!("commit {id} was never given, and is there")));
    Ok(findings)
}

async fn read_all(store: &dyn Store) -> Result<Vec<RecordedEvent>, StoreError> {
    let (mut events, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_all(&Filter::All, after, PAGE).await?;
        events.extend(page.events);
        after = page.last;
        if page.end {
            return Ok(events);
        }
    }
}

fn check_order(events: &[RecordedEvent], wrong: &mut Vec<String>) {
    let mut ends: HashMap<&StreamId, &RecordedEvent> = HashMap::new();
    let mut last = Position::START;
    for event in events {
        let RecordedEvent { stream, version, position, .. } = event;
        if *position <= last {
            wrong.push(format!("position {position} comes after {last}"));
        }
        last = *position;
        let before = ends.insert(stream, event);
        let expected = before.map_or(Version::FIRST, |before| before.version.next());
        if *version != expected {
            wrong.push(format!("version {version} of {stream} stands where {expected} must be"));
        }
        if before.is_some_and(|before| before.at > event.at) {
            wrong.push(format!("version {version} of {stream} is older than the one before"));
        }
    }
}

/// Reads each stream by itself: through another index, and once more without envelopes.
async fn check_streams(
    store: &dyn Store,
    events: &[RecordedEvent],
    wrong: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut streams: BTreeMap<&StreamId, Vec<&RecordedEvent>> = BTreeMap::new();
    for event in events {
        streams.entry(&event.stream).or_default().push(event);
    }
    for (stream, events) in streams {
        let (mut read, mut facts) = (Vec::new(), 0);
        let mut from = Some(Version::FIRST);
        while let Some(version) = from {
            let page = store.read_stream(stream, version, PAGE).await?;
            facts += store.read_facts(stream, version, PAGE).await?.len();
            read.extend(page.events);
            from = page.next;
        }
        if !read.iter().eq(events.iter().copied()) || facts != read.len() {
            wrong.push(format!("{stream} is not the same when it is read by itself"));
        }
    }
    Ok(())
}

fn check_commit(
    events: &[&RecordedEvent],
    commit: &factum::store::Commit,
    outcome: &Outcome,
) -> Result<(), String> {
    let given: usize = commit.appends.iter().map(|append| append.events.len()).sum();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
    if ids != (0..given).map(|index| commit.id.event(index).0).collect::<Vec<_>>() {
        return Err(format!("has {given} events; there are {ids:?}"));
    }
    let mut events = events.iter();
    let mut found = Vec::new();
    for append in &commit.appends {
        let there: Vec<_> = events.by_ref().take(append.events.len()).collect();
        let same = there.iter().zip(&append.events).all(|(there, given)| {
            there.stream == append.stream
                && there.name == given.name
                && there.schema == given.schema
                && there.payload == given.payload
                && there.metadata == given.metadata
        });
        if !same {
            return Err(format!("is there with other events in {}", append.stream));
        }
        let first = there.first().map_or(Version::NONE, |first| first.version);
        let in_order = there.iter().zip(0..).all(|(there, index)| there.version == first.plus(index));
        let expected = match append.expected {
            Expected::NoStream => Version::FIRST,
            Expected::Exact(version) => version.next(),
            Expected::Any => first,
        };
        if !in_order || first != expected {
            return Err(format!("is at version {first} of {}, expected was {expected}", append.stream));
        }
        found.push((first, there.iter().map(|there| there.position).collect()));
    }
    match outcome {
        Outcome::Acknowledged { places, .. } if *places != found => {
            Err(format!("was acknowledged to be at {places:?}, and is at {found:?}"))
        }
        _ => Ok(()),
    }
}
