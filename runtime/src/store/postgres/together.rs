//! Commits with rows of transactional views: a batch is one transaction, and a row that fails is the failure of its own commit.
//!
//! All of the transaction is sent at once, so that it takes one round trip as other batches do: the statement that records the
//! events, one that fails if it did not, those that write rows, and the end, which undoes everything if anything failed. Then
//! those commits are given again that could not be told from what has failed: alone, or without the others.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use futures_util::{future::join_all, join};
use tokio_postgres::{Error, error::SqlState, types::ToSql};

use super::{
    columns::Columns,
    connection::{Link, Session},
    error::{is_lost, kind, plain},
    insert::{Single, insert, is_unusual},
    views::{
        rounds::{self, Asking, Group},
        work::is_of_row,
    },
    write::{self, Outcome, Placed},
    writer::{Answer, Turn, record_plainly, send},
};
use crate::{
    read::RowRefusal,
    store::{AppendError, StoreError, StoreErrorKind},
};

/// What comes between the events and their rows.
const BEGIN_ROWS: &str = "SELECT begin_rows($1, $2, $3)";

/// Of `views.sql`: nothing was recorded.
const NOT_RECORDED: &str = "FA001";
/// A view is not written with commits.
const NOT_TRANSACTIONAL: &str = "FA002";
/// Rows are not as they have to be.
const NOT_SO: &str = "FA003";

/// Commits that are given together, by their number in the batch.
#[derive(Clone)]
struct Piece {
    numbers: Vec<usize>,
    /// Whether the function on the server judges them, as it has to where something speaks against one.
    judged: bool,
    /// Whether each row has a statement of its own, so that it is known which one fails.
    singly: bool,
}

impl Piece {
    const fn of(numbers: Vec<usize>) -> Self {
        Self { numbers, judged: false, singly: false }
    }
}

/// What came of an attempt.
enum Attempt {
    /// All commits are recorded, with their rows.
    Recorded(Vec<Outcome>),
    /// Nothing is recorded: something speaks against a commit, apart from rows. What, is known if it was judged.
    Refused(Option<Vec<Outcome>>),
    /// Nothing is recorded, because of a row of one of these commits; what that is for it, if it is alone.
    Rows { commits: BTreeSet<usize>, error: AppendError, sure: bool },
}

/// Records the batch.
pub(super) async fn record(link: &Link, turn: &Arc<Turn>, batch: Arc<Vec<Placed>>) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = Vec::new();
    answers.resize_with(batch.len(), || None);
    let mut answer = |number: usize, given: Answer| {
        if let Some(answer) = answers.get_mut(number) {
            *answer = Some(given);
        }
    };
    let has_rows = |number: &usize| batch.get(*number).is_some_and(|placed| !placed.commit.rows.is_empty());
    let mut pieces = VecDeque::from([Piece::of((0..batch.len()).collect())]);
    while let Some(piece) = pieces.pop_front() {
        let numbers = &piece.numbers;
        let some = || numbers.iter().filter_map(|number| batch.get(*number).cloned()).collect();
        // Mostly the first piece is the only one.
        let placed = if numbers.len() == batch.len() { Arc::clone(&batch) } else { Arc::new(some()) };
        if !numbers.iter().any(has_rows) {
            let given = record_plainly(link, placed).await;
            numbers.iter().zip(given).for_each(|(number, given)| answer(*number, given));
            continue;
        }
        let Piece { judged, singly, .. } = piece;
        let ask = |session: Arc<Session>| {
            let (placed, turn) = (Arc::clone(&placed), Arc::clone(turn));
            async move {
                let _alone = turn.between.write().await;
                attempt(&session, &placed, judged, singly).await
            }
        };
        match send(link, ask).await {
            Ok(Attempt::Recorded(outcomes)) => {
                numbers.iter().zip(outcomes).for_each(|(number, outcome)| answer(*number, Ok(outcome)));
            }
            Ok(Attempt::Refused(None)) => pieces.push_front(Piece { judged: true, ..piece }),
            Ok(Attempt::Refused(Some(outcomes))) => {
                let mut others = Vec::new();
                let all = numbers.len();
                for (number, outcome) in numbers.iter().zip(outcomes) {
                    match outcome {
                        Outcome::Recorded { .. } => others.push(*number),
                        refused => answer(*number, Ok(refused)),
                    }
                }
                if others.len() == all {
                    others.drain(..).for_each(|number| answer(number, Err(undecided().into())));
                }
                if !others.is_empty() {
                    pieces.push_front(Piece { singly, ..Piece::of(others) });
                }
            }
            Ok(Attempt::Rows { error, sure, .. }) if numbers.len() == 1 => match sure || singly {
                true => numbers.iter().take(1).for_each(|number| answer(*number, Err(clone(&error)))),
                false => pieces.push_front(Piece { singly: true, ..piece }),
            },
            Ok(Attempt::Rows { commits, .. }) => {
                let (mut alone, mut others) = (Vec::new(), Vec::new());
                for (nth, number) in numbers.iter().enumerate() {
                    if commits.contains(&nth) { alone.push(*number) } else { others.push(*number) }
                }
                alone.into_iter().rev().for_each(|number| pieces.push_front(Piece::of(vec![number])));
                if !others.is_empty() {
                    pieces.push_back(Piece::of(others));
                }
            }
            Err(failed) if failed.definite && numbers.len() > 1 => {
                let (with, without): (Vec<usize>, Vec<usize>) =
                    numbers.iter().partition(|number| has_rows(number));
                with.into_iter().rev().for_each(|number| pieces.push_front(Piece::of(vec![number])));
                if !without.is_empty() {
                    pieces.push_front(Piece::of(without));
                }
            }
            Err(failed) => {
                numbers
                    .iter()
                    .zip(placed.iter())
                    .for_each(|(number, placed)| answer(*number, Err(failed.of(placed))));
            }
        }
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(undecided().into()))).collect()
}

