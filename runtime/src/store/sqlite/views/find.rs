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
    let table = &query.table;
    let failed = |error| failed(&format!("reading rows of `{}`", table.name), error);
    let moment = connection.unchecked_transaction().map_err(failed)?;
    tables.begin();
    let sql = &tables.live(&moment, table)?.sql;
    let limit = query.limit.max(1);
    let mut found = Vec::new();
    for part in Parts::of(query)?.0 {
        let Clause { text, values } = part;
        if values.len() > MOST_VALUES {
            return Err(StoreError::invalid(format!(
                "a query of `{}` has {} values, and SQLite takes {MOST_VALUES} at most: ask in several steps",
                table.name,
                values.len()
            )));
        }
        let order = ordered_by(query)?;
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

/// Conditions that hold for one part of the rows after the other. Each part lies in an index as it is; together, with an
/// `OR`, they would not.
struct Parts<'a>(Vec<Clause<'a>>);

impl<'a> Parts<'a> {
    fn of(query: &'a Query) -> Result<Self, StoreError> {
        let mut all = Clause::default();
        for condition in &query.conditions {
            test(&mut all, column(query, condition.column)?, &condition.test);
        }
        let Some(Place { order, key }) = &query.after else {
            if all.text.is_empty() {
                all.text.push_str("TRUE");
            }
            return Ok(Self(vec![all]));
        };
        let table = &query.table;
        let keys: Vec<&TableColumn> = table.key_columns().collect();
        if keys.len() != key.len() || query.order.is_some() != order.is_some() {
            return Err(StoreError::invalid(format!(
                "a place in `{}` is given that does not belong to the query: give the key of a row, and what it has in the \
                 column of the order, if there is one",
                table.name
            )));
        }
        let behind = if query.descending { "<" } else { ">" };
        let row = |columns: &[&TableColumn]| {
            let places = vec!["?"; columns.len()].join(", ");
            format!("({}) {behind} ({places})", list(columns.iter().copied()))
        };
        let (Some(index), Some(value)) = (query.order, order) else {
            all.and(&row(&keys), keys.iter().copied().zip(key));
            return Ok(Self(vec![all]));
        };
        let ordered = column(query, index)?;
        let name = quoted(&ordered.name);
        let mut near = all.clone();
        let mut parts = Vec::new();
        match value {
            // Those that hold nothing come first.
            Value::Null => {
                near.and(&format!("{name} IS NULL AND {}", row(&keys)), keys.iter().copied().zip(key));
                parts.push(near);
                if !query.descending {
                    all.and(&format!("{name} IS NOT NULL"), []);
                    parts.push(all);
                }
            }
            value => {
                let columns: Vec<&TableColumn> =
                    std::iter::once(ordered).chain(keys.iter().copied()).collect();
                let values = std::iter::once((ordered, value)).chain(keys.iter().copied().zip(key));
                near.and(&row(&columns), values);
                parts.push(near);
                if query.descending && ordered.nullable {
                    all.and(&format!("{name} IS NULL"), []);
                    parts.push(all);
                }
            }
        }
        Ok(Self(parts))
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

fn ordered_by(query: &Query) -> Result<String, StoreError> {
    let first = query.order.map(|index| column(query, index)).transpose()?;
    let down = if query.descending { " DESC" } else { "" };
    let columns: Vec<String> = first
        .into_iter()
        .chain(query.table.key_columns())
        .map(|column| format!("{}{down}", quoted(&column.name)))
        .collect();
    Ok(columns.join(", "))
}

fn column(query: &Query, index: usize) -> Result<&TableColumn, StoreError> {
    let table = &query.table;
    table.columns.get(index).ok_or_else(|| {
        StoreError::invalid(format!("a query asks for column {index} of `{}`, which has fewer", table.name))
    })
}
