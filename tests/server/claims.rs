//! Unique values, constraints and keys: who comes in between, and what large tables cost.

use std::{sync::Arc, time::Duration};

use factum::{
    Version,
    store::{
        AppendError, Claim, ClaimChange, ClaimValue, Commit, Constraint, Expected, IdempotencyKey, Name,
        Standing, StoreErrorKind,
    },
};
use factum_tests::postgres::Postgres;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::{Subject, all, commit, somebody, stream};

const UNIQUE: Name = Name::from_static("server.unique");

fn constraint() -> Constraint {
    Constraint { category: Name::from_static("server"), name: UNIQUE }
}

async fn in_force(store: &Subject) {
    for standing in [Standing::Building, Standing::InForce] {
        store.constrain(&constraint(), Some(standing)).await.unwrap();
    }
}

fn claim(value: &str, owner: &str) -> Claim {
    Claim { constraint: UNIQUE, value: ClaimValue::new(&UNIQUE, [value]), owner: stream(owner) }
}

/// An event of a new stream that takes this value.
fn takes(id: &str, value: &str) -> Commit {
    let mut commit = commit(id, Expected::NoStream, 1);
    commit.claims = vec![ClaimChange::Take(claim(value, id))];
    commit.constraints = vec![UNIQUE];
    commit
}

fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey { category: Name::from_static("server"), key: key.to_owned(), fingerprint: [3; 16] }
}

/// Waits until so many sessions wait for a lock of this mode.
async fn waiting(admin: &Client, mode: &str, count: i64) {
    let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = $1 \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND (relation = 'events'::regclass OR objid = 'events'::regclass)";
    while admin.query_one(sql, &[&mode]).await.unwrap().get::<_, i64>(0) != count {
        sleep(Duration::from_millis(5)).await;
    }
}

/// A store that has prepared its statements and used them, and a commit that goes by each way in which commits are recorded.
async fn each_way(url: &str, name: &str) -> Vec<(Subject, Commit)> {
    let mut ways = Vec::new();
    for way in 0..5 {
        let store: Subject = factum::open(url).await.unwrap();
        let id = format!("{name} {way}");
        for round in 0..3 {
            store.append(commit(&id, Expected::Exact(round.into()), 1)).await.unwrap();
        }
        let tail = store.read_facts(&stream(&id), Version::FIRST, 10).await.unwrap().tail;
        let mut next = match way {
            0 | 1 => commit(&id, Expected::Exact(3.into()), 1),
            2 | 4 => commit(&id, Expected::Exact(3.into()), 2),
            _ => commit(&id, Expected::Any, 1),
        };
        match way {
            0 => {}
            4 => next.key = Some(key(&id)),
            _ => next.appends[0].tail = tail,
        }
        ways.push((store, next));
    }
    ways
}

/// Who has begun to append before a constraint is on record is waited for; who begins later sees it, whatever was prepared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_behind_a_constraint_sees_it() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let (admin, held) = (somebody(&url).await, async { somebody(&url).await });
    let constraining: Subject = factum::open(&url).await.unwrap();
    let (before, behind) = (each_way(&url, "before").await, each_way(&url, "behind").await);
    let held = held.await;
    held.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1717794925, 'events'::regclass::oid::int)")
        .await
        .unwrap();
    let append = |(store, commit): (Subject, Commit)| tokio::spawn(async move { store.append(commit).await });
    let (ahead, late) = (before.len() as i64, behind.len() as i64);
    let before: Vec<_> = before.into_iter().map(append).collect();
    waiting(&admin, "ExclusiveLock", ahead).await;
    let constrained = tokio::spawn(async move { in_force(&constraining).await });
    waiting(&admin, "ShareRowExclusiveLock", 1).await;
    let behind: Vec<_> = behind.into_iter().map(append).collect();
    waiting(&admin, "RowExclusiveLock", late).await;
    held.batch_execute("COMMIT").await.unwrap();

    timeout(Duration::from_secs(10), constrained).await.unwrap().unwrap();
    for before in before {
        before.await.unwrap().unwrap();
    }
    for behind in behind {
        let outcome = behind.await.unwrap();
        let Err(AppendError::Failed(error)) = outcome else { panic!("it went around: {outcome:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Constrained);
    }
}

/// One batch with everything in it: each commit gets its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_of_one_batch_are_judged_one_by_one() {
    const EACH: usize = 12;
    let Some(server) = Postgres::shared() else { return };
    let store: Subject = factum::open(&server.fresh()).await.unwrap();
    in_force(&store).await;
    store.append(takes("holder", "x")).await.unwrap();
    let mut used = takes("used", "used");
    used.key = Some(key("used"));
    store.append(used.clone()).await.unwrap();
    for round in 0..3 {
        let mut tasks = Vec::new();
        for number in 0..EACH {
            for kind in 0..6 {
                let id = format!("{round} {number} {kind}");
                let mut commit = takes(&id, &id);
                match kind {
                    // Only one of a batch can want it: the others come to a second one.
                    0 => commit.claims = vec![ClaimChange::Take(claim("x", &id))],
                    1 => commit.constraints.clear(),
                    2 => commit.key = Some(key("used")),
                    3 => commit.key = Some(key(&id)),
                    4 => commit.appends[0].expected = Expected::Exact(7.into()),
                    _ => {
                        // It gives up what it does not have, too.
                        commit.claims.push(ClaimChange::Release(claim("used", &id)));
                    }
                }
                let store = Arc::clone(&store);
                tasks.push((kind, id, tokio::spawn(async move { store.append(commit).await })));
            }
        }
        for (kind, id, task) in tasks {
            match (kind, task.await.unwrap()) {
                (0, Err(AppendError::Taken { claim: wanted, by })) => {
                    assert_eq!((wanted, by), (claim("x", &id), stream("holder")));
                }
                (1, Err(AppendError::Failed(error))) => {
                    assert_eq!(error.kind(), StoreErrorKind::Constrained);
                    assert!(error.to_string().contains(UNIQUE.as_str()), "{error}");
                }
                (2, Err(AppendError::KeyUsed { key: found })) => assert_eq!(found, key("used")),
                (3, Ok(_)) => {
                    let found = store.remembered(&key(&id)).await.unwrap().unwrap();
                    assert_eq!((found.fingerprint, found.events.len()), ([3; 16], 1));
                    assert_eq!(found.events[0].stream, stream(&id));
                }
                (4, Err(AppendError::Conflict { stream: found, actual, .. })) => {
                    assert_eq!((found, actual), (stream(&id), Version::NONE));
                }
                (5, Ok(_)) => {}
                (kind, outcome) => panic!("{kind}: {outcome:?}"),
            }
        }
    }
    // What was refused took nothing.
    for kind in [0, 1, 2, 4] {
        let id = format!("0 0 {kind}");
        store.append(takes(&id, &id)).await.unwrap();
    }
    for kind in [3, 5] {
        let wants = takes(&format!("wants {kind}"), &format!("0 0 {kind}"));
        assert!(matches!(store.append(wants).await, Err(AppendError::Taken { .. })));
    }
    assert!(matches!(store.append(takes("too late", "used")).await, Err(AppendError::Taken { .. })));
}

