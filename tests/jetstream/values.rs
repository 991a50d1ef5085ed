//! Unique values, idempotency keys and constraints, as far as they are messages like any other.

use std::time::Duration;

use factum::{
    Aggregate, Repository,
    store::{
        AppendError, Claim, ClaimChange, ClaimValue, Commit, Constraint, Expected, Filter, IdempotencyKey,
        Name, Position, Standing, StoreErrorKind, StreamId,
    },
};
use factum_tests::nats::Nats;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

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

/// A way to the server on which events take this long. Its port.
async fn slow(server: u16, events: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut asks, mut told) = client.into_split();
            let (mut answers, mut asked) =
                TcpStream::connect(("127.0.0.1", server)).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut told).await });
            tokio::spawn(async move {
                let mut bytes = vec![0; 1 << 16];
                while let Ok(count @ 1..) = asks.read(&mut bytes).await {
                    if bytes[..count].windows(4).any(|part| part == b"HPUB") {
                        sleep(events).await;
                    }
                    asked.write_all(&bytes[..count]).await.unwrap();
                }
            });
        }
    });
    port
}

/// Before there are events, nobody who changes the record waits for those who write; then it is the server that sees it.
#[tokio::test]
async fn what_is_on_its_way_goes_around_no_constraint() {
    let Some(server) = Nats::shared() else { return };
    for (name, events, patience) in [("values_first", 0, 1_000), ("values_later", 1, 10_000)] {
        let url = server.url(name);
        let port = slow(server.port(0), Duration::from_millis(1_500)).await;
        let one = factum::open(&url).await.unwrap();
        let through = url.replace(&server.port(0).to_string(), &port.to_string());
        let other = factum::open(&through).await.unwrap();
        if events > 0 {
            one.append(commit("before", Expected::NoStream, events)).await.unwrap();
        }
        let writing = tokio::spawn({
            let other = other.clone();
            async move { other.append(commit("a", Expected::NoStream, 1)).await }
        });
        // He has looked, and his event is on its way.
        sleep(Duration::from_millis(500)).await;
        let constraint = constraint();
        let constraining = one.constrain(&constraint, Some(Standing::Building));
        timeout(Duration::from_millis(patience), constraining).await.unwrap().unwrap();
        let before = all(&one).await.len();
        match writing.await.unwrap() {
            Ok(_) => assert_eq!((events, before), (1, 2)),
            Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Constrained),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(all(&one).await.len(), before);
        match other.append(commit("b", Expected::NoStream, 1)).await {
            Err(AppendError::Failed(error)) => assert_eq!(error.kind(), StoreErrorKind::Constrained),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Joined { name } }]
#[commands { Join => Joined }]
struct Member {
    #[id]
    number: u64,
    #[unique]
    name: String,
}

/// Of two that begin to use a constraint, the second finds it on record while the first still waits for those who do not know it.
#[tokio::test]
async fn who_begins_second_waits_for_those_who_do_not_know_the_constraint_as_well() {
    let Some(server) = Nats::shared() else { return };
    let url = server.url("values_second");
    let port = slow(server.port(0), Duration::from_millis(1_500)).await;
    let one = factum::open(&url).await.unwrap();
    let through = factum::open(&url.replace(&server.port(0).to_string(), &port.to_string())).await.unwrap();
    one.append(commit("before", Expected::NoStream, 1)).await.unwrap();
    let mut unaware = commit("1", Expected::NoStream, 1);
    unaware.appends[0].stream = StreamId::of::<Member>(&1);
    let writing = tokio::spawn(async move { through.append(unaware).await });
    // He has looked, and his event is on its way.
    sleep(Duration::from_millis(500)).await;
    let mut joining = Vec::new();
    for number in [2, 3] {
        let members = Repository::<Member>::new(factum::open(&url).await.unwrap());
        let command = MemberCommand::Join { name: "Ann".to_owned() };
        joining.push(tokio::spawn(async move { members.execute(&number, command).await.map(drop) }));
        sleep(Duration::from_millis(100)).await;
    }
    writing.await.unwrap().unwrap();
    for joining in joining {
        let error = joining.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("is not in force yet"), "{error}");
    }
    let [(_, standing)] = &one.constraints(&Name::from_static("member")).await.unwrap()[..] else { panic!() };
    assert_eq!(*standing, Standing::Building);
}