/// Nothing was recorded, and nobody says why.
fn undecided() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the commit was not recorded: give it again")
}

/// The same failure once more.
fn clone(error: &AppendError) -> AppendError {
    match error {
        AppendError::Row(refused) => AppendError::Row(refused.clone()),
        AppendError::Failed(error) => StoreError::new(error.kind(), error.to_string()).into(),
        _ => undecided().into(),
    }
}

/// What the first statement of a transaction has come to.
enum First {
    Recorded(Option<Vec<Outcome>>),
    Judged(Vec<Outcome>),
}

/// Records all of these commits with their rows, or nothing.
async fn attempt(session: &Session, batch: &[Placed], judged: bool, singly: bool) -> Result<Attempt, Error> {
    let single = if judged { None } else { Single::of(batch) };
    let columns = if single.is_some() { Columns::default() } else { Columns::of(batch) };
    if !judged && single.is_none() && is_unusual(&columns) {
        return Ok(Attempt::Refused(None));
    }
    let (mut places, mut events) = (Vec::new(), 0_i64);
    for placed in batch {
        // Without judging, all are recorded or none.
        if judged || places.is_empty() {
            places.push(events.saturating_add(1));
        }
        events = events.saturating_add_unsigned(placed.events() as u64);
    }
    let groups = rounds::arrange(batch.iter().map(|placed| &*placed.commit), singly);
    let begin_rows = session.prepared(BEGIN_ROWS).await?;
    let mut statements = Vec::with_capacity(groups.len());
    for group in &groups {
        let asked = group.asked(events);
        match session.prepared(&asked.text).await {
            Ok(statement) => statements.push((statement, asked)),
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) => return Ok(failure(group, &error)),
        }
    }
    let views: BTreeSet<&str> = groups.iter().map(|group| group.table.name.as_str()).collect();
    let views: Vec<&str> = views.into_iter().collect();

    let client = &session.client;
    let first = async {
        Ok::<_, Error>(match &single {
            _ if judged => First::Judged(write::judge(session, batch, &columns).await?),
            Some(single) => recorded(batch, single.insert(session).await?),
            None => recorded(batch, insert(session, batch, &columns).await?),
        })
    };
    let checked: [&(dyn ToSql + Sync); 3] = [&events, &places, &views];
    let parameters: Vec<_> = statements.iter().map(|(_, asked)| asked.parameters()).collect();
    let rows = statements.iter().zip(&parameters);
    // Each is sent when it is first polled, and so all are, in this order, before anybody waits.
    let (begun, first, checked, rows, ended) = join!(
        client.batch_execute("BEGIN"),
        first,
        client.query_one(&begin_rows, &checked),
        join_all(rows.map(|((statement, _), parameters)| client.query(statement, parameters))),
        client.batch_execute("COMMIT"),
    );
    let errors = [begun.as_ref().err(), first.as_ref().err(), checked.as_ref().err(), ended.as_ref().err()];
    let lost = |error: &&Error| is_lost(error);
    if errors
        .into_iter()
        .flatten()
        .chain(rows.iter().filter_map(|rows| rows.as_ref().err()))
        .any(|error| lost(&error))
    {
        let errors = [begun.err(), first.err(), checked.err()].into_iter().flatten();
        let errors = errors.chain(rows.into_iter().filter_map(Result::err)).chain(ended.err());
        return errors.into_iter().find(is_lost).map_or(Ok(Attempt::Refused(None)), Err);
    }
    begun?;
    let outcomes = match first? {
        First::Recorded(None) => return Ok(Attempt::Refused(None)),
        First::Recorded(Some(outcomes)) => outcomes,
        First::Judged(outcomes) => {
            let recorded = |outcome: &Outcome| matches!(outcome, Outcome::Recorded { .. });
            if !outcomes.iter().all(recorded) {
                return Ok(Attempt::Refused(Some(outcomes)));
            }
            outcomes
        }
    };
    if let Err(error) = checked {
        return match error.code().map(SqlState::code) {
            Some(NOT_TRANSACTIONAL) => Ok(not_transactional(&groups, &error)),
            Some(NOT_RECORDED) => Ok(Attempt::Refused(judged.then_some(outcomes))),
            _ => Err(error),
        };
    }
    for (group, rows) in groups.iter().zip(rows) {
        if let Err(error) = rows {
            return Ok(failure(group, &error));
        }
    }
    ended?;
    Ok(Attempt::Recorded(outcomes))
}

