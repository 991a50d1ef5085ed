//! The steps of a transaction: each of its own type, and a tuple of receipts for a tuple of them.

use std::{sync::Arc, vec};

use super::{
    Receipt, TransactionErrorKind,
    beside::{Company, Late},
    constraint,
    decided::Decided,
    load,
    transaction::not_storable,
};
use crate::{
    Aggregate, Context, Metadata, Version,
    domain::model::UniqueModel,
    store::{
        Append, Appended, BoxFuture, ClaimChange, CommitId, Committed, Name, Store, StreamId, record::now,
    },
};

/// A command to one aggregate.
pub struct Step<A: Aggregate> {
    stream: StreamId,
    id: A::Id,
    command: A::Command,
    expected: Option<Version>,
    decided: Option<Decided<A>>,
}

/// What a step gives to the commit.
type Made = (Option<Append>, Vec<ClaimChange>);

/// A step of whatever type.
pub trait AnyStep: Send {
    fn stream(&self) -> &StreamId;
    fn expect(&mut self, version: Version);
    /// The version that the caller expects.
    fn expected(&self) -> Option<Version>;
    /// The version that was decided on.
    fn version(&self) -> Version;
    fn category(&self) -> &'static str;
    fn constraints(&self, beside: &Company) -> Vec<Name>;
    fn unique(&self) -> &'static [UniqueModel];
    fn decide<'s>(
        &'s mut self,
        store: &'s Arc<dyn Store>,
        beside: &'s Company,
        metadata: &'s Metadata,
        shared: Option<&'s Arc<Metadata>>,
    ) -> BoxFuture<'s, Result<Made, TransactionErrorKind>>;
}

impl<A: Aggregate> Step<A> {
    pub(super) fn new(id: A::Id, command: A::Command) -> Self {
        Self { stream: StreamId::of::<A>(&id), id, command, expected: None, decided: None }
    }

    fn receipt(self, given: &mut Given<'_>) -> Receipt<A::Event> {
        match self.decided {
            Some(decided) => {
                let events = decided.events.as_slice().len();
                let appended = given.next(events);
                let receipt =
                    decided.receipt(&self.stream, (given.id, given.index), appended, given.metadata);
                given.index += events;
                Receipt { late: given.late.clone(), ..receipt }
            }
            None => Receipt::nothing(),
        }
    }
}

impl<A: Aggregate> AnyStep for Step<A>
where
    A::Error: std::error::Error,
{
    fn stream(&self) -> &StreamId {
        &self.stream
    }

    fn expect(&mut self, version: Version) {
        self.expected = Some(version);
    }

    fn expected(&self) -> Option<Version> {
        self.expected
    }

    fn version(&self) -> Version {
        self.decided.as_ref().map_or(Version::NONE, |decided| decided.version)
    }

    fn category(&self) -> &'static str {
        A::CATEGORY
    }

    fn constraints(&self, beside: &Company) -> Vec<Name> {
        constraint::names::<A>(beside)
    }

    fn unique(&self) -> &'static [UniqueModel] {
        A::MODEL.unique
    }

    fn decide<'s>(
        &'s mut self,
        store: &'s Arc<dyn Store>,
        beside: &'s Company,
        metadata: &'s Metadata,
        shared: Option<&'s Arc<Metadata>>,
    ) -> BoxFuture<'s, Result<Made, TransactionErrorKind>> {
        Box::pin(async move {
            if A::MODEL.claims().next().is_some() {
                constraint::in_force::<A>(&**store, beside).await.map_err(TransactionErrorKind::Store)?;
            }
            let mut loaded = load::latest::<A>(store, &self.stream, &self.id, None)
                .await
                .map_err(TransactionErrorKind::Load)?;
            let actual = loaded.fold.version();
            if let Some(expected) = self.expected.filter(|expected| *expected != actual) {
                return Err(TransactionErrorKind::Conflict { expected, actual });
            }
            let ctx = Context::new(now(), actual, metadata.clone());
            let events = loaded
                .fold
                .decide(self.command.clone(), &ctx)
                .map_err(|rejection| TransactionErrorKind::Rejected(Box::new(rejection)))?;
            let decided = Decided::of(&mut loaded, events, shared, false).map_err(not_storable)?;
            let append = (!decided.events.is_empty()).then(|| decided.append(&self.stream));
            let claims = decided.claims.clone();
            self.decided = Some(decided);
            Ok((append, claims))
        })
    }
}

/// What was recorded, from which each step takes its part.
pub struct Given<'a> {
    id: CommitId,
    /// How many events of the commit were taken.
    index: usize,
    appends: vec::IntoIter<Appended>,
    metadata: Option<&'a Arc<Metadata>>,
    late: Vec<Late>,
}

impl<'a> Given<'a> {
    pub(super) fn new(
        id: CommitId,
        committed: Option<Committed>,
        metadata: Option<&'a Arc<Metadata>>,
        late: Vec<Late>,
    ) -> Self {
        let appends = committed.map(|committed| committed.appends).unwrap_or_default();
        Self { id, index: 0, appends: appends.into_iter(), metadata, late }
    }

    /// The next append, for a step that has so many events. One without any has none.
    fn next(&mut self, events: usize) -> Option<Appended> {
        if events == 0 { None } else { self.appends.next() }
    }
}

/// A tuple of steps.
pub trait Steps: Send {
    /// A tuple of receipts.
    type Receipts;
    fn all(&mut self) -> Vec<&mut dyn AnyStep>;
    fn receipts(self, given: &mut Given<'_>) -> Self::Receipts;
}

/// A tuple of steps that is not full.
pub trait Grow: Steps {
    /// The tuple with one step more.
    type With<T>;
    fn with<T>(self, step: T) -> Self::With<T>;
}

impl Steps for () {
    type Receipts = ();

    fn all(&mut self) -> Vec<&mut dyn AnyStep> {
        Vec::new()
    }

    fn receipts(self, _: &mut Given<'_>) {}
}

impl Grow for () {
    type With<T> = (T,);

    fn with<T>(self, step: T) -> (T,) {
        (step,)
    }
}

macro_rules! steps {
    ($($step:ident)+) => {
        impl<$($step: Aggregate),+> Steps for ($(Step<$step>,)+)
        where
            $($step::Error: std::error::Error),+
        {
            type Receipts = ($(Receipt<$step::Event>,)+);

            fn all(&mut self) -> Vec<&mut dyn AnyStep> {
                #[allow(non_snake_case, reason = "the type parameters name the steps as well")]
                let ($($step,)+) = self;
                vec![$($step),+]
            }

            fn receipts(self, given: &mut Given<'_>) -> Self::Receipts {
                #[allow(non_snake_case, reason = "the type parameters name the steps as well")]
                let ($($step,)+) = self;
                ($($step.receipt(given),)+)
            }
        }
    };
    ($($step:ident)+; more) => {
        steps!($($step)+);

        impl<$($step: Aggregate),+> Grow for ($(Step<$step>,)+)
        where
            $($step::Error: std::error::Error),+
        {
            type With<T> = ($(Step<$step>,)+ T,);

            fn with<T>(self, step: T) -> Self::With<T> {
                #[allow(non_snake_case, reason = "the type parameters name the steps as well")]
                let ($($step,)+) = self;
                ($($step,)+ step,)
            }
        }
    };
}

steps!(A; more);
steps!(A B; more);
steps!(A B C; more);
steps!(A B C D; more);
steps!(A B C D E; more);
steps!(A B C D E F; more);
steps!(A B C D E F G; more);
steps!(A B C D E F G H);
