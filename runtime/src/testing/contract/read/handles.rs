//! Several handles on the same data: one after the other, and at once.

use std::time::Duration;

use super::{
    super::{Harness, support::together, wait::soon},
    builds::is_always_whole,
    leases::takes,
    letters::{self, letter},
    processes::{change, deadline, state},
    reached::arrives,
    support::{
        Subject, advance, all, column, find, is_overtaken, live, number, prepared, put, query, table, text,
        ticket, tickets, work,
    },
};
use crate::{
    Position,
    read::{ColumnType, ReadStore, Stage, Value},
};

type Opens<'a> = &'a dyn Harness<dyn ReadStore>;

const LONG: Duration = Duration::from_secs(600);

async fn open(harness: Opens<'_>) -> Subject {
    harness.open().await.expect("the store opens")
}

async fn two(harness: Opens<'_>) -> [Subject; 2] {
    [open(harness).await, open(harness).await]
}

pub(super) async fn what_was_written_is_there_after_reopening(harness: Opens<'_>) {
    let store = open(harness).await;
    let build = live(&store, &tickets(), vec![ticket(1, "one", 1)]).await;
    store.promote(&build, true).await.unwrap();
    let beside = prepared(&store, &tickets(), 2).await;
    put(&store, &tickets(), &beside, vec![ticket(2, "two", None)]).await;
    letters::write(&store, "mail", vec![letter("mail", 1, "a")], &[]).await;
    change(&store, "confirm", vec![state("one", "1", &[deadline("d", 1)])]).await;
    assert!(takes(&store, "mail", "one", LONG).await);
    let builds = store.builds("tickets").await.unwrap();
    drop(store);

    let store = open(harness).await;
    assert_eq!(store.builds("tickets").await.unwrap(), builds);
    assert_eq!(builds[0].stage, Stage::Live { transactional: true });
    assert_eq!(prepared(&store, &tickets(), 2).await, builds[1]);
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", 1)]);
    let rows = store.rows(&tickets(), &beside, &[number(2)]).await.unwrap();
    assert_eq!(rows, [Some(ticket(2, "two", None))]);
    assert_eq!(store.letters("mail", None, Position::START, 10).await.unwrap(), [letter("mail", 1, "a")]);
    let states = store.processes("confirm", &["one".to_owned()]).await.unwrap();
    assert_eq!(states, [state("one", "1", &[deadline("d", 1)]).state]);
    for reader in ["mail", "confirm", &build.reader(), &beside.reader()] {
        assert_eq!(store.position(reader).await.unwrap(), Position::new(1));
    }
    assert!(!takes(&store, "mail", "two", LONG).await);
}

pub(super) async fn each_sees_what_the_others_wrote(harness: Opens<'_>) {
    let stores = two(harness).await;
    let build = live(&stores[0], &tickets(), Vec::new()).await;
    for round in 1..=6 {
        let (writer, reader) = (&stores[round % 2], &stores[(round + 1) % 2]);
        let row = ticket(round as i64, "", None);
        put(writer, &tickets(), &build, vec![row.clone()]).await;
        assert_eq!(all(reader, &tickets()).await.len(), round);
        let rows = reader.rows(&tickets(), &build, &[number(round as i64)]).await.unwrap();
        assert_eq!(rows, [Some(row)]);
        let position = reader.position(&build.reader()).await.unwrap();
        assert_eq!(position, Position::new(1 + round as u128));
        letters::write(writer, "mail", vec![letter("mail", round as u128, "a")], &[]).await;
        assert_eq!(reader.count_letters("mail").await.unwrap(), round as u64);
    }
}

pub(super) async fn who_was_overtaken_by_another_handle_writes_nothing(harness: Opens<'_>) {
    let [one, two] = two(harness).await;
    let build = live(&one, &tickets(), Vec::new()).await;
    for round in 0..5 {
        let late = work(&one, &tickets(), &build, vec![ticket(100 + round, "", None)], Vec::new()).await;
        put(&two, &tickets(), &build, vec![ticket(round, "", None)]).await;
        is_overtaken(one.write(late).await);
        put(&one, &tickets(), &build, vec![ticket(50 + round, "", None)]).await;
    }
    let rows = all(&two, &tickets()).await;
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row[0] < Value::Integer(100)));
}

