//! The states of process managers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    super::{
        connection::{Failure, Session},
        text,
    },
    letters::limit,
    statement::Asked,
    value::{self, Cell},
};
use crate::{
    read::{Deadline, Due, ProcessChange, ProcessState, Value},
    store::StoreError,
};

const FIND: &str = "SELECT u.number, p.state, d.name, d.due, d.origin \
    FROM unnest($2::text[]) WITH ORDINALITY AS u (key, number) \
    JOIN LATERAL (SELECT state FROM factum_processes WHERE manager = $1 AND key = u.key LIMIT 1) AS p ON true \
    LEFT JOIN LATERAL (SELECT name, due, origin, number FROM factum_deadlines WHERE manager = $1 AND key = u.key \
    ORDER BY number LIMIT ALL) AS d ON true ORDER BY u.number, d.number";
const DUE: &str = "SELECT key FROM factum_deadlines WHERE manager = $1 AND due <= $2 \
    GROUP BY key ORDER BY min(due), key LIMIT $3";
const NEXT: &str = "SELECT due FROM factum_deadlines WHERE manager = $1 AND due > $2 ORDER BY due LIMIT 1";
const FORGET_DEADLINES: &str = "DELETE FROM factum_deadlines WHERE manager = $1 AND key = ANY ($2::text[])";
const FORGET: &str = "DELETE FROM factum_processes WHERE manager = $1 AND key = ANY ($2::text[])";
const KEEP: &str = "INSERT INTO factum_processes (manager, key, state) SELECT $1, u.key, u.state \
    FROM unnest($2::text[], $3::text[]) AS u (key, state) \
    ON CONFLICT (manager, key) DO UPDATE SET state = excluded.state";
const KEEP_DEADLINES: &str = "INSERT INTO factum_deadlines (manager, key, number, name, due, origin) \
    SELECT $1, u.key, u.number, u.name, u.due, u.origin \
    FROM unnest($2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[]) \
    AS u (key, number, name, due, origin)";

fn decoded(sent: &str, manager: &str) -> Result<String, StoreError> {
    let damaged = || StoreError::corrupt(format!("a process of `{manager}` cannot be what was written"));
    text::decode(sent).map(std::borrow::Cow::into_owned).ok_or_else(damaged)
}

/// The states of these processes, in the order of the keys.
pub(super) async fn find(
    session: &Session,
    manager: &str,
    keys: &[String],
) -> Result<Vec<Option<ProcessState>>, Failure> {
    let name = text::encode(manager);
    let encoded: Vec<_> = keys.iter().map(|key| text::encode(key)).collect();
    let statement = session.prepared(FIND).await?;
    let mut found: Vec<Option<ProcessState>> = vec![None; keys.len()];
    for row in session.client.query(&statement, &[&name, &encoded]).await? {
        let damaged = || StoreError::corrupt(format!("a deadline of `{manager}` cannot be what was written"));
        let number = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        let index = number.saturating_sub(1);
        let (Some(place), Some(key)) = (found.get_mut(index), keys.get(index)) else { continue };
        let state = match place {
            Some(state) => state,
            None => {
                place.insert(ProcessState { key: key.clone(), state: row.try_get(1)?, deadlines: Vec::new() })
            }
        };
        if let Some(name) = row.try_get(2)? {
            state.deadlines.push(Deadline {
                name: decoded(name, manager)?,
                due: value::time_in(&row, 3).ok_or_else(damaged)?,
                origin: decoded(row.try_get(4)?, manager)?,
            });
        }
    }
    Ok(found)
}

/// Which processes are due.
pub(super) async fn due(
    session: &Session,
    manager: &str,
    now: DateTime<Utc>,
    most: usize,
) -> Result<Due, Failure> {
    let (name, now) = (text::encode(manager), Cell::owned(Value::Time(now)));
    let (due, next) = (session.prepared(DUE).await?, session.prepared(NEXT).await?);
    let mut keys = Vec::new();
    for row in session.client.query(&due, &[&name, &now, &limit(most)]).await? {
        keys.push(decoded(row.try_get(0)?, manager)?);
    }
    let next = session.client.query_opt(&next, &[&name, &now]).await?;
    Ok(Due { keys, next: next.and_then(|row| value::time_in(&row, 0)) })
}

/// What replaces processes.
pub(super) fn keep<'a>(manager: &'a str, changes: &'a [ProcessChange]) -> Vec<Asked<'a>> {
    let changes: BTreeMap<&str, Option<&ProcessState>> =
        changes.iter().map(|change| (change.key.as_str(), change.state.as_ref())).collect();
    let keys: Vec<_> = changes.keys().map(|key| text::encode(key)).collect();
    let over = changes.iter().filter(|(_, state)| state.is_none());
    let over: Vec<_> = over.map(|(key, _)| text::encode(key)).collect();
    let (mut kept, mut states) = (Vec::new(), Vec::new());
    let (mut of, mut numbers, mut names, mut dues, mut origins) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (key, state) in changes.iter().filter_map(|(key, state)| Some((key, (*state)?))) {
        kept.push(text::encode(key));
        states.push(state.state.as_str());
        for (deadline, number) in state.deadlines.iter().zip(1_i64..) {
            of.push(text::encode(key));
            numbers.push(number);
            names.push(text::encode(&deadline.name));
            dues.push(Cell::owned(Value::Time(deadline.due)));
            origins.push(text::encode(&deadline.origin));
        }
    }
    let mut asked = Vec::new();
    let mut ask = |text: &str, columns: Vec<super::statement::Parameter<'a>>| {
        let mut parameters: Vec<super::statement::Parameter<'a>> = vec![Box::new(text::encode(manager))];
        parameters.extend(columns);
        asked.push(Asked { text: text.to_owned(), parameters });
    };
    if !keys.is_empty() {
        ask(FORGET_DEADLINES, vec![Box::new(keys)]);
    }
    if !over.is_empty() {
        ask(FORGET, vec![Box::new(over)]);
    }
    if !kept.is_empty() {
        ask(KEEP, vec![Box::new(kept), Box::new(states)]);
    }
    if !of.is_empty() {
        ask(
            KEEP_DEADLINES,
            vec![Box::new(of), Box::new(numbers), Box::new(names), Box::new(dues), Box::new(origins)],
        );
    }
    asked
}
