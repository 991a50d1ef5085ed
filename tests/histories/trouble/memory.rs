//! The store in memory, with answers and questions lost on purpose.

use std::{sync::Arc, time::Duration};

use factum::{
    Store,
    store::MemoryStore,
    testing::chaos::{ChaosStore, Fault},
};
use fastrand::Rng;

use super::Late;
use crate::run::{Handle, Handles, Met, Mode, Opened, Trouble, examine};

pub(super) struct Chaotic {
    stores: Vec<Arc<ChaosStore>>,
    handles: Handles,
}

impl Chaotic {
    /// As many handles as there are stores. In each of them things go wrong now and then.
    pub(super) fn new(stores: impl IntoIterator<Item = Arc<dyn Store>>) -> Self {
        let chaotic = |store| {
            ChaosStore::new(store)
                .with(Fault::Read, 0.01)
                .with(Fault::Failure, 0.01)
                .with(Fault::RequestLost, 0.01)
                .with(Fault::AnswerLost, 0.02)
        };
        let stores: Vec<_> = stores.into_iter().map(|store| Arc::new(chaotic(store))).collect();
        let handles = stores.iter().map(|store| {
            let handle = Arc::new(Opened(Arc::clone(store) as Arc<dyn Store>));
            Arc::new(Late { handle, one_in: 40 }) as Arc<dyn Handle>
        });
        Self { handles: Handles::new(handles), stores }
    }
}

impl Trouble for Chaotic {
    fn handles(&self) -> Handles {
        self.handles.clone()
    }

    async fn strike(&mut self, dice: &mut Rng) {
        let fault = [Fault::Failure, Fault::RequestLost, Fault::AnswerLost][dice.usize(..3)];
        self.stores[dice.usize(..self.stores.len())].inject(dice.usize(1..4), fault);
    }

    async fn heal(&mut self) {
        // What is late has come.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    fn met(&self) -> Vec<Met> {
        let met = |what, fault| {
            let times = self.stores.iter().map(|store| store.met(fault)).sum();
            Met { what, times, least: 20 }
        };
        vec![met("requests lost", Fault::RequestLost), met("answers lost", Fault::AnswerLost)]
    }
}

fn memory() -> Chaotic {
    let store = MemoryStore::new();
    Chaotic::new([0, 1].map(|_| Arc::new(store.clone()) as Arc<dyn Store>))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once() {
    examine("memory", Mode::Once, memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn again() {
    examine("memory", Mode::Again, memory()).await;
}
