//! An answer of many messages, of which the first ones are lost with the connection and the rest comes on the next one.

use factum::store::{Expected, Filter, Payload, Position};
use factum_tests::{nats::Nats, proxy::Proxy};

use super::{Subject, commit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_beginning_is_lost_is_read_again() {
    const COMMITS: usize = 600;
    let Some(server) = Nats::shared() else { return };
    let proxy = Proxy::start(server.port(0)).await;
    let url = server.fresh();
    let through = url.replace(&server.port(0).to_string(), &proxy.port.to_string());
    let store: Subject = factum::open(&through).await.unwrap();
    for number in 0..COMMITS {
        let mut commit = commit(&format!("{number}"), Expected::NoStream, 1);
        commit.appends[0].events[0].payload = Payload::json(format!("\"{}\"", "x".repeat(4_000)));
        store.append(commit).await.unwrap();
    }
    for round in 0..40 {
        proxy.lose(1 + round % 3);
        let page = store.read_all(&Filter::All, Position::START, COMMITS).await.unwrap();
        let read: Vec<_> =
            page.events.iter().map(|event| event.stream.id().parse::<usize>().unwrap()).collect();
        assert!(read.iter().copied().eq(0..read.len()), "round {round}: {read:?}");
    }
}
