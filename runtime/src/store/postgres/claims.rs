//! Unique values: what commits say of them, as columns, and what is on record of their constraints.

use std::borrow::Cow;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    connection::{Failure, Session},
    tail::stream_key,
    text,
};
use crate::store::{Append, Claim, ClaimChange, Commit, Constraint, Name, Standing, StoreError, StreamId};

pub(super) const CONSTRAINTS: &str =
    "SELECT name, in_force FROM constraints WHERE category = $1 ORDER BY name";

pub(super) const CONSTRAIN: &str = "SELECT constrain($1, $2, $3)";

pub(super) const CLAIM: &str = "SELECT idle_use, refused_takes, holders, holder_categories, holder_ids \
    FROM claim($1, $2, $3, $4, $5)";

/// What the writers know of constraints. Those who know the same of one category are a crowd.
#[derive(Default)]
pub(super) struct Crowds<'a> {
    found: Vec<(&'a Name, &'a [Name])>,
    pub(super) categories: Vec<Cow<'a, str>>,
    /// Who knows …
    pub(super) knowing: Vec<i32>,
    /// … what.
    pub(super) known: Vec<Cow<'a, str>>,
    /// That of each append.
    pub(super) of_appends: Vec<i32>,
}

impl<'a> Crowds<'a> {
    pub(super) fn add(&mut self, append: &'a Append, constraints: &'a [Name]) {
        let category = append.stream.category();
        let crowd = (category, constraints);
        let number = number_of(&mut self.found, crowd, |number| {
            self.categories.push(text::encode(category));
            for name in constraints {
                self.knowing.push(number);
                self.known.push(text::encode(name));
            }
        });
        self.of_appends.push(number);
    }
}

/// The values that are taken and released. The constraints that are used for that in a category are counted as uses.
#[derive(Default)]
pub(super) struct Changes<'a> {
    uses: Vec<(&'a Name, &'a Name)>,
    pub(super) categories: Vec<Cow<'a, str>>,
    pub(super) names: Vec<Cow<'a, str>>,
    pub(super) takes: Takes<'a>,
    pub(super) released: Vec<Uuid>,
    pub(super) releasers: Vec<Uuid>,
    pub(super) release_uses: Vec<i32>,
    pub(super) release_commits: Vec<i32>,
}

#[derive(Default)]
pub(super) struct Takes<'a> {
    pub(super) claims: Vec<&'a Claim>,
    pub(super) values: Vec<Uuid>,
    pub(super) owners: Vec<Uuid>,
    /// Who gives the value up in the same commit, if anybody does.
    pub(super) given_up_by: Vec<Option<Uuid>>,
    pub(super) uses: Vec<i32>,
    pub(super) commits: Vec<i32>,
}

impl<'a> Changes<'a> {
    /// What the commit changes, whose appends are to streams with these keys.
    pub(super) fn add(&mut self, number: i32, commit: &'a Commit, streams: &[Uuid]) {
        // Mostly it is for a stream of the commit itself.
        let key = |owner: &StreamId| {
            let mut appends = commit.appends.iter().zip(streams);
            let known = appends.find(|(append, _)| append.stream == *owner);
            known.map_or_else(|| stream_key(owner), |(_, key)| *key)
        };
        for change in &commit.claims {
            let claim = change.claim();
            match change {
                ClaimChange::Take(_) => {
                    let given_up_by = commit.claims.iter().find_map(|other| match other {
                        ClaimChange::Release(released) if released.value == claim.value => {
                            Some(key(&released.owner))
                        }
                        _ => None,
                    });
                    self.take(number, claim, key(&claim.owner), given_up_by);
                }
                ClaimChange::Release(_) => {
                    let used = self.used(claim);
                    self.released.push(claim.value.as_uuid());
                    self.releasers.push(key(&claim.owner));
                    self.release_uses.push(used);
                    self.release_commits.push(number);
                }
            }
        }
    }

    fn take(&mut self, number: i32, claim: &'a Claim, owner: Uuid, given_up_by: Option<Uuid>) {
        let used = self.used(claim);
        self.takes.claims.push(claim);
        self.takes.values.push(claim.value.as_uuid());
        self.takes.owners.push(owner);
        self.takes.given_up_by.push(given_up_by);
        self.takes.uses.push(used);
        self.takes.commits.push(number);
    }

    /// The number of the use, from 1 on, as arrays are counted.
    fn used(&mut self, claim: &'a Claim) -> i32 {
        let (category, name) = (claim.owner.category(), &claim.constraint);
        number_of(&mut self.uses, (category, name), |_| {
            self.categories.push(text::encode(category));
            self.names.push(text::encode(name));
        })
    }

