//! Everything that ever happened to the aggregates of a type.

use factum::{
    Aggregate, Position, Recorded,
    store::{Filter, Store},
};

use crate::error::Result;

/// How many events are read at a time.
const PAGE: usize = 1000;

/// Hands every event of the type's aggregates to `take`, in the order in which they happened.
pub(crate) async fn each_event<A: Aggregate>(
    store: &dyn Store,
    mut take: impl FnMut(A::Id, Recorded<A::Event>) -> Result<()>,
) -> Result<()> {
    let filter = Filter::category(A::CATEGORY);
    let mut after = Position::START;
    loop {
        let page = store.read_all(&filter, after, PAGE).await?;
        for event in page.events {
            let id = event.stream.parse_id::<A>()?;
            for event in Recorded::decode(event)? {
                take(id.clone(), event)?;
            }
        }
        if page.end {
            return Ok(());
        }
        after = page.last;
    }
}
