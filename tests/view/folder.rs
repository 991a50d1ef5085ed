//! What readers of events do with a view, in memory and twice: once by `changes` and once by `effects`.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use factum::{
    Aggregate, Event, Metadata, Position, Version, View,
    read::{RowChange, Value, Values},
    store::{EventId, Name, Payload, RecordedEvent, StreamId},
    view::{Action, ProjectError},
};
use uuid::Uuid;

/// The rows of a view by their keys.
pub(crate) type Rows = BTreeMap<Values, Values>;

/// Makes up what stores record.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) events: Vec<RecordedEvent>,
    actor: Option<&'static str>,
}

impl History {
    /// Whoever gives the commands from now on.
    pub(crate) fn by(&mut self, actor: &'static str) -> &mut Self {
        self.actor = Some(actor);
        self
    }

    /// An event of an aggregate.
    pub(crate) fn add<A: Aggregate>(&mut self, id: &A::Id, event: A::Event) -> &mut Self {
        let payload = event.encode().unwrap();
        self.raw(StreamId::of::<A>(id), event.name(), event.schema(), &payload)
    }

    /// An event as it is stored.
    pub(crate) fn raw(&mut self, stream: StreamId, name: &str, schema: u32, payload: &str) -> &mut Self {
        let number = self.events.len() as u64 + 1;
        let version = self.events.iter().filter(|event| event.stream == stream).count() as u64 + 1;
        let metadata = self.actor.map(|actor| Arc::new(Metadata::by(actor)));
        self.events.push(RecordedEvent {
            id: EventId(Uuid::from_u128(number.into())),
            stream,
            version: Version::new(version),
            position: Position::new(u128::from(number) * 10),
            name: Name::from(name),
            schema,
            payload: Payload::Json(payload.into()),
            at: time(number),
            metadata,
        });
        self
    }

    /// The rows by `changes` and, where the view has them, by `effects`, which have to be the same.
    pub(crate) fn rows<V: View + Clone>(&self) -> Result<Rows, ProjectError> {
        let rows = self.changed::<V>()?;
        if V::MODEL.reads_rows {
            assert!(self.events.iter().all(|event| V::effects(event, 0).unwrap().is_none()));
        } else {
            assert_eq!(self.affected::<V>()?, rows, "by changes and by effects");
        }
        Ok(rows)
    }

    /// The rows as the view has them.
    pub(crate) fn typed<V: View + Clone>(&self) -> Vec<V> {
        let rows = self.rows::<V>().unwrap();
        rows.into_values().map(|values| V::from_values(values).unwrap()).collect()
    }

    fn changed<V: View + Clone>(&self) -> Result<Rows, ProjectError> {
        let mut rows: BTreeMap<Values, V> = BTreeMap::new();
        for event in &self.events {
            for change in V::changes(event)? {
                let key = change.key;
                match change.action {
                    Action::Put(row) => drop(rows.insert(key, row)),
                    Action::Remove => drop(rows.remove(&key)),
                    Action::Update { otherwise, update } => {
                        let absent =
                            || ProjectError::Absent { event: event.name.to_string(), key: key.clone() };
                        let mut row = rows.get(&key).cloned().or(otherwise).ok_or_else(absent)?;
                        update(&mut row);
                        drop(rows.insert(key, row));
                    }
                }
            }
        }
        Ok(rows.iter().map(|(key, row)| (key.clone(), row.to_values().unwrap())).collect())
    }

    /// As a store does it: in the transaction of the commit, which gives the time and the position only then.
    fn affected<V: View>(&self) -> Result<Rows, ProjectError> {
        let mut rows = Rows::new();
        for recorded in &self.events {
            let unknown = RecordedEvent { at: time(0), position: Position::START, ..recorded.clone() };
            let given = |value: Value| match value {
                Value::RecordedAt(index) => {
                    assert_eq!(index, 7);
                    Value::Time(recorded.at)
                }
                Value::RecordedPosition(index) => {
                    assert_eq!(index, 7);
                    Value::Text(format!("{:039}", recorded.position.get()))
                }
                other => other,
            };
            for effect in V::effects(&unknown, 7)?.unwrap() {
                let key = effect.key;
                for change in effect.changes {
                    let absent =
                        || ProjectError::Absent { event: recorded.name.to_string(), key: key.clone() };
                    match change {
                        RowChange::Put(row) => {
                            drop(rows.insert(key.clone(), row.into_iter().map(given).collect()));
                        }
                        RowChange::Ensure(row) => drop(rows.entry(key.clone()).or_insert(row)),
                        RowChange::Set(columns) => {
                            let row = rows.get_mut(&key).ok_or_else(absent)?;
                            columns.into_iter().for_each(|(column, value)| row[column] = given(value));
                        }
                        RowChange::Add(columns) => {
                            let row = rows.get_mut(&key).ok_or_else(absent)?;
                            for (column, value) in columns {
                                row[column] = sum(&row[column], &value);
                            }
                        }
                        RowChange::Remove => drop(rows.remove(&key)),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        Ok(rows)
    }
}

fn sum(one: &Value, two: &Value) -> Value {
    match (one, two) {
        (Value::Integer(one), Value::Integer(two)) => Value::Integer(one + two),
        (Value::Real(one), Value::Real(two)) => Value::Real(one + two),
        other => panic!("{other:?}"),
    }
}

/// When the event with this number was recorded.
pub(crate) fn time(number: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + number as i64, 0).unwrap()
}