    /// Whether this claim is one of these uses.
    pub(super) fn is_one_of(&self, uses: &[i32], claim: &Claim) -> bool {
        let found =
            |number: &i32| usize::try_from(*number).ok().and_then(|n| self.uses.get(n.checked_sub(1)?));
        uses.iter().filter_map(found).any(|used| *used == (claim.owner.category(), &claim.constraint))
    }
}

/// The number of this one among those that were found, from 1 on; a new one is told.
fn number_of<T: PartialEq>(found: &mut Vec<T>, one: T, new: impl FnOnce(i32)) -> i32 {
    // There are few of them, mostly one, and what came last comes again.
    let index = found.iter().rposition(|other| *other == one).unwrap_or_else(|| {
        let index = found.len();
        found.push(one);
        new(i32::try_from(index + 1).unwrap_or(i32::MAX));
        index
    });
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}

/// The stream that is named like this in the tables. That of a holder has events: they name it.
pub(super) fn holder(category: Option<&str>, id: Option<&str>) -> Result<StreamId, StoreError> {
    let stream = category.and_then(text::decode).zip(id.and_then(text::decode));
    let (category, id) =
        stream.ok_or_else(|| StoreError::corrupt("a unique value is held by a stream that has no events"))?;
    Ok(StreamId::new(category.into_owned(), id))
}

/// The constraints on record for this category.
pub(super) async fn constraints(
    session: &Session,
    category: &Name,
) -> Result<Vec<(Name, Standing)>, Failure> {
    let rows = session.client.query(&session.constraints, &[&text::encode(category)]).await?;
    let mut constraints = Vec::with_capacity(rows.len());
    for row in rows {
        let name = text::decode(row.try_get(0)?)
            .ok_or_else(|| StoreError::corrupt("the name of a constraint cannot be what was written"))?;
        let standing = if row.try_get(1)? { Standing::InForce } else { Standing::Building };
        constraints.push((Name::from(name.into_owned()), standing));
    }
    Ok(constraints)
}

/// Changes what is on record of the constraint. Done twice it does no more than once.
pub(super) async fn constrain(
    session: &Session,
    constraint: &Constraint,
    standing: Option<Standing>,
) -> Result<(), Failure> {
    let force = standing.map(|standing| standing == Standing::InForce);
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&text::encode(&constraint.category), &text::encode(&constraint.name), &force];
    match session.client.query_one(&session.constrain, &parameters).await?.try_get(0)? {
        true => Ok(()),
        false => Err(StoreError::not_in_force(&constraint.name).into()),
    }
}

/// Collects the claims. Done twice it does no more than once.
pub(super) async fn claim(session: &Session, claims: &[Claim]) -> Result<Vec<StreamId>, Failure> {
    let mut changes = Changes::default();
    for claim in claims {
        changes.take(0, claim, stream_key(&claim.owner), None);
    }
    let takes = &changes.takes;
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&changes.categories, &changes.names, &takes.values, &takes.owners, &takes.uses];
    let row = session.client.query_one(&session.claim, &parameters).await?;
    if let Some(idle) = row.try_get(0)? {
        let claim = claims.iter().find(|claim| changes.is_one_of(&[idle], claim));
        return Err(StoreError::not_being_built(claim.map_or("", |claim| &claim.constraint)).into());
    }
    let too_late: Vec<i32> = row.try_get::<_, Option<_>>(1)?.unwrap_or_default();
    let holders: Vec<Uuid> = row.try_get::<_, Option<_>>(2)?.unwrap_or_default();
    let categories: Vec<Option<&str>> = row.try_get::<_, Option<_>>(3)?.unwrap_or_default();
    let ids: Vec<Option<&str>> = row.try_get::<_, Option<_>>(4)?.unwrap_or_default();

    let mut streams: Vec<StreamId> = claims.iter().map(|claim| claim.owner.clone()).collect();
    for (((number, key), category), id) in too_late.into_iter().zip(holders).zip(categories).zip(ids) {
        // One that has no events yet was named just now.
        let named = || takes.owners.iter().position(|owner| *owner == key).and_then(|at| claims.get(at));
        let stream = match (category, named()) {
            (None, Some(claim)) => claim.owner.clone(),
            _ => holder(category, id)?,
        };
        if let Some(place) = usize::try_from(number).ok().and_then(|number| streams.get_mut(number)) {
            *place = stream;
        }
    }
    Ok(streams)
}
