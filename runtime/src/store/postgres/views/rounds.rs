//! The rows of commits, arranged so that few statements change them.
//!
//! What happens to one row happens in order: each change of it is in a later round than the one before, unless both together are
//! one change. Different rows have nothing to do with each other, so a round has one statement for each table and kind of
//! change.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    statement::{Asked, Batch, Given, Shape},
    value::Cell,
};
use crate::{
    read::{RowChange, RowOp, RowRefusal, Table, Value},
    store::Commit,
};

/// What happens to a row.
#[derive(Clone, Debug)]
enum Step<'a> {
    Put(Vec<Given<'a>>),
    Ensure(Vec<Given<'a>>),
    /// Columns in their order.
    Update(Vec<(usize, By<'a>)>),
    Swap(Shape, Vec<Given<'a>>),
    Remove,
}

/// How a column changes.
#[derive(Clone, Debug)]
enum By<'a> {
    Value(Given<'a>),
    Adding(Cow<'a, Value>),
}

/// One change of a row, with those who ask for it: each commit once.
struct Change<'a> {
    key: Vec<Given<'a>>,
    step: Step<'a>,
    asked: Vec<Asking<'a>>,
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Asking<'a> {
    /// The number of the commit.
    pub(in super::super) commit: usize,
    pub(in super::super) op: &'a RowOp,
}

/// The changes of one statement.
pub(in super::super) struct Group<'a> {
    pub(in super::super) table: &'a Arc<Table>,
    shape: Shape,
    changes: Vec<Change<'a>>,
}

impl<'a> Group<'a> {
    /// The statement, if so many events are recorded in the same transaction.
    pub(in super::super) fn asked(&self, events: i64) -> Asked<'_> {
        let rows = self.changes.iter().map(|change| change.given(self.table)).collect();
        Batch { table: self.table, name: &self.table.name, shape: &self.shape, rows, events }.asked()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// All who ask for something in it.
    pub(in super::super) fn asking(&self) -> impl Iterator<Item = Asking<'a>> {
        self.changes.iter().flat_map(|change| change.asked.iter().copied())
    }

    /// Those who ask for changes other than these, by their number from 1 on.
    pub(in super::super) fn asking_but(&self, done: &[i64]) -> impl Iterator<Item = Asking<'a>> {
        let refused = self.changes.iter().zip(1..).filter(|(_, number)| !done.contains(number));
        refused.flat_map(|(change, _)| change.asked.iter().copied())
    }

    /// Whether the rows must not be there before.
    pub(in super::super) fn appears(&self) -> bool {
        self.shape == Shape::Appear
    }

    /// What it means that a row is not as the statement needs it.
    pub(in super::super) fn refusal(&self) -> RowRefusal {
        if matches!(self.shape, Shape::Update(_)) { RowRefusal::Absent } else { RowRefusal::Stale }
    }
}

/// Arranges the rows of these commits; `singly`: with a statement for each.
pub(in super::super) fn arrange<'a>(
    commits: impl IntoIterator<Item = &'a Commit>,
    singly: bool,
) -> Vec<Group<'a>> {
    let mut rows = Rows::default();
    let mut events = 0;
    for (number, commit) in commits.into_iter().enumerate() {
        for op in &commit.rows {
            rows.add(Asking { commit: number, op }, events);
        }
        let own: usize = commit.appends.iter().map(|append| append.events.len()).sum();
        events += i64::try_from(own).unwrap_or(i64::MAX);
    }
    rows.groups(singly)
}

/// How many bytes a change takes, about.
pub(in super::super) fn bytes(op: &RowOp) -> usize {
    let row = |row: &[Value]| row.iter().map(size).sum::<usize>();
    let columns = |columns: &[(usize, Value)]| columns.iter().map(|(_, value)| size(value)).sum::<usize>();
    let change = match &op.change {
        RowChange::Put(values) | RowChange::Ensure(values) => row(values),
        RowChange::Set(values) | RowChange::Add(values) => columns(values),
        RowChange::Swap { from, to } => from.iter().chain(to).map(|values| row(values)).sum(),
        RowChange::Remove => 0,
    };
    row(&op.key) + change
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    }
}

