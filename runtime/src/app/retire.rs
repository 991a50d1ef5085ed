//! Views that a program has no more.

use std::sync::Arc;

use super::Core;
use crate::{
    read::ReadStore,
    store::{Capability, Constraint, Name, StoreError},
};

/// A view to be let go: the name of its table, and one of the categories that it read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retired {
    pub(super) table: &'static str,
    pub(super) category: &'static str,
}

impl Retired {
    /// Takes the view from the record, and its rows away unless this program has a view of the same table. Each step can be
    /// done again.
    pub(super) async fn carry_out(self, core: &Core) -> Result<(), StoreError> {
        if core.views.iter().all(|place| place.view.name() != self.table) {
            // Before others may write without rows: programs that have the view still cannot write any more from here on.
            self.discard(&*core.books).await?;
            if let Some(own) = Arc::clone(&core.events).read_store() {
                self.discard(&*own).await?;
            }
        }
        if !core.events.capabilities().supports(Capability::Claims) {
            return Ok(());
        }
        let category = Name::from_static(self.category);
        let names = format!("{}{}:", Constraint::OF_VIEWS, self.table);
        for (name, _) in core.events.constraints(&category).await? {
            if name.starts_with(&names) {
                let constraint = Constraint { category: category.clone(), name };
                core.events.constrain(&constraint, None).await?;
                tracing::info!(view = self.table, category = self.category, "the view was let go");
            }
        }
        Ok(())
    }

    async fn discard(self, books: &dyn ReadStore) -> Result<(), StoreError> {
        for build in books.builds(self.table).await? {
            books.discard(&build).await?;
        }
        Ok(())
    }
}
