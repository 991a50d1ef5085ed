//! What a reader has done: all of it or nothing, and only if nobody else was at work.

use super::{
    super::support::together,
    letters::letter,
    processes::{deadline, over, state},
    support::{Subject, advance, all, is_overtaken, live, number, put, text, ticket, tickets, work},
};
use crate::{
    Position,
    read::{Value, Work, WorkError},
};

pub(super) async fn who_never_wrote_is_at_the_start(store: Subject) {
    assert_eq!(store.position("mail").await.unwrap(), Position::START);
    assert_eq!(store.count_letters("mail").await.unwrap(), 0);
    assert_eq!(store.letters("mail", None, Position::START, 10).await.unwrap(), []);
    assert_eq!(store.processes("mail", &["a".to_owned()]).await.unwrap(), [None]);
}

pub(super) async fn the_position_is_where_it_was_put(store: Subject) {
    for upto in [1, 5, 5, 1_000_000] {
        advance(&store, "mail", upto).await;
        assert_eq!(store.position("mail").await.unwrap(), Position::new(upto));
    }
}

/// Positions are the affair of the store that gives them.
pub(super) async fn any_position_can_be_kept(store: Subject) {
    let positions = [1, u128::from(u32::MAX) + 1, (1 << 63) - 1, 1 << 63, u128::from(u64::MAX), u128::MAX];
    for upto in positions {
        advance(&store, "mail", upto).await;
        assert_eq!(store.position("mail").await.unwrap(), Position::new(upto));
        let after = Position::new(upto);
        let mut work = Work::new("letters", store.position("letters").await.unwrap(), after);
        work.letters = vec![letter("letters", upto, "a")];
        store.write(work).await.unwrap();
        let before = Position::new(upto - 1);
        assert_eq!(store.letters("letters", None, before, 10).await.unwrap(), [letter("letters", upto, "a")]);
    }
    let letters = store.letters("letters", None, Position::START, 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.position.get()).collect::<Vec<_>>(), positions);
}

