//! Rows that cannot be changed as a commit asks, and commits that are refused for another reason.

use super::{
    super::{
        claims, keys,
        read::support::{RANK, TITLE, all, number, prepared, text, ticket, tickets},
        support::{Subject, append, commit, exact, read, read_all, refused, stream, together},
    },
    add, committed, counter, counters, op, put_op, row_refused, set, swap, transactional, views, with,
    with_tickets,
};
use crate::{
    read::{RowChange, RowOp, RowRefusal, Value},
    store::{AppendError, Capability, Commit, Expected, Position, StoreErrorKind},
};

pub(in super::super) async fn an_absent_row_refuses_the_whole_commit(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    transactional(&views, &counters(), vec![counter(1, 1, 0.0)]).await;
    for absent in [set(2, TITLE, text("")), add(2, 1), op(2, RowChange::Set(Vec::new()))] {
        let rows = vec![put_op(ticket(1, "new", None)), add(1, 1), absent, put_op(ticket(3, "", None))];
        assert_eq!(row_refused(&store, rows).await, RowRefusal::Absent);
        assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);
        assert_eq!(all(&views, &counters()).await, [counter(1, 1, 0.0)]);
    }
    assert_eq!(store.append(with("refused", Vec::new())).await.unwrap().appends[0].first, 1, "no gap");
}

pub(in super::super) async fn a_stale_row_refuses_the_whole_commit(store: Subject) {
    let rows = vec![ticket(1, "one", 1), ticket(2, "two", None)];
    let Some(views) = with_tickets(&store, rows.clone()).await else { return };
    let to = |number| Some(ticket(number, "new", 1));
    let stale = [
        swap(1, None, to(1)),
        swap(1, Some(ticket(1, "one", 2)), to(1)),
        swap(1, Some(ticket(1, "One", 1)), None),
        swap(1, Some(ticket(1, "one", None)), to(1)),
        swap(2, Some(ticket(2, "two", 0)), to(2)),
        swap(3, Some(ticket(3, "three", 3)), to(3)),
        swap(3, Some(ticket(3, "three", 3)), None),
        swap(1, None, None),
    ];
    for swap in stale {
        let rows_of_it = vec![set(2, TITLE, text("new")), swap.clone()];
        // What comes before it in the same commit does not make it so.
        assert_eq!(row_refused(&store, rows_of_it).await, RowRefusal::Stale, "{swap:?}");
        assert_eq!(all(&views, &tickets()).await, rows);
    }
}

pub(in super::super) async fn what_does_not_fit_refuses_the_whole_commit(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    transactional(&views, &counters(), vec![counter(1, 1, 0.0)]).await;
    let numbers = |change| RowOp { table: counters(), key: number(1), change };
    let wrong = [
        put_op(vec![Value::Integer(2), Value::Null, Value::Null]),
        put_op(ticket(2, "\0", None)),
        put_op(vec![Value::Integer(2), text("")]),
        op(1, RowChange::Put(ticket(2, "another key", None))),
        set(1, TITLE, Value::Integer(1)),
        set(1, TITLE, Value::Null),
        set(1, 0, Value::Integer(2)),
        set(1, 3, Value::Null),
        set(1, TITLE, Value::RecordedAt(0)),
        set(1, TITLE, Value::RecordedPosition(1)),
        op(1, RowChange::Add(vec![(RANK, Value::Integer(1))])),
        op(1, RowChange::Add(vec![(TITLE, text("1"))])),
        numbers(RowChange::Add(vec![(1, Value::Real(1.0))])),
        numbers(RowChange::Set(vec![(2, Value::Real(f64::NAN))])),
        swap(1, Some(ticket(1, "one", 1)), Some(ticket(2, "another key", 1))),
        RowOp { table: tickets(), key: vec![text("1")], change: RowChange::Remove },
    ];
    for op in wrong {
        let refusal = row_refused(&store, vec![set(1, RANK, Value::Null), op.clone()]).await;
        assert!(matches!(refusal, RowRefusal::Database(_)), "{op:?}: {refusal:?}");
        assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);
        assert_eq!(all(&views, &counters()).await, [counter(1, 1, 0.0)]);
    }
}

pub(in super::super) async fn a_sum_that_does_not_fit_is_refused(store: Subject) {
    let Some(views) = views(&store) else { return };
    let rows = vec![counter(1, i64::MAX, f64::INFINITY), counter(2, i64::MIN + 1, 0.0)];
    transactional(&views, &counters(), rows.clone()).await;
    let infinity = Value::Real(f64::NEG_INFINITY);
    let no_number = RowOp { table: counters(), key: number(1), change: RowChange::Add(vec![(2, infinity)]) };
    for op in [add(1, 1), add(1, i64::MAX), add(2, -2), no_number] {
        let refusal = row_refused(&store, vec![op]).await;
        assert!(matches!(refusal, RowRefusal::Database(_)), "{refusal:?}");
        assert_eq!(all(&views, &counters()).await, rows);
    }
    committed(&store, vec![add(2, -1), add(1, 0)]).await;
}

