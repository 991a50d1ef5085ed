//! Builds of views: beside, live and gone.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{
    super::support::together,
    letters::letter,
    support::{
        RANK, Subject, advance, all, code, column, integer, is_overtaken, kind, live, number, prepared, put,
        query, table, ticket, tickets, tickets_of, work,
    },
};
use crate::{
    Position,
    read::{Build, ColumnType, Stage, Table, Work},
    store::StoreErrorKind,
};

pub(super) async fn a_view_that_nobody_prepared_has_none(store: Subject) {
    assert_eq!(store.builds("tickets").await.unwrap(), []);
    assert_eq!(kind(store.find(&query(&tickets())).await), StoreErrorKind::Missing);
}

pub(super) async fn preparing_makes_an_empty_one_beside(store: Subject) {
    let build = prepared(&store, &tickets(), 1).await;
    let expected = Build {
        view: "tickets".into(),
        generation: 1,
        fingerprint: code(1),
        stage: Stage::Beside,
        position: Position::START,
    };
    assert_eq!(build, expected);
    assert_eq!(store.builds("tickets").await.unwrap(), [expected]);
    assert_eq!(store.rows(&tickets(), &build, &[number(1)]).await.unwrap(), [None]);
    assert_eq!(kind(store.find(&query(&tickets())).await), StoreErrorKind::Missing);
}

pub(super) async fn the_same_fingerprint_is_the_same_build(store: Subject) {
    let first = prepared(&store, &tickets(), 1).await;
    put(&store, &tickets(), &first, vec![ticket(1, "one", None)]).await;
    for anew in [false, true] {
        let again = store.prepare(&tickets(), code(1), anew).await.unwrap();
        assert_eq!((again.generation, again.stage), (first.generation, Stage::Beside));
    }
    assert_eq!(store.builds("tickets").await.unwrap().len(), 1);
    let rows = store.rows(&tickets(), &first, &[number(1)]).await.unwrap();
    assert_eq!(rows, [Some(ticket(1, "one", None))]);
}

pub(super) async fn another_fingerprint_stands_beside(store: Subject) {
    let one = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let two = prepared(&store, &tickets(), 2).await;
    assert!(two.generation > one.generation);
    assert_eq!((two.stage, two.position), (Stage::Beside, Position::START));
    put(&store, &tickets(), &two, vec![ticket(2, "two", None)]).await;
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
    let generations: Vec<_> = store.builds("tickets").await.unwrap().iter().map(|b| b.generation).collect();
    assert_eq!(generations, [one.generation, two.generation], "oldest first");
    assert_eq!(prepared(&store, &tickets(), 1).await.generation, one.generation);
    assert_eq!(prepared(&store, &tickets(), 2).await.generation, two.generation);
}

pub(super) async fn anew_is_another_one_than_the_live_one(store: Subject) {
    let one = live(&store, &tickets(), Vec::new()).await;
    let same = prepared(&store, &tickets(), 1).await;
    assert_eq!((same.generation, same.stage), (one.generation, Stage::Live { transactional: false }));
    let two = store.prepare(&tickets(), code(1), true).await.unwrap();
    assert_eq!((two.generation > one.generation, two.stage), (true, Stage::Beside));
    assert_eq!(store.prepare(&tickets(), code(1), true).await.unwrap(), two);
    assert_eq!(store.prepare(&tickets(), code(1), false).await.unwrap(), two, "the latest of the two");
    assert_eq!(store.builds("tickets").await.unwrap().len(), 2);
}

pub(super) async fn what_is_promoted_is_found(store: Subject) {
    for transactional in [false, true] {
        let table = tickets_of(if transactional { "one" } else { "two" });
        let build = prepared(&store, &table, 1).await;
        put(&store, &table, &build, vec![ticket(1, "one", 1)]).await;
        store.promote(&build, transactional).await.unwrap();
        assert_eq!(all(&store, &table).await, [ticket(1, "one", 1)]);
        assert_eq!(store.builds(&table.name).await.unwrap()[0].stage, Stage::Live { transactional });
        // It is written as before, unless it is written with commits.
        if !transactional {
            put(&store, &table, &build, vec![ticket(2, "two", 2)]).await;
            assert_eq!(all(&store, &table).await.len(), 2);
        }
    }
}

/// Says of the build that it is gone with all that belongs to it.
async fn is_gone(store: &Subject, build: &Build) {
    assert_eq!(kind(store.rows(&tickets(), build, &[number(1)]).await), StoreErrorKind::Missing);
    assert_eq!(store.position(&build.reader()).await.unwrap(), Position::START);
    assert_eq!(store.count_letters(&build.reader()).await.unwrap(), 0);
    is_overtaken(
        store.write(work(store, &tickets(), build, vec![ticket(9, "", None)], Vec::new()).await).await,
    );
    assert_eq!(store.position(&build.reader()).await.unwrap(), Position::START);
    assert!(store.builds("tickets").await.unwrap().iter().all(|other| other.generation != build.generation));
}

