//! What the view `log` shows to people.

use std::sync::Arc;

use factum::{Metadata, store::Expected};
use factum_tests::postgres::Postgres;

use super::{commit, somebody};

type Said = [Option<String>; 4];

/// What was said beside each event.
async fn said(url: &str) -> Vec<Said> {
    let sql = "SELECT actor, correlation_id, causation_id, notes FROM log ORDER BY position";
    let rows = somebody(url).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| [0, 1, 2, 3].map(|column| row.get(column))).collect()
}

#[tokio::test]
async fn the_log_shows_what_was_said() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.fresh();
    let store = factum::open(&url).await.unwrap();
    let mut commit = commit("a", Expected::NoStream, 4);
    let metadata = [
        None,
        Some(Metadata::new()),
        Some(Metadata::by("ann").correlation("request").causation("message").note("reason", "call")),
        Some(Metadata::by("a\0b")),
    ];
    for (event, metadata) in commit.appends[0].events.iter_mut().zip(metadata) {
        event.metadata = metadata.map(Arc::new);
    }
    store.append(commit).await.unwrap();
    let all = ["ann", "request", "message", r#"{"reason":"call"}"#].map(|said| Some(said.to_owned()));
    // What PostgreSQL cannot take apart is there all the same, and hides no other row.
    let whole = [(); 4].map(|()| Some(r#"{"actor":"a\u0000b"}"#.to_owned()));
    let silent = [None, None, None, None];
    assert_eq!(said(&url).await, [silent.clone(), silent, all, whole]);
}
