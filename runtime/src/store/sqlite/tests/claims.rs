//! Unique values and idempotency keys, as far as they are particular to SQLite.

use std::collections::HashMap;

use super::{
    super::{connection::Session, holders::Holders, record::record},
    groups::together,
    *,
};

const NAME: Name = Name::from_static("thing.name");

fn of(category: &'static str) -> Constraint {
    Constraint { category: Name::from_static(category), name: NAME }
}

async fn constrained(store: &SqliteStore) {
    for standing in [Standing::Building, Standing::InForce] {
        store.constrain(&of("thing"), Some(standing)).await.unwrap();
    }
}

fn claim(value: &str, owner: &str) -> Claim {
    Claim { constraint: NAME, value: ClaimValue::new(&NAME, [value]), owner: stream_id(owner) }
}

fn take(value: &str, owner: &str) -> ClaimChange {
    ClaimChange::Take(claim(value, owner))
}

/// The commit of a writer that knows the constraint.
fn with(commit: Commit, claims: Vec<ClaimChange>) -> Commit {
    Commit { claims, constraints: vec![NAME], ..commit }
}

fn keyed(commit: Commit, key: &str) -> Commit {
    let (category, key) = (Name::from_static("thing"), key.to_owned());
    Commit { key: Some(IdempotencyKey { category, key, fingerprint: [7; 16] }), ..commit }
}

fn made(stream: &str) -> Commit {
    commit(stream, Expected::NoStream, &["Made"])
}

fn rows(sql: &Connection, table: &str) -> i64 {
    sql.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
}

/// Who is refused has written nothing, so that the others need not be tried again, each with a sync of its own.
#[tokio::test]
async fn a_refusal_breaks_up_no_group() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    constrained(&store).await;
    let tail = store.append(with(made("old"), vec![])).await.unwrap().appends.remove(0).tail;
    let to_old = Append { tail, ..append("old", Expected::Exact(Version::FIRST), &["Sold"]) };
    let group = vec![
        keyed(with(made("a"), vec![take("x", "a")]), "k"),
        with(made("b"), vec![take("y", "b"), take("x", "b")]),
        keyed(with(made("b"), vec![take("y", "b")]), "k"),
        made("b"),
        with(
            made("b"),
            vec![ClaimChange::Take(Claim { constraint: "thing.other".into(), ..claim("y", "b") })],
        ),
        with(Commit::new(vec![to_old.clone()]), vec![take("x", "old")]),
        keyed(with(Commit::new(vec![to_old.clone()]), vec![]), "k"),
        with(Commit::new(vec![to_old]), vec![take("z", "old")]),
    ];
    // One transaction: what the group wrote is seen as a whole.
    let answers = {
        let mut writer = lock(&store.core.writer);
        let before = writer.session.connection.total_changes();
        let answers = writer.write(&group);
        // One category is there. Three rows for `a`, besides its event; an event and a claim for `old`.
        assert_eq!(writer.session.connection.total_changes() - before, 4 + 2);
        answers
    };
    let [Ok(_), Err(taken), Err(used), Err(unaware), Err(not_in_force), Err(held), Err(used_too), Ok(_)] =
        answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    for taken in [taken, held] {
        assert!(matches!(taken, AppendError::Taken { by, .. } if *by == stream_id("a")), "{taken}");
    }
    for used in [used, used_too] {
        assert!(matches!(used, AppendError::KeyUsed { .. }), "{used}");
    }
    for refusal in [unaware, not_in_force] {
        let AppendError::Failed(error) = refusal else { panic!("{refusal}") };
        assert_eq!(error.kind(), StoreErrorKind::Constrained);
    }
    assert_eq!([rows(&folder.sql(), "held"), rows(&folder.sql(), "keys")], [2, 1]);
}

