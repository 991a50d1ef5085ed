//! What was recorded for those who waited is theirs: nothing that happens then has it recorded again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use factum::{Aggregate, ExecuteError, Repository};
use serde::{Deserialize, Serialize};

use crate::{memory, watched::Watched};

static LIT: AtomicBool = AtomicBool::new(false);

/// The first one that is dropped after it was lit goes off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        assert!(!LIT.swap(false, Ordering::SeqCst), "on purpose");
    }
}

#[derive(Aggregate, Debug)]
#[events { #[creates] Laid { #[audit] by: String }, Lengthened { #[audit] fuse: Fuse, by: u64 } }]
#[commands { Lay => Laid, Lengthen => Lengthened }]
struct Cord {
    #[id]
    #[allow(dead_code, reason = "the stream has it")]
    number: u64,
    #[on(Lengthened += by)]
    length: u64,
}

/// Lets everybody come as far as possible.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_batch_that_is_cut_off_while_it_answers_is_not_carried_out_again() {
    let watched = Watched::new(memory());
    let cords = Repository::<Cord>::new(Arc::clone(&watched) as Arc<_>);
    cords.execute(&1, CordCommand::Lay { by: "Ann".to_owned() }).await.unwrap();
    let requests = watched.requests.lock().await;
    let give = |by| {
        let cords = cords.clone();
        tokio::spawn(async move { cords.execute(&1, CordCommand::Lengthen { fuse: Fuse, by }).await })
    };
    let mut tasks: Vec<_> = (0..6).map(|power| give(1 << power)).collect();
    settle().await;
    // The first one through; the others are on their way together.
    let next = watched.requests.lock();
    drop(requests);
    let requests = next.await;
    tasks.remove(0).await.unwrap().unwrap();
    settle().await;
    let answers = watched.answers.lock().await;
    drop(requests);
    settle().await;
    assert_eq!(watched.take().appends, [1, 1, 5]);
    // Nobody takes the first answer, and it goes off.
    let gone = tasks.remove(0);
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    LIT.store(true, Ordering::SeqCst);
    drop(answers);
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, ExecuteError::Unknown { .. }), "{error}");
    }
    assert!(!LIT.load(Ordering::SeqCst));
    assert_eq!(cords.load(&1).await.unwrap().unwrap().length, 63);
    assert!(watched.take().appends.is_empty());
}
