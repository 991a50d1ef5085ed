//! Rows that go along with commits: what becomes of them is worked out before anything is written.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::read::{Books, kept};
use crate::{
    Position,
    read::{RowChange, RowOp, RowRefusal, Stage, Value, Values},
    store::{AppendError, Name, StoreError},
};

/// What becomes of rows, by view and key; `None`: they go.
pub(super) type Changes = HashMap<Name, BTreeMap<Values, Option<Values>>>;

impl Books {
    /// What a commit changes, whose events have these times and follow so many that there are.
    pub(super) fn changes(
        &self,
        ops: &[RowOp],
        events: usize,
        times: &[DateTime<Utc>],
    ) -> Result<Changes, AppendError> {
        let given = |value: &Value| match value {
            Value::RecordedAt(index) => times.get(*index).map_or(Value::Null, |at| Value::Time(*at)),
            Value::RecordedPosition(index) => Value::position(Position::new((events + index) as u128 + 1)),
            value => kept(value.clone()),
        };
        let mut changes = Changes::new();
        for op in ops {
            let view = &op.table.name;
            let live = self.live(view).filter(|live| live.stage == Stage::Live { transactional: true });
            let live = live.ok_or_else(|| StoreError::not_transactional(view))?;
            live.check(&op.table)?;
            let key: Values = op.key.iter().map(given).collect();
            let changed = changes.entry(view.clone()).or_default();
            // Changes of a row see those before them.
            let now = changed.get(&key).map_or_else(|| live.rows.get(&key), Option::as_ref);
            let then = changed_row(&op.change, now, given).map_err(|reason| op.refused(reason))?;
            changed.insert(key, then);
        }
        Ok(changes)
    }

    pub(super) fn change(&mut self, changes: Changes) {
        for (view, rows) in changes {
            let Some(live) = self.live_mut(&view) else { continue };
            for (key, row) in rows {
                live.set(key, row);
            }
        }
    }
}

/// What a row is after a change.
fn changed_row(
    change: &RowChange,
    now: Option<&Values>,
    given: impl Fn(&Value) -> Value,
) -> Result<Option<Values>, RowRefusal> {
    let whole = |row: &Values| row.iter().map(&given).collect();
    let columns = |columns: &[(usize, Value)], value: fn(&Value, Value) -> Result<Value, RowRefusal>| {
        let mut row = now.cloned().ok_or(RowRefusal::Absent)?;
        for (index, by) in columns {
            if let Some(column) = row.get_mut(*index) {
                *column = value(column, given(by))?;
            }
        }
        Ok(row)
    };
    Ok(match change {
        RowChange::Put(row) => Some(whole(row)),
        RowChange::Ensure(row) => Some(now.cloned().unwrap_or_else(|| whole(row))),
        RowChange::Set(values) => Some(columns(values, |_, value| Ok(value))?),
        RowChange::Add(numbers) => Some(columns(numbers, sum)?),
        RowChange::Swap { from, .. } if now != from.as_ref() => return Err(RowRefusal::Stale),
        RowChange::Swap { to, .. } => to.as_ref().map(whole),
        RowChange::Remove => None,
    })
}

fn sum(to: &Value, number: Value) -> Result<Value, RowRefusal> {
    let sum = match (to, &number) {
        (Value::Integer(to), Value::Integer(number)) => to.checked_add(*number).map(Value::Integer),
        (Value::Real(to), Value::Real(number)) => {
            Some(to + number).filter(|sum| !sum.is_nan()).map(Value::Real)
        }
        _ => None,
    };
    sum.ok_or_else(|| RowRefusal::Database(format!("{number} cannot be added to {to}")))
}
