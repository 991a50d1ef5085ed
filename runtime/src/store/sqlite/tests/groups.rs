//! Commits that share a transaction.

use super::*;

/// Gives the commits to the writer as one group.
pub(super) fn together(store: &SqliteStore, commits: Vec<Commit>) -> Vec<Answer> {
    store.core.write(|| commits)
}

#[tokio::test]
async fn a_conflict_fails_nobody_else() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let answers = together(
        &store,
        vec![
            commit("a", Expected::NoStream, &["Made"]),
            commit("a", Expected::NoStream, &["Made", "Sold"]),
            commit("b", Expected::NoStream, &["Made"]),
            commit("a", Expected::Exact(Version::FIRST), &["Sold"]),
        ],
    );
    let [Ok(first), Err(conflict), Ok(other), Ok(second)] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(matches!(conflict, AppendError::Conflict { actual: Version::FIRST, .. }), "{conflict}");
    let positions: Vec<_> = [first, other, second].map(|committed| committed.position().get()).into();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(versions(&store, "a").await, 2);
}

#[tokio::test]
async fn a_commit_given_twice_takes_effect_once() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    for expected in [Expected::Any, Expected::NoStream] {
        let stream = format!("{expected:?}");
        let twice = commit(&stream, expected, &["Made", "Sold"]);
        let answers = together(&store, vec![twice.clone(), twice]);
        let [Ok(first), Ok(second)] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!(first.appends[0].positions, second.appends[0].positions);
        assert_eq!(first.appends[0].first, second.appends[0].first);
        assert_eq!(first.appends[0].at, second.appends[0].at);
        assert_eq!(versions(&store, &stream).await, 2);
    }
}

/// Something in the database refuses an event, in the middle of a commit: once by undoing the statement, once by undoing
/// the whole transaction.
#[tokio::test]
async fn a_commit_that_fails_midway_fails_alone() {
    for how in ["ABORT", "ROLLBACK"] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        let trigger = format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.name = 'Bad'
             BEGIN SELECT RAISE({how}, 'refused'); END"
        );
        folder.sql().execute_batch(&trigger).unwrap();
        let answers = together(
            &store,
            vec![
                commit("a", Expected::NoStream, &["Made"]),
                commit("b", Expected::NoStream, &["Made", "Bad"]),
                commit("c", Expected::NoStream, &["Made"]),
            ],
        );
        let [Ok(_), Err(AppendError::Failed(error)), Ok(_)] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        assert!(error.to_string().contains("refused"), "{error}");
        let streams = [versions(&store, "a").await, versions(&store, "b").await, versions(&store, "c").await];
        assert_eq!(streams, [1, 0, 1], "{how}");
        // What the failed commit made is forgotten: its keys belong to others now.
        store.append(commit("b", Expected::NoStream, &["Made"])).await.unwrap();
        assert_eq!(versions(&store, "b").await, 1);
        let keys: i64 = folder
            .sql()
            .query_row("SELECT count(DISTINCT stream) FROM events", (), |row| row.get(0))
            .unwrap();
        assert_eq!(keys, 3);
    }
}

/// A new category in a commit that fails gets its key again for another category.
#[tokio::test]
async fn what_was_rolled_back_is_forgotten() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    folder
        .sql()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.name = 'Bad'
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .unwrap();
    let of = |category: &'static str, name| {
        let stream = StreamId::new(category, "1");
        let events = vec![event(name)];
        Commit::new(vec![Append { stream, expected: Expected::NoStream, tail: None, events }])
    };
    store.append(of("first", "Bad")).await.unwrap_err();
    store.append(of("second", "Made")).await.unwrap();
    store.append(of("first", "Made")).await.unwrap();
    for category in ["first", "second"] {
        let page = store.read_all(&Filter::category(category), Position::START, 10).await.unwrap();
        let found: Vec<_> = page.events.iter().map(|event| event.stream.category().as_str()).collect();
        assert_eq!(found, [category]);
    }
}

#[tokio::test]
async fn an_open_transaction_is_rolled_back_before_the_next() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    lock(&store.core.writer).session.execute("BEGIN IMMEDIATE").unwrap();
    store.append(commit("a", Expected::NoStream, &["Made"])).await.unwrap();
    assert_eq!(versions(&store, "a").await, 1);
}

#[tokio::test]
async fn the_same_id_with_other_events_is_refused() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    for expected in [Expected::NoStream, Expected::Any] {
        let stream = format!("{expected:?}");
        let first = commit(&stream, expected, &["Made"]);
        let id = first.id;
        store.append(first).await.unwrap();
        let second = Commit { id, ..commit(&stream, expected, &["Made", "Sold"]) };
        let error = store.append(second).await.unwrap_err();
        let AppendError::Failed(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    }
}

/// Keys of one store mean nothing in another.
#[tokio::test]
async fn the_tail_of_another_store_is_not_used() {
    let [ours, theirs] = [Folder::new(), Folder::new()];
    let (ours, theirs) = (ours.open().await.unwrap(), theirs.open().await.unwrap());
    // The same stream has another key in each.
    for stream in ["x", "y", "a"] {
        theirs.append(commit(stream, Expected::NoStream, &["Made"])).await.unwrap();
    }
    for stream in ["a", "x", "y"] {
        ours.append(commit(stream, Expected::NoStream, &["Made"])).await.unwrap();
    }
    let tail = theirs.read_facts(&stream_id("a"), Version::FIRST, 10).await.unwrap().tail;
    assert!(tail.is_some());
    let append = Append { tail, ..append("a", Expected::Exact(Version::FIRST), &["Sold"]) };
    ours.append(Commit::new(vec![append])).await.unwrap();
    assert_eq!([versions(&ours, "a").await, versions(&ours, "y").await], [2, 1]);
}

/// What was queued is written although nobody waits for the answer any more, before the store is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_store_finishes_what_is_queued() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let queue = store.queue().unwrap();
    let writer = lock(&store.core.writer);
    let waiting: Vec<_> = (0..50)
        .map(|stream| {
            let queue = Arc::clone(&queue);
            let made = commit(&stream.to_string(), Expected::NoStream, &["Made"]);
            tokio::spawn(async move { queue.append(made).await })
        })
        .collect();
    // Time to get into the queue, and to give up there.
    std::thread::sleep(Duration::from_millis(100));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    std::thread::sleep(Duration::from_millis(100));
    drop((queue, writer));
    drop(store);
    assert_eq!(folder.open().await.unwrap().head().await.unwrap(), Position::new(50));
}

#[tokio::test]
async fn a_commit_of_mixed_expectations_is_known_again() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let appends = vec![
        append("a", Expected::Any, &["Made", "Sold"]),
        append("b", Expected::NoStream, &["Made"]),
        append("c", Expected::NoStream, &["Made", "Sold"]),
    ];
    let whole = Commit::new(appends);
    let first = store.append(whole.clone()).await.unwrap();
    store.append(commit("b", Expected::Any, &["Sold"])).await.unwrap();
    let again = store.append(whole).await.unwrap();
    let positions = |committed: &Committed| -> Vec<_> {
        committed.appends.iter().map(|append| (append.first, append.positions.clone(), append.at)).collect()
    };
    assert_eq!(positions(&first), positions(&again));
}
