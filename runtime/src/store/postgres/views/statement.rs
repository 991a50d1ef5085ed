//! One statement for many rows of a table to which the same happens.
//!
//! Columns are sent as arrays. A row that is to be changed is found by a subquery with a limit, which is always looked up in the
//! index, whatever the planner believes of the table.

use tokio_postgres::types::ToSql;

use super::{
    names::quoted,
    value::{Cell, list, sql_type},
};
use crate::read::{ColumnType, Table, TableColumn};

/// What happens to rows. Columns are named by their index in the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// They are these now.
    Put,
    /// They are these if they were not there.
    Ensure,
    /// These columns change; `true`: by that much.
    Update(Vec<(usize, bool)>),
    /// They must not be there, and are these then.
    Appear,
    /// They have to be like this, and are like that then.
    Become,
    /// They have to be like this, and go.
    Vanish,
    /// They must not be there.
    Lack,
    /// They go.
    Remove,
}

impl Shape {
    /// The columns of which values are given, for a row. Those of the key come first unless all are given in their order.
    fn given(&self, table: &Table) -> Vec<usize> {
        let all = 0..table.columns.len();
        let key = table.key.iter().copied();
        let rest = all.clone().filter(|index| !table.is_key(*index));
        match self {
            Self::Put | Self::Ensure | Self::Appear => all.collect(),
            Self::Update(columns) => key.chain(columns.iter().map(|(index, _)| *index)).collect(),
            Self::Become => key.chain(rest.clone()).chain(rest).collect(),
            Self::Vanish => key.chain(rest).collect(),
            Self::Lack | Self::Remove => key.collect(),
        }
    }
}

/// What is given for a column of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Given<'a> {
    /// A value.
    Cell(Cell<'a>),
    /// The time of the event with this number, from 1 on, among those that are recorded in the same transaction.
    RecordedAt(i64),
    /// The position of it.
    RecordedPosition(i64),
}

/// Something that goes along with a statement.
pub(in super::super) type Parameter<'a> = Box<dyn ToSql + Send + Sync + 'a>;

/// A statement and what goes along with it.
pub(in super::super) struct Asked<'a> {
    pub(in super::super) text: String,
    pub(in super::super) parameters: Vec<Parameter<'a>>,
}

impl Asked<'_> {
    /// As the driver takes them.
    pub(in super::super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
    }
}

/// Rows of a table to which the same happens, none of them twice.
pub(super) struct Batch<'a> {
    /// What the table is like …
    pub(super) table: &'a Table,
    /// … and its name.
    pub(super) name: &'a str,
    pub(super) shape: &'a Shape,
    /// What is given for each, in the order of [`Shape::given`].
    pub(super) rows: Vec<Vec<Given<'a>>>,
    /// How many events are recorded in the same transaction.
    pub(super) events: i64,
}

