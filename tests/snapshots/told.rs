//! What stands in the log when a snapshot cannot be kept.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use factum::{Aggregate, Repository};
use serde::{Deserialize, Serialize};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::memory;

/// The warnings of a thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.0.lock().unwrap().push(message.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[derive(Aggregate, Debug, Serialize, Deserialize)]
#[aggregate(snapshot(every = 2))]
#[events { #[creates] Weighed { #[audit] by: String }, Halved { by: f64 } }]
#[commands { Weigh => Weighed, Halve => Halved }]
struct Load {
    #[id]
    number: u64,
    #[on(Halved = by / 0.0)]
    value: f64,
}

/// A state that does not come back is due again with each load, and is no news then.
#[tokio::test]
async fn a_state_that_cannot_be_kept_is_told_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let loads = Repository::<Load>::new(memory());
    for id in 1..=3 {
        loads.execute(&id, LoadCommand::Weigh { by: "Ann".to_owned() }).await.unwrap();
        loads.execute(&id, LoadCommand::Halve { by: 1.0 }).await.unwrap();
    }
    while loads.snapshot_counts().failed < 9 {
        loads.load(&1).await.unwrap();
        tokio::task::yield_now().await;
    }
    let told = log.0.lock().unwrap();
    assert!(matches!(&told[..], [once] if once.contains("read back") && once.contains("`Load`")), "{told:?}");
}
