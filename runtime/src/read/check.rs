//! What fits into a table. It is the same on every store, so that rows which one of them takes are taken by all.

use std::collections::HashSet;

use chrono::Datelike;

use super::{
    ColumnType, Query, RowChange, RowOp, RowRefusal, RowRefused, SqlTables, Table, TableColumn, Test, Value,
    Work, WorkError,
};
use crate::store::StoreError;

impl Table {
    /// How long the name of a column may be, in bytes.
    const LONGEST_COLUMN: usize = 63;

    /// For stores: whether a database can have this table. Names are letters, digits and underscores, do not begin with a
    /// digit, and are not too long; that of the table is none that databases or builds use; columns differ by more than
    /// capital letters; there is a key, of columns that hold something.
    ///
    /// # Errors
    /// What is wrong, as [`Invalid`](crate::store::StoreErrorKind::Invalid).
    pub fn validate(&self) -> Result<(), StoreError> {
        let name = &self.name;
        let refused = |what: &str| Err(StoreError::invalid(format!("the table `{name}` {what}")));
        check_name(name).or_else(refused)?;
        let mut seen = HashSet::new();
        for column in &self.columns {
            if !is_identifier(&column.name, Self::LONGEST_COLUMN) {
                return refused(&format!("has a column `{}`, which is an impossible name", column.name));
            }
            if !seen.insert(column.name.to_lowercase()) {
                return refused(&format!("has two columns `{}`", column.name));
            }
        }
        let distinct: HashSet<_> = self.key.iter().collect();
        if self.key.is_empty() || distinct.len() < self.key.len() {
            return refused("needs a key of different columns");
        }
        if self.key_columns().count() < self.key.len() || self.key_columns().any(|column| column.nullable) {
            return refused("has a key of columns that may hold nothing, or that are not there");
        }
        Ok(())
    }

    /// For stores: whether these values are a row of it.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check_row(&self, row: &[Value]) -> Result<(), String> {
        self.fit(self.columns.iter(), row, None)
    }

    /// For stores: whether these values are a key of it.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check_key(&self, key: &[Value]) -> Result<(), String> {
        self.fit(self.key_columns(), key, None)
    }

    fn fit<'a>(
        &self,
        columns: impl Iterator<Item = &'a TableColumn>,
        values: &[Value],
        events: Option<usize>,
    ) -> Result<(), String> {
        let mut count = 0;
        for column in columns {
            match values.get(count) {
                Some(value) => column.fit(value, events)?,
                None => return Err(format!("there is no value for the column `{}`", column.name)),
            }
            count += 1;
        }
        if count == values.len() { Ok(()) } else { Err(format!("there are more than {count} values")) }
    }

    fn column(&self, index: usize) -> Result<&TableColumn, String> {
        self.columns.get(index).ok_or_else(|| format!("the table `{}` has no column {index}", self.name))
    }
}

/// How long the name of a table may be, in bytes: databases bound names, and builds have longer ones.
const LONGEST_NAME: usize = 48;

/// Whether a table may be called so; else what is wrong with it.
fn check_name(name: &str) -> Result<(), &'static str> {
    if !is_identifier(name, LONGEST_NAME) {
        return Err(
            "has an impossible name: take at most 48 letters, digits and underscores, the first no digit",
        );
    }
    if ["factum_", "sqlite_", "pg_"].iter().any(|reserved| name.to_lowercase().starts_with(reserved)) {
        return Err("has a name that belongs to the database or to factum: take another one");
    }
    let build = name.rsplit_once("__").map(|(_, generation)| generation);
    if build.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("has a name like a build of a view, which ends with `__` and a number");
    }
    Ok(())
}

impl SqlTables {
    /// For stores: whether a database can have these tables. Names are as those of a [`Table`], and differ by more than capital
    /// letters; so is the name of the view. There is at least one.
    ///
    /// # Errors
    /// What is wrong, as [`Invalid`](crate::store::StoreErrorKind::Invalid).
    pub fn validate(&self) -> Result<(), StoreError> {
        let refused = |what: &str| Err(StoreError::invalid(format!("the view `{}` {what}", self.view)));
        check_name(&self.view).or_else(refused)?;
        if self.definitions.is_empty() {
            return refused("has no tables: name at least one");
        }
        let mut seen = HashSet::new();
        for (name, _) in &self.definitions {
            check_name(name).or_else(|what| refused(&format!("has a table `{name}`, which {what}")))?;
            if !seen.insert(name.to_lowercase()) {
                return refused(&format!("has two tables or indexes `{name}`"));
            }
        }
        Ok(())
    }
}

fn is_identifier(name: &str, longest: usize) -> bool {
    let usable = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    usable && name.len() <= longest && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

impl TableColumn {
    /// For stores: whether this value can stand in the column. It is of the column's type, or nothing where that may be.
    /// What not all databases can keep none of them does: [`Value`] says what that is.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.fit(value, None)
    }

    /// The same; in rows of a commit of so many events, the time and the position of one of them.
    fn fit(&self, value: &Value, events: Option<usize>) -> Result<(), String> {
        let name = &self.name;
        match value {
            Value::Null if self.nullable => return Ok(()),
            Value::Null => return Err(format!("the column `{name}` needs a value")),
            Value::RecordedAt(index) | Value::RecordedPosition(index)
                if events.is_none_or(|events| *index >= events) =>
            {
                return Err(format!("nobody knows {value}, which is to stand in `{name}`"));
            }
            _ => {}
        }
        let ty = match value {
            Value::RecordedAt(_) => Some(ColumnType::Time),
            Value::RecordedPosition(_) => Some(ColumnType::Text),
            _ => value.column_type(),
        };
        if ty != Some(self.ty) {
            return Err(format!("`{value}` does not fit into the column `{name}`, which is {:?}", self.ty));
        }
        let years = 1..=9999;
        let unkept = match value {
            Value::Real(number) if number.is_nan() => "what is no number",
            Value::Text(text) if text.contains('\0') => "the character NUL",
            Value::Json(text) if has_nul(text) => "the character NUL",
            Value::Time(time) if !years.contains(&time.year()) => "a year before 1 or after 9999",
            Value::Date(date) if !years.contains(&date.year()) => "a year before 1 or after 9999",
            _ => return Ok(()),
        };
        Err(format!("the column `{name}` cannot hold {unkept}"))
    }
}

