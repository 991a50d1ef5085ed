//! Rows and events: both or nothing, once, and at once.

use super::{
    super::{
        read::support::{RANK, TITLE, all, integer, number, prepared, put, text, ticket, tickets},
        retry::told,
        support::{Subject, commit, exact, read, read_all, refused, stream, together},
    },
    add, committed, counter, counters, put_op, row_refused, set, swap, transactional, views, with,
    with_tickets,
};
use crate::{
    read::{RowChange, RowOp, RowRefusal, Value},
    store::{AppendError, Expected, StoreErrorKind},
};

pub(in super::super) async fn rows_and_events_are_visible_at_once(store: Subject) {
    let Some(views) = with_tickets(&store, Vec::new()).await else { return };
    for round in 1..=10 {
        committed(&store, vec![put_op(ticket(round, "", None))]).await;
        assert_eq!(all(&views, &tickets()).await.len(), round as usize);
        assert_eq!(read(&store, &stream("a")).await.len(), round as usize);
    }
}

/// The number of the row is that of the events, whichever is read first.
pub(in super::super) async fn no_reader_sees_one_without_the_other(store: Subject) {
    const EVENTS: i64 = 60;
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..EVENTS {
                store.append(with("a", vec![add(1, 1)])).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    loop {
        let before = read(&store, &stream("a")).await.len() as i64;
        let count = integer(&all(&views, &counters()).await[0][1]);
        let after = read(&store, &stream("a")).await.len() as i64;
        assert!(before <= count, "{before} events were there, and the row says {count}");
        assert!(count <= after, "the row says {count}, and {after} events are there");
        if count == EVENTS {
            break;
        }
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

pub(in super::super) async fn they_take_effect_once(store: Subject) {
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0)]).await;
    let expectations = [Expected::NoStream, exact(1), Expected::Any, Expected::Any];
    for (count, expected) in expectations.into_iter().enumerate() {
        let mut commit = commit(&stream("a"), expected, 1);
        commit.rows = vec![add(1, 1)];
        let answer = store.append(commit.clone()).await.unwrap();
        for between in [false, true] {
            if between {
                store.append(with("b", vec![add(1, 10)])).await.unwrap();
            }
            assert_eq!(told(&store.append(commit.clone()).await.unwrap()), told(&answer));
        }
        assert_eq!(all(&views, &counters()).await, [counter(1, 11 * (count as i64 + 1), 0.0)]);
    }
    // The same commit, both times at once; and one that could not be made again.
    for round in 0..10 {
        let mut commit =
            commit(&stream(format!("{round}")), [Expected::NoStream, Expected::Any][round % 2], 1);
        let ensure = RowChange::Swap { from: None, to: Some(counter(10 + round as i64, 0, 0.0)) };
        let swap = RowOp { table: counters(), key: number(10 + round as i64), change: ensure };
        commit.rows = vec![swap, add(1, 1)];
        together(2, |_| {
            let (store, commit) = (store.clone(), commit.clone());
            async move { store.append(commit).await.unwrap() }
        })
        .await;
        assert_eq!(integer(&all(&views, &counters()).await[0][1]), 44 + round as i64 + 1);
    }
}

pub(in super::super) async fn they_go_to_the_build_that_is_live(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "one", None)]).await else { return };
    committed(&store, vec![put_op(ticket(2, "old", None))]).await;
    let next = prepared(&views, &tickets(), 2).await;
    committed(&store, vec![put_op(ticket(3, "old", None))]).await;
    assert_eq!(views.rows(&tickets(), &next, &[number(3)]).await.unwrap(), [None]);
    put(&views, &tickets(), &next, vec![ticket(1, "new", None)]).await;
    views.promote(&next, true).await.unwrap();
    committed(&store, vec![put_op(ticket(4, "new", None)), set(1, RANK, Value::Integer(1))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(1, "new", 1), ticket(4, "new", None)]);
}

pub(in super::super) async fn additions_at_once_lose_nothing(store: Subject) {
    let Some(views) = views(&store) else { return };
    transactional(&views, &counters(), vec![counter(1, 0, 0.0), counter(2, 0, 0.0)]).await;
    together(16, |writer| {
        let store = store.clone();
        async move {
            for _ in 0..10 {
                let rows = if writer % 2 == 0 { [add(1, 1), add(2, 1)] } else { [add(2, 1), add(1, 1)] };
                store.append(with(&format!("{writer}"), rows.to_vec())).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(all(&views, &counters()).await, [counter(1, 160, 0.0), counter(2, 160, 0.0)]);
    assert_eq!(read_all(&store).await.len(), 160);
}

/// Each writes what it read plus one, and reads again where somebody else was faster.
pub(in super::super) async fn swaps_at_once_lose_nothing(store: Subject) {
    let Some(views) = with_tickets(&store, vec![ticket(1, "", 0)]).await else { return };
    together(8, |writer| {
        let (store, views) = (store.clone(), views.clone());
        async move {
            for _ in 0..5 {
                loop {
                    let from = all(&views, &tickets()).await.remove(0);
                    tokio::task::yield_now().await;
                    let to = ticket(1, &format!("{writer}"), integer(&from[RANK]) + 1);
                    let swap = swap(1, Some(from), Some(to));
                    match store.append(with(&format!("{writer}"), vec![swap])).await {
                        Ok(_) => break,
                        Err(AppendError::Row(refused)) => assert_eq!(refused.reason, RowRefusal::Stale),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(all(&views, &tickets()).await[0][RANK], Value::Integer(40));
    assert_eq!(read_all(&store).await.len(), 40);
}

/// For the theme `handles`: through another handle, and what another handle made live.
pub(in super::super) async fn reach_another_handle(one: Subject, two: Subject) {
    let (Some(views), Some(others)) = (views(&one), views(&two)) else { return };
    transactional(&views, &tickets(), Vec::new()).await;
    committed(&two, vec![put_op(ticket(1, "one", 1))]).await;
    committed(&one, vec![set(1, TITLE, text("new"))]).await;
    assert_eq!(all(&others, &tickets()).await, [ticket(1, "new", 1)]);
    let stale = swap(1, Some(ticket(1, "one", 1)), None);
    assert_eq!(row_refused(&two, vec![stale]).await, RowRefusal::Stale);
    // The table has another place now, and then it is not written with commits any more.
    let next = prepared(&views, &tickets(), 2).await;
    put(&views, &tickets(), &next, vec![ticket(5, "five", None)]).await;
    views.promote(&next, true).await.unwrap();
    committed(&two, vec![set(5, RANK, Value::Integer(5))]).await;
    assert_eq!(all(&views, &tickets()).await, [ticket(5, "five", 5)]);
    views.promote(&next, false).await.unwrap();
    let commit = with("a", vec![put_op(ticket(6, "six", None))]);
    assert_eq!(refused(&two, commit).await.kind(), StoreErrorKind::Constrained);
}
