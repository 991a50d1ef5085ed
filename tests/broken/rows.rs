//! Mistakes with the rows of commits.

use std::sync::Arc;

use factum::{
    Store,
    read::{ReadStore, RowChange, RowOp, RowRefusal, Rows, Value, Values, Work},
    store::{AppendError, Commit, Committed, StoreError, StoreErrorKind},
};

use crate::{bugs::Bug, store::Broken};

impl Broken {
    pub(crate) async fn append_rows_wrongly(&self, mut commit: Commit) -> Result<Committed, AppendError> {
        if std::mem::take(&mut self.wrong().failed_rows) > 0 {
            return Err(StoreError::new(StoreErrorKind::Io, "another failed").into());
        }
        let again = self.wrong().seen.contains(&commit.id);
        let given = commit.rows.clone();
        self.change_rows(&mut commit).await;
        let without = Commit { rows: Vec::new(), ..commit.clone() };
        let mut outcome = self.store.append(commit).await;
        match (self.bug, &outcome) {
            (Bug::WritesRowsLate, Ok(_)) => {
                let_others_go_on().await;
                self.write_by_hand(given).await;
            }
            (Bug::WritesRowsAgain, Ok(_)) if again => self.write_by_hand(given).await,
            (Bug::WritesRowsOfRefusedCommits, Err(_)) => self.write_by_hand(given).await,
            (Bug::FailsWhoeverComesAfterARow, Err(AppendError::Row(_))) => self.wrong().failed_rows = 1,
            (Bug::WritesToAnyView, Err(AppendError::Failed(_))) => outcome = self.store.append(without).await,
            (bug, Err(AppendError::Row(refused))) => {
                let ignored = match refused.reason {
                    RowRefusal::Absent => Bug::IgnoresAbsentRows,
                    _ => Bug::RecordsWhatDoesNotFit,
                };
                if bug == ignored {
                    outcome = self.store.append(without).await;
                }
            }
            _ => {}
        }
        outcome
    }

    async fn change_rows(&self, commit: &mut Commit) {
        match self.bug {
            Bug::WritesNoRows | Bug::WritesRowsLate => commit.rows.clear(),
            Bug::WritesAThousandRows => commit.rows.truncate(1_000),
            Bug::WritesTheLastRowsFirst => commit.rows.reverse(),
            Bug::WritesTheLastChangeOfARow => {
                let mut seen: Vec<(_, Values)> = Vec::new();
                commit.rows.reverse();
                commit.rows.retain(|op| {
                    let row = (op.table.name.clone(), op.key.clone());
                    let first = !seen.contains(&row);
                    seen.push(row);
                    first
                });
                commit.rows.reverse();
            }
            _ => {}
        }
        for op in &mut commit.rows {
            match (self.bug, &mut op.change) {
                (Bug::EnsuresAlways, RowChange::Ensure(row)) => op.change = RowChange::Put(row.clone()),
                (Bug::IgnoresStaleRows, RowChange::Swap { to, .. }) => {
                    op.change = to.clone().map_or(RowChange::Remove, RowChange::Put);
                }
                (Bug::SetsOneColumn, RowChange::Set(columns)) => columns.truncate(1),
                (Bug::AddsWithoutSign, RowChange::Add(numbers)) => {
                    for (_, number) in numbers {
                        if let Value::Integer(number) = number {
                            *number = number.saturating_abs();
                        }
                    }
                }
                (Bug::RemovesNothing, RowChange::Remove) => op.change = RowChange::Ensure(self.row(op).await),
                (Bug::ReadsThenAdds, RowChange::Add(_)) => {
                    let row = self.added(op).await;
                    tokio::task::yield_now().await;
                    op.change = RowChange::Put(row);
                }
                (Bug::KnowsNoTimeOfEvents, RowChange::Put(row) | RowChange::Ensure(row)) => {
                    for value in row.iter_mut().filter(|value| matches!(value, Value::RecordedAt(_))) {
                        *value = Value::Time(chrono::Utc::now());
                    }
                }
                (Bug::CountsPositionsOfOneEvent, RowChange::Put(row)) => {
                    for value in row.iter_mut() {
                        if let Value::RecordedPosition(index) = value {
                            *index = 0;
                        }
                    }
                }
                (Bug::MixesViews, _) if op.table.name == "others" => {
                    op.table =
                        Arc::new(factum::read::Table { name: "tickets".into(), ..(*op.table).clone() });
                }
                _ => {}
            }
        }
    }

    /// The row as it is, or as one that is not there might be.
    async fn row(&self, op: &RowOp) -> Values {
        let build = self.store.builds(&op.table.name).await.unwrap().remove(0);
        let rows = self.store.rows(&op.table, &build, std::slice::from_ref(&op.key)).await.unwrap();
        rows.into_iter().next().flatten().unwrap_or_else(|| {
            let mut row = op.key.clone();
            row.extend([Value::Text(String::new()), Value::Null]);
            row
        })
    }

    async fn added(&self, op: &RowOp) -> Values {
        let mut row = self.row(op).await;
        if let RowChange::Add(numbers) = &op.change {
            for (column, number) in numbers {
                if let (Value::Integer(to), Value::Integer(number)) = (&mut row[*column], number) {
                    *to += number;
                }
            }
        }
        row
    }

    /// Writes rows beside the commit.
    async fn write_by_hand(&self, ops: Vec<RowOp>) {
        for op in ops {
            let row = match &op.change {
                RowChange::Put(row) => row.clone(),
                RowChange::Add(_) => self.added(&op).await,
                _ => continue,
            };
            let build = self.store.builds(&op.table.name).await.unwrap().remove(0);
            let mut work = Work::new(build.reader(), build.position, build.position);
            work.rows = Some(Arc::new(Rows { table: op.table, build, put: vec![row], remove: Vec::new() }));
            self.store.write(work).await.unwrap();
        }
    }
}

/// One turn is not enough: who yields first comes last.
pub(crate) async fn let_others_go_on() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}
