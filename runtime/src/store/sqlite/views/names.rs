//! What a table is called in the database. Names become part of SQL: [`Table::validate`](crate::read::Table::validate) has
//! seen to it that they are names, and they always stand in quotes.

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
