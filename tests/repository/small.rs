//! What a command waits in is small: what takes much room and hardly ever happens is apart.

use std::mem::size_of_val;

use factum::{
    Version,
    store::{Append, Commit, Expected, Name, NewEvent, Payload, StreamId},
};

use super::{Counter, CounterCommand, Repository, add, id, memory};

/// What allocators have at hand for each thread.
const SMALL: usize = 1024;

#[test]
fn a_command() {
    let counters: Repository<Counter> = Repository::new(memory());
    let id = id();
    let command: CounterCommand = add(1);
    let waiting = counters.execute(&id, command).into_future();
    assert!(size_of_val(&*waiting) <= SMALL, "{}", size_of_val(&*waiting));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn on_postgresql_its_load_and_its_append() {
    let Some(server) = factum_tests::postgres::Postgres::shared() else { return };
    let store = factum::open(&server.fresh()).await.unwrap();
    let stream = StreamId::new("counter", "sheep");
    let events = vec![NewEvent {
        name: Name::from_static("Opened"),
        schema: 1,
        payload: Payload::json("{}"),
        metadata: None,
    }];
    let append = Append { stream: stream.clone(), expected: Expected::NoStream, tail: None, events };
    let append = store.append(Commit::new(vec![append]));
    let load = store.read_facts(&stream, Version::FIRST, 10);
    assert!(size_of_val(&*append) <= SMALL, "{}", size_of_val(&*append));
    assert!(size_of_val(&*load) <= SMALL, "{}", size_of_val(&*load));
}
