//! Several stores in one process.

use std::sync::Arc;

use factum::Repository;

use crate::{kept, memory, program, record};

program!(several, 1, snapshot(every = 5));

/// A stream of the same name in another store is another one: neither takes the other's turn to be written.
#[tokio::test]
async fn each_has_its_own_snapshots() {
    let [one, other] = [memory(), memory()];
    record(&one, 1, 1..=9).await;
    record(&other, 1, 1..=19).await;
    // Nothing is written before somebody waits.
    for store in [&one, &other] {
        Repository::<several::Ledger>::new(Arc::clone(store)).load(&1).await.unwrap();
    }
    kept(&one, 1, 10).await;
    kept(&other, 1, 20).await;
}
