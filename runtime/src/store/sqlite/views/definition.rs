//! Tables of views: how they are made, and whether they still are like that.
//!
//! They are STRICT: no value gets in that is of another type, whoever writes it, and a sum that is too large for a whole
//! number is an error, not another number. They have row ids, because views are not always narrow and their keys do not
//! always come in order: without row ids, wide rows with keys in no order took five times as long to write and twice the
//! room, and at their best one sixth less time. An index ends with the key, so that pages in the order of a column are read
//! as they stand there.

use std::fmt::Write as _;

use rusqlite::{Connection, Error, OptionalExtension};

use super::names::{self, quoted};
use crate::read::{ColumnType, Table, TableColumn};

/// The declared type of a column.
const fn declared(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Bool | ColumnType::Integer => "INTEGER",
        ColumnType::Real => "REAL",
        ColumnType::Bytes => "BLOB",
        ColumnType::Text | ColumnType::Time | ColumnType::Date | ColumnType::Uuid | ColumnType::Json => {
            "TEXT"
        }
    }
}

/// Makes the table under this name.
pub(super) fn create(connection: &Connection, table: &Table, name: &str) -> Result<(), Error> {
    let mut columns = String::new();
    for column in &table.columns {
        let name = quoted(&column.name);
        let null = if column.nullable { "" } else { " NOT NULL" };
        let _ = write!(columns, "    {name} {}{null}", declared(column.ty));
        if column.ty == ColumnType::Bool {
            let _ = write!(columns, " CHECK ({name} IN (0, 1))");
        }
        columns.push_str(",\n");
    }
    let name = quoted(name);
    connection.execute_batch(&format!(
        "CREATE TABLE {name} (\n{columns}    PRIMARY KEY ({})\n) STRICT",
        list(table.key_columns())
    ))
}

/// Makes those indexes that are not there.
pub(super) fn index(
    connection: &Connection,
    table: &Table,
    generation: u64,
    name: &str,
) -> Result<(), Error> {
    for column in table.columns.iter().filter(|column| column.indexed) {
        let index = quoted(&names::index(&table.name, generation, &column.name));
        let mut columns = quoted(&column.name);
        // Where the key is the row id, it is there without being named.
        if !is_row_id(table) {
            for key in table.key_columns().filter(|key| key.name != column.name) {
                let _ = write!(columns, ", {}", quoted(&key.name));
            }
        }
        connection
            .execute_batch(&format!("CREATE INDEX IF NOT EXISTS {index} ON {} ({columns})", quoted(name)))?;
    }
    Ok(())
}

/// Whether SQLite takes the key for the row id.
fn is_row_id(table: &Table) -> bool {
    let mut key = table.key_columns();
    matches!((key.next(), key.next()), (Some(only), None) if declared(only.ty) == "INTEGER")
}

/// What is found under the name of a table.
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// The table as it was made.
    Same,
    /// Something that differs like this.
    Other(String),
}

/// Looks whether the table is there and still like this.
pub(super) fn compare(connection: &Connection, table: &Table, name: &str) -> Result<Found, Error> {
    let mut found = Vec::new();
    let mut select = connection
        .prepare_cached("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let mut rows = select.query([name])?;
    while let Some(row) = rows.next()? {
        let (name, ty, not_null): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let key: i64 = row.get(3)?;
        found.push(Declared { name, ty, not_null, key });
    }
    if found.is_empty() {
        return Ok(Found::Nothing);
    }
    let strict: Option<bool> = connection
        .prepare_cached("SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let mut differences = differences(table, found);
    if strict == Some(false) {
        differences.push("it is not STRICT".to_owned());
    }
    Ok(if differences.is_empty() { Found::Same } else { Found::Other(differences.join(", ")) })
}

/// A column as SQLite describes it.
struct Declared {
    name: String,
    ty: String,
    not_null: bool,
    /// Its place in the primary key, from 1 on; 0 if it is not part of it.
    key: i64,
}

fn differences(table: &Table, mut found: Vec<Declared>) -> Vec<String> {
    let mut differences = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        let name = &column.name;
        let Some(place) = found.iter().position(|found| *found.name == **name) else {
            differences.push(format!("the column `{name}` is missing"));
            continue;
        };
        let Declared { ty, not_null, key, .. } = found.swap_remove(place);
        let expected = declared(column.ty);
        if ty != expected {
            differences.push(format!("the column `{name}` is of type `{ty}` and was of type `{expected}`"));
        }
        if not_null == column.nullable {
            let now = if not_null { "must not" } else { "may" };
            differences.push(format!("the column `{name}` {now} be NULL now"));
        }
        let place = table.key.iter().position(|key| *key == index);
        if usize::try_from(key).ok() != Some(place.map_or(0, |place| place.saturating_add(1))) {
            differences.push(format!("the column `{name}` has another place in the primary key"));
        }
    }
    differences.extend(found.into_iter().map(|other| format!("the column `{}` was added", other.name)));
    differences
}

/// The names of columns, as SQL lists them.
pub(super) fn list<'a>(columns: impl IntoIterator<Item = &'a TableColumn>) -> String {
    let names: Vec<String> = columns.into_iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}
