//! Unique values, idempotency keys and constraints, as far as they are messages like any other.

use std::time::Duration;

use factum::store::{
    AppendError, Claim, ClaimChange, ClaimValue, Commit, Constraint, Expected, Filter, IdempotencyKey, Name,
    Position, Standing, StoreErrorKind, StreamId,
};
use factum_tests::nats::Nats;
use tokio::time::timeout;

use super::{Subject, all, commit, stream};

const NAME: Name = Name::from_static("server.name");

fn constraint() -> Constraint {
    Constraint { category: Name::from_static("server"), name: NAME }
}

fn claim(value: impl ToString, owner: &StreamId) -> Claim {
    Claim { constraint: NAME, value: ClaimValue::new(&NAME, [value.to_string()]), owner: owner.clone() }
}

fn knowing(mut commit: Commit) -> Commit {
    commit.constraints = vec![NAME];
    commit
}

fn taking(id: &str, expected: Expected, values: usize) -> Commit {
    let mut commit = knowing(commit(id, expected, 1));
    let value = |number| ClaimChange::Take(claim(format!("{id} {number}"), &stream(id)));
    commit.claims = (0..values).map(value).collect();
    commit
}

fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey { category: Name::from_static("server"), key: key.to_owned(), fingerprint: [3; 16] }
}

/// The head, which is where reading ends too.
async fn head(store: &Subject, after: Position) -> Position {
    let (head, mut read) = (store.head().await.unwrap(), after);
    loop {
        let page = store.read_all(&Filter::All, read, 10_000).await.unwrap();
        read = page.last;
        if page.end {
            assert_eq!(read, head.max(after));
            return head;
        }
    }
}

/// Whatever is stored behind it, and however much.
#[tokio::test]
async fn the_head_is_the_last_event_and_nothing_else() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("values_behind")).await.unwrap();
    store.constrain(&constraint(), Some(Standing::Building)).await.unwrap();
    assert_eq!(head(&store, Position::START).await, Position::START);
    let last = store.append(knowing(commit("a", Expected::NoStream, 3))).await.unwrap().position();
    let mut collected = 0;
    for count in [0, 1, 2, 3, 2_000] {
        let claims: Vec<_> =
            (collected..collected + count).map(|number| claim(number, &stream("a"))).collect();
        assert_eq!(store.claim(&claims).await.unwrap(), vec![stream("a"); count]);
        collected += count;
        // Another handle has not seen any of it.
        for store in [&store, &factum::open(&server.url("values_behind")).await.unwrap()] {
            assert_eq!(head(store, Position::START).await, last);
            assert_eq!(head(store, last).await, last);
        }
        assert!(timeout(Duration::from_millis(100), store.wait(last)).await.is_err());
    }
    let next = store.append(knowing(commit("b", Expected::NoStream, 1))).await.unwrap().position();
    assert_eq!((head(&store, last).await, all(&store).await.len()), (next, 4));
}

/// Each value is one of the messages that the server stores together, and so is the key.
#[tokio::test]
async fn as_many_values_as_there_are_messages() {
    let Some(server) = Nats::shared() else { return };
    let store = factum::open(&server.url("values_many")).await.unwrap();
    for standing in [Standing::Building, Standing::InForce] {
        store.constrain(&constraint(), Some(standing)).await.unwrap();
    }
    for (id, expected, most) in [("a", Expected::NoStream, 998), ("b", Expected::Any, 997)] {
        let keyed = |values| Commit { key: Some(key(id)), ..taking(id, expected, values) };
        match store.append(keyed(most + 1)).await {
            Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Invalid),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.remembered(&key(id)).await.unwrap(), None);
        let given = keyed(most);
        let committed = store.append(given.clone()).await.unwrap();
        assert_eq!(store.append(given).await.unwrap().position(), committed.position());
        let found = store.remembered(&key(id)).await.unwrap().unwrap();
        assert_eq!((found.events.len(), found.events[0].position), (1, committed.position()));
        // All of them are held, and given back together.
        let mut wants = knowing(commit("c", Expected::NoStream, 1));
        wants.claims = vec![ClaimChange::Take(claim(format!("{id} {}", most - 1), &stream("c")))];
        match store.append(wants).await {
            Err(AppendError::Taken { by, .. }) => assert_eq!(by, stream(id)),
            other => panic!("{other:?}"),
        }
        let mut gives = taking(id, Expected::Any, most);
        gives.claims = gives.claims.iter().map(|it| ClaimChange::Release(it.claim().clone())).collect();
        store.append(gives).await.unwrap();
    }
    let again = taking("a", Expected::Any, 997);
    store.append(again).await.unwrap();
}

/// Nobody waits for others before there are events, and still nobody writes the first one past a constraint.
#[tokio::test]
async fn the_first_event_goes_around_no_constraint() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("values_first");
    let [one, other] = [factum::open(&url).await.unwrap(), factum::open(&url).await.unwrap()];
    // Another handle looks what is on record, and finds nothing.
    let late = commit("a", Expected::Exact(factum::Version::new(7)), 1);
    assert!(matches!(other.append(late).await, Err(AppendError::Conflict { .. })));
    for _ in 0..20 {
        let writing = tokio::spawn({
            let other = other.clone();
            async move { other.append(commit("a", Expected::Any, 1)).await }
        });
        timeout(Duration::from_secs(20), one.constrain(&constraint(), Some(Standing::Building)))
            .await
            .unwrap()
            .unwrap();
        let before = all(&one).await.len();
        let outcome = writing.await.unwrap();
        assert_eq!(all(&one).await.len(), before, "{outcome:?}");
        match other.append(commit("b", Expected::Any, 1)).await {
            Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Constrained),
            other => panic!("{other:?}"),
        }
        if before > 0 {
            break;
        }
        one.constrain(&constraint(), None).await.unwrap();
    }
}
