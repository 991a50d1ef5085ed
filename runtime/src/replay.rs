//! What has happened, read again into a function.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::{
    Position,
    store::{Filter, RecordedEvent, Store, StoreError},
};

/// How many events are read at once.
const PAGE: usize = 512;

/// Which part of the events of a store: between two positions, and between two times.
///
/// Positions are in order, times are not quite: only within a stream is no event earlier than the one before it. So what is
/// between two times is looked for among all events between the positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    after: Position,
    upto: Option<Position>,
    since: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
}

impl Span {
    /// All events that there are when they are read.
    #[must_use]
    pub const fn all() -> Self {
        Self { after: Position::START, upto: None, since: None, before: None }
    }

    /// Only events behind this position.
    #[must_use]
    pub const fn after(mut self, position: Position) -> Self {
        self.after = position;
        self
    }

    /// Only events up to this position, with the one that is there.
    #[must_use]
    pub const fn upto(mut self, position: Position) -> Self {
        self.upto = Some(position);
        self
    }

    /// Only events that were recorded at this time or later.
    #[must_use]
    pub const fn since(mut self, time: DateTime<Utc>) -> Self {
        self.since = Some(time);
        self
    }

    /// Only events that were recorded before this time.
    #[must_use]
    pub const fn before(mut self, time: DateTime<Utc>) -> Self {
        self.before = Some(time);
        self
    }

    fn holds(&self, event: &RecordedEvent) -> bool {
        self.since.is_none_or(|since| event.at >= since) && self.before.is_none_or(|before| event.at < before)
    }
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many events the function was given.
    pub events: u64,
    /// Up to which position everything was read that was asked for: where another replay can go on.
    pub position: Position,
}

/// Gives events that were recorded to a function, in the order of their positions, page by page; until there is no more, or the
/// function has had enough. What is recorded after it has reached the end is not waited for.
///
/// ```
/// # use factum::{replay, Span, store::Filter};
/// # use std::ops::ControlFlow;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = factum::open("memory:").await?;
/// # let today = chrono::Utc::now();
/// let mut names = Vec::new();
/// replay(&*store, &Filter::category("incident"), Span::all().before(today), |event| {
///     names.push(event.name);
///     ControlFlow::Continue(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The store cannot be read. The function may have had events by then.
pub async fn replay(
    store: &dyn Store,
    filter: &Filter,
    span: Span,
    mut tell: impl FnMut(RecordedEvent) -> ControlFlow<()>,
) -> Result<Replayed, StoreError> {
    let upto = match span.upto {
        Some(upto) => upto,
        None => store.head().await?,
    };
    let mut replayed = Replayed { events: 0, position: span.after };
    while replayed.position < upto {
        // Stores that never wait would let nobody else have the thread.
        tokio::task::yield_now().await;
        let page = store.read_all(filter, replayed.position, PAGE).await?;
        for event in page.events {
            if event.position > upto {
                replayed.position = upto;
                return Ok(replayed);
            }
            replayed.position = event.position;
            if span.holds(&event) {
                replayed.events += 1;
                if tell(event).is_break() {
                    return Ok(replayed);
                }
            }
        }
        replayed.position = page.last.min(upto);
        if page.end {
            break;
        }
    }
    Ok(replayed)
}
