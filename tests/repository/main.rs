//! Aggregates in a store: commands, conflicts, lost answers, states of now and then, damaged streams.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod chaos;
mod commands;
mod conflicts;
mod damage;
mod past;
mod small;
mod unknown;

use std::sync::Arc;

use factum::{ExecuteError, Recorded, Repository, Store, store::MemoryStore, testing::chaos::ChaosStore};
use factum_tests::counter::{Counter, CounterCommand, CounterEvent};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// A store in which things can be made to go wrong, and the counters in it.
fn chaotic() -> (Arc<ChaosStore>, Repository<Counter>) {
    let store = Arc::new(ChaosStore::new(memory()));
    (Arc::clone(&store), Repository::new(store))
}

fn id() -> String {
    "sheep".to_owned()
}

fn open() -> CounterCommand {
    CounterCommand::Open { label: "sheep".to_owned() }
}

fn add(step: u64) -> CounterCommand {
    CounterCommand::Add { step }
}

fn add_all(steps: impl IntoIterator<Item = u64>) -> CounterCommand {
    CounterCommand::AddAll { steps: steps.into_iter().collect() }
}

/// Opens the counter and takes these steps, an event each.
async fn opened(counters: &Repository<Counter>, steps: impl IntoIterator<Item = u64>) {
    counters.execute(&id(), open()).await.unwrap();
    for step in steps {
        counters.execute(&id(), add(step)).await.unwrap();
    }
}

async fn steps(counters: &Repository<Counter>) -> Vec<u64> {
    counters.load(&id()).await.unwrap().map_or(Vec::new(), |counter| counter.state.steps)
}

fn events(recorded: &[Recorded<CounterEvent>]) -> Vec<CounterEvent> {
    recorded.iter().map(|recorded| recorded.event.clone()).collect()
}

fn added(steps: impl IntoIterator<Item = u64>) -> Vec<CounterEvent> {
    steps.into_iter().map(|step| CounterEvent::Added { step }).collect()
}

type Failure = ExecuteError<Counter>;
