//! The incidents in their store, and the views beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use factum::{
    Aggregate, App, Consistency, Fold, Position, Recorded, Repository, RunningApp,
    store::{Capability, Filter, MemoryStore, RecordedEvent, Store},
};
use helpdesk::{
    domain::{Incident, IncidentEvent, IncidentNumber},
    views::{OpenIncident, Workload},
};
use uuid::Uuid;

use crate::{
    error::Result,
    filling,
    words::{SHORT, digits, last_digits},
};

/// How many events are read at a time.
const PAGE: usize = 1000;

/// The help desk: its incidents, and what is asked of many of them at once.
pub(crate) struct Desk {
    /// The store, as it was named.
    pub(crate) url: String,
    pub(crate) app: RunningApp,
    pub(crate) incidents: Repository<Incident>,
}

impl Desk {
    /// Opens the store of this URL.
    ///
    /// A store that can keep views has them in the transaction of each command. Beside another one they are kept in
    /// `read_store`, and commands wait until they are there; where none is named, in memory, by whoever `asks` for them, and
    /// filled anew each time.
    pub(crate) async fn open(url: &str, read_store: Option<&str>, asks: bool) -> Result<Self> {
        let store = factum::open(url).await?;
        let keeps_views =
            store.capabilities().supports(Capability::Rows) && Arc::clone(&store).read_store().is_some();
        let app = App::new(store);
        let app = match read_store {
            Some(_) if keeps_views => {
                return Err("the store keeps the views itself: leave out --read-store".into());
            }
            Some(other) => {
                let other = factum::open(other).await?.read_store();
                with_views(
                    app.read_store(other.ok_or("the read store cannot keep views: name a SQLite file")?),
                    Consistency::Awaited,
                )
            }
            None if keeps_views => with_views(app, Consistency::Transactional),
            None => {
                let app = app.read_store(Arc::new(MemoryStore::new()));
                if asks { with_views(app, Consistency::Awaited) } else { app }
            }
        };
        let bar = filling::bar();
        let app = app.on_progress(filling::shown_on(&bar)).start().await?;
        bar.finish_and_clear();
        Ok(Self { url: url.to_owned(), incidents: app.repository(), app })
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &**self.incidents.store()
    }

    /// All incidents as they are now: the events of all of them, in the order in which they happened, each folded into
    /// its incident.
    pub(crate) async fn all(&self) -> Result<BTreeMap<IncidentNumber, Fold<Incident>>> {
        let mut incidents = BTreeMap::new();
        self.each_event(Position::START, |event| {
            let number = event.stream.parse_id::<Incident>()?;
            let event = Recorded::<IncidentEvent>::decode_all(event)?.map(|recorded| recorded.event);
            incidents.entry(number).or_insert_with(|| Fold::new(number)).apply_decoded(event)?;
            Ok(())
        })
        .await?;
        Ok(incidents)
    }

    /// Hands every event of incidents after `after` to `take`, in the order in which they happened.
    pub(crate) async fn each_event(
        &self,
        mut after: Position,
        mut take: impl FnMut(RecordedEvent) -> Result<()>,
    ) -> Result<()> {
        let incidents = Filter::category(Incident::CATEGORY);
        loop {
            let page = self.store().read_all(&incidents, after, PAGE).await?;
            page.events.into_iter().try_for_each(&mut take)?;
            if page.end {
                return Ok(());
            }
            after = page.last;
        }
    }

    /// The incident that somebody means: a whole number, or the digits that one number begins or ends with.
    pub(crate) async fn find(&self, text: &str) -> Result<IncidentNumber> {
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        let wanted = text.replace('-', "").to_lowercase();
        if wanted.is_empty() || wanted.chars().any(|char| !char.is_ascii_hexdigit()) {
            let example = Uuid::nil();
            return Err(format!(
                "`{text}` is not the number of an incident: use the digits that `list` shows, or all of them, such as \
                 `{example}`"
            )
            .into());
        }
        let mut found = BTreeSet::new();
        self.each_event(Position::START, |event| {
            let number = event.stream.parse_id::<Incident>()?;
            let digits = digits(number);
            if digits.starts_with(&wanted) || digits.ends_with(&wanted) {
                found.insert(number);
            }
            Ok(())
        })
        .await?;
        match (found.len(), found.first()) {
            (0, _) | (_, None) => Err(format!("there is no incident `{text}` in {}", self.url).into()),
            (1, Some(number)) => Ok(*number),
            (many, _) => {
                let some: Vec<_> = found.iter().take(3).map(ToString::to_string).collect();
                let more = if many > some.len() { ", …" } else { "" };
                Err(format!("`{text}` can be {many} incidents: give more digits ({}{more})", some.join(", "))
                    .into())
            }
        }
    }
}

fn with_views(app: App, consistency: Consistency) -> App {
    app.view::<OpenIncident>(consistency).view::<Workload>(consistency)
}

/// How many of the last digits it takes to tell these incidents apart.
pub(crate) fn digits_needed<'a>(numbers: impl Iterator<Item = &'a IncidentNumber> + Clone) -> usize {
    let distinct = |count: usize| {
        let mut seen = BTreeSet::new();
        numbers.clone().all(|number| seen.insert(last_digits(*number, count)))
    };
    (SHORT..32).find(|count| distinct(*count)).unwrap_or(32)
}
