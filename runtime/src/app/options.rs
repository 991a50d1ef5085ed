//! What can be set of an app.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::reader::{Pace, Status};

/// Who is told how far views have come.
pub(super) type Tell = Arc<dyn Fn(&Status) + Send + Sync>;

/// The settings of an app, as they are in force.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// How long a command waits for awaited views.
    pub(super) awaited: Duration,
    /// How long a question waits for a view that is to have seen something.
    pub(super) after: Duration,
    pub(super) lease: Duration,
    pub(super) letters: u64,
    pub(super) page: usize,
    /// How many events are taken in a second by a view that is filled anew.
    pub(super) rebuild: Option<u32>,
    /// The name of this app among others: what its leases are held under.
    pub(super) holder: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            awaited: Duration::from_secs(5),
            after: Duration::from_secs(5),
            lease: Duration::from_secs(10),
            letters: 1_000,
            page: 1_000,
            rebuild: None,
            holder: Uuid::now_v7().to_string(),
        }
    }
}

impl Options {
    /// How readers work.
    pub(super) fn pace(&self) -> Pace {
        let Self { lease, letters, page, holder, .. } = self;
        Pace { holder: holder.clone(), lease: *lease, page: *page, letters: *letters, throttle: None }
    }

    /// How a view is filled anew.
    pub(super) fn rebuild_pace(&self) -> Pace {
        Pace { throttle: self.rebuild, ..self.pace() }
    }
}
