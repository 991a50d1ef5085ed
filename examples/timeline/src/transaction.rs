//! What several aggregates decide together.

use std::sync::Arc;

use chrono::Utc;
use factum::{
    Aggregate, Context, Event, ExecuteError, Fold, LoadError, Metadata,
    store::{Append, AppendError, Commit, Committed, Expected, Name, NewEvent, Payload, Store, StreamId},
};

/// Commands to several aggregates, whose events are recorded in one commit: all of them or none.
///
/// At most one command to each aggregate.
pub(crate) struct Transaction {
    metadata: Metadata,
    appends: Vec<Append>,
}

impl Transaction {
    /// `metadata` is recorded beside every event.
    pub(crate) fn new(metadata: Metadata) -> Self {
        Self { metadata, appends: Vec::new() }
    }

    /// How many aggregates take part.
    pub(crate) fn len(&self) -> usize {
        self.appends.len()
    }

    /// Decides the command on `fold`, which is the aggregate as it is in the store, and lets it take the events.
    ///
    /// After a commit that fails, the folds are ahead of the store: load them again.
    ///
    /// # Errors
    /// The command is refused, and takes no part; or an event cannot be encoded or folded.
    pub(crate) fn execute<A: Aggregate>(
        &mut self,
        fold: &mut Fold<A>,
        command: A::Command,
    ) -> Result<(), ExecuteError<A>> {
        let stream = StreamId::of::<A>(fold.id());
        let expected = Expected::Exact(fold.version());
        let ctx = Context::new(Utc::now(), fold.version(), self.metadata.clone());
        let decision = fold.decide(command, &ctx).map_err(ExecuteError::Rejected)?;
        if decision.is_empty() {
            return Ok(());
        }
        let metadata = Arc::new(ctx.metadata);
        let mut events = Vec::new();
        for event in decision.into_vec() {
            let name = event.name();
            let payload = event.encode().map_err(|cause| ExecuteError::Encode { event: name, cause })?;
            events.push(NewEvent {
                name: Name::from_static(name),
                schema: event.schema(),
                payload: Payload::json(payload),
                metadata: Some(Arc::clone(&metadata)),
            });
            fold.apply(event).map_err(|cause| LoadError::Fold { stream: stream.clone(), cause })?;
        }
        self.appends.push(Append { stream, expected, tail: None, events });
        Ok(())
    }

    /// Records everything that was decided. The events take their places in the order in which it was decided.
    pub(crate) async fn commit(self, store: &dyn Store) -> Result<Committed, AppendError> {
        store.append(Commit::new(self.appends)).await
    }
}
