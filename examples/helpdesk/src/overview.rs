//! What views tell: the list, and who has how much to do. As of now: what was recorded before somebody asks is in it.

use std::collections::BTreeMap;

use factum::{
    Position,
    app::{Find, Found, ReadError, ViewReader},
    store::StoreError,
    view::{ColumnError, View},
};
use helpdesk::{
    domain::UserNumber,
    views::{OpenIncident, Workload},
};
use serde::Serialize;

use crate::desk::Desk;

/// How many rows are read at a time.
const PAGE: usize = 1000;

/// Why an overview cannot be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OverviewError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    View(#[from] ReadError),
    #[error(transparent)]
    Column(#[from] ColumnError),
}

/// What one user has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Work {
    pub(crate) user: UserNumber,
    /// The open incidents that they take care of.
    pub(crate) open: u64,
    /// How often they were given an incident so far.
    pub(crate) assigned: i64,
    /// How many incidents they have reported.
    pub(crate) reported: i64,
}

impl Desk {
    /// The rows of a view as of now, and the position that they have come to at least.
    pub(crate) async fn view<V: View>(&self) -> Result<(ViewReader<V>, Position), StoreError> {
        let now = self.store().head().await?;
        Ok((self.app.view::<V>().after_position(now), now))
    }

    /// All incidents that were not removed, in the order of their numbers.
    pub(crate) async fn list(&self) -> Result<Vec<OpenIncident>, OverviewError> {
        let (view, _) = self.view::<OpenIncident>().await?;
        every(|| view.all()).await
    }

    /// What each user has to do, who has most of it first.
    pub(crate) async fn workload(&self) -> Result<Vec<Work>, OverviewError> {
        let (incidents, _) = self.view::<OpenIncident>().await?;
        let mut open = BTreeMap::<u64, u64>::new();
        for incident in every(|| incidents.find(OpenIncident::OPEN.eq(true))).await? {
            if let Some(user) = incident.assignee {
                *open.entry(user.into()).or_default() += 1;
            }
        }
        let (users, _) = self.view::<Workload>().await?;
        let work = every(|| users.all()).await?.into_iter().map(|row| Work {
            user: row.user,
            open: open.get(&row.user.into()).copied().unwrap_or_default(),
            assigned: row.assigned,
            reported: row.reported,
        });
        let mut work: Vec<_> = work.collect();
        work.sort_by_key(|work| std::cmp::Reverse((work.open, work.assigned)));
        Ok(work)
    }
}

/// The rows of all pages.
async fn every<V: View>(find: impl Fn() -> Find<V>) -> Result<Vec<V>, OverviewError> {
    let (mut rows, mut next) = (Vec::new(), None);
    loop {
        let page = find().limit(PAGE);
        let Found { rows: some, next: behind, .. } = match next {
            Some(place) => page.after(place).await?,
            None => page.await?,
        };
        rows.extend(some);
        match behind {
            Some(place) => next = Some(place),
            None => return Ok(rows),
        }
    }
}