/// Whether JSON text has a NUL in it, as itself or escaped.
fn has_nul(json: &str) -> bool {
    let escaped = |(start, _): (usize, &str)| {
        let before = json.get(..start).unwrap_or_default();
        // An even number of backslashes before this one are backslashes themselves.
        (before.len() - before.trim_end_matches('\\').len()).is_multiple_of(2)
    };
    json.contains('\0') || json.match_indices("\\u0000").any(escaped)
}

impl RowOp {
    /// For stores: whether the change can be made at all, in a commit of so many events. Keys do not change; numbers are added
    /// to columns of numbers that always hold one. [`Commit::validate`](crate::store::Commit::validate) asks it.
    ///
    /// # Errors
    /// What is wrong, as [`RowRefusal::Database`].
    pub fn validate(&self, events: usize) -> Result<(), RowRefused> {
        self.check(events).map_err(|what| self.refused(RowRefusal::Database(what)))
    }

    fn check(&self, events: usize) -> Result<(), String> {
        let table = &self.table;
        table.fit(table.key_columns(), &self.key, Some(events))?;
        let whole = |row: &[Value], events| {
            table.fit(table.columns.iter(), row, events)?;
            let own = table.key.iter().map(|index| row.get(*index));
            if own.eq(self.key.iter().map(Some)) { Ok(()) } else { Err("the row has another key".to_owned()) }
        };
        let other = |index: usize| match table.column(index)? {
            column if table.is_key(index) => Err(format!("the column `{}` is of the key", column.name)),
            column => Ok(column),
        };
        match &self.change {
            RowChange::Put(row) | RowChange::Ensure(row) => whole(row, Some(events)),
            RowChange::Set(columns) => {
                columns.iter().try_for_each(|(index, value)| other(*index)?.fit(value, Some(events)))
            }
            RowChange::Add(columns) => columns.iter().try_for_each(|(index, value)| {
                let column = other(*index)?;
                let number = matches!(column.ty, ColumnType::Integer | ColumnType::Real);
                if column.nullable || !number {
                    return Err(format!("nothing can be added to the column `{}`", column.name));
                }
                column.check(value)
            }),
            RowChange::Swap { from, to } => {
                from.iter().try_for_each(|row| whole(row, None))?;
                to.iter().try_for_each(|row| whole(row, Some(events)))
            }
            RowChange::Remove => Ok(()),
        }
    }
}

impl Work {
    /// For stores: whether its rows fit into their table.
    ///
    /// # Errors
    /// [`WorkError::Row`] with the first that does not.
    pub fn validate(&self) -> Result<(), WorkError> {
        let Some(rows) = &self.rows else { return Ok(()) };
        let refused = |key, what: String| WorkError::Row {
            view: rows.table.name.to_string(),
            key,
            cause: StoreError::invalid(what),
        };
        for row in &rows.put {
            rows.table.check_row(row).map_err(|what| refused(rows.table.key_of(row), what))?;
        }
        for key in &rows.remove {
            rows.table.check_key(key).map_err(|what| refused(key.clone(), what))?;
        }
        Ok(())
    }
}

impl Query {
    /// For stores: whether the query is about columns that the table has, and values that can stand there.
    ///
    /// # Errors
    /// What is wrong, as [`Invalid`](crate::store::StoreErrorKind::Invalid).
    pub fn validate(&self) -> Result<(), StoreError> {
        self.check().map_err(StoreError::invalid)
    }

    fn check(&self) -> Result<(), String> {
        // Nothing may be asked for, even where it never stands.
        let fit = |column: &TableColumn, value: &Value| match value {
            Value::Null => Ok(()),
            value => column.check(value),
        };
        for condition in &self.conditions {
            let column = self.table.column(condition.column)?;
            match &condition.test {
                Test::Equals(value) | Test::AtLeast(value) | Test::Below(value) => fit(column, value)?,
                Test::Among(values) => values.iter().try_for_each(|value| fit(column, value))?,
            }
        }
        let order = self.order.map(|index| self.table.column(index)).transpose()?;
        let Some(after) = &self.after else { return Ok(()) };
        match (order, &after.order) {
            (Some(column), Some(value)) => fit(column, value)?,
            (None, None) => {}
            _ => return Err("the place is one in another order".to_owned()),
        }
        self.table.check_key(&after.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_nul_is_one_unless_its_backslash_is_escaped() {
        assert!(has_nul(r#"{"a":"\u0000"}"#) && has_nul(r#""\\\u0000""#));
        assert!(!has_nul(r#""\\u0000""#) && !has_nul(r#""u0000""#));
    }
}
