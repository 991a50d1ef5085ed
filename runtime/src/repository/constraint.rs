//! The unique values of an aggregate: whether the store enforces them, and how those that are held already come into it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    LoadError,
    beside::{self, Company},
    decided, load,
};
use crate::{
    Aggregate, Position,
    domain::model::UniqueModel,
    store::{Claim, Constraint, Filter, Name, Standing, Store, StoreError, StoreErrorKind, StreamId},
};

/// How long to wait for somebody who is building a constraint.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many claims are collected at once.
const BATCH: usize = 500;

/// How many events are looked through at once.
const PAGE: usize = 1_000;

/// What [`Repository::build_claims`](super::Repository::build_claims) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltClaims {
    /// How many aggregates were looked at.
    pub aggregates: u64,
    /// How many values they hold.
    pub claims: u64,
}

/// Two aggregates that have a value which should be unique. [`StreamId::parse_id`] gives their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The field.
    pub field: &'static str,
    /// The one that had it first.
    pub first: StreamId,
    /// The one that has it too.
    pub second: StreamId,
}

/// Why the claims of an aggregate could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildClaimsError {
    /// Values that should be unique are not. The constraint is not on record: give all but one of each another value, and
    /// build the claims again.
    #[error("{} value(s) that should be unique are held twice; the first is `{}` of {} and {}", .0.len(),
        .0.first().map_or("", |first| first.field), Shown(.0.first().map(|first| &first.first)),
        Shown(.0.first().map(|first| &first.second)))]
    Duplicates(Vec<Duplicate>),
    /// An aggregate cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Shown<'a>(Option<&'a StreamId>);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |stream| write!(f, "`{stream}`"))
    }
}

fn constraint<A: Aggregate>(unique: &UniqueModel) -> Constraint {
    Constraint { category: Name::from_static(A::CATEGORY), name: Name::from_static(unique.constraint) }
}

/// The names of the constraints of an aggregate, for its commits.
pub(super) fn names<A: Aggregate>(beside: &Company) -> Vec<Name> {
    let mut names = beside::constraints(beside, A::CATEGORY);
    names.extend(A::MODEL.claims().map(|unique| Name::from_static(unique.constraint)));
    names
}

/// Sees to it that the store enforces what the aggregate declares. Where nothing has happened in the category yet, there is
/// nothing to collect.
pub(super) async fn in_force<A: Aggregate>(store: &dyn Store, beside: &Company) -> Result<(), StoreError> {
    let category = Name::from_static(A::CATEGORY);
    let known = names::<A>(beside);
    let begun = Instant::now();
    let (mut again, mut kept_out) = (false, None);
    loop {
        let on_record = store.constraints(&category).await?;
        if let Some((unknown, _)) = on_record.iter().find(|(name, _)| !known.contains(name)) {
            return Err(StoreError::unknown_constraint(A::CATEGORY, unknown));
        }
        let standing = |unique: &UniqueModel| {
            on_record.iter().find(|(name, _)| *name == unique.constraint).map(|(_, standing)| *standing)
        };
        let missing = A::MODEL.claims().find(|unique| standing(unique) != Some(Standing::InForce));
        let Some(missing) = missing else { return Ok(()) };
        let empty = is_empty(store, &category).await?;
        match standing(missing) {
            // Also where somebody else has put it there: only who has done so himself knows that others know it.
            _ if empty && kept_out != Some(missing.constraint) => {
                store.constrain(&constraint::<A>(missing), Some(Standing::Building)).await?;
                kept_out = Some(missing.constraint);
            }
            // The events may be of somebody who has put it on record since it was looked for.
            None if !again => again = true,
            None => return Err(not_built::<A>(missing)),
            // Whoever does not know the constraint is kept out by now, so it stays empty.
            Some(_) if empty => store.constrain(&constraint::<A>(missing), Some(Standing::InForce)).await?,
            Some(_) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(50)).await,
            Some(_) => return Err(StoreError::not_in_force(missing.constraint)),
        }
    }
}

fn not_built<A: Aggregate>(unique: &UniqueModel) -> StoreError {
    StoreError::new(
        StoreErrorKind::Constrained,
        format!(
            "`{}` of `{}` is unique, and the store holds events from before: run `Repository::<{}>::build_claims` once",
            unique.field,
            A::CATEGORY,
            A::MODEL.name
        ),
    )
}

