//! The repositories of an app: one of each type, because what is known of aggregates is kept in it.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::Core;
use crate::{Aggregate, Repository};

/// The repositories of an app. All that it gives of a type are clones of one.
pub(crate) struct Repositories {
    core: Arc<Core>,
    known: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Repositories {
    pub(super) fn of_app(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { core, known: Mutex::default() })
    }

    pub(super) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The aggregates of this type, with the views of the app.
    pub(crate) fn of<A: Aggregate>(&self) -> Repository<A> {
        let new = || Repository::<A>::of_app(Arc::clone(&self.core.events), Arc::clone(&self.core) as _);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = known.entry(TypeId::of::<A>()).or_insert_with(|| Box::new(new()));
        kept.downcast_ref::<Repository<A>>().cloned().unwrap_or_else(new)
    }
}

impl fmt::Debug for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repositories").field(&self.core).finish()
    }
}
