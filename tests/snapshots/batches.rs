//! Snapshots of aggregates whose commands are carried out together.

use std::sync::Arc;

use factum::{Aggregate, Repository};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(snapshot(every = 1))]
#[events {
    #[creates]
    Made,
    Filled { by: u64 },
}]
#[commands { Make => Made, Fill => Filled }]
pub(crate) struct Glass {
    #[id]
    number: u64,
    #[serde(serialize_with = "brittle")]
    #[on(Filled += by)]
    content: u64,
}

/// A mistake in the user's code that comes to light only when a snapshot is made.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde says so")]
fn brittle<S: Serializer>(content: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    assert!(*content < 2, "more than that breaks it");
    serializer.serialize_u64(*content)
}

/// What is recorded is answered before anything else, and is not carried out again whatever happens then.
#[tokio::test]
async fn a_panic_after_a_batch_was_recorded_repeats_nothing() {
    // While one is on its way, others come.
    let glasses = Repository::<Glass>::new(factum::open("sqlite::memory:").await.unwrap());
    glasses.execute(&1, GlassCommand::Make).await.unwrap();
    let given = (0..10).map(|_| {
        let glasses = glasses.clone();
        tokio::spawn(
            async move { glasses.execute(&1, GlassCommand::Fill { by: 1 }).await.unwrap().version.get() },
        )
    });
    let mut versions = Vec::new();
    for given in given.collect::<Vec<_>>() {
        versions.push(given.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=11).collect::<Vec<_>>());
    let plain = Repository::<Glass>::new(Arc::clone(glasses.store()));
    assert_eq!(plain.history(&1).await.unwrap().len(), 11);
}
