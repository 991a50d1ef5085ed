//! Right histories pass.

use super::{
    super::{Freshness, Promises, check},
    model::{Shape, history},
};

#[test]
fn what_happened_is_right() {
    for seed in 0..300 {
        let shape = Shape { clients: 5, streams: 3, operations: 120 };
        let history = history(seed, shape);
        let found = check(&history, &Promises::LINEARIZABLE);
        assert!(found.is_empty(), "seed {seed}: {}\n{history}", found[0].explain(&history));
        let less = Promises { positions_follow_time: false, reads: Freshness::OfTheHandle };
        assert!(check(&history, &less).is_empty(), "seed {seed}");
    }
}

/// So that what is tried above is worth it.
#[test]
fn what_happens_is_of_all_kinds() {
    use crate::history::Response::{All, Committed, Conflict, Failed, Head, Stream, Unknown};
    let history = history(1, Shape { clients: 5, streams: 3, operations: 1_000 });
    let mut counts = [0; 7];
    for operation in &history.operations {
        counts[match operation.response {
            Committed(_) => 0,
            Conflict { .. } => 1,
            Failed(_) => 2,
            Unknown(_) => 3,
            Stream { .. } => 4,
            All { .. } => 5,
            Head(_) => 6,
        }] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}

/// A history of thousands of operations takes no noticeable time.
#[test]
fn long_histories_are_checked_in_no_time() {
    let history = history(2, Shape { clients: 8, streams: 6, operations: 8_000 });
    let begin = std::time::Instant::now();
    assert!(check(&history, &Promises::LINEARIZABLE).is_empty());
    let took = begin.elapsed();
    println!("{} operations, {} events: {took:?}", history.operations.len(), history.log.len());
    assert!(took.as_secs() < 10, "{took:?}");
}
