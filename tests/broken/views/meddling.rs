//! What becomes of the tables when somebody goes around the store, as far as there are tables.

use std::sync::Arc;

use factum::{
    read::{Query, ReadStore, Rows, Stage, Table, TableColumn, Value, Work},
    store::StoreError,
};

use super::{bugs::ViewBug::*, store::BrokenViews};

impl BrokenViews {
    pub(crate) async fn meddle_with(&self, sql: &str) -> Result<bool, StoreError> {
        let builds = self.store().builds("tickets").await?;
        let live = builds.into_iter().find(|build| build.stage != Stage::Beside);
        let foreign = self.wrong().foreign;
        match (sql.split(' ').next().unwrap(), live) {
            ("CREATE", _) => self.wrong().foreign = true,
            ("DROP", _) if foreign => self.wrong().foreign = false,
            ("DROP" | "ALTER", Some(live)) => self.wrong().damaged = Some(live.generation),
            ("UPDATE", Some(build)) if self.bug != KeepsRowsElsewhere => {
                let table = table();
                let row = vec![Value::Integer(2), Value::Text("other".to_owned()), Value::Null];
                let mut work = Work::new(build.reader(), build.position, build.position);
                work.rows = Some(Arc::new(Rows { table, build, put: vec![row], remove: Vec::new() }));
                self.store().write(work).await.unwrap();
            }
            ("UPDATE", Some(_)) => {}
            ("INSERT", _) if foreign => {}
            _ => return Err(StoreError::invalid("there is no such table")),
        }
        Ok(true)
    }

    /// Whether somebody has changed the table of this build.
    pub(crate) fn is_damaged(&self, generation: u64) -> bool {
        self.bug != TrustsItsTables && self.wrong().damaged == Some(generation)
    }

    /// Whether somebody has a table where this view is to be.
    pub(crate) fn is_foreign(&self) -> bool {
        self.bug != TakesTablesOfOthers && self.wrong().foreign
    }

    pub(crate) async fn live_is_damaged(&self, query: &Query) -> Result<bool, StoreError> {
        let builds = self.store().builds(&query.table.name).await?;
        let live = builds.into_iter().find(|build| build.stage != Stage::Beside);
        Ok(live.is_some_and(|live| self.is_damaged(live.generation)))
    }
}

/// The table that the suite has changed.
fn table() -> Arc<Table> {
    use factum::read::ColumnType::{Integer, Text};
    let column = |name: &str, ty, nullable| TableColumn { name: name.into(), ty, nullable, indexed: false };
    let columns =
        vec![column("number", Integer, false), column("title", Text, false), column("rank", Integer, true)];
    Arc::new(Table { name: "tickets".into(), columns, key: vec![0] })
}