#[derive(Default)]
struct Rows<'a> {
    tables: Vec<&'a Arc<Table>>,
    /// Which of the rows it is.
    numbers: BTreeMap<(usize, Vec<Value>), usize>,
    /// Each with its table and what happens to it, in order.
    rows: Vec<(usize, Vec<Change<'a>>)>,
    /// Who asked last, and for which row.
    last: Option<(Asking<'a>, usize)>,
}

impl<'a> Rows<'a> {
    /// Adds a change asked for by a commit, before whose events so many others are.
    fn add(&mut self, asking: Asking<'a>, events: i64) {
        let op = asking.op;
        let given = |value: &'a Value| given(value, events);
        let row = match self.last {
            // Mostly a commit does several things to a row one after the other.
            Some((last, row))
                if last.commit == asking.commit
                    && Arc::ptr_eq(&last.op.table, &op.table)
                    && last.op.key == op.key =>
            {
                row
            }
            _ => self.row(op, events),
        };
        self.last = Some((asking, row));
        let Some((_, changes)) = self.rows.get_mut(row) else { return };
        let step = Step::of(&op.change, given);
        if let Some(last) = changes.last_mut()
            && last.key.iter().zip(&op.key).all(|(key, value)| *key == given(value))
            && last.step.takes(&step)
        {
            if last.asked.last().is_none_or(|before| before.commit != asking.commit) {
                last.asked.push(asking);
            }
            return;
        }
        let key = op.key.iter().map(given).collect();
        changes.push(Change { key, step, asked: vec![asking] });
    }

    /// The number of the row that is changed.
    fn row(&mut self, op: &'a RowOp, events: i64) -> usize {
        let known = self.tables.iter().position(|table| Arc::ptr_eq(table, &op.table) || **table == op.table);
        let table = known.unwrap_or_else(|| {
            self.tables.push(&op.table);
            self.tables.len() - 1
        });
        // Times that are not known yet may turn out to be the same.
        let identity = |value: &'a Value| match (value, given(value, events)) {
            (Value::RecordedAt(_), _) => Value::RecordedAt(0),
            (_, Given::RecordedPosition(number)) => {
                Value::RecordedPosition(usize::try_from(number).unwrap_or(usize::MAX))
            }
            (Value::Time(time), _) => Value::Integer(time.timestamp_micros()),
            (value, _) => value.clone(),
        };
        let place = (table, op.key.iter().map(identity).collect());
        *self.numbers.entry(place).or_insert_with(|| {
            self.rows.push((table, Vec::new()));
            self.rows.len() - 1
        })
    }

    fn groups(self, singly: bool) -> Vec<Group<'a>> {
        let mut rounds: Vec<Vec<Group<'a>>> = Vec::new();
        for (table, changes) in self.rows {
            let Some(table) = self.tables.get(table) else { continue };
            for (number, change) in changes.into_iter().enumerate() {
                if rounds.len() <= number {
                    rounds.push(Vec::new());
                }
                let Some(round) = rounds.get_mut(number) else { continue };
                let goes_along =
                    |group: &&mut Group<'a>| Arc::ptr_eq(group.table, table) && change.step.has(&group.shape);
                let group = if singly { None } else { round.iter_mut().find(goes_along) };
                match group {
                    Some(group) => group.changes.push(change),
                    None => round.push(Group { table, shape: change.step.shape(), changes: vec![change] }),
                }
            }
        }
        rounds.into_iter().flatten().collect()
    }
}

/// A value of a commit before whose events so many others are recorded.
fn given(value: &Value, events: i64) -> Given<'_> {
    let number = |index: usize| events.saturating_add(i64::try_from(index).unwrap_or(i64::MAX)) + 1;
    match value {
        Value::RecordedAt(index) => Given::RecordedAt(number(*index)),
        Value::RecordedPosition(index) => Given::RecordedPosition(number(*index)),
        value => Given::Cell(Cell(Cow::Borrowed(value))),
    }
}

