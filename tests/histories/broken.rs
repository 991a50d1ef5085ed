//! All of it on trial: stores with a mistake in them, tried as those without one are, are found out.

use std::{sync::Arc, thread, time::Duration};

use factum::testing::contract::Harness;
use fastrand::Rng;

use crate::{
    bugs::Bug::{self, *},
    check::Kind::{self, *},
    run::{Handle, Handles, Limits, Met, Mode, Opened, Outcome, Trouble, run},
    store::Broken,
    trouble::Late,
};

/// Two handles on a store with a mistake, and commits that are late, but nothing else.
struct Mistaken(Handles);

impl Mistaken {
    async fn new(bug: Bug) -> Self {
        let broken = Broken::new(bug);
        let mut handles: Vec<Arc<dyn Handle>> = Vec::new();
        for _ in 0..2 {
            let handle = Arc::new(Opened(broken.open().await.unwrap()));
            handles.push(Arc::new(Late { handle, one_in: 10 }));
        }
        Self(Handles::new(handles))
    }
}

impl Trouble for Mistaken {
    fn handles(&self) -> Handles {
        self.0.clone()
    }

    async fn strike(&mut self, _: &mut Rng) {}

    async fn heal(&mut self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    fn met(&self) -> Vec<Met> {
        Vec::new()
    }
}

/// A short run on a store with this mistake, with these dice.
fn short(bug: Bug, mode: Mode, dice: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut store = Mistaken::new(bug).await;
        let time = Duration::from_millis(800);
        let limits = Limits { at_least: time, at_most: time, patience: Duration::from_secs(2) };
        run(&mut store, mode, dice, limits).await
    })
}

/// What is found in it.
fn found(bug: Bug, mode: Mode, dice: u64) -> Vec<Kind> {
    let mut kinds: Vec<_> = short(bug, mode, dice).anomalies.iter().map(|anomaly| anomaly.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Each mistake, and what is found about it, one or the other.
const FOUND: &[(Bug, Mode, &[Kind])] = &[
    (IgnoresExpectations, Mode::Once, &[StaleAccepted]),
    (AcceptsWhatIsBehind, Mode::Once, &[StaleAccepted]),
    (ChecksThenWrites, Mode::Once, &[StaleAccepted]),
    (TrustsItsOwnWrites, Mode::Once, &[StaleAccepted]),
    (ExpectsTheSameOfAll, Mode::Once, &[StaleAccepted]),
    (ReportsWhatWasExpected, Mode::Once, &[Unexplained]),
    (BlamesTheFirstStream, Mode::Once, &[Unexplained]),
    (ReadsForAnyThenExpects, Mode::Once, &[Unexplained]),
    (RecordsConflicts, Mode::Once, &[Aborted]),
    (WritesStreamByStream, Mode::Once, &[Partial]),
    (AnswersWithoutWriting, Mode::Once, &[Lost]),
    (WritesStreamsBackwards, Mode::Once, &[Foreign]),
    (SortsItsAnswers, Mode::Once, &[Inconsistent]),
    (AnswersWithEarlierPositions, Mode::Once, &[Inconsistent]),
    (ForgetsCommits, Mode::Again, &[Doubled]),
    (ForgetsCommitsOfOthers, Mode::Again, &[Doubled]),
    (ChecksThenRemembers, Mode::Again, &[Doubled]),
    (MakesEventIdsAnew, Mode::Once, &[Foreign]),
    (CountsVersionsByTwo, Mode::Once, &[Inconsistent]),
    (CountsPositionsDown, Mode::Once, &[Inconsistent]),
    (LosesAnEventOfAPage, Mode::Once, &[Inconsistent]),
    (SwapsEventsOfAPage, Mode::Once, &[Inconsistent]),
    (IgnoresLimits, Mode::Once, &[Malformed]),
    (HasANextAtTheEnd, Mode::Once, &[Malformed]),
    (HasNoNext, Mode::Once, &[Partial]),
    (ReadsThePositionAgain, Mode::Once, &[Skipped, Doubled]),
    (AlwaysEnds, Mode::Once, &[Partial]),
    (LooksTooFar, Mode::Once, &[HeadOfNothing]),
    (ShowsLate, Mode::Once, &[FilledLate]),
    (HeadIsAhead, Mode::Once, &[HeadOfNothing]),
    (HeadLags, Mode::Once, &[Partial]),
    (HeadGoesBack, Mode::Once, &[Partial]),
    (ConflictsMoveTheHead, Mode::Once, &[HeadOfNothing]),
    (GoesBackInTime, Mode::Once, &[Inconsistent]),
    (LosesEverything, Mode::Once, &[Lost]),
];

/// Whether this is found in one of many runs: what clients do depends on the machine as well, and on a busy one a short run
/// gets to do little.
fn finds(bug: Bug, mode: Mode, expected: &[Kind]) -> bool {
    (0..40).any(|dice| found(bug, mode, dice).iter().any(|kind| expected.contains(kind)))
}

#[test]
fn each_mistake_is_found() {
    let mut missed = Vec::new();
    for some in FOUND.chunks(8) {
        let runs: Vec<_> = some
            .iter()
            .map(|(bug, mode, kind)| (bug, kind, thread::spawn(|| finds(*bug, *mode, kind))))
            .collect();
        missed.extend(
            runs.into_iter().filter_map(|(bug, kind, run)| (!run.join().unwrap()).then_some((bug, kind))),
        );
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn who_is_not_woken_is_found() {
    for bug in [NeverWakes, WaitsForItsOwnEvents] {
        let outcome = short(bug, Mode::Once, 7);
        assert!(outcome.shortcomings.iter().any(|what| what.contains("A14")), "{:?}", outcome.shortcomings);
    }
}

/// Where nothing happens to a store, its run says nothing and does not count.
#[test]
fn a_run_that_met_too_little_does_not_count() {
    let outcome = short(Nothing, Mode::Once, 7);
    assert!(outcome.anomalies.is_empty());
    let too_few = "too few failed: 0, not 10";
    assert!(outcome.shortcomings.iter().any(|what| what == too_few), "{:?}", outcome.shortcomings);
}

/// Else it might be something else than the mistake that is found.
#[test]
fn without_a_mistake_nothing_is_found() {
    for mode in [Mode::Once, Mode::Again] {
        assert_eq!(found(Nothing, mode, 7), []);
    }
}
