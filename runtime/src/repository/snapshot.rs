//! Loads that begin at a snapshot, and the snapshots that they keep.
//!
//! A snapshot is a cache: whatever is wrong with it, the events are folded from the first one on. What can be told beforehand
//! is told by its fingerprint and by the event that it ends with. What cannot be told (a function that the fold calls was
//! changed, or a nested type) is found by comparing with a full fold: the first snapshots of other processes that this one
//! meets, and a sample of those that come later.

use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    LoadError, PAGE,
    load::{Loaded, Reading, Until},
    recorded,
};
use crate::{
    Aggregate, Event, Fold, SnapshotRule, Version,
    codec::compare,
    store::{Capability, Payload, Snapshot, Store, StoreErrorKind, StreamId, StreamPage},
};

/// How many snapshots of other processes are compared with a full fold before one is taken at its word …
const FIRST: u64 = 8;

/// … and of how many later ones one is.
const SAMPLE: u64 = 1000;

/// How many snapshots of a type are being written at the same time, at most. Others come next time.
const MOST: usize = 16;

/// This process, as the origin of snapshots.
static HERE: LazyLock<Uuid> = LazyLock::new(Uuid::now_v7);

/// What has happened to the snapshots of one type of aggregate in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotCounts {
    /// Loads that began at a snapshot.
    pub used: u64,
    /// Snapshots that were compared with a full fold.
    pub checked: u64,
    /// Those among them that were something else. It should be 0: see `epoch` in
    /// [`#[derive(Aggregate)]`](macro@crate::Aggregate).
    pub different: u64,
    /// Snapshots that could not be read, or did not belong to the events that are there. They were folded anew.
    pub unusable: u64,
    /// Snapshots that were kept.
    pub kept: u64,
    /// Snapshots that could not be kept. Where it is the state's fault, the log has a warning for the first one only.
    pub failed: u64,
}

/// The snapshots of one type of aggregate, as far as this process has to do with them.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// How many of other processes could be used.
    met: AtomicU64,
    /// One of them was something else than the fold of its events.
    distrusted: AtomicBool,
    /// It was told that there are states which cannot be kept.
    told: AtomicBool,
    /// The streams, and the stores in which they are, of which one is being written.
    writing: Mutex<HashSet<(usize, StreamId)>>,
    counts: Mutex<SnapshotCounts>,
}

impl Snapshots {
    /// Those of this type.
    pub(super) fn of<A: Aggregate>() -> Arc<Self> {
        static ALL: LazyLock<Mutex<HashMap<TypeId, Arc<Snapshots>>>> = LazyLock::new(Mutex::default);
        Arc::clone(lock(&ALL).entry(TypeId::of::<A>()).or_default())
    }

    pub(super) fn counts(&self) -> SnapshotCounts {
        *lock(&self.counts)
    }

    fn count(&self, count: impl FnOnce(&mut SnapshotCounts)) {
        count(&mut lock(&self.counts));
    }

    /// Whether one that fits may be used, and whether it has to be compared.
    fn trust(&self, snapshot: &Snapshot) -> Trust {
        if snapshot.origin == *HERE {
            return Trust::Full;
        }
        if self.distrusted.load(Ordering::Relaxed) {
            return Trust::None;
        }
        let met = self.met.fetch_add(1, Ordering::Relaxed);
        if met < FIRST || met.is_multiple_of(SAMPLE) { Trust::AfterACheck } else { Trust::Full }
    }

    /// The turn to write a snapshot of this stream, unless somebody has it or there are enough.
    fn turn(self: &Arc<Self>, store: &Arc<dyn Store>, stream: &StreamId) -> Option<Turn> {
        let mut writing = lock(&self.writing);
        let what = (Arc::as_ptr(store).addr(), stream.clone());
        let free = writing.len() < MOST && writing.insert(what.clone());
        free.then(|| Turn { snapshots: Arc::clone(self), what })
    }
}

enum Trust {
    Full,
    AfterACheck,
    None,
}