async fn with_a_letter(store: &Subject, build: &Build) {
    let after = store.position(&build.reader()).await.unwrap();
    let mut work = Work::new(build.reader(), after, after);
    work.letters = vec![letter(&build.reader(), 1, "a")];
    store.write(work).await.unwrap();
    assert_eq!(store.count_letters(&build.reader()).await.unwrap(), 1);
}

pub(super) async fn the_next_one_takes_its_place(store: Subject) {
    let one = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    with_a_letter(&store, &one).await;
    let two = prepared(&store, &tickets(), 2).await;
    put(&store, &tickets(), &two, vec![ticket(2, "two", None), ticket(3, "three", None)]).await;
    with_a_letter(&store, &two).await;
    store.promote(&two, true).await.unwrap();
    assert_eq!(all(&store, &tickets()).await, [ticket(2, "two", None), ticket(3, "three", None)]);
    is_gone(&store, &one).await;
    let builds = store.builds("tickets").await.unwrap();
    assert_eq!(builds.len(), 1);
    assert_eq!(builds[0].stage, Stage::Live { transactional: true });
    assert_eq!(store.count_letters(&two.reader()).await.unwrap(), 1);
    assert_eq!(store.position(&two.reader()).await.unwrap(), Position::new(1));
}

pub(super) async fn promoting_again_says_whether_it_is_transactional(store: Subject) {
    let build = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    for transactional in [true, true, false] {
        store.promote(&build, transactional).await.unwrap();
        assert_eq!(store.builds("tickets").await.unwrap()[0].stage, Stage::Live { transactional });
        assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
        assert_eq!(store.position(&build.reader()).await.unwrap(), Position::new(1));
    }
}

pub(super) async fn what_is_gone_cannot_be_promoted(store: Subject) {
    let one = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let two = prepared(&store, &tickets(), 2).await;
    store.discard(&two).await.unwrap();
    assert_eq!(kind(store.promote(&two, false).await), StoreErrorKind::Missing);
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
    is_gone(&store, &two).await;
    assert_eq!(store.builds("tickets").await.unwrap()[0].generation, one.generation);
}

pub(super) async fn what_is_discarded_is_gone(store: Subject) {
    let one = live(&store, &tickets(), vec![ticket(1, "one", None)]).await;
    let two = prepared(&store, &tickets(), 2).await;
    put(&store, &tickets(), &two, vec![ticket(2, "two", None)]).await;
    with_a_letter(&store, &two).await;
    for _ in 0..2 {
        store.discard(&two).await.unwrap();
        is_gone(&store, &two).await;
        assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", None)]);
    }
    store.discard(&one).await.unwrap();
    is_gone(&store, &one).await;
    assert_eq!(kind(store.find(&query(&tickets())).await), StoreErrorKind::Missing);
    // And all from the beginning.
    live(&store, &tickets(), vec![ticket(3, "three", None)]).await;
    assert_eq!(all(&store, &tickets()).await, [ticket(3, "three", None)]);
}

pub(super) async fn generations_are_never_given_twice(store: Subject) {
    let mut last = 0;
    for round in 0..6 {
        let build = prepared(&store, &tickets(), 1 + round % 2).await;
        assert!(build.generation > last, "{} came after {last}", build.generation);
        last = build.generation;
        if round % 3 == 0 {
            store.promote(&build, false).await.unwrap();
        }
        store.discard(&build).await.unwrap();
    }
}

pub(super) async fn how_far_one_has_come_is_told(store: Subject) {
    let one = prepared(&store, &tickets(), 1).await;
    advance(&store, &one.reader(), 7).await;
    assert_eq!(store.builds("tickets").await.unwrap()[0].position, Position::new(7));
    assert_eq!(prepared(&store, &tickets(), 1).await.position, Position::new(7));
    store.promote(&one, true).await.unwrap();
    let two = prepared(&store, &tickets(), 2).await;
    advance(&store, &two.reader(), 3).await;
    let positions: Vec<_> = store.builds("tickets").await.unwrap().iter().map(|b| b.position.get()).collect();
    assert_eq!(positions, [7, 3]);
}

pub(super) async fn views_are_kept_apart(store: Subject) {
    let names = ["tickets", "tickets_", "tickets_of_all", "ticket"];
    for (index, name) in names.iter().enumerate() {
        let table = tickets_of(name);
        live(&store, &table, vec![ticket(index as i64, name, None)]).await;
        // One beside each, of the same generation.
        prepared(&store, &table, 2).await;
    }
    for (index, name) in names.iter().enumerate() {
        assert_eq!(store.builds(name).await.unwrap().len(), 2);
        assert_eq!(all(&store, &tickets_of(name)).await, [ticket(index as i64, name, None)]);
    }
    let gone = store.builds("ticket").await.unwrap().remove(0);
    store.discard(&gone).await.unwrap();
    assert_eq!(kind(store.find(&query(&tickets_of("ticket"))).await), StoreErrorKind::Missing);
    assert_eq!(all(&store, &tickets()).await.len(), 1);
}

