//! The constraints that are on record.

use rusqlite::{Connection, Error, params};

use super::{connection::Session, error::failed};
use crate::store::{Claim, Commit, Constraint, Name, Standing, StoreError};

/// All of them: they are few.
const ON_RECORD: &str = "SELECT key, category, name, standing FROM constraints ORDER BY name";

/// A number that changes when another connection has changed the database, and not with what this one changes.
const OTHERS: &str = "PRAGMA data_version";

const BUILDING: &str = "building";
const IN_FORCE: &str = "in force";

/// A constraint, and the key by which claims name it.
#[derive(Debug)]
struct OnRecord {
    key: i64,
    category: Name,
    name: Name,
    standing: Standing,
}

/// What is on record, kept by the connection that writes, so that a commit need not read it: each transaction asks only
/// whether somebody else has written, and reads it again where that is so.
#[derive(Debug, Default)]
pub(super) struct Constraints {
    on_record: Vec<OnRecord>,
    /// What [`OTHERS`] was when they were read.
    seen: Option<i64>,
    /// Whether they are known to be what is on record now.
    current: bool,
    /// Whether no other connection can write.
    alone: bool,
}

impl Constraints {
    /// For a database that no other connection can write.
    pub(super) fn alone() -> Self {
        Self { alone: true, ..Self::default() }
    }

    /// At the beginning of a transaction: others may have written before it.
    pub(super) fn begin(&mut self) {
        self.current &= self.alone;
    }

    /// Before this connection changes them.
    fn forget(&mut self) {
        (self.seen, self.current) = (None, false);
    }

    /// Makes sure that they are what is on record. Inside of a transaction that writes, because then it stays so until
    /// the transaction ends.
    pub(super) fn look(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if self.current {
            return Ok(());
        }
        let others =
            connection.prepare_cached(OTHERS).and_then(|mut ask| ask.query_one((), |row| row.get(0)));
        let others = Some(others.map_err(failed_reading)?);
        if self.seen != others {
            self.on_record = on_record(connection)?;
            self.seen = others;
        }
        self.current = true;
        Ok(())
    }

    /// A number that changes when others have written; as of the last [`look`](Self::look).
    pub(super) const fn seen(&self) -> Option<i64> {
        self.seen
    }

    fn find(&self, category: &Name, name: &Name) -> Option<&OnRecord> {
        self.on_record.iter().find(|constraint| constraint.category == *category && constraint.name == *name)
    }

    /// What is against a commit: its writer does not know everything that is on record, or uses what is not in force.
    pub(super) fn refuse(&self, commit: &Commit) -> Option<StoreError> {
        if !self.on_record.is_empty() {
            for append in &commit.appends {
                let category = append.stream.category();
                let mut of_category = self.on_record.iter().filter(|other| other.category == *category);
                if let Some(unknown) = of_category.find(|other| !commit.constraints.contains(&other.name)) {
                    return Some(StoreError::unknown_constraint(category, &unknown.name));
                }
            }
        }
        let mut claims = commit.claims.iter().map(|change| change.claim());
        let unusable = claims.find(|claim| self.key(claim, Standing::InForce).is_none())?;
        Some(StoreError::not_in_force(&unusable.constraint))
    }

    /// The key of the constraint that a claim is made under; `None` if it does not stand like this.
    pub(super) fn key(&self, claim: &Claim, standing: Standing) -> Option<i64> {
        let constraint = self.find(claim.owner.category(), &claim.constraint)?;
        (constraint.standing == standing).then_some(constraint.key)
    }
}

/// The constraints on record for this category.
pub(super) fn of_category(
    connection: &Connection,
    category: &Name,
) -> Result<Vec<(Name, Standing)>, StoreError> {
    let constraints =
        on_record(connection)?.into_iter().filter(|constraint| constraint.category == *category);
    Ok(constraints.map(|constraint| (constraint.name, constraint.standing)).collect())
}

/// Changes what is on record, in a transaction of its own.
pub(super) fn constrain(
    session: &mut Session,
    constraint: &Constraint,
    standing: Option<Standing>,
) -> Result<(), StoreError> {
    let Session { connection, constraints, holders, .. } = session;
    let Constraint { category, name } = constraint;
    constraints.look(connection)?;
    let seen = constraints.seen();
    let key = constraints.find(category, name).map(|found| found.key);
    let elsewhere =
        constraints.on_record.iter().find(|other| other.name == *name && other.category != *category);
    if let (Some(Standing::Building), Some(other)) = (standing, elsewhere) {
        return Err(StoreError::invalid(format!(
            "the constraint `{name}` is on record for the category `{}`: give that of `{category}` another name",
            other.category
        )));
    }
    constraints.forget();
    let written = match (standing, key) {
        (Some(Standing::InForce), None) => return Err(StoreError::not_in_force(name)),
        (Some(Standing::Building), Some(_)) | (None, None) => Ok(0),
        (Some(Standing::Building), None) => connection.execute(
            "INSERT INTO constraints (category, name, standing) VALUES (?1, ?2, ?3)",
            params![category.as_str(), name.as_str(), BUILDING],
        ),
        (Some(Standing::InForce), Some(key)) => {
            connection.execute("UPDATE constraints SET standing = ?2 WHERE key = ?1", params![key, IN_FORCE])
        }
        (None, Some(key)) => holders
            .look(connection, seen)
            .and_then(|()| holders.withdraw(connection, key))
            .and_then(|()| connection.execute("DELETE FROM constraints WHERE key = ?1", [key])),
    };
    written.map(drop).map_err(|error| failed(&format!("changing the constraint `{name}`"), error))
}

fn on_record(connection: &Connection) -> Result<Vec<OnRecord>, StoreError> {
    let mut select = connection.prepare_cached(ON_RECORD).map_err(failed_reading)?;
    let mut rows = select.query(()).map_err(failed_reading)?;
    let mut on_record = Vec::new();
    while let Some(row) = rows.next().map_err(failed_reading)? {
        let text = |column| row.get::<_, String>(column).map_err(failed_reading);
        let (category, name, standing) = (text(1)?, text(2)?, text(3)?);
        let standing = match standing.as_str() {
            BUILDING => Standing::Building,
            IN_FORCE => Standing::InForce,
            _ => {
                return Err(StoreError::corrupt(format!(
                    "the constraint `{name}` is damaged: its `standing` cannot be what was written"
                )));
            }
        };
        let key = row.get(0).map_err(failed_reading)?;
        on_record.push(OnRecord { key, category: category.into(), name: name.into(), standing });
    }
    Ok(on_record)
}

fn failed_reading(error: Error) -> StoreError {
    failed("reading the constraints", error)
}