struct Turn {
    snapshots: Arc<Snapshots>,
    what: (usize, StreamId),
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.snapshots.writing).remove(&self.what);
    }
}

/// Nothing of it is ever half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a fold goes back to.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    /// The version of the last snapshot, as far as is known.
    version: Version,
    /// The process that folded from the first event on; `None`: this one.
    origin: Option<Uuid>,
}

impl Basis {
    /// The events from the first one on.
    pub(super) const fn events() -> Self {
        Self { version: Version::NONE, origin: None }
    }
}

/// Where a load begins that has a snapshot.
struct Restored<A: Aggregate> {
    loaded: Loaded<A>,
    snapshot: Snapshot,
    /// What comes next.
    page: StreamPage,
    /// Whether it has to be compared with a full fold.
    check: bool,
}

/// The aggregate, from a snapshot on if there is one that can be used; the version of that one.
pub(super) async fn load<A: Aggregate>(
    rule: SnapshotRule<A>,
    store: &Arc<dyn Store>,
    stream: &StreamId,
    id: &A::Id,
    reading: Reading,
) -> Result<(Version, Loaded<A>), LoadError> {
    let begun = Begun { rule, snapshots: Snapshots::of::<A>(), store, stream, id, reading };
    let (from, mut loaded) = match begun.restore().await {
        Some(restored) => (restored.snapshot.version, begun.finish(restored).await?),
        None => (Version::NONE, begun.fold_all().await?),
    };
    if matches!(reading.until, Until::End) {
        keep_when_due(store, stream, &mut loaded);
    }
    Ok((from, loaded))
}

/// Has a snapshot written of what was loaded, or has come of it since, if the last one is long ago.
pub(super) fn keep_when_due<A: Aggregate>(store: &Arc<dyn Store>, stream: &StreamId, loaded: &mut Loaded<A>) {
    let Some(rule) = A::SNAPSHOT else { return };
    let version = loaded.fold.version();
    if version.get().saturating_sub(loaded.basis.version.get()) < rule.every()
        || !store.capabilities().supports(Capability::Snapshots)
    {
        return;
    }
    if let Some(state) = loaded.fold.state()
        && let Some(turn) = Snapshots::of::<A>().turn(store, stream)
    {
        let (state, store) = (rule.encode(state), Arc::clone(store));
        let origin = loaded.basis.origin.unwrap_or(*HERE);
        loaded.basis.version = version;
        loaded.due = Some(Due(Some(Keep { turn, rule, store, version, origin, state })));
    }
}

/// Whether what is known still counts: it does not if it goes back to another process' snapshot, and one of those was found to
/// be wrong since.
pub(super) fn believed<A: Aggregate>(known: &Loaded<A>) -> bool {
    A::SNAPSHOT.is_none()
        || known.basis.origin.is_none_or(|origin| origin == *HERE)
        || !Snapshots::of::<A>().distrusted.load(Ordering::Relaxed)
}

/// A load of an aggregate that has snapshots.
struct Begun<'a, A: Aggregate> {
    rule: SnapshotRule<A>,
    snapshots: Arc<Snapshots>,
    store: &'a Arc<dyn Store>,
    stream: &'a StreamId,
    id: &'a A::Id,
    reading: Reading,
}