/// With other columns under the same names: what a handle knew of the table before is of no use any more.
pub(super) async fn what_another_handle_promoted_is_found(harness: Opens<'_>) {
    let [one, two] = two(harness).await;
    let build = live(&one, &tickets(), vec![ticket(1, "one", 1)]).await;
    for _ in 0..3 {
        assert_eq!(all(&two, &tickets()).await, [ticket(1, "one", 1)]);
        two.rows(&tickets(), &build, &[number(1)]).await.unwrap();
    }
    let columns = vec![
        column("number", ColumnType::Text),
        column("rank", ColumnType::Bool),
        column("x", ColumnType::Bytes),
    ];
    let other = table("tickets", columns, vec![0]);
    let row = vec![text("one"), Value::Bool(true), Value::Bytes(vec![1])];
    let next = prepared(&one, &other, 2).await;
    put(&two, &other, &next, vec![row.clone()]).await;
    one.promote(&next, false).await.unwrap();
    for store in [&one, &two] {
        assert_eq!(find(store, &query(&other)).await, std::slice::from_ref(&row));
    }
    assert!(two.find(&query(&tickets())).await.is_err(), "whoever expects the old columns is told");
    assert!(two.rows(&tickets(), &build, &[number(1)]).await.is_err());
    is_overtaken(
        two.write(work(&two, &tickets(), &build, vec![ticket(2, "", None)], Vec::new()).await).await,
    );
    // And back again.
    let back = prepared(&two, &tickets(), 3).await;
    put(&two, &tickets(), &back, vec![ticket(3, "three", 3)]).await;
    two.promote(&back, false).await.unwrap();
    for store in [&one, &two] {
        assert_eq!(all(store, &tickets()).await, [ticket(3, "three", 3)]);
    }
}

pub(super) async fn of_many_who_prepare_one_makes_it(harness: Opens<'_>) {
    let stores = two(harness).await;
    let builds = together(8, |number| {
        let store = stores[number % 2].clone();
        async move { prepared(&store, &tickets(), 1).await.generation }
    })
    .await;
    assert!(builds.iter().all(|generation| *generation == builds[0]), "{builds:?}");
    assert_eq!(stores[0].builds("tickets").await.unwrap().len(), 1);
}

pub(super) async fn readers_see_one_or_the_other(harness: Opens<'_>) {
    let [one, two] = two(harness).await;
    is_always_whole(one, two).await;
}

pub(super) async fn a_lease_is_held_against_another_handle(harness: Opens<'_>) {
    let [one, two] = two(harness).await;
    assert!(takes(&one, "mail", "one", LONG).await);
    assert!(!takes(&two, "mail", "two", LONG).await);
    assert!(takes(&two, "mail", "one", LONG).await, "it is the holder that counts, not the handle");
    one.release("mail", "one").await.unwrap();
    assert!(takes(&two, "mail", "two", LONG).await);
    assert!(!takes(&one, "mail", "one", LONG).await);
}

pub(super) async fn reaching_notices_another_handle(harness: Opens<'_>) {
    let [one, two] = two(harness).await;
    for round in 1..=5 {
        let waiting = tokio::spawn({
            let store = two.clone();
            async move { arrives(&store, "mail", round).await }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!waiting.is_finished(), "it is not there yet");
        advance(&one, "mail", round).await;
        soon(waiting).await.unwrap();
    }
}

pub(super) async fn a_generation_is_not_given_again_after_reopening(harness: Opens<'_>) {
    let mut last = 0;
    for _ in 0..3 {
        let store = open(harness).await;
        let build = prepared(&store, &tickets(), 1).await;
        assert!(build.generation > last);
        last = build.generation;
        store.discard(&build).await.unwrap();
    }
}
