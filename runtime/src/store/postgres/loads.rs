//! Loads that wait for others share a statement with those that wait beside them: to be asked costs the server more than
//! the events of a stream do.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    connection::Link,
    read::{self, Wanted},
    writer::gone,
};
use crate::store::{Facts, StoreError, key::StoreKey};

/// How many loads share a statement at most. With more, all who wait would be answered at once and append at once, and the
/// server would have nothing to load meanwhile: a tenth fewer commands at 64 clients.
const MOST: usize = 16;

/// How many statements are on their way at once, so that the server has one while the answer to another is looked at.
const AT_ONCE: usize = 2;

type Answer = Result<Option<Facts>, StoreError>;

#[derive(Debug)]
struct Request {
    wanted: Wanted,
    answer: oneshot::Sender<Answer>,
}

/// The way to the tasks that load. They end with the store.
#[derive(Debug)]
pub(super) struct Loads(mpsc::Sender<Request>);

impl Loads {
    /// Starts the tasks.
    pub(super) fn start(link: &Arc<Link>, store: StoreKey) -> Self {
        let (requests, waiting) = mpsc::channel(MOST);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..AT_ONCE {
            tokio::spawn(work_off(Arc::clone(link), store, Arc::clone(&waiting)));
        }
        Self(requests)
    }

    /// Waits for what a fold needs; `None` if the payload of one of the events is not JSON.
    pub(super) async fn load(&self, wanted: Wanted) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.send(Request { wanted, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn work_off(link: Arc<Link>, store: StoreKey, waiting: Arc<Mutex<mpsc::Receiver<Request>>>) {
    loop {
        let mut requests = Vec::new();
        if waiting.lock().await.recv_many(&mut requests, MOST).await == 0 {
            return;
        }
        let (wanted, answers): (Vec<_>, Vec<_>) =
            requests.into_iter().map(|request| (request.wanted, request.answer)).unzip();
        let wanted = Arc::new(wanted);
        let asked = link.ask("reading streams", |session| {
            let wanted = Arc::clone(&wanted);
            async move {
                match wanted.as_slice() {
                    [one] => Ok(vec![Ok(read::facts(&session, store, one).await?)]),
                    many => read::facts_of_many(&session, store, many).await,
                }
            }
        });
        // Who does not wait any more does not need the answer.
        match asked.await {
            Ok(found) => answers.into_iter().zip(found).for_each(|(answer, found)| drop(answer.send(found))),
            Err(error) => {
                let error = || StoreError::new(error.kind(), error.to_string());
                answers.into_iter().for_each(|answer| drop(answer.send(Err(error()))));
            }
        }
    }
}
