//! All of it on trial: stores with a mistake in them, tried as those without one are, are found out.

use std::{sync::Arc, thread, time::Duration};

use factum::testing::contract::Harness;
use fastrand::Rng;

use crate::{
    bugs::Bug::{self, *},
    check::Kind::{self, *},
    run::{Handle, Handles, Limits, Met, Mode, Opened, Trouble, run},
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

/// What is found in a short run on a store with this mistake.
fn found(bug: Bug, mode: Mode) -> Vec<Kind> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut store = Mistaken::new(bug).await;
        let time = Duration::from_millis(1_500);
        let limits = Limits { at_least: time, at_most: time, patience: Duration::from_secs(2) };
        let outcome = run(&mut store, mode, 7, limits).await;
        let mut kinds: Vec<_> = outcome.anomalies.iter().map(|anomaly| anomaly.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    })
}

/// Each mistake, and one thing that is found about it.
const FOUND: &[(Bug, Mode, Kind)] = &[
    (IgnoresExpectations, Mode::Once, StaleAccepted),
    (AcceptsWhatIsBehind, Mode::Once, StaleAccepted),
    (ChecksThenWrites, Mode::Once, StaleAccepted),
    (TrustsItsOwnWrites, Mode::Once, StaleAccepted),
    (ExpectsTheSameOfAll, Mode::Once, StaleAccepted),
    (ReportsWhatWasExpected, Mode::Once, Unexplained),
    (BlamesTheFirstStream, Mode::Once, Unexplained),
    (ReadsForAnyThenExpects, Mode::Once, Unexplained),
    (RecordsConflicts, Mode::Once, Aborted),
    (WritesStreamByStream, Mode::Once, Partial),
    (AnswersWithoutWriting, Mode::Once, Lost),
    (WritesStreamsBackwards, Mode::Once, Foreign),
    (SortsItsAnswers, Mode::Once, Inconsistent),
    (AnswersWithEarlierPositions, Mode::Once, Inconsistent),
    (ForgetsCommits, Mode::Again, Doubled),
    (ForgetsCommitsOfOthers, Mode::Again, Doubled),
    (ChecksThenRemembers, Mode::Again, Doubled),
    (MakesEventIdsAnew, Mode::Once, Foreign),
    (CountsVersionsByTwo, Mode::Once, Inconsistent),
    (CountsPositionsDown, Mode::Once, Inconsistent),
    (LosesAnEventOfAPage, Mode::Once, Inconsistent),
    (SwapsEventsOfAPage, Mode::Once, Inconsistent),
    (IgnoresLimits, Mode::Once, Malformed),
    (HasANextAtTheEnd, Mode::Once, Malformed),
    (HasNoNext, Mode::Once, Partial),
    (ReadsThePositionAgain, Mode::Once, Skipped),
    (AlwaysEnds, Mode::Once, Partial),
    (LooksTooFar, Mode::Once, HeadOfNothing),
    (ShowsLate, Mode::Once, FilledLate),
    (HeadIsAhead, Mode::Once, HeadOfNothing),
    (HeadLags, Mode::Once, Partial),
    (HeadGoesBack, Mode::Once, Partial),
    (ConflictsMoveTheHead, Mode::Once, HeadOfNothing),
    (GoesBackInTime, Mode::Once, Inconsistent),
    (LosesEverything, Mode::Once, Lost),
];

#[test]
fn each_mistake_is_found() {
    let runs: Vec<_> = FOUND
        .iter()
        .map(|(bug, mode, expected)| (bug, expected, thread::spawn(|| found(*bug, *mode))))
        .collect();
    let mut missed = Vec::new();
    for (bug, expected, run) in runs {
        let found = run.join().unwrap();
        if !found.contains(expected) {
            missed.push((bug, expected, found));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// Else it might be something else than the mistake that is found.
#[test]
fn without_a_mistake_nothing_is_found() {
    for mode in [Mode::Once, Mode::Again] {
        assert_eq!(found(Nothing, mode), []);
    }
}