impl<A: Aggregate> Begun<'_, A> {
    /// All events.
    async fn fold_all(&self) -> Result<Loaded<A>, LoadError> {
        let mut loaded = Loaded::nothing(self.id.clone());
        loaded.go_on(&**self.store, self.stream, self.reading).await?;
        Ok(loaded)
    }

    /// The fold at the snapshot of the stream, if there is one that can be used for this.
    async fn restore(&self) -> Option<Restored<A>> {
        let snapshot = match self.store.snapshot(self.stream).await {
            Ok(found) => found?,
            Err(error) => {
                if !matches!(error.kind(), StoreErrorKind::Unsupported(_)) {
                    self.unusable(&error);
                }
                return None;
            }
        };
        let Snapshot { version, last, .. } = snapshot;
        let Reading { until, since } = self.reading;
        let limit = match until {
            Until::Version(asked) => {
                let more = usize::try_from(asked.get().checked_sub(version.get())?);
                more.map_or(PAGE, |more| more.min(PAGE - 1) + 1)
            }
            Until::End | Until::Time(_) => PAGE,
        };
        let looked_at = since.is_some_and(|since| version > since);
        if snapshot.fingerprint != self.rule.fingerprint() || version == Version::NONE || looked_at {
            return None;
        }
        let state = match &snapshot.state {
            Payload::Json(state) => self.rule.decode(state).map_err(|error| self.unusable(&error)).ok()?,
            Payload::Other { format, .. } => {
                self.unusable(&format_args!("its state is in the format `{format}`"));
                return None;
            }
        };
        // Whoever folds from the first event on meets the same trouble, and tells it.
        let mut page = self.store.read_stream(self.stream, version, limit).await.ok()?;
        if page.events.first().is_none_or(|first| first.version != version || first.id != last) {
            self.unusable(&"the event that it ends with is not in the stream");
            return None;
        }
        let last = page.events.remove(0);
        if matches!(until, Until::Time(at) if last.at > at) {
            return None;
        }
        let check = match self.snapshots.trust(&snapshot) {
            Trust::Full => false,
            Trust::AfterACheck => true,
            Trust::None => return None,
        };
        let ended = recorded::decode::<A::Event>(last.fact()).ok()?.as_slice().last()?.ends();
        self.snapshots.count(|counts| counts.used += 1);
        let fold = Fold::restored(self.id.clone(), state, version, ended);
        let mut loaded = Loaded::behind(fold, Basis { version, origin: Some(snapshot.origin) });
        loaded.position = last.position;
        Some(Restored { loaded, snapshot, page, check })
    }

    /// What the events behind the snapshot come to.
    async fn finish(&self, restored: Restored<A>) -> Result<Loaded<A>, LoadError> {
        let Restored { mut loaded, snapshot, page, check } = restored;
        if loaded.take_events(self.stream, page, self.reading)?.is_some() {
            loaded.go_on(&**self.store, self.stream, self.reading).await?;
        }
        match check {
            true => self.check(loaded, &snapshot).await,
            false => Ok(loaded),
        }
    }

    /// Compares with what all events come to, which is what is given in any case.
    async fn check(&self, mut loaded: Loaded<A>, snapshot: &Snapshot) -> Result<Loaded<A>, LoadError> {
        let mut whole = Loaded::nothing(self.id.clone());
        let reading = |version| Reading { until: Until::Version(version), since: None };
        whole.go_on(&**self.store, self.stream, reading(snapshot.version)).await?;
        let kept = std::str::from_utf8(snapshot.state.bytes()).unwrap_or_default();
        let mut fields = self.differing(&whole.fold, kept);
        whole.go_on(&**self.store, self.stream, reading(loaded.fold.version())).await?;
        if fields.is_empty() {
            // What its text does not show may have led to something else since.
            fields = match loaded.fold.state().map(|state| self.rule.encode(state)) {
                Some(Ok(state)) => self.differing(&whole.fold, &state),
                Some(Err(_)) | None => compare::everything(),
            };
        }
        loaded.basis = match fields.is_empty() {
            true => Basis { version: snapshot.version, origin: None },
            false => Basis::events(),
        };
        self.snapshots.count(|counts| {
            counts.checked += 1;
            counts.different += u64::from(!fields.is_empty());
        });
        if !fields.is_empty() {
            self.snapshots.distrusted.store(true, Ordering::Relaxed);
            tracing::error!(
                stream = %self.stream,
                version = %snapshot.version,
                fields = fields.join(", "),
                "a snapshot is not what its events come to. What the fold calls was changed, or a type in the state, where the \
                 derive cannot see it: raise `epoch` in `#[aggregate(snapshot(…))]` of `{}`. The events were folded, and until \
                 it ends this process uses no snapshot that others made",
                A::MODEL.name,
            );
        }
        loaded.fold = whole.fold;
        Ok(loaded)
    }

    /// The fields in which this is something else than the state of the fold.
    fn differing(&self, fold: &Fold<A>, other: &str) -> Vec<String> {
        match fold.state().map(|state| self.rule.encode(state)) {
            Some(Ok(state)) => compare::differing(&|state| again(&self.rule, state).ok(), &state, other),
            Some(Err(_)) | None => compare::everything(),
        }
    }

    fn unusable(&self, why: &dyn fmt::Display) {
        self.snapshots.count(|counts| counts.unusable += 1);
        tracing::warn!(stream = %self.stream, "a snapshot cannot be used: {why}. All events are folded");
    }
}