/// The tail of a read spares a commit the look at its stream. It is recognised and conflicts all the same, whatever else
/// is against it.
#[tokio::test]
async fn a_tail_hides_nothing() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    constrained(&store).await;
    let tail = store.append(with(made("a"), vec![])).await.unwrap().appends.remove(0).tail;
    let append = Append { tail, ..append("a", Expected::Exact(Version::FIRST), &["Sold"]) };
    let first = keyed(with(Commit::new(vec![append.clone()]), vec![take("x", "a")]), "k");
    let told = store.append(first.clone()).await.unwrap();
    // Its key is used now, by itself; and another one holds what it took.
    let release = vec![ClaimChange::Release(claim("x", "a"))];
    store.append(with(commit("a", Expected::Any, &["Lost"]), release)).await.unwrap();
    store.append(with(made("b"), vec![take("x", "b")])).await.unwrap();
    let again = store.append(first).await.unwrap();
    assert_eq!(told.position(), again.position());
    let other = keyed(with(Commit::new(vec![append]), vec![take("x", "a")]), "k");
    let error = store.append(other).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { actual, .. } if actual == 3), "{error}");
}

/// A constraint is what this connection knows of it until another one has written.
#[tokio::test]
async fn what_others_put_on_record_is_noticed() {
    let folder = Folder::new();
    let (store, other) = (folder.open().await.unwrap(), folder.open().await.unwrap());
    store.append(made("a")).await.unwrap();
    constrained(&other).await;
    // In the first transaction after it, and for each commit in it.
    let answers = together(&store, vec![made("b"), made("c"), with(made("d"), vec![take("x", "d")])]);
    let [Err(AppendError::Failed(_)), Err(AppendError::Failed(_)), Ok(_)] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    other.constrain(&of("thing"), None).await.unwrap();
    store.append(made("b")).await.unwrap();
    // And what it changes itself.
    store.constrain(&of("thing"), Some(Standing::Building)).await.unwrap();
    store.append(made("c")).await.unwrap_err();
    assert_eq!(rows(&folder.sql(), "held"), 0);
}

/// A change that fails leaves what is known as it was.
#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(made("a")).await.unwrap();
    let trigger =
        "CREATE TRIGGER refuse BEFORE INSERT ON constraints BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    folder.sql().execute_batch(trigger).unwrap();
    store.constrain(&of("thing"), Some(Standing::Building)).await.unwrap_err();
    store.append(made("b")).await.unwrap();
    folder.sql().execute_batch("DROP TRIGGER refuse").unwrap();
    constrained(&store).await;
    store.append(made("c")).await.unwrap_err();
}

/// Its claims are found by its name, so there is one of a name.
#[tokio::test]
async fn a_name_belongs_to_one_category() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    constrained(&store).await;
    store.append(with(made("a"), vec![take("x", "a")])).await.unwrap();
    let error = store.constrain(&of("other"), Some(Standing::Building)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    let error = store.constrain(&of("other"), Some(Standing::InForce)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Constrained, "{error}");
    store.constrain(&of("other"), None).await.unwrap();
    let error = store.append(with(made("b"), vec![take("x", "b")])).await.unwrap_err();
    assert!(matches!(error, AppendError::Taken { .. }), "{error}");
}

/// A stream may hold a value before its first event.
#[tokio::test]
async fn a_holder_may_have_no_events() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    store.constrain(&of("thing"), Some(Standing::Building)).await.unwrap();
    assert_eq!(store.claim(&[claim("x", "a")]).await.unwrap(), [stream_id("a")]);
    store.constrain(&of("thing"), Some(Standing::InForce)).await.unwrap();
    let others = vec![take("y", "b"), take("z", "elsewhere"), ClaimChange::Release(claim("x", "nowhere"))];
    store.append(with(made("c"), others)).await.unwrap();
    let wants = |stream, value| with(made(stream), vec![take(value, stream)]);
    for (value, holder) in [("x", "a"), ("y", "b"), ("z", "elsewhere")] {
        match store.append(wants("d", value)).await {
            Err(AppendError::Taken { by, .. }) => assert_eq!(by, stream_id(holder)),
            other => panic!("{other:?}"),
        }
    }
    store.append(wants("a", "x")).await.unwrap();
    store.append(with(made("b"), vec![ClaimChange::Release(claim("y", "b"))])).await.unwrap();
    store.append(wants("d", "y")).await.unwrap();
    assert_eq!([versions(&store, "a").await, versions(&store, "b").await], [1, 1]);
    // Only "elsewhere" has not begun.
    let writer = lock(&store.core.writer);
    assert_eq!(rows(&writer.session.connection, "reserved"), 1);
}

