//! What a table is like, and the copies of it that a read store holds.

use super::{ColumnType, Value};
use crate::{Position, store::Name};

/// A table: what the rows of a view are kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name by which everybody finds it: letters, digits and underscores, not beginning with a digit.
    pub name: Name,
    /// The columns, in order; at least one.
    pub columns: Vec<TableColumn>,
    /// Which columns are the primary key, by their index; at least one.
    pub key: Vec<usize>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Whether there is an index on it.
    pub indexed: bool,
}

impl Table {
    /// The values of the key in the values of a row.
    #[must_use]
    pub fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().filter_map(|&index| row.get(index).cloned()).collect()
    }

    /// The columns of the key.
    pub fn key_columns(&self) -> impl Iterator<Item = &TableColumn> {
        self.key.iter().filter_map(|&index| self.columns.get(index))
    }

    /// Whether a row has this key.
    pub(crate) fn has_key(&self, row: &[Value], key: &[Value]) -> bool {
        self.key.len() == key.len()
            && self.key.iter().zip(key).all(|(&column, value)| row.get(column) == Some(value))
    }

    /// Whether the column with this index belongs to the key.
    #[must_use]
    pub fn is_key(&self, index: usize) -> bool {
        self.key.contains(&index)
    }
}

/// One filling of a view's table. There is one that everybody reads, under the table's own name, and there may be another
/// one beside it that is being filled and will take its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The name of the view's table.
    pub view: Name,
    /// Counts the builds of a view, from 1 on.
    pub generation: u64,
    /// What the code was like that fills it.
    pub fingerprint: [u8; 16],
    /// Which one it is.
    pub stage: Stage,
    /// How far it has come: it contains all events up to this position. Of a transactional one that is live, how far it had
    /// come when it became so; it contains everything since.
    pub position: Position,
}

impl Build {
    /// The name under which its checkpoint and its dead letters are kept.
    #[must_use]
    pub fn reader(&self) -> String {
        format!("{}#{}", self.view, self.generation)
    }
}

/// Which build of a view it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody reads it yet.
    Beside,
    /// Everybody reads it.
    Live {
        /// Whether it is written with the commits, not behind them.
        transactional: bool,
    },
}