impl<'a> Batch<'a> {
    /// The statement. Where rows have to be as the shape says and are not, it fails and tells which of them are.
    pub(super) fn asked(self) -> Asked<'a> {
        let Self { table, name, shape, rows, events } = self;
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let columns: Vec<(usize, &TableColumn)> = shape
            .given(table)
            .into_iter()
            .filter_map(|index| Some((index, table.columns.get(index)?)))
            .collect();
        let mut sent = Sent::new(events, &columns, rows);
        let name = quoted(name);
        let keys = list("", table.key_columns());
        let all = list("", &table.columns);
        let refuse = match shape {
            Shape::Update(_) | Shape::Become | Shape::Vanish => sent.refuse(count),
            _ => String::new(),
        };
        let exprs = |from: usize| sent.exprs.get(from..).unwrap_or_default();
        let from_key = table.key.len();
        let text = match shape {
            Shape::Put | Shape::Ensure => {
                let rest = table.columns.iter().enumerate().filter(|(index, _)| !table.is_key(*index));
                let update: Vec<String> =
                    rest.map(|(_, column)| format!("{0} = excluded.{0}", quoted(&column.name))).collect();
                let conflict = match *shape == Shape::Ensure || update.is_empty() {
                    true => "NOTHING".to_owned(),
                    false => format!("UPDATE SET {}", update.join(", ")),
                };
                format!(
                    "INSERT INTO {name} ({all}) SELECT {} FROM {} ON CONFLICT ({keys}) DO {conflict}",
                    exprs(0).join(", "),
                    sent.unnest,
                )
            }
            Shape::Remove => format!(
                "DELETE FROM {name} WHERE ctid = ANY (ARRAY(SELECT {} FROM {}))",
                sent.place(table, &name, &columns),
                sent.unnest,
            ),
            Shape::Update(changed) => {
                let set = changed.iter().zip(columns.iter().skip(from_key)).zip(exprs(from_key));
                let set: Vec<String> =
                    set.map(|(((_, add), (_, column)), expr)| assignment(column, *add, expr)).collect();
                let set = if set.is_empty() { untouched(table) } else { set.join(", ") };
                format!(
                    "WITH {}, done AS (UPDATE {name} AS t SET {set} FROM given AS u WHERE t.ctid = u.place RETURNING u.n) {refuse}",
                    sent.given(table, &name, &columns),
                )
            }
            Shape::Become => {
                let rest = columns.len().saturating_sub(from_key) / 2;
                let then = columns.iter().zip(exprs(0)).skip(from_key + rest);
                let set: Vec<String> =
                    then.map(|((_, column), expr)| assignment(column, false, expr)).collect();
                let set = if set.is_empty() { untouched(table) } else { set.join(", ") };
                format!(
                    "WITH {}, done AS (UPDATE {name} AS t SET {set} FROM given AS u WHERE t.ctid = u.place{} RETURNING u.n) {refuse}",
                    sent.given(table, &name, &columns),
                    same(&columns, exprs(0), from_key, rest),
                )
            }
            Shape::Vanish => format!(
                "WITH {}, done AS (DELETE FROM {name} AS t USING given AS u WHERE t.ctid = u.place{} RETURNING u.n) {refuse}",
                sent.given(table, &name, &columns),
                same(&columns, exprs(0), from_key, columns.len()),
            ),
            Shape::Appear => format!(
                "WITH {}, done AS (INSERT INTO {name} ({all}) SELECT {} FROM given AS u WHERE u.place IS NULL) {FREE}",
                sent.given(table, &name, &columns),
                exprs(0).join(", "),
            ),
            Shape::Lack => format!("WITH {} {FREE}", sent.given(table, &name, &columns)),
        };
        Asked { text, parameters: sent.parameters }
    }
}

/// Fails if a row was there.
const FREE: &str =
    "SELECT refuse_rows(array_agg(n) FILTER (WHERE place IS NULL)) FROM given HAVING count(place) > 0";

fn assignment(column: &TableColumn, add: bool, expr: &str) -> String {
    let name = quoted(&column.name);
    match (add, column.ty) {
        (false, _) => format!("{name} = {expr}"),
        // A sum that is no number at all is refused, as the column does not take NULL.
        (true, ColumnType::Real) => format!("{name} = nullif(t.{name} + {expr}, 'NaN')"),
        (true, _) => format!("{name} = t.{name} + {expr}"),
    }
}

/// An assignment that changes nothing.
fn untouched(table: &Table) -> String {
    let name = table.key_columns().next().map(|column| quoted(&column.name)).unwrap_or_default();
    format!("{name} = t.{name}")
}

/// That the row is like this, in so many columns behind the key.
fn same(columns: &[(usize, &TableColumn)], exprs: &[String], from: usize, count: usize) -> String {
    let compared = columns.iter().zip(exprs).skip(from).take(count);
    compared
        .map(|((_, column), expr)| format!(" AND t.{} IS NOT DISTINCT FROM {expr}", quoted(&column.name)))
        .collect()
}