/// However changes are spread over connections, transactions and tables.
#[tokio::test]
async fn whoever_holds_a_value_holds_it_until_it_is_released() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = Folder::new();
        let mut stores = [folder.open().await.unwrap(), folder.open().await.unwrap()];
        constrained(&stores[0]).await;
        for stream in ["a", "b", "c"] {
            stores[1].append(with(made(stream), vec![])).await.unwrap();
        }
        let mut model: HashMap<String, &str> = HashMap::new();
        for _ in 0..600 {
            let store = &stores[random.usize(..2)];
            let value = random.u32(..150).to_string();
            let owner = ["a", "b", "c"][random.usize(..3)];
            let holder = model.get(&value).copied();
            let change = match holder {
                Some(holder) if random.bool() => ClaimChange::Release(claim(&value, holder)),
                _ => take(&value, owner),
            };
            match random.u32(..40) {
                // Nothing comes of it.
                0 => {
                    let undone = with(commit("a", Expected::Any, &["Sold"]), vec![change]);
                    let changed: Result<(), _> = lock(&store.core.writer).change(|session| {
                        let _ = record(session, &undone);
                        Err(StoreError::invalid("undone"))
                    });
                    changed.unwrap_err();
                }
                1 => stores[random.usize(..2)] = folder.open().await.unwrap(),
                _ => {
                    let released = matches!(change, ClaimChange::Release(_));
                    let answer =
                        store.append(with(commit("a", Expected::Any, &["Sold"]), vec![change])).await;
                    match answer {
                        Ok(_) if released => drop(model.remove(&value)),
                        Ok(_) => {
                            let before = model.insert(value, owner);
                            assert!(before.is_none_or(|before| before == owner), "{seed}");
                        }
                        Err(AppendError::Taken { by, .. }) => assert_eq!(Some(by.id()), holder, "{seed}"),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        let sql = folder.sql();
        let mut held = sql.prepare("SELECT value, id FROM held").unwrap();
        let held = held.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let held: HashMap<String, String> = held.collect::<Result<_, _>>().unwrap();
        let expected = model.iter().map(|(value, owner)| {
            (format!("{:X}", ClaimValue::new(&NAME, [value]).0.simple()), (*owner).to_owned())
        });
        assert_eq!(held, expected.collect(), "{seed}");
        // Both tables have had their part in it.
        assert!(rows(&sql, "claims") > 0 && rows(&sql, "claim_changes") < 400, "{seed}");
        stores[0].constrain(&of("thing"), None).await.unwrap();
        assert_eq!(
            [rows(&sql, "held"), rows(&sql, "claims"), rows(&sql, "claim_changes")],
            [0, 0, 1],
            "{seed}"
        );
    }
}

/// What fails on its way into its place is late still, and is sorted in with the others the next time.
#[tokio::test]
async fn a_value_that_was_not_sorted_in_is_not_lost() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    constrained(&store).await;
    store.append(with(made("a"), vec![take("first", "a")])).await.unwrap();
    let values = (0..200_u128).map(|value| (value << 64).to_be_bytes());
    let held = lock(&store.core.writer).change(|session| {
        let Session { connection, holders, .. } = session;
        let key = |table| {
            let select = format!("SELECT max(key) FROM {table}");
            connection.query_row(&select, (), |row| row.get::<_, i64>(0)).unwrap()
        };
        let (constraint, owner) = (key("constraints"), key("streams"));
        let refuse =
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON claims WHEN (SELECT count(*) FROM claims) = 10
                      BEGIN SELECT RAISE(ABORT, 'refused'); END";
        connection.execute_batch(refuse).unwrap();
        let mut failed = 0;
        for value in values.clone() {
            if holders.take(connection, &value, constraint, owner).is_err() {
                failed += 1;
                connection.execute_batch("DROP TRIGGER refuse").unwrap();
            }
        }
        assert_eq!(failed, 1);
        assert!(rows(connection, "claims") > 64, "they were sorted in");
        // As whoever comes next finds them.
        *holders = Holders::default();
        holders.look(connection, None).unwrap();
        let holder = |value| holders.of(connection, &value).unwrap();
        Ok::<_, StoreError>(values.clone().filter(|value| holder(*value) == Some(owner)).count())
    });
    assert_eq!(held.unwrap(), 200);
}

/// Commits and other changes wait in one queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_have_their_turn_among_commits() {
    let folder = Folder::new();
    let store = Arc::new(folder.open().await.unwrap());
    let writers = (0..20).map(|writer: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..10 {
                let stream = format!("{writer}/{round}");
                store.append(with(made(&stream), vec![])).await.unwrap();
                if writer.is_multiple_of(5) {
                    store.constrain(&of("thing"), Some(Standing::Building)).await.unwrap();
                    let held = store.claim(&[claim("x", &stream), claim(&stream, &stream)]).await.unwrap();
                    assert_eq!(held[1], stream_id(&stream));
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.head().await.unwrap(), Position::new(200));
    assert_eq!(rows(&folder.sql(), "held"), 41);
}

#[tokio::test]
async fn damage_is_noticed() {
    for (damage, named) in [
        ("UPDATE constraints SET standing = 'odd'", "`standing`"),
        ("UPDATE constraints SET name = CAST(x'ff' AS TEXT)", "constraints"),
        (
            "INSERT INTO claim_changes (value, \"constraint\", owner) \
             SELECT value, \"constraint\", 77 FROM claim_changes",
            "`thing.name`",
        ),
        ("DROP TABLE claims", "claims"),
        ("DROP TABLE claim_changes", "claim_changes"),
        ("DROP TABLE keys", "keys"),
        ("DROP TABLE constraints", "constraints"),
    ] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        constrained(&store).await;
        store.append(with(made("a"), vec![take("x", "a")])).await.unwrap();
        folder.sql().execute_batch(damage).unwrap();
        let wanted = vec![take("y", "b"), take("x", "b")];
        let error = store.append(keyed(with(made("b"), wanted), "k")).await.unwrap_err();
        let AppendError::Failed(error) = error else { panic!("{damage}: {error}") };
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{damage}: {error}");
        assert!(error.to_string().contains(named), "{damage}: {error}");
        assert_eq!(versions(&store, "b").await, 0);
    }
    for damage in [
        "UPDATE keys SET fingerprint = x'00'",
        "UPDATE keys SET events = 0",
        "UPDATE keys SET events = -1",
        "UPDATE keys SET events = 9223372036854775807",
        "UPDATE keys SET events = 4",
        "UPDATE keys SET position = 9223372036854775807",
        "UPDATE keys SET position = -9223372036854775808",
        "DELETE FROM events WHERE version = 2",
        "DELETE FROM events WHERE version = 1",
        "DROP TABLE keys",
    ] {
        let folder = Folder::new();
        let store = folder.open().await.unwrap();
        let given = keyed(commit("a", Expected::NoStream, &["Made", "Sold"]), "k");
        let key = given.key.clone().unwrap();
        store.append(given).await.unwrap();
        store.append(made("b")).await.unwrap();
        assert_eq!(store.remembered(&key).await.unwrap().unwrap().events.len(), 2);
        folder.sql().execute_batch(damage).unwrap();
        let error = store.remembered(&key).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{damage}: {error}");
    }
}