pub(super) async fn impossible_tables_are_refused(store: Subject) {
    let long = "a".repeat(49);
    let names = ["", "1st", "a b", "a-b", "a\"b", "a'; --", "ü", "a\0", "tickets__2", "factum_builds", &long];
    let mut tables: Vec<_> = names.iter().map(|name| tickets_of(name)).collect();
    let number = || column("number", ColumnType::Integer);
    let maybe = || crate::read::TableColumn { nullable: true, ..number() };
    tables.push(table("tickets", vec![number(), column("NUMBER", ColumnType::Text)], vec![0]));
    tables.push(table("tickets", vec![column("a\"b", ColumnType::Text)], vec![0]));
    tables.push(table("tickets", vec![number()], Vec::new()));
    tables.push(table("tickets", vec![number()], vec![1]));
    tables.push(table("tickets", vec![number()], vec![0, 0]));
    tables.push(table("tickets", vec![maybe()], vec![0]));
    for table in tables {
        assert_eq!(kind(store.prepare(&table, code(1), false).await), StoreErrorKind::Invalid, "{table:?}");
        assert_eq!(store.builds(&table.name).await.unwrap(), []);
    }
    for name in ["_", "a1", &"a".repeat(48), "order", "select"] {
        prepared(&store, &tickets_of(name), 1).await;
    }
}

/// Somebody has forgotten to say that the code is another one, or has changed the table.
pub(super) async fn another_table_of_the_same_build_is_refused(store: Subject) {
    let other = |change: fn(&mut Table)| {
        let mut table = Arc::unwrap_or_clone(tickets());
        change(&mut table);
        Arc::new(table)
    };
    let build = live(&store, &tickets(), vec![ticket(1, "one", 1)]).await;
    let others = [
        other(|table| table.columns[1].name = "text".into()),
        other(|table| table.columns[1].ty = ColumnType::Integer),
        other(|table| table.columns.push(column("more", ColumnType::Text))),
        other(|table| drop(table.columns.pop())),
    ];
    for table in others {
        assert_eq!(kind(store.prepare(&table, code(1), false).await), StoreErrorKind::Altered, "{table:?}");
        assert_eq!(kind(store.examine(&table, &build).await), StoreErrorKind::Altered, "{table:?}");
    }
    assert_eq!(prepared(&store, &tickets(), 1).await.generation, build.generation);
    store.examine(&tickets(), &build).await.unwrap();
    assert_eq!(all(&store, &tickets()).await, [ticket(1, "one", 1)]);
}

pub(super) async fn of_many_who_prepare_one_makes_it(store: Subject) {
    for anew in [false, true] {
        let builds = together(8, |_| {
            let store = store.clone();
            async move { store.prepare(&tickets(), code(1), anew).await.unwrap().generation }
        })
        .await;
        assert!(builds.iter().all(|generation| *generation == builds[0]), "{builds:?}");
        let build = store.builds("tickets").await.unwrap().pop().unwrap();
        store.promote(&build, false).await.unwrap();
    }
    assert_eq!(store.builds("tickets").await.unwrap().len(), 1);
}

pub(super) async fn readers_see_one_or_the_other(store: Subject) {
    is_always_whole(store.clone(), store).await;
}

/// Builds take each other's place while somebody reads, perhaps through another handle.
pub(super) async fn is_always_whole(writer: Subject, reader: Subject) {
    const ROWS: i64 = 20;
    let filled = async |round: i64| {
        let build = writer.prepare(&tickets(), code(round as u8), true).await.unwrap();
        put(&writer, &tickets(), &build, (0..ROWS).map(|number| ticket(number, "", round)).collect()).await;
        writer.promote(&build, false).await.unwrap();
    };
    filled(0).await;
    let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reading = tokio::spawn({
        let (done, reads) = (Arc::clone(&done), Arc::clone(&reads));
        async move {
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                let rows = reader.find(&query(&tickets())).await.unwrap();
                assert_eq!(rows.len(), ROWS as usize, "the live build is whole");
                let rounds: Vec<_> = rows.iter().map(|row| integer(&row[RANK])).collect();
                assert!(rounds.iter().all(|round| *round == rounds[0]), "and one build: {rounds:?}");
                assert!(rounds[0] >= seen, "and none of before");
                seen = rounds[0];
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    for round in 1..=15 {
        let before = reads.load(Ordering::SeqCst);
        filled(round).await;
        while reads.load(Ordering::SeqCst) == before && !reading.is_finished() {
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::SeqCst);
    reading.await.unwrap();
}