/// The columns as parameters.
struct Sent<'a> {
    parameters: Vec<Parameter<'a>>,
    /// The rows with their number.
    unnest: String,
    /// What is given for each column.
    exprs: Vec<String>,
}

impl<'a> Sent<'a> {
    fn new(events: i64, columns: &[(usize, &TableColumn)], rows: Vec<Vec<Given<'a>>>) -> Self {
        let mut cells: Vec<Vec<Option<Cell<'a>>>> = Vec::new();
        let mut numbers: Vec<Vec<Option<i64>>> = Vec::new();
        cells.resize_with(columns.len(), || Vec::with_capacity(rows.len()));
        numbers.resize_with(columns.len(), Vec::new);
        for (nth, row) in rows.into_iter().enumerate() {
            for ((given, cells), numbers) in row.into_iter().zip(&mut cells).zip(&mut numbers) {
                match given {
                    Given::Cell(cell) => cells.push(Some(cell)),
                    Given::RecordedAt(number) | Given::RecordedPosition(number) => {
                        cells.push(None);
                        numbers.resize(nth, None);
                        numbers.push(Some(number));
                    }
                }
            }
        }
        let recorded = numbers.iter().any(|numbers| !numbers.is_empty());
        let mut parameters: Vec<Parameter<'a>> = Vec::new();
        if recorded {
            parameters.push(Box::new(events));
        }
        let (mut arrays, mut names, mut exprs) = (Vec::new(), Vec::new(), Vec::new());
        for (nth, (((_, column), cells), numbers)) in columns.iter().zip(cells).zip(numbers).enumerate() {
            parameters.push(Box::new(cells));
            arrays.push(format!("${}::{}[]", parameters.len(), sql_type(column.ty)));
            names.push(format!("a{nth}"));
            if numbers.is_empty() {
                exprs.push(format!("u.a{nth}"));
                continue;
            }
            parameters.push(Box::new(numbers));
            arrays.push(format!("${}::bigint[]", parameters.len()));
            names.push(format!("r{nth}"));
            // Nobody else can have taken positions since the events were recorded.
            let position = format!("(SELECT currval('positions') - $1::bigint) + u.r{nth}");
            exprs.push(match column.ty {
                ColumnType::Time => format!(
                    "coalesce(u.a{nth}, (SELECT timestamptz 'epoch' + e.at * interval '1 microsecond' FROM events AS e \
                     WHERE e.position = {position}))"
                ),
                _ => format!("coalesce(u.a{nth}, lpad(({position})::text, 39, '0'))"),
            });
        }
        let unnest = format!("unnest({}) WITH ORDINALITY AS u ({}, n)", arrays.join(", "), names.join(", "));
        Self { parameters, unnest, exprs }
    }

    /// Where the row with a key is.
    fn place(&self, table: &Table, name: &str, columns: &[(usize, &TableColumn)]) -> String {
        let key = columns.iter().zip(&self.exprs).filter(|((index, _), _)| table.is_key(*index));
        let key: Vec<String> =
            key.map(|((_, column), expr)| format!("f.{} = {expr}", quoted(&column.name))).collect();
        format!("(SELECT f.ctid FROM {name} AS f WHERE {} LIMIT 1)", key.join(" AND "))
    }

    /// The rows with their places.
    fn given(&self, table: &Table, name: &str, columns: &[(usize, &TableColumn)]) -> String {
        let place = self.place(table, name, columns);
        format!("given AS MATERIALIZED (SELECT u.*, {place} AS place FROM {})", self.unnest)
    }

    /// Fails if not so many were done.
    fn refuse(&mut self, count: i64) -> String {
        self.parameters.push(Box::new(count));
        let count = self.parameters.len();
        format!("SELECT refuse_rows(array_agg(n)) FROM done HAVING count(*) < ${count}::bigint")
    }
}
