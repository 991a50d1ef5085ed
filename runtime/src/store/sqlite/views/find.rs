//! Rows that have something in common, in an order.

use super::{
    super::{connection::Session, error::failed},
    definition::list,
    names::quoted,
    rows::asked_wrongly,
    value::Filling,
};
use crate::{
    read::{Place, Query, TableColumn, Test, Value, Values},
    store::StoreError,
};

/// SQLite fills in no more values than this.
const MOST_VALUES: usize = 32_000;

/// The rows that the query asks for, in its order, as of one moment.
pub(super) fn find(session: &mut Session, query: &Query) -> Result<Vec<Values>, StoreError> {
    let Session { connection, tables, .. } = session;
    query.validate()?;
    let table = &query.table;
    let failed = |error| failed(&format!("reading rows of `{}`", table.name), error);
    let moment = connection.unchecked_transaction().map_err(failed)?;
    tables.begin();
    let sql = &tables.live(&moment, table)?.sql;
    let limit = query.limit.max(1);
    let mut found = Vec::new();
    let order = ordered_by(query);
    for Clause { text, values } in parts(query) {
        if values.len() > MOST_VALUES {
            return Err(StoreError::invalid(format!(
                "a query of `{}` has {} values, and SQLite takes {MOST_VALUES} at most: ask in several steps",
                table.name,
                values.len()
            )));
        }
        let statement = format!("{} WHERE {text} ORDER BY {order} LIMIT ?", sql.select);
        let mut select = Filling::new(moment.prepare_cached(&statement).map_err(failed)?);
        for (column, value) in values {
            select.value(column, value, &[]).map_err(|unwritten| asked_wrongly(&table.name, unwritten))?;
        }
        let left = limit.saturating_sub(found.len());
        select.number(i64::try_from(left).unwrap_or(i64::MAX)).map_err(failed)?;
        select.all(table, &mut found).map_err(|unread| unread.of(&sql.name))?;
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// A condition, and the values that are filled in.
#[derive(Clone, Default)]
struct Clause<'a> {
    text: String,
    values: Vec<(&'a TableColumn, &'a Value)>,
}

impl<'a> Clause<'a> {
    fn and(&mut self, text: &str, values: impl IntoIterator<Item = (&'a TableColumn, &'a Value)>) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(text);
        self.values.extend(values);
    }
}

/// Conditions for one part of the rows after the other. Each part lies in an index as it is; together, with an `OR`, they
/// would not.
fn parts(query: &Query) -> Vec<Clause<'_>> {
    let mut all = Clause::default();
    for condition in &query.conditions {
        if let Some(column) = query.table.columns.get(condition.column) {
            test(&mut all, column, &condition.test);
        }
    }
    let Some(Place { order, key }) = &query.after else {
        if all.text.is_empty() {
            all.text.push_str("TRUE");
        }
        return vec![all];
    };
    let keys: Vec<_> = query.table.key_columns().zip(key).collect();
    let behind = |values: &[(&TableColumn, &Value)]| {
        let columns = list(values.iter().map(|(column, _)| *column));
        let places = vec!["?"; values.len()].join(", ");
        format!("({columns}) {} ({places})", if query.descending { "<" } else { ">" })
    };
    let (Some(ordered), Some(value)) = (ordered(query), order) else {
        all.and(&behind(&keys), keys);
        return vec![all];
    };
    let name = quoted(&ordered.name);
    let mut near = all.clone();
    // Nothing comes first. What it is compared with is nothing too, so the others are a part of their own.
    let far = match value {
        Value::Null => {
            near.and(&format!("{name} IS NULL AND {}", behind(&keys)), keys);
            (!query.descending).then(|| format!("{name} IS NOT NULL"))
        }
        value => {
            let values: Vec<_> = std::iter::once((ordered, value)).chain(keys).collect();
            near.and(&behind(&values), values);
            (query.descending && ordered.nullable).then(|| format!("{name} IS NULL"))
        }
    };
    match far {
        Some(far) => {
            all.and(&far, []);
            vec![near, all]
        }
        None => vec![near],
    }
}

fn test<'a>(clause: &mut Clause<'a>, column: &'a TableColumn, test: &'a Test) {
    let name = quoted(&column.name);
    match test {
        Test::Equals(value) => clause.and(&format!("{name} IS ?"), [(column, value)]),
        Test::AtLeast(value) => clause.and(&format!("{name} >= ?"), [(column, value)]),
        Test::Below(value) => clause.and(&format!("{name} < ?"), [(column, value)]),
        Test::Among(values) => {
            let some: Vec<_> = values.iter().filter(|value| **value != Value::Null).collect();
            let among = format!("{name} IN ({})", vec!["?"; some.len()].join(", "));
            let nothing =
                if some.len() < values.len() { format!(" OR {name} IS NULL") } else { String::new() };
            clause.and(&format!("({among}{nothing})"), some.into_iter().map(|value| (column, value)));
        }
    }
}

fn ordered_by(query: &Query) -> String {
    let down = if query.descending { " DESC" } else { "" };
    let columns = ordered(query).into_iter().chain(query.table.key_columns());
    let columns: Vec<String> = columns.map(|column| format!("{}{down}", quoted(&column.name))).collect();
    columns.join(", ")
}

fn ordered(query: &Query) -> Option<&TableColumn> {
    query.order.and_then(|index| query.table.columns.get(index))
}