/// Nobody has analysed them, and the plans are made once, when they are empty.
#[tokio::test]
async fn large_tables_are_never_looked_through() {
    const MANY: i64 = 30_000;
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let admin = somebody(&url).await;
    {
        let store: Subject = factum::open(&url).await.unwrap();
        in_force(&store).await;
        let other = Constraint { name: Name::from_static("server.other"), ..constraint() };
        store.constrain(&other, Some(Standing::Building)).await.unwrap();
        let collected = |value: &str, owner: &str| Claim {
            constraint: other.name.clone(),
            value: ClaimValue::new(&other.name, [value]),
            owner: stream(owner),
        };
        let knowing = |mut commit: Commit| {
            commit.constraints = vec![UNIQUE, other.name.clone()];
            commit
        };
        for round in 0..2 {
            let id = |of: &str| format!("{of}{round}");
            let mut first = knowing(takes(&id("a"), &id("x")));
            first.key = Some(key(&id("k")));
            store.append(first.clone()).await.unwrap();
            store.append(knowing(takes(&id("b"), &id("y")))).await.unwrap();
            let refused = store.append(knowing(takes(&id("c"), &id("x")))).await;
            assert!(matches!(refused, Err(AppendError::Taken { .. })));
            let mut under_the_key = knowing(commit(&id("c"), Expected::NoStream, 1));
            under_the_key.key = first.key.clone();
            assert!(matches!(store.append(under_the_key).await, Err(AppendError::KeyUsed { .. })));
            let mut moves = knowing(commit(&id("a"), Expected::Exact(1.into()), 1));
            moves.claims = vec![
                ClaimChange::Release(claim(&id("x"), &id("a"))),
                ClaimChange::Take(claim(&id("z"), &id("a"))),
            ];
            store.append(moves).await.unwrap();
            assert_eq!(store.remembered(&key(&id("k"))).await.unwrap().unwrap().events.len(), 1);
            let many: Vec<_> = (0..100).map(|n| collected(&format!("{round} {n}"), &id("a"))).collect();
            assert_eq!(store.claim(&many).await.unwrap().len(), 100);
            if round == 0 {
                // As large as they come, all at once; and what was read so far does not count.
                let sql = format!(
                    "INSERT INTO claims SELECT gen_random_uuid(), gen_random_uuid(), 'server.unique' \
                     FROM generate_series(1, {MANY}); \
                     INSERT INTO keys SELECT gen_random_uuid(), gen_random_uuid(), 1, 1 \
                     FROM generate_series(1, {MANY}); \
                     INSERT INTO events SELECT 1000000 + n, n, 0, 1, gen_random_uuid(), gen_random_uuid(), 'Counted', \
                     '{{}}', NULL, NULL, 'server', n::text, NULL FROM generate_series(1, {MANY}) AS n"
                );
                admin.batch_execute(&sql).await.unwrap();
            }
        }
        assert_eq!(all(&store).await.len() as i64, MANY + 6);
    }
    // What the sessions have counted is told when they end.
    let read = "SELECT coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(s.idx_tup_read), 0)::bigint \
                FROM pg_stat_user_tables t JOIN LATERAL (SELECT sum(idx_tup_read) AS idx_tup_read \
                FROM pg_stat_user_indexes i WHERE i.relid = t.relid) s ON true \
                WHERE t.schemaname = current_schema() AND t.relname IN ('claims', 'keys')";
    sleep(Duration::from_secs(2)).await;
    let row = admin.query_one(read, &[]).await.unwrap();
    let (by_sequence, by_index): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(by_sequence, 0, "a whole table was read");
    assert!((1..5_000).contains(&by_index), "{by_index} entries were read");
}
