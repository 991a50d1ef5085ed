//! Three servers of which one dies.

use std::time::Duration;

use async_nats::jetstream;
use factum::store::{Durability, Expected};
use factum_tests::nats::Nats;
use tokio::time::timeout;

use super::{Subject, all, commit};

/// Which of the servers leads the stream.
async fn leader(servers: &Nats, name: &str) -> Option<usize> {
    for number in 0..servers.servers() {
        let Ok(client) = async_nats::connect(format!("127.0.0.1:{}", servers.port(number))).await else {
            continue;
        };
        let Ok(stream) = jetstream::new(client).get_stream(name).await else { continue };
        let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
        return leader.strip_prefix('n')?.parse().ok();
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_without_its_leader() {
    let Some(servers) = Nats::start(3, "") else { return };
    let store: Subject = factum::open(&servers.url("desk")).await.unwrap();
    let capabilities = store.capabilities();
    assert_eq!((capabilities.replicas, capabilities.durability), (3, Durability::Unknown));
    let mut recorded = 0;
    for _ in 0..2 {
        for _ in 0..20 {
            store.append(commit(&format!("{recorded}"), Expected::NoStream, 1)).await.unwrap();
            recorded += 1;
        }
        let leads = leader(&servers, "desk").await.unwrap();
        servers.kill(leads);
        // Who comes while there is no leader waits for one, also with something new.
        for url in [servers.url("desk"), servers.fresh()] {
            timeout(Duration::from_secs(20), factum::open(&url)).await.unwrap().unwrap();
        }
        // Two of three are enough.
        for _ in 0..20 {
            store.append(commit(&format!("{recorded}"), Expected::NoStream, 1)).await.unwrap();
            recorded += 1;
        }
        assert_eq!(all(&store).await.len(), recorded);
        assert_ne!(leader(&servers, "desk").await.unwrap(), leads);
        tokio::task::block_in_place(|| servers.run(leads));
    }
    let other = factum::open(&servers.url("desk")).await.unwrap();
    assert_eq!(all(&other).await.len(), recorded);
}
