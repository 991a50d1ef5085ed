//! Mistakes in reading.

use chrono::{DateTime, TimeDelta, Utc};
use factum::{
    Position, Version,
    store::{EventId, Filter, Page, RecordedEvent, Store, StoreError, StreamId, StreamPage, Tail},
};

use crate::{bugs::Bug, store::Broken};

impl Broken {
    /// The time that is told for the event of this index in its commit.
    pub(crate) fn time(&self, at: DateTime<Utc>, version: Version, index: u64) -> DateTime<Utc> {
        match self.bug {
            Bug::KnowsNoTime => DateTime::UNIX_EPOCH,
            Bug::CountsNanoseconds => at + TimeDelta::nanoseconds(1),
            Bug::CountsMilliseconds => DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap(),
            Bug::CountsTimeWithinACommit => at + TimeDelta::microseconds(index as i64),
            Bug::GoesBackInTime => at - TimeDelta::seconds(version.get() as i64),
            _ => at,
        }
    }

    fn change(&self, event: &mut RecordedEvent) {
        event.at = self.time(event.at, event.version, event.version.get());
        match self.bug {
            Bug::WritesStreamByStream => event.id = self.wrong().ids[&event.id],
            Bug::MakesEventIdsAnew => event.id = EventId(uuid::Uuid::from_u128(event.position.get())),
            Bug::KeepsTimesThatGoBack => {
                event.at = self.wrong().times.get(&event.id).copied().unwrap_or(event.at);
            }
            Bug::ForgetsTimesOfOriginals if !self.wrong().times.contains_key(&event.id) => {
                event.at = event.at.min(Utc::now());
            }
            Bug::CountsVersionsByTwo => event.version = Version::new(event.version.get() * 2),
            Bug::CountsPositionsDown => event.position = Position::new(1_000_000 - event.position.get()),
            _ => {}
        }
    }

    pub(crate) async fn read_stream_wrongly(
        &self,
        stream: &StreamId,
        from: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let stream = &self.name(stream);
        let (from, limit) = match self.bug {
            Bug::IgnoresWhereToBegin => (Version::FIRST, limit),
            Bug::RefusesLargeNumbers => {
                i64::try_from(from.get()).map_err(|_| StoreError::invalid("too large"))?;
                i64::try_from(limit).map_err(|_| StoreError::invalid("too large"))?;
                (from, limit)
            }
            Bug::IgnoresLimits => (from, limit + 1),
            Bug::HasNoNext => (from, limit.min(500)),
            _ => (from, limit),
        };
        let mut page = self.store.read_stream(stream, from, limit).await?;
        if self.bug == Bug::KeepsFirstPages {
            page = self.wrong().pages.entry(stream.clone()).or_insert(page).clone();
        }
        page.events.iter_mut().for_each(|event| self.change(event));
        match self.bug {
            Bug::LosesAnEventOfAPage if page.events.len() > 1 => drop(page.events.remove(1)),
            Bug::HasANextAtTheEnd if page.next.is_none() => {
                page.next = page.events.last().map(|last| last.version.next());
            }
            Bug::HasNoNext => page.next = None,
            _ => {}
        }
        if page.next.is_none() {
            page.tail = Some(Tail::new(self.version(stream).await));
        }
        Ok(page)
    }

    pub(crate) async fn read_all_wrongly(
        &self,
        filter: &Filter,
        after: Position,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (filter, after, limit) = match (self.bug, filter) {
            (Bug::IgnoresFilters | Bug::FiltersByBeginning, _) => (&Filter::All, after, limit),
            (Bug::TakesNoCategoryForAll, Filter::Categories(categories)) if categories.is_empty() => {
                (&Filter::All, after, limit)
            }
            (Bug::ReadsThePositionAgain, _) => (filter, Position::new(after.get().saturating_sub(1)), limit),
            (Bug::IgnoresLimits, _) => (filter, after, limit + 1),
            (Bug::RefusesLargeNumbers, _) => {
                i64::try_from(limit).map_err(|_| StoreError::invalid("too large"))?;
                (filter, after, limit)
            }
            _ => (filter, after, limit),
        };
        let mut page = self.store.read_all(filter, after, limit).await?;
        if let (Bug::FiltersByBeginning, Filter::Categories(categories)) = (self.bug, filter) {
            page.events.retain(|e| categories.iter().any(|c| e.stream.category().starts_with(c.as_str())));
        }
        page.events.iter_mut().for_each(|event| self.change(event));
        match self.bug {
            Bug::LosesAnEventOfAPage if page.events.len() > 1 => drop(page.events.remove(1)),
            Bug::SwapsEventsOfAPage if page.events.len() > 1 => page.events.swap(0, 1),
            Bug::ForgetsMetadataInOneRead => page.events.iter_mut().for_each(|event| event.metadata = None),
            Bug::NeverEnds => page.end = false,
            Bug::AlwaysEnds => page.end = true,
            Bug::LooksTooFar if page.end => page.last = Position::new(page.last.get() + 3),
            Bug::EndsWhereNothingMatches if page.events.is_empty() => page.end = true,
            Bug::LooksNoFurtherThanWhatMatches => {
                page.last = page.events.last().map_or(after, |last| last.position);
            }
            // As if its commit, though numbered earlier, became visible later.
            Bug::ShowsLate => page
                .events
                .retain(|event| event.position.get() % 5 != 2 || !self.wrong().shown.insert(event.position)),
            _ => {}
        }
        Ok(page)
    }
}
