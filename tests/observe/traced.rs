//! A subscriber that keeps the spans of factum.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_core::span::Current;

/// A span as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: &'static str,
    pub id: u64,
    pub parent: Option<u64>,
    /// The fields that have been set.
    pub values: BTreeMap<&'static str, String>,
    metadata: &'static Metadata<'static>,
}

impl Seen {
    pub fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The one subscriber of this program. Each test looks at streams and readers of its own.
pub fn install() {
    static ONCE: LazyLock<()> =
        LazyLock::new(|| tracing::subscriber::set_global_default(Kept(AtomicU64::new(1))).unwrap());
    LazyLock::force(&ONCE);
}

/// The spans with this name of which a field has this value, in the order in which they began.
pub fn spans(name: &str, field: &str, value: &str) -> Vec<Seen> {
    let seen = SEEN.lock().unwrap();
    seen.iter().filter(|span| span.name == name && span.value(field) == value).cloned().collect()
}

/// Those that began in this one.
pub fn children(of: &Seen, name: &str) -> Vec<Seen> {
    let seen = SEEN.lock().unwrap();
    seen.iter().filter(|span| span.name == name && span.parent == Some(of.id)).cloned().collect()
}

struct Kept(AtomicU64);

struct Values<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Values<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name().starts_with("factum.")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let (id, metadata) = (self.0.fetch_add(1, Ordering::Relaxed), span.metadata());
        assert_eq!(*metadata.level(), Level::DEBUG);
        let current = || ENTERED.with_borrow(|entered| entered.last().copied());
        let parent = match span.is_contextual() {
            true => current(),
            false => span.parent().map(Id::into_u64),
        };
        let mut values = BTreeMap::new();
        span.record(&mut Values(&mut values));
        SEEN.lock().unwrap().push(Seen { name: metadata.name(), id, parent, values, metadata });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut seen = SEEN.lock().unwrap();
        let seen = seen.iter_mut().find(|seen| seen.id == span.into_u64()).unwrap();
        values.record(&mut Values(&mut seen.values));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            let place = entered.iter().rposition(|id| *id == span.into_u64()).unwrap();
            entered.remove(place);
        });
    }

    fn current_span(&self) -> Current {
        let Some(id) = ENTERED.with_borrow(|entered| entered.last().copied()) else { return Current::none() };
        let seen = SEEN.lock().unwrap();
        let metadata = seen.iter().find(|seen| seen.id == id).unwrap().metadata;
        Current::new(Id::from_u64(id), metadata)
    }
}
