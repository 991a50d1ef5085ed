//! Mistakes with what a reader has done, and with who does it.

use std::{sync::Arc, time::Duration};

use factum::{
    Position,
    read::{Lease, ReadStore, Values, Work, WorkError},
    store::StoreError,
};

use super::{
    bugs::ViewBug::*,
    store::{BrokenViews, damaged},
};
use crate::rows::let_others_go_on;

impl BrokenViews {
    /// The key for which it takes this one.
    pub(crate) fn key(&self, key: &str) -> String {
        let kept = if self.bug == EndsKeysAtNul { key.split('\0').next().unwrap() } else { key };
        kept.to_owned()
    }

    pub(crate) async fn write_wrongly(&self, mut work: Work) -> Result<(), WorkError> {
        let store = self.store();
        work.reader = self.reader(&work.reader)?;
        if work.rows.as_ref().is_some_and(|rows| self.is_damaged(rows.build.generation)) {
            return Err(damaged().into());
        }
        let reader = work.reader.clone();
        let (after, upto) = (work.after, work.upto);
        let position = store.position(&reader).await?;
        let counted = self.wrong().writes.get(&reader).copied().unwrap_or_default();
        match self.bug {
            IgnoresWhereTheReaderWas => work.after = position,
            CountsWork if after == Position::new(counted) => work.after = position,
            KeepsPositionsIn64Bits => work.upto = Position::new(upto.get() & u128::from(u64::MAX)),
            ChecksThenWrites if after == position => {
                tokio::task::yield_now().await;
                work.after = store.position(&reader).await?;
            }
            TrustsItsOwnPosition => {
                let known = self.own.lock().unwrap().positions.get(&reader).copied().unwrap_or_default();
                if after == known {
                    work.after = position;
                }
            }
            WritesInTwoSteps if work.rows.is_some() => {
                let rows = Work { rows: work.rows.take(), ..Work::new(&reader, after, after) };
                store.write(rows).await?;
                let_others_go_on().await;
            }
            _ => {}
        }
        if let (FillsWhatIsTransactional, Some(rows)) = (self.bug, &work.rows) {
            store.promote(&rows.build, false).await?;
        }
        self.change_rows(&mut work).await?;
        self.change_letters(&mut work).await?;
        self.change_processes(&mut work).await?;
        let without = Work { rows: None, ..work.clone() };
        match (self.bug, store.write(work).await) {
            (WritesTheRestWithoutRows, Err(WorkError::Row { .. })) => store.write(without).await?,
            (_, outcome) => outcome?,
        }
        self.own.lock().unwrap().positions.insert(reader.clone(), upto);
        *self.wrong().writes.entry(reader).or_default() += 1;
        self.signal.add_permits(1);
        Ok(())
    }

    async fn change_rows(&self, work: &mut Work) -> Result<(), StoreError> {
        let Some(rows) = work.rows.as_mut().map(Arc::make_mut) else { return Ok(()) };
        match self.bug {
            RemovesNothing => rows.remove.clear(),
            WritesAThousandRows => rows.put.truncate(1_000),
            WritesWhatFits => {
                rows.put.retain(|row| rows.table.check_row(row).is_ok());
                rows.remove.retain(|key| rows.table.check_key(key).is_ok());
            }
            KeepsTheFirstRow => {
                let keys: Vec<Values> = rows.put.iter().map(|row| rows.table.key_of(row)).collect();
                let there = self.store().rows(&rows.table, &rows.build, &keys).await?;
                let mut there = there.into_iter();
                rows.put.retain(|_| there.next().flatten().is_none());
            }
            _ => {}
        }
        Ok(())
    }

    async fn change_letters(&self, work: &mut Work) -> Result<(), StoreError> {
        match self.bug {
            SettlesNothing => work.settled.clear(),
            KeepsAThousandLetters => work.letters.truncate(1_000),
            RefusesNul if work.letters.iter().any(|letter| letter.error.contains('\0')) => {
                return Err(StoreError::invalid("there is a NUL in it"));
            }
            KeepsTheFirstLetter => {
                let there = self.store().letters(&work.reader, None, Position::START, usize::MAX).await?;
                work.letters.retain(|letter| there.iter().all(|other| other.position != letter.position));
            }
            _ => {}
        }
        Ok(())
    }

    async fn change_processes(&self, work: &mut Work) -> Result<(), StoreError> {
        match self.bug {
            ForgetsProcessesOfViews if work.rows.is_some() => work.processes.clear(),
            EndsNoProcess => work.processes.retain(|change| change.state.is_some()),
            _ => {}
        }
        for change in &mut work.processes {
            change.key = self.key(&change.key);
            let Some(state) = &mut change.state else { continue };
            match self.bug {
                EndsKeysAtNul => state.key = change.key.clone(),
                NormalisesJson => {
                    let value: serde_json::Value = serde_json::from_str(&state.state).unwrap_or_default();
                    state.state = value.to_string();
                }
                AddsDeadlines => {
                    let there =
                        self.store().processes(&work.reader, std::slice::from_ref(&change.key)).await?;
                    for old in there.into_iter().flatten().flat_map(|old| old.deadlines) {
                        if state.deadlines.iter().all(|deadline| deadline.name != old.name) {
                            state.deadlines.push(old);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn lease_wrongly(
        &self,
        work: &str,
        holder: &str,
        duration: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let given = Lease { work: work.to_owned(), holder: holder.to_owned(), remaining: duration };
        let (mut work, mut holder, mut time) = (work.to_owned(), holder.to_owned(), duration);
        match self.bug {
            GivesLeasesToAll => return Ok(Some(given)),
            IgnoresRenewals if self.wrong().holders.get(&work) == Some(&holder) => return Ok(Some(given)),
            IgnoresCase => work = work.to_lowercase(),
            LeasesForEver => time = duration * 10_000,
            LeasesPerHandle => work += &self.own.lock().unwrap().number.to_string(),
            RefusesRenewals => {
                self.wrong().leases += 1;
                holder += &self.wrong().leases.to_string();
            }
            _ => {}
        }
        let lease = self.store().lease(&work, &holder, time).await?;
        if lease.is_some() {
            self.wrong().holders.insert(work, holder);
        }
        Ok(lease.map(|_| given))
    }

    pub(crate) async fn release_wrongly(&self, work: &str, holder: &str) -> Result<(), StoreError> {
        let has = self.wrong().holders.get(work).cloned();
        match (self.bug, has) {
            (ReleasesNothing, _) => Ok(()),
            (ReleasesForAnybody, Some(has)) => self.store().release(work, &has).await,
            _ => self.store().release(work, holder).await,
        }
    }
}
