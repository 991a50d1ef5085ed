//! The incidents in their store.

use std::collections::{BTreeMap, BTreeSet};

use factum::{
    Aggregate, Fold, Position, Recorded, Repository,
    store::{Filter, RecordedEvent, Store},
};
use helpdesk::domain::{Incident, IncidentEvent, IncidentNumber};
use uuid::Uuid;

use crate::{
    error::Result,
    words::{SHORT, digits, last_digits},
};

/// How many events are read at a time.
const PAGE: usize = 1000;

/// The help desk: its incidents.
pub(crate) struct Desk {
    /// The store, as it was named.
    pub(crate) url: String,
    pub(crate) incidents: Repository<Incident>,
}

impl Desk {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), incidents: Repository::new(factum::open(url).await?) })
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
            let event = Recorded::<IncidentEvent>::decode(event)?.map(|recorded| recorded.event);
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

/// How many of the last digits it takes to tell these incidents apart.
pub(crate) fn digits_needed<'a>(numbers: impl Iterator<Item = &'a IncidentNumber> + Clone) -> usize {
    let distinct = |count: usize| {
        let mut seen = BTreeSet::new();
        numbers.clone().all(|number| seen.insert(last_digits(*number, count)))
    };
    (SHORT..32).find(|count| distinct(*count)).unwrap_or(32)
}
