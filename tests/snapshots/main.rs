//! Snapshots: they make loads short, and no state another one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod batches;
mod begins;
mod distrust;
mod prefixes;
mod refused;
mod stores;
mod told;

use std::{sync::Arc, time::Duration};

use factum::{
    Repository, Store,
    store::{MemoryStore, Payload, Snapshot, StreamId},
};
use uuid::Uuid;

/// A program of its own with an aggregate `Ledger`: what differs between programs are these options, and how much a step is
/// worth, which the derive cannot see. Each keeps its own counts.
macro_rules! program {
    ($name:ident, $factor:literal $(, $snapshot:meta)?) => {
        mod $name {
            use std::collections::HashSet;

            use serde::{Deserialize, Serialize};

            fn worth(step: u64) -> u64 {
                $factor * step
            }

            #[doc = concat!("The ledger of ", stringify!($name))]
            #[derive(factum::Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[aggregate(category = "ledger" $(, $snapshot)?)]
            #[events {
                #[creates]
                Opened { owner },
                Added { step: u64 },
                Renamed { owner },
                Tagged { tag: String },
                Balanced { #[audit] total: u64 = self.total },
                #[ends]
                Closed { #[audit] by: String },
            }]
            #[commands {
                Open => Opened,
                Add => Added,
                #[decide(Ok(steps.into_iter().map(|step| LedgerEvent::Added { step }).collect::<Vec<_>>()))]
                AddAll { steps: Vec<u64> } => Added,
                Rename => Renamed,
                Tag => Tagged,
                Balance => Balanced,
                Close => Closed,
            }]
            pub(crate) struct Ledger {
                #[id]
                pub(crate) number: u64,
                #[version]
                pub(crate) version: u64,
                pub(crate) owner: String,
                #[on(Added += worth(step))]
                pub(crate) total: u64,
                #[on(Added => self.steps.push(step))]
                pub(crate) steps: Vec<u64>,
                #[on(Tagged => { self.tags.insert(tag); })]
                pub(crate) tags: HashSet<String>,
            }

            impl Ledger {
                /// The same in the program that keeps no snapshots.
                #[allow(dead_code, reason = "not every program is compared")]
                pub(crate) fn plain(self) -> crate::plain::Ledger {
                    let Self { number, version, owner, total, steps, tags } = self;
                    crate::plain::Ledger { number, version, owner, total, steps, tags }
                }
            }
        }
    };
}
use program;

program!(plain, 1);

/// Opens it, and takes these steps, each in an event, without a snapshot.
async fn record(store: &Arc<dyn Store>, id: u64, steps: impl IntoIterator<Item = u64>) {
    let ledgers = Repository::<plain::Ledger>::new(Arc::clone(store));
    let open = plain::LedgerCommand::Open { owner: "Ann".to_owned() };
    ledgers.execute(&id, open).await.unwrap();
    let steps = steps.into_iter().collect();
    ledgers.execute(&id, plain::LedgerCommand::AddAll { steps }).await.unwrap();
}

/// The same, and the ledgers as this program has them.
macro_rules! write {
    ($program:ident, $store:expr, $id:expr, $steps:expr) => {{
        crate::record($store, $id, $steps).await;
        factum::Repository::<$program::Ledger>::new(std::sync::Arc::clone($store))
    }};
}
use write;

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn stream(id: u64) -> StreamId {
    StreamId::new("ledger", id.to_string())
}

/// The snapshot of this version, which is being written.
async fn kept(store: &Arc<dyn Store>, id: u64, version: u64) -> Snapshot {
    let waiting = async {
        loop {
            match store.snapshot(&stream(id)).await.unwrap() {
                Some(snapshot) if snapshot.version.get() == version => return snapshot,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap()
}

/// Changes what is kept.
async fn change(store: &Arc<dyn Store>, id: u64, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = store.snapshot(&stream(id)).await.unwrap().unwrap();
    change(&mut snapshot);
    store.save_snapshot(snapshot).await.unwrap();
}

/// As if another process had made it.
fn elsewhere(snapshot: &mut Snapshot) {
    snapshot.origin = Uuid::now_v7();
}

/// Changes one field of the state.
fn set(snapshot: &mut Snapshot, field: &str, value: impl Into<serde_json::Value>) {
    let mut state: serde_json::Value = serde_json::from_slice(snapshot.state.bytes()).unwrap();
    state[field] = value.into();
    snapshot.state = Payload::json(state.to_string());
}