/// Whatever the reason is.
pub(in super::super) async fn a_commit_that_is_refused_changes_no_row(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", 1)]).await else { return };
    store.append(commit(&stream("b"), Expected::NoStream, 1)).await.unwrap();
    let rows = || vec![set(1, TITLE, text("new")), put_op(ticket(2, "two", 2))];
    let is_unchanged = async || assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", 1)]);

    let mut conflict = commit(&stream("b"), Expected::NoStream, 1);
    conflict.rows = rows();
    assert!(matches!(store.append(conflict).await, Err(AppendError::Conflict { .. })));
    is_unchanged().await;
    let appends = vec![append(&stream("c"), Expected::Any, 1), append(&stream("b"), exact(7), 1)];
    let mut second = Commit::new(appends);
    second.rows = rows();
    assert!(matches!(store.append(second).await, Err(AppendError::Conflict { .. })));
    is_unchanged().await;
    if claims::constrained(&store, &[claims::NAME]).await {
        let take = |id: &str| {
            let stream = stream(id);
            claims::one(&stream, Expected::Any, vec![claims::take("x", &stream)])
        };
        store.append(take("b")).await.unwrap();
        let mut taken = take("c");
        taken.rows = rows();
        assert!(matches!(store.append(taken).await, Err(AppendError::Taken { .. })));
        is_unchanged().await;
        let mut unknowing = commit(&stream("b"), Expected::Any, 1);
        unknowing.rows = rows();
        assert_eq!(refused(&store, unknowing).await.kind(), StoreErrorKind::Constrained);
        is_unchanged().await;
        store.constrain(&claims::constraint(&claims::NAME), None).await.unwrap();
    }
    if store.capabilities().supports(Capability::IdempotencyKeys) {
        for taken in [false, true] {
            let mut keyed = commit(&stream("b"), Expected::Any, 1);
            keyed.key = Some(keys::key("once"));
            if taken {
                keyed.rows = rows();
                assert!(matches!(store.append(keyed).await, Err(AppendError::KeyUsed { .. })));
                is_unchanged().await;
            } else {
                store.append(keyed).await.unwrap();
            }
        }
    }
}

/// Those that are recorded together stand and fall by themselves.
pub(in super::super) async fn a_failing_row_fails_no_other_commit(store: Subject) {
    const WRITERS: usize = 32;
    let rows = (0..8).map(|number| ticket(number, "", 0)).collect();
    let Some(views) = with_tickets(&store, rows).await else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    for round in 0..4 {
        let outcomes = together(WRITERS, |writer| {
            let store = store.clone();
            async move {
                let key = 100 + i64::try_from(round * WRITERS + writer).unwrap();
                let last = match writer % 8 {
                    1 => set(-1, TITLE, text("absent")),
                    3 => swap(writer as i64 % 8, None, None),
                    5 => put_op(ticket(key, "\0", None)),
                    _ => set(writer as i64 % 8, RANK, Value::Integer(key)),
                };
                let rows = vec![put_op(ticket(key, "", None)), add(1, 1), last];
                let outcome = store.append(with(&format!("{writer}"), rows)).await;
                (writer, key, outcome)
            }
        })
        .await;
        for (writer, key, outcome) in outcomes {
            let row = all(&views, &tickets()).await.contains(&ticket(key, "", None));
            match (writer % 8, outcome) {
                (1, Err(AppendError::Row(refused))) => assert_eq!(refused.reason, RowRefusal::Absent),
                (3, Err(AppendError::Row(refused))) => assert_eq!(refused.reason, RowRefusal::Stale),
                (5, Err(AppendError::Row(_))) => {}
                (0 | 2 | 4 | 6 | 7, Ok(_)) => {
                    assert!(row, "its row is there");
                    assert_eq!(read(&store, &stream(format!("{writer}"))).await.len(), round + 1);
                    continue;
                }
                (_, outcome) => panic!("{writer}: {outcome:?}"),
            }
            assert!(!row, "the row of a commit that was refused");
            assert!(read(&store, &stream(format!("{writer}"))).await.is_empty());
        }
        let right = (round as i64 + 1) * WRITERS as i64 * 5 / 8;
        assert_eq!(all(&views, &counters()).await, [counter(1, right, 0.0)]);
    }
}

/// Else its rows would be written twice, or into a build that has not come so far.
pub(in super::super) async fn only_a_view_that_is_written_with_commits_takes_them(store: Subject) {
    let Some(views) = views(&store) else { return };
    let is_refused = async || {
        let commit = with("a", vec![put_op(ticket(1, "one", None))]);
        assert_eq!(refused(&store, commit).await.kind(), StoreErrorKind::Constrained);
        assert!(read_all(&store).await.is_empty());
        assert_eq!(store.head().await.unwrap(), Position::START);
    };
    is_refused().await;
    let build = prepared(&views, &tickets(), 1).await;
    is_refused().await;
    views.promote(&build, false).await.unwrap();
    is_refused().await;
    assert!(all(&views, &tickets()).await.is_empty());
    views.promote(&build, true).await.unwrap();
    committed(&store, vec![put_op(ticket(1, "one", None))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "one", None)]);
}