impl<'a> Step<'a> {
    fn of(change: &'a RowChange, given: impl Fn(&'a Value) -> Given<'a>) -> Self {
        let row = |row: &'a [Value]| row.iter().map(&given).collect::<Vec<_>>();
        match change {
            RowChange::Put(values) => Self::Put(row(values)),
            RowChange::Ensure(values) => Self::Ensure(row(values)),
            RowChange::Set(columns) => {
                let mut update = Vec::with_capacity(columns.len());
                columns.iter().for_each(|(index, value)| put(&mut update, *index, By::Value(given(value))));
                Self::Update(update)
            }
            RowChange::Add(columns) => {
                let mut update = Vec::with_capacity(columns.len());
                for (index, number) in columns {
                    let adding = By::Adding(Cow::Borrowed(number));
                    let both = of_column(&update, *index).and_then(|before| adding.after(before));
                    put(&mut update, *index, both.unwrap_or(adding));
                }
                Self::Update(update)
            }
            RowChange::Swap { from: None, to: None } => Self::Swap(Shape::Lack, Vec::new()),
            RowChange::Swap { from: None, to: Some(to) } => Self::Swap(Shape::Appear, row(to)),
            RowChange::Swap { from: Some(from), to: None } => Self::Swap(Shape::Vanish, row(from)),
            RowChange::Swap { from: Some(from), to: Some(to) } => {
                Self::Swap(Shape::Become, row(from).into_iter().chain(row(to)).collect())
            }
            RowChange::Remove => Self::Remove,
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Self::Put(_) => Shape::Put,
            Self::Ensure(_) => Shape::Ensure,
            Self::Update(columns) => Shape::Update(columns.iter().map(By::shape).collect()),
            Self::Swap(shape, _) => shape.clone(),
            Self::Remove => Shape::Remove,
        }
    }

    /// Whether it is of this shape.
    fn has(&self, shape: &Shape) -> bool {
        match (self, shape) {
            (Self::Put(_), Shape::Put) | (Self::Ensure(_), Shape::Ensure) | (Self::Remove, Shape::Remove) => {
                true
            }
            (Self::Update(columns), Shape::Update(shape)) => {
                columns.iter().map(By::shape).eq(shape.iter().copied())
            }
            (Self::Swap(own, _), shape) => own == shape,
            _ => false,
        }
    }

    /// Takes in the next step, if both together are one; what the first one needs of the row is enough for the second one, too.
    fn takes(&mut self, next: &Self) -> bool {
        match (&mut *self, next) {
            // The row is there.
            (Self::Put(_) | Self::Ensure(_) | Self::Update(_), Self::Ensure(_))
            | (Self::Remove, Self::Remove) => true,
            (Self::Put(_) | Self::Ensure(_) | Self::Remove, Self::Put(row))
            | (Self::Remove, Self::Ensure(row)) => {
                *self = Self::Put(row.clone());
                true
            }
            (Self::Put(_) | Self::Ensure(_), Self::Remove) => {
                *self = Self::Remove;
                true
            }
            (Self::Put(row), Self::Update(changes)) => {
                let changed = |(index, by): &(usize, By<'a>)| Some((*index, by.on_value(row.get(*index)?)?));
                let Some(changed) = changes.iter().map(changed).collect::<Option<Vec<_>>>() else {
                    return false;
                };
                for (index, value) in changed {
                    if let Some(cell) = row.get_mut(index) {
                        *cell = value;
                    }
                }
                true
            }
            (Self::Update(columns), Self::Update(changes)) => {
                let changed = |columns: &[_], (index, by): &(usize, By<'a>)| match of_column(columns, *index)
                {
                    Some(before) => by.after(before),
                    None => Some(by.clone()),
                };
                if changes.iter().any(|change| changed(columns, change).is_none()) {
                    return false;
                }
                for change in changes {
                    changed(columns, change).into_iter().for_each(|by| put(columns, change.0, by));
                }
                true
            }
            _ => false,
        }
    }
}

/// How a column changes, if it does.
fn of_column<'s, 'a>(columns: &'s [(usize, By<'a>)], index: usize) -> Option<&'s By<'a>> {
    let place = columns.binary_search_by_key(&index, |(index, _)| *index).ok()?;
    columns.get(place).map(|(_, by)| by)
}

/// Lets a column change like this.
fn put<'a>(columns: &mut Vec<(usize, By<'a>)>, index: usize, by: By<'a>) {
    match columns.binary_search_by_key(&index, |(index, _)| *index) {
        Ok(place) => columns.splice(place..=place, [(index, by)]).for_each(drop),
        Err(place) => columns.insert(place, (index, by)),
    }
}

impl<'a> By<'a> {
    /// Which column it is, and whether something is added to it.
    const fn shape((index, by): &(usize, Self)) -> (usize, bool) {
        (*index, matches!(by, Self::Adding(_)))
    }

    /// What becomes of a column that has this; `None` where the database has to work it out.
    fn on_value(&self, before: &Given<'a>) -> Option<Given<'a>> {
        match (self, before) {
            (Self::Value(value), _) => Some(value.clone()),
            (Self::Adding(number), Given::Cell(Cell(before))) => {
                Some(Given::Cell(Cell(Cow::Owned(sum(before, number)?))))
            }
            _ => None,
        }
    }

    /// The same change after another one.
    fn after(&self, before: &Self) -> Option<Self> {
        match (self, before) {
            (Self::Value(_), _) => Some(self.clone()),
            (Self::Adding(_), Self::Value(before)) => self.on_value(before).map(Self::Value),
            (Self::Adding(number), Self::Adding(before)) => {
                Some(Self::Adding(Cow::Owned(sum(before, number)?)))
            }
        }
    }
}

/// Sums of other numbers depend on the order.
fn sum(one: &Value, other: &Value) -> Option<Value> {
    match (one, other) {
        (Value::Integer(one), Value::Integer(other)) => one.checked_add(*other).map(Value::Integer),
        _ => None,
    }
}

impl<'a> Change<'a> {
    /// What is given, in the order of the shape.
    fn given(&self, table: &Table) -> Vec<Given<'a>> {
        let rest = |row: &[Given<'a>]| {
            let rest = row.iter().enumerate().filter(|(index, _)| !table.is_key(*index));
            rest.map(|(_, given)| given.clone()).collect::<Vec<_>>()
        };
        let key = self.key.iter().cloned();
        match &self.step {
            Step::Put(row) | Step::Ensure(row) | Step::Swap(Shape::Appear, row) => row.clone(),
            Step::Update(columns) => {
                let by = columns.iter().map(|(_, by)| match by {
                    By::Value(given) => given.clone(),
                    By::Adding(number) => Given::Cell(Cell(number.clone())),
                });
                key.chain(by).collect()
            }
            Step::Swap(Shape::Become, both) => {
                let (from, to) = both.split_at(both.len() / 2);
                key.chain(rest(from)).chain(rest(to)).collect()
            }
            Step::Swap(_, from) => key.chain(rest(from)).collect(),
            Step::Remove => key.collect(),
        }
    }
}