async fn is_empty(store: &dyn Store, category: &Name) -> Result<bool, StoreError> {
    let filter = Filter::category(category.clone());
    let mut after = Position::START;
    loop {
        let page = store.read_all(&filter, after, 1).await?;
        if !page.events.is_empty() || page.end {
            return Ok(page.events.is_empty());
        }
        after = page.last;
    }
}

/// See [`Repository::build_claims`](super::Repository::build_claims).
pub(super) async fn build<A: Aggregate>(store: &dyn Store) -> Result<BuiltClaims, BuildClaimsError> {
    let category = Name::from_static(A::CATEGORY);
    let on_record = store.constraints(&category).await?;
    let in_force = |unique: &UniqueModel| {
        on_record.iter().any(|(name, standing)| *name == unique.constraint && *standing == Standing::InForce)
    };
    let missing: Vec<&UniqueModel> = A::MODEL.claims().filter(|unique| !in_force(unique)).collect();
    for unique in &missing {
        store.constrain(&constraint::<A>(unique), Some(Standing::Building)).await?;
    }
    // From here on nobody takes or releases such a value, so what is read stays true.
    let (built, duplicates) = collect::<A>(store, &missing).await?;
    if !duplicates.is_empty() {
        for unique in &missing {
            store.constrain(&constraint::<A>(unique), None).await?;
        }
        return Err(BuildClaimsError::Duplicates(duplicates));
    }
    for unique in &missing {
        store.constrain(&constraint::<A>(unique), Some(Standing::InForce)).await?;
    }
    for (name, _) in on_record {
        if !name.starts_with(Constraint::OF_VIEWS)
            && A::MODEL.claims().all(|unique| name != unique.constraint)
        {
            store.constrain(&Constraint { category: category.clone(), name }, None).await?;
        }
    }
    Ok(built)
}

async fn collect<A: Aggregate>(
    store: &dyn Store,
    missing: &[&UniqueModel],
) -> Result<(BuiltClaims, Vec<Duplicate>), BuildClaimsError> {
    let filter = Filter::category(A::CATEGORY);
    let mut collected = Collected { store, missing, claims: Vec::new(), duplicates: Vec::new(), count: 0 };
    let mut aggregates = 0;
    let mut after = Position::START;
    loop {
        let page = store.read_all(&filter, after, PAGE).await?;
        for event in page.events.iter().filter(|event| event.version.get() == 1) {
            aggregates += 1;
            if missing.is_empty() {
                continue;
            }
            let id =
                event.stream.parse_id::<A>().map_err(|invalid| StoreError::corrupt(invalid.to_string()))?;
            let fold = load::of_events::<A>(store, &event.stream, &id).await?;
            let held = decided::held(&fold);
            for (unique, parts) in A::MODEL.unique.iter().zip(held) {
                if let Some(parts) = parts
                    && missing.iter().any(|missing| missing.constraint == unique.constraint)
                {
                    collected.claims.push(decided::claim(unique.constraint, &parts, &event.stream));
                }
            }
            if collected.claims.len() >= BATCH {
                collected.flush().await?;
            }
        }
        after = page.last;
        if page.end {
            collected.flush().await?;
            return Ok((BuiltClaims { aggregates, claims: collected.count }, collected.duplicates));
        }
    }
}

struct Collected<'a> {
    store: &'a dyn Store,
    missing: &'a [&'a UniqueModel],
    claims: Vec<Claim>,
    duplicates: Vec<Duplicate>,
    count: u64,
}

impl Collected<'_> {
    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let holders = self.store.claim(&self.claims).await?;
        for (claim, holder) in self.claims.drain(..).zip(holders) {
            if holder == claim.owner {
                self.count += 1;
                continue;
            }
            let unique = self.missing.iter().find(|unique| claim.constraint == unique.constraint);
            let field = unique.map_or("", |unique| unique.field);
            self.duplicates.push(Duplicate { field, first: holder, second: claim.owner });
        }
        Ok(())
    }
}

/// Asks once for a repository and its clones whether the constraints are in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<tokio::sync::OnceCell<()>>);

impl Asked {
    pub(super) async fn in_force<A: Aggregate>(
        &self,
        store: &dyn Store,
        beside: &Company,
    ) -> Result<(), StoreError> {
        match A::MODEL.claims().next() {
            None => Ok(()),
            Some(_) => self.0.get_or_try_init(|| in_force::<A>(store, beside)).await.map(drop),
        }
    }
}
