//! Unique values that the store does not enforce: whoever took a value that another one had is found behind the commit, and
//! somebody is told.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    AppView, Core,
    holders::{holders_of, holding},
};
use crate::{
    Aggregate, Duplicate,
    handler::{Delivery, Everything, Handler, HandlerError, OnDuplicate, Unavailable},
    read::Value,
    store::{Filter, Name, RecordedEvent, StoreError},
};

/// How long is waited for the table to take in an event.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of whoever looks for duplicates of this category.
pub(super) fn name(category: &str) -> String {
    format!("duplicates of {category}")
}

/// Looks for duplicates behind the table of who holds what.
pub(super) struct Finding<D> {
    name: String,
    told: D,
    place: Option<Arc<AppView>>,
}

impl<D: OnDuplicate> Finding<D> {
    pub(super) fn new(told: D, core: &Core) -> Self {
        let own = |place: &&Arc<AppView>| {
            place.view.kept().is_some_and(|kept| kept.category == D::Aggregate::CATEGORY)
        };
        let place = core.views.iter().find(own).cloned();
        Self { name: name(D::Aggregate::CATEGORY), told, place }
    }
}

impl<D: OnDuplicate> Handler for Finding<D> {
    type Source = Everything;

    const NAME: &'static str = "duplicates";

    fn name(&self) -> &str {
        &self.name
    }

    fn filter(&self) -> Filter {
        Filter::category(Name::from_static(D::Aggregate::CATEGORY))
    }

    /// The event is of interest if its aggregate holds a value since then. Whoever holds it since before is in the table too, as
    /// the table is as far; whoever takes it later finds this one.
    async fn handle(&self, event: &RecordedEvent, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let place = self.place.as_ref().ok_or("the app does not keep who holds which value")?;
        let Some(kept) = place.view.kept() else { return Ok(()) };
        let table = place.view.name();
        if place.reach(event.position, PATIENCE).await.is_err() {
            return Err(Unavailable::new(format!("the table `{table}` has not come so far")).into());
        }
        let own = holding(place, kept, &event.stream).await.map_err(away)?;
        let Some(own) = own.filter(|own| own.knows(event.version)) else {
            return Err(
                format!("the table `{table}` has not taken in the event: see its dead letters").into()
            );
        };
        let since_now = Value::position(event.position);
        let mut outcome = Ok(());
        for (unique, columns) in kept.columns() {
            let Some((value, since)) = own.held(columns) else { continue };
            if *since != since_now {
                continue;
            }
            let first = holders_of(place, kept, columns, (value.clone(), 1)).await.map_err(away)?.pop();
            if let Some(first) = first.filter(|first| first.stream != event.stream) {
                let (first, second) = (first.stream, event.stream.clone());
                let duplicate = Duplicate { field: unique.field, first, second };
                // One field that cannot be settled keeps no other from it.
                outcome = outcome.and(self.told.settle(&duplicate, &delivery.part(unique.field)).await);
            }
        }
        outcome
    }
}

/// That the table cannot be read is no fault of the event.
fn away(error: StoreError) -> Unavailable {
    Unavailable::new(error.to_string())
}

impl<D> fmt::Debug for Finding<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finding").field(&self.name).finish()
    }
}
