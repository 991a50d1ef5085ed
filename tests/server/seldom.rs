//! Events of a category that is seldom, among very many others.

use factum::store::{Expected, Filter, Position, StreamId};
use factum_tests::postgres::Postgres;

use super::{Subject, commit, somebody};

async fn append(store: &Subject, category: &'static str, id: &str, events: usize) {
    let mut commit = commit(id, Expected::NoStream, events);
    commit.appends[0].stream = StreamId::new(category, id);
    store.append(commit).await.unwrap();
}

/// The streams of what is found, and how many pages it took.
async fn found(store: &Subject, filter: &Filter, limit: usize) -> (Vec<String>, usize) {
    let (mut found, mut after) = (Vec::new(), Position::START);
    for pages in 1.. {
        let page = store.read_all(filter, after, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        assert!(page.events.iter().all(|event| after < event.position && event.position <= page.last));
        found.extend(page.events.iter().map(|event| event.stream.id().to_owned()));
        if page.end {
            assert_eq!(page.last, store.head().await.unwrap());
            return (found, pages);
        }
        assert!(page.last > after, "a page that is not the last one gets somewhere");
        after = page.last;
    }
    (found, 0)
}

#[tokio::test]
async fn it_is_found_whatever_lies_between() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    append(&store, "seldom", "first", 1).await;
    for many in 0..3 {
        append(&store, "often", &format!("{many}"), 40_000).await;
        append(&store, "seldom", &format!("after {many}"), 2).await;
    }
    // As wide as a gap gets, and more than could be looked through step by step.
    somebody(&url).await.batch_execute("SELECT setval('positions', 1000000000000000)").await.unwrap();
    append(&store, "seldom", "behind the gap", 1).await;
    append(&store, "often", "last", 1).await;

    let expected =
        ["first", "after 0", "after 0", "after 1", "after 1", "after 2", "after 2", "behind the gap"];
    for limit in [1, 2, 3, 500] {
        let (seldom, pages) = found(&store, &Filter::category("seldom"), limit).await;
        assert_eq!(seldom, expected);
        assert!(pages <= expected.len() + 6, "{pages} pages of {limit}");
    }
    assert_eq!(found(&store, &Filter::category("often"), 10_000).await.0.len(), 120_001);
    assert_eq!(found(&store, &Filter::category("never"), 10).await.0.len(), 0);
    assert_eq!(found(&store, &Filter::Categories(Vec::new()), 10).await.0.len(), 0);
}
