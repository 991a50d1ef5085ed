//! What a table is called in the database.
//!
//! Names become part of SQL, so they are looked at before anything else is done with them, and always stand in quotes.

use crate::{
    read::{Table, TableColumn},
    store::StoreError,
};

/// What no table or column of a view begins with: the books, and SQLite's own.
const OURS: [&str; 2] = ["factum_", "sqlite_"];

/// Refuses a table that cannot be made: names that are none, columns that are there twice, no key.
pub(super) fn check(table: &Table) -> Result<(), StoreError> {
    let Table { name, columns, key } = table;
    check_name("table", name)?;
    if let Some(ours) = OURS.into_iter().find(|ours| begins_with(name, ours)) {
        return Err(StoreError::invalid(format!(
            "a view cannot be kept in a table called `{name}`: what begins with `{ours}` is not for views; give it another \
             name"
        )));
    }
    for (index, column) in columns.iter().enumerate() {
        check_name("column", &column.name)?;
        let alike = |other: &&TableColumn| other.name.eq_ignore_ascii_case(&column.name);
        if let Some(other) = columns.iter().take(index).find(alike) {
            return Err(StoreError::invalid(format!(
                "the table `{name}` has the columns `{}` and `{}`, which are the same to SQLite: give one another name",
                other.name, column.name
            )));
        }
    }
    if key.is_empty() || table.key_columns().count() != key.len() {
        return Err(StoreError::invalid(format!("the table `{name}` has no key: name at least one column")));
    }
    match table.key_columns().find(|column| column.nullable) {
        Some(column) => Err(StoreError::invalid(format!(
            "the column `{}` is part of the key of `{name}`, so it cannot hold nothing: use a type that always has a value",
            column.name
        ))),
        None => Ok(()),
    }
}

fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = |byte: &u8| !byte.is_ascii_digit();
    if name.as_bytes().first().is_some_and(begins) && name.bytes().all(letters) {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "`{}` cannot be the name of a {what}: use letters, digits and underscores, and no digit first",
        name.escape_debug()
    )))
}

fn begins_with(name: &str, what: &str) -> bool {
    name.get(..what.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(what))
}

/// The name as an identifier in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table of a build that nobody reads yet.
pub(super) fn beside(view: &str, generation: u64) -> String {
    format!("{view}__{generation}")
}

/// An index of a build. It keeps its name when the build becomes the live one.
pub(super) fn index(view: &str, generation: u64, column: &str) -> String {
    format!("{view}__{generation}__{column}")
}