fn recorded(batch: &[Placed], inserted: Option<super::insert::Inserted>) -> First {
    First::Recorded(inserted.map(|inserted| write::all_recorded(batch, inserted)))
}

/// Views are not written with commits: it concerns those commits that have rows of them.
fn not_transactional(groups: &[Group<'_>], error: &Error) -> Attempt {
    let named = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
    let views: BTreeSet<&str> = named.split_whitespace().collect();
    let of_them = groups.iter().filter(|group| views.contains(group.table.name.as_str()));
    let commits = of_them.flat_map(Group::asking).map(|asking| asking.commit).collect();
    let error = StoreError::not_transactional(views.first().copied().unwrap_or_default()).into();
    Attempt::Rows { commits, error, sure: true }
}

/// A statement for rows has failed.
fn failure(group: &Group<'_>, error: &Error) -> Attempt {
    let code = error.code().map(SqlState::code).unwrap_or_default();
    let done = || -> Vec<i64> {
        let detail = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
        detail.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    let asking: Vec<Asking<'_>> = match code {
        NOT_SO => group.asking_but(&done()).collect(),
        _ => group.asking().collect(),
    };
    let view = &group.table.name;
    let refused = |reason: RowRefusal| match asking.first() {
        Some(first) => AppendError::Row(first.op.refused(reason)),
        None => undecided().into(),
    };
    let (class, stale) = (code.get(..2).unwrap_or_default(), group.refusal() == RowRefusal::Stale);
    let append_error = match (code, class) {
        (NOT_SO, _) => refused(group.refusal()),
        // Somebody was faster, who is no writer of events.
        ("23505", _) if stale && group.appears() => refused(RowRefusal::Stale),
        ("42P01", _) => StoreError::not_transactional(view).into(),
        (_, "42") if code != "42501" => StoreError::changed_table(view, &plain(error)).into(),
        _ if is_of_row(error) => refused(RowRefusal::Database(plain(error))),
        _ => StoreError::new(
            kind(error),
            format!("writing rows of the view `{view}` failed: {}", plain(error)),
        )
        .into(),
    };
    let sure = code == NOT_SO || group.len() < 2 || !matches!(append_error, AppendError::Row(_));
    Attempt::Rows { commits: asking.iter().map(|asking| asking.commit).collect(), error: append_error, sure }
}
