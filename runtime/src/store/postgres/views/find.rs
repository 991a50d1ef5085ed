//! Rows that have something in common, in an order.

use super::{
    super::connection::{Failure, Session},
    builds, letters,
    names::quoted,
    rows::{Unread, dropped, query},
    statement::Parameter,
    value::{self, Cell, list, sql_type},
};
use crate::{
    read::{Place, Query, Stage, Table, TableColumn, Test, Value, Values},
    store::StoreError,
};

/// The rows of the live build that the query asks for, in its order.
pub(super) async fn find(session: &Session, query_: &Query) -> Result<Vec<Values>, Failure> {
    query_.validate()?;
    let table = &query_.table;
    let mut asked = Asking::default();
    let text = asked.text(query_);
    match query(session, table, &text, &asked.parameters, 0).await {
        Ok(rows) => Ok(rows.iter().map(|row| value::values(row, 0, table)).collect::<Result<_, _>>()?),
        Err(Unread::NoTable) => {
            let builds = builds::of_view(session, &table.name).await?;
            let live = builds.iter().any(|build| build.stage != Stage::Beside);
            Err(if live { dropped(&table.name) } else { StoreError::no_build(&table.name) }.into())
        }
        Err(Unread::Other(failure)) => Err(failure),
    }
}

/// A statement that is being put together.
#[derive(Default)]
struct Asking<'a> {
    parameters: Vec<Parameter<'a>>,
}

impl<'a> Asking<'a> {
    fn text(&mut self, query: &'a Query) -> String {
        let table = &*query.table;
        let mut conditions = Vec::new();
        for condition in &query.conditions {
            if let Some(column) = table.columns.get(condition.column) {
                conditions.push(self.test(column, &condition.test));
            }
        }
        let ordered = query.order.and_then(|index| table.columns.get(index));
        let behind = match &query.after {
            Some(place) => self.behind(table, ordered, place, query.descending),
            None => vec!["true".to_owned()],
        };
        let limit = self.parameter(Box::new(letters::limit(query.limit.max(1))), "bigint");
        let order = order(table, ordered, query.descending);
        let columns = list("", &table.columns);
        let name = quoted(&table.name);
        let parts: Vec<String> = behind
            .into_iter()
            .map(|behind| {
                let all: Vec<&str> = conditions.iter().chain([&behind]).map(String::as_str).collect();
                format!(
                    "SELECT {columns} FROM {name} WHERE {} ORDER BY {order} LIMIT {limit}",
                    all.join(" AND ")
                )
            })
            .collect();
        match parts.as_slice() {
            [only] => only.clone(),
            // Each part lies in an index as it is; together, with an `OR`, they would not.
            several => format!(
                "SELECT {columns} FROM (({})) AS parts ORDER BY {order} LIMIT {limit}",
                several.join(") UNION ALL (")
            ),
        }
    }

    fn parameter(&mut self, parameter: Parameter<'a>, ty: &str) -> String {
        self.parameters.push(parameter);
        format!("${}::{ty}", self.parameters.len())
    }

    fn value(&mut self, column: &TableColumn, value: &'a Value) -> String {
        self.parameter(Box::new(Cell::borrowed(value)), sql_type(column.ty))
    }

    fn test(&mut self, column: &TableColumn, test: &'a Test) -> String {
        let name = quoted(&column.name);
        match test {
            // Which no index knows as `IS NOT DISTINCT FROM`.
            Test::Equals(Value::Null) => format!("{name} IS NULL"),
            Test::Equals(value) => format!("{name} = {}", self.value(column, value)),
            Test::AtLeast(bound) => format!("{name} >= {}", self.value(column, bound)),
            Test::Below(bound) => format!("{name} < {}", self.value(column, bound)),
            Test::Among(values) => {
                let some: Vec<_> =
                    values.iter().filter(|value| **value != Value::Null).map(Cell::borrowed).collect();
                let nothing =
                    if some.len() < values.len() { format!(" OR {name} IS NULL") } else { String::new() };
                let some = self.parameter(Box::new(some), &format!("{}[]", sql_type(column.ty)));
                format!("({name} = ANY ({some}){nothing})")
            }
        }
    }

    /// What is true of the rows behind a place, part by part in their order. Nothing comes first.
    fn behind(
        &mut self,
        table: &Table,
        ordered: Option<&TableColumn>,
        place: &'a Place,
        descending: bool,
    ) -> Vec<String> {
        let key: Vec<String> =
            table.key_columns().zip(&place.key).map(|(column, value)| self.value(column, value)).collect();
        let key = key.join(", ");
        let keys = list("", table.key_columns());
        let than = if descending { "<" } else { ">" };
        let (Some(column), Some(value)) = (ordered, &place.order) else {
            return vec![format!("({keys}) {than} ({key})")];
        };
        let name = quoted(&column.name);
        match value {
            Value::Null => {
                let near = format!("{name} IS NULL AND ({keys}) {than} ({key})");
                let far = (!descending).then(|| format!("{name} IS NOT NULL"));
                [near].into_iter().chain(far).collect()
            }
            value => {
                let near = format!("({name}, {keys}) {than} ({}, {key})", self.value(column, value));
                let far = (descending && column.nullable).then(|| format!("{name} IS NULL"));
                [near].into_iter().chain(far).collect()
            }
        }
    }
}

fn order(table: &Table, ordered: Option<&TableColumn>, descending: bool) -> String {
    let way = if descending { "DESC NULLS LAST" } else { "ASC NULLS FIRST" };
    let key_way = if descending { "DESC" } else { "ASC" };
    let first = ordered
        .map(|column| format!("{} {}", quoted(&column.name), if column.nullable { way } else { key_way }));
    let key = table.key_columns().map(|column| format!("{} {key_way}", quoted(&column.name)));
    let columns: Vec<String> = first.into_iter().chain(key).collect();
    columns.join(", ")
}
