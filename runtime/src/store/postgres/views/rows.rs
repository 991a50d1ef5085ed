//! Rows of builds by their keys.

use tokio_postgres::{Error, error::SqlState};

use super::{
    super::{
        connection::{Failure, Session},
        error::plain,
    },
    builds::{self, number},
    names::{self, quoted, table_of},
    statement::Parameter,
    value::{self, Cell, list, sql_type},
};
use crate::{
    read::{Build, Stage, Table, Values},
    store::StoreError,
};

/// The rows with these keys, in their order.
pub(super) async fn find(
    session: &Session,
    table: &Table,
    build: &Build,
    keys: &[Values],
) -> Result<Vec<Option<Values>>, Failure> {
    keys.iter().try_for_each(|key| table.check_key(key)).map_err(StoreError::invalid)?;
    let mut beside = build.stage == Stage::Beside;
    for _ in 0..2 {
        if let Some(rows) = find_in(session, table, build, keys, beside).await? {
            return Ok(rows);
        }
        // It has become the live one meanwhile, and has another name.
        beside = match builds::stage(session, build).await? {
            None => return Err(StoreError::no_build(&build.view).into()),
            Some(stage) => stage == Stage::Beside,
        };
    }
    Err(dropped(&build.view).into())
}

/// Somebody dropped the table.
pub(super) fn dropped(view: &str) -> StoreError {
    StoreError::changed_table(view, "somebody dropped it")
}

/// `None` if the build is not under this name.
async fn find_in(
    session: &Session,
    table: &Table,
    build: &Build,
    keys: &[Values],
    beside: bool,
) -> Result<Option<Vec<Option<Values>>>, Failure> {
    let mut parameters: Vec<Parameter<'_>> =
        vec![Box::new(build.view.as_str()), Box::new(number(build.generation))];
    let (mut arrays, mut names, mut equal) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, column) in table.key_columns().enumerate() {
        let cells: Vec<_> = keys.iter().map(|key| key.get(nth).map(Cell::borrowed)).collect();
        parameters.push(Box::new(cells));
        arrays.push(format!("${}::{}[]", parameters.len(), sql_type(column.ty)));
        names.push(format!("a{nth}"));
        equal.push(format!("f.{} = u.a{nth}", quoted(&column.name)));
    }
    // The build is looked for in the same statement: no other has taken its place then.
    let text = format!(
        "SELECT (SELECT b.stage FROM factum_builds AS b WHERE b.view = $1 AND b.generation = $2), t.here, {} \
         FROM unnest({}) WITH ORDINALITY AS u ({}, n) \
         LEFT JOIN LATERAL (SELECT true AS here, {} FROM {} AS f WHERE {} LIMIT 1) AS t ON true ORDER BY u.n",
        list("t.", &table.columns),
        arrays.join(", "),
        names.join(", "),
        list("f.", &table.columns),
        quoted(&table_of(&build.view, build.generation, beside)),
        equal.join(" AND "),
    );
    let rows = match query(session, table, &text, &parameters, 2).await {
        Ok(rows) => rows,
        Err(Unread::NoTable) => return Ok(None),
        Err(Unread::Other(failure)) => return Err(failure),
    };
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let stage: Option<&str> = row.try_get(0)?;
        if stage.and_then(names::stage).map(|stage| stage == Stage::Beside) != Some(beside) {
            return Ok(None);
        }
        let here: Option<bool> = row.try_get(1)?;
        found.push(here.map(|_| value::values(&row, 2, table)).transpose()?);
    }
    Ok(Some(found))
}

/// Why rows were not read.
pub(super) enum Unread {
    /// There is no such table.
    NoTable,
    Other(Failure),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Other(error.into())
    }
}

/// Asks for rows of the table, which begin with this column. When the table is another one now than the one for which the
/// statement was prepared, it is prepared once more.
pub(super) async fn query(
    session: &Session,
    table: &Table,
    text: &str,
    parameters: &[Parameter<'_>],
    from: usize,
) -> Result<Vec<tokio_postgres::Row>, Unread> {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|parameter| &**parameter as &(dyn tokio_postgres::types::ToSql + Sync))
        .collect();
    let mut again = true;
    loop {
        let asked = async {
            let statement = session.prepared(text).await?;
            if let Err(changed) = value::check(&statement, from, table) {
                return Ok(Err(changed));
            }
            session.client.query(&statement, &parameters).await.map(Ok)
        };
        let error = match asked.await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(changed)) if std::mem::take(&mut again) => {
                session.statements.forget();
                drop(changed);
                continue;
            }
            Ok(Err(changed)) => return Err(Unread::Other(changed.into())),
            Err(error) => error,
        };
        let code = error.code().map(SqlState::code).unwrap_or_default();
        match code {
            "42P01" => return Err(Unread::NoTable),
            // A cached plan must not change its result type; or somebody has thrown it away.
            "0A000" | "26000" if std::mem::take(&mut again) => session.statements.forget(),
            _ if code.starts_with("42") && code != "42501" => {
                return Err(Unread::Other(StoreError::changed_table(&table.name, &plain(&error)).into()));
            }
            _ => return Err(error.into()),
        }
    }
}