/// A snapshot that is written when whoever loaded is done with it, and a command has its receipt: writing it beside the
/// command would take the store from it.
pub(super) struct Due<A: Aggregate>(Option<Keep<A>>);

impl<A: Aggregate> Drop for Due<A> {
    fn drop(&mut self) {
        // Without a runtime nobody writes it; the next one to load does.
        if let (Some(keep), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(keep.carry_out());
        }
    }
}

/// A snapshot to be written.
struct Keep<A: Aggregate> {
    turn: Turn,
    rule: SnapshotRule<A>,
    store: Arc<dyn Store>,
    version: Version,
    origin: Uuid,
    state: Result<String, serde_json::Error>,
}

impl<A: Aggregate> Keep<A> {
    async fn carry_out(self) {
        let Turn { snapshots, what: (_, stream) } = &self.turn;
        let kept = match self.sound() {
            Ok(state) => self.write(stream, state).await,
            // It is due again with each load, and is no better then.
            Err(_) if snapshots.told.swap(true, Ordering::Relaxed) => {
                return snapshots.count(|counts| counts.failed += 1);
            }
            Err(error) => Err(format!("{error}. This is said once for `{}`", A::MODEL.name)),
        };
        match kept {
            Ok(()) => snapshots.count(|counts| counts.kept += 1),
            Err(error) => {
                snapshots.count(|counts| counts.failed += 1);
                tracing::warn!(%stream, version = %self.version, "no snapshot is kept: {error}");
            }
        }
    }

    /// The state, if it can be kept.
    fn sound(&self) -> Result<&str, String> {
        let state = self.state.as_ref().map_err(|error| format!("its state cannot be encoded: {error}"))?;
        comes_back(&self.rule, state)?;
        Ok(state)
    }

    async fn write(&self, stream: &StreamId, state: &str) -> Result<(), String> {
        let page =
            self.store.read_stream(stream, self.version, 1).await.map_err(|error| error.to_string())?;
        let last = page.events.first().filter(|last| last.version == self.version);
        let snapshot = Snapshot {
            stream: stream.clone(),
            version: self.version,
            last: last.ok_or("the event that it ends with is not in the stream")?.id,
            fingerprint: self.rule.fingerprint(),
            origin: self.origin,
            state: Payload::json(state),
        };
        self.store.save_snapshot(snapshot).await.map_err(|error| error.to_string())
    }
}

/// The state, read and written once more.
fn again<A>(rule: &SnapshotRule<A>, state: &str) -> Result<String, serde_json::Error> {
    rule.decode(state).and_then(|state| rule.encode(&state))
}

/// Refuses a state that serde does not read as what it wrote: a snapshot of it would be another state.
fn comes_back<A>(rule: &SnapshotRule<A>, state: &str) -> Result<(), String> {
    let read = again(rule, state).map_err(|error| format!("its state cannot be read back: {error}"))?;
    match compare::differing(&|state| again(rule, state).ok(), state, &read) {
        fields if fields.is_empty() => Ok(()),
        fields => Err(format!("its state does not come back as it was written, in {}", fields.join(", "))),
    }
}