pub(super) async fn who_was_overtaken_writes_nothing(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let late = work(&store, &tickets(), &build, vec![ticket(2, "late", None)], vec![number(1)]).await;
    put(&store, &tickets(), &build, vec![ticket(3, "three", None)]).await;
    is_overtaken(store.write(late).await);
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None), ticket(3, "three", None)]);

    let mut work = Work::new("mail", Position::START, Position::new(1));
    work.letters = vec![letter("mail", 1, "a")];
    work.processes = vec![state("a", "1", &[deadline("d", 1)])];
    store.write(work).await.unwrap();
    for (after, upto) in [(0, 1), (0, 2), (2, 3)] {
        let mut late = Work::new("mail", Position::new(after), Position::new(upto));
        late.letters = vec![letter("mail", 2, "b")];
        late.settled = vec![Position::new(1)];
        late.processes = vec![state("a", "2", &[]), state("b", "1", &[])];
        is_overtaken(store.write(late).await);
    }
    assert_eq!(store.position("mail").await.unwrap(), Position::new(1));
    assert_eq!(store.letters("mail", None, Position::START, 10).await.unwrap(), [letter("mail", 1, "a")]);
    let states = store.processes("mail", &["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(states, [state("a", "1", &[deadline("d", 1)]).state, None]);
}

pub(super) async fn of_many_at_once_one_goes_on(store: Subject) {
    let build = live(&store, &tickets(), Vec::new()).await;
    for round in 0..6 {
        let won = together(8, |writer| {
            let (store, build) = (store.clone(), build.clone());
            async move {
                let number = i64::try_from(round * 10 + writer).unwrap();
                let row = ticket(number, "", None);
                let mut work = work(&store, &tickets(), &build, vec![row], Vec::new()).await;
                (work.after, work.upto) =
                    (Position::new(1 + round as u128), Position::new(2 + round as u128));
                match store.write(work).await {
                    Ok(()) => Some(number),
                    Err(WorkError::Overtaken { .. }) => None,
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .await;
        let won: Vec<_> = won.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "one of them: {won:?}");
        let rows = all(&store, &tickets()).await;
        assert_eq!((rows.len(), &rows[round][0]), (round + 1, &Value::Integer(won[0])));
    }
}

/// Else a reader that does not know yet would take events into it that are in it already.
pub(super) async fn a_transactional_build_is_written_with_commits_only(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    store.promote(&build, true).await.unwrap();
    let work = work(&store, &tickets(), &build, vec![ticket(2, "two", None)], vec![number(1)]).await;
    let after = work.after;
    is_overtaken(store.write(work.clone()).await);
    assert_eq!(store.position(&build.reader()).await.unwrap(), after);
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
    store.promote(&build, false).await.unwrap();
    store.write(work).await.unwrap();
    assert_eq!(all(&store, &tickets()).await, [ticket(2, "two", None)]);
}

pub(super) async fn a_row_that_does_not_fit_leaves_nothing(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let rows = vec![ticket(2, "two", None), vec![Value::Integer(3), Value::Null, Value::Null]];
    let mut work = work(&store, &tickets(), &build, rows, vec![number(1)]).await;
    let after = work.after;
    work.letters = vec![letter(&build.reader(), 1, "a")];
    work.processes = vec![state("a", "1", &[])];
    let outcome = store.write(work).await;
    assert!(matches!(outcome, Err(WorkError::Row { .. })), "{outcome:?}");
    assert_eq!(store.position(&build.reader()).await.unwrap(), after);
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
    assert_eq!(store.count_letters(&build.reader()).await.unwrap(), 0);
    assert_eq!(store.processes(&build.reader(), &["a".to_owned()]).await.unwrap(), [None]);
}

pub(super) async fn everything_is_written_together(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let reader = build.reader();
    let mut first = work(&store, &tickets(), &build, Vec::new(), Vec::new()).await;
    first.letters = vec![letter(&reader, 1, "a"), letter(&reader, 2, "a")];
    first.processes = vec![state("a", "1", &[]), state("b", "1", &[])];
    store.write(first).await.unwrap();
    let mut next = work(&store, &tickets(), &build, vec![ticket(2, "two", None)], vec![number(1)]).await;
    next.letters = vec![letter(&reader, 3, "b")];
    next.settled = vec![Position::new(1)];
    next.processes = vec![state("a", "2", &[deadline("d", 1)]), over("b")];
    store.write(next).await.unwrap();
    assert_eq!(store.position(&reader).await.unwrap(), Position::new(3));
    assert_eq!(all(&store, &tickets()).await, [ticket(2, "two", None)]);
    let letters = store.letters(&reader, None, Position::START, 10).await.unwrap();
    assert_eq!(letters, [letter(&reader, 2, "a"), letter(&reader, 3, "b")]);
    let states = store.processes(&reader, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(states, [state("a", "2", &[deadline("d", 1)]).state, None]);
}

pub(super) async fn readers_are_kept_apart(store: Subject) {
    for (reader, upto) in [("mail", 1), ("Mail", 2), ("mail ", 3), ("mai", 4), ("mail#1", 5)] {
        assert_eq!(store.position(reader).await.unwrap(), Position::START);
        advance(&store, reader, upto).await;
    }
    assert_eq!(store.position("mail").await.unwrap(), Position::new(1));
    assert_eq!(store.position("Mail").await.unwrap(), Position::new(2));
}

pub(super) async fn any_text_names_a_reader(store: Subject) {
    let names = ["", " ", "a'b", "a\"b", "%", "ä🦀", "\n", &"long".repeat(60)];
    for (index, reader) in names.iter().enumerate() {
        advance(&store, reader, 1 + index as u128).await;
    }
    for (index, reader) in names.iter().enumerate() {
        assert_eq!(store.position(reader).await.unwrap(), Position::new(1 + index as u128));
    }
}

pub(super) async fn nothing_happens_before_it_is_awaited(store: Subject) {
    drop(store.write(Work::new("mail", Position::START, Position::new(1))));
    tokio::task::yield_now().await;
    assert_eq!(store.position("mail").await.unwrap(), Position::START);
}

pub(super) async fn what_is_given_up_is_whole_or_nothing(store: Subject) {
    let build = live(&store, &tickets(), Vec::new()).await;
    for round in 1..=40_i64 {
        let rows = (0..20).map(|index| vec![Value::Integer(round * 100 + index), text(""), Value::Null]);
        let mut work = work(&store, &tickets(), &build, rows.collect(), Vec::new()).await;
        // One that was given up before may come to its end only now, and overtake this one.
        work.upto = Position::new(u128::from(round.unsigned_abs()) * 1000);
        let upto = work.upto;
        let writing = tokio::spawn({
            let store = store.clone();
            async move { store.write(work).await }
        });
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        writing.abort();
        let _ = writing.await;
        let position = store.position(&build.reader()).await.unwrap();
        let keys: Vec<_> = (0..20).map(|index| number(round * 100 + index)).collect();
        let rows = store.rows(&tickets(), &build, &keys).await.unwrap();
        let there = rows.iter().flatten().count();
        match position == upto {
            true => assert_eq!(there, 20, "whole"),
            // It may come to its end while nobody waits for it any more.
            false if store.position(&build.reader()).await.unwrap() == upto => {}
            false => assert_eq!(there, 0, "nothing"),
        }
    }
}
